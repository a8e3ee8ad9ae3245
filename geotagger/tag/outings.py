"""The second half of a run: photos in the order of time, one outing after the other, each weighed
as soon as the network has seen the last of its pictures, and decided (`tag/deciding.py`).

Takes photos from the index, gives jobs to the writer. Knows neither formats nor formulas: what a photo's
pixels say comes from the engine, where it was from the estimate room.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from geotagger.errors import PhotoError, TooLargeToSeeError
from geotagger.estimate.outing import Weighed, certainty_inside, estimates_of, stands
from geotagger.estimate.timeline import Evidence, recorded_fix, surrounded, weighed
from geotagger.estimate.values import Alike, Estimate, Fix, Posterior
from geotagger.index.photos import IndexedPhoto
from geotagger.photo.formats import NOT_LOOKED_AT
from geotagger.tag.deciding import could_not_be_read, decide, would_be_written
from geotagger.tag.evidence import ArchiveEvidence
from geotagger.tag.network import PictureEvidence
from geotagger.tag.records import record_of
from geotagger.tag.rootrun import RootRun
from geotagger.tag.standing import is_written_estimate
from geotagger.tag.texts import texts_of
from geotagger.tag.writing import Job

PhotoWithPicture = tuple[IndexedPhoto, PictureEvidence | PhotoError | None]


@dataclass
class Member:
    """A photo of the outing in hand. `posterior` is what the model says of it, new or remembered; `is_new`:
    its picture or its text was looked at in this run;
    `failure` why its pixels could not be read. `features`: what the model's last layer sees, new or kept."""

    photo: IndexedPhoto
    posterior: Posterior | None
    is_new: bool
    failure: str | None = None
    alike: Alike | None = None
    features: NDArray[np.float32] | None = None


def wants_a_look(run: RootRun, evidence: ArchiveEvidence, photo: IndexedPhoto) -> bool:
    """Whether the network should see this photo."""
    if evidence.weighing.table is None or photo.facts is None or photo.error is not None:
        return False
    if photo.facts.format in NOT_LOOKED_AT:
        return False
    remembered = photo.posterior is not None and not _lacks_features(run, photo)
    if remembered or not run.in_scope(photo.path):
        return False
    if photo.is_placed_for_good or photo.verdict == "rejected":
        return False
    if photo.facts.not_a_photo and not run.options.all_images:
        return False
    placed = photo.written is not None or (photo.confidence or 0.0) >= evidence.min_confidence
    return not placed or run.options.again or evidence.survey.touches(photo.id)


def _lacks_features(run: RootRun, photo: IndexedPhoto) -> bool:
    """Whether what the owner wants compared was not kept when the photo was looked at."""
    if not run.options.reference or run.options.reference_by_pack or run.onlooker is None:
        return False
    return run.onlooker.kept is None or run.onlooker.kept.of(photo) is None


def settle_outing(run: RootRun, evidence: ArchiveEvidence, seen: Sequence[PhotoWithPicture]) -> list[Job]:
    """Estimates and records all that one outing needs, and gives what is to be written."""
    members = [_member(*one) for one in seen]
    for member in members:
        member.is_new = member.is_new or member.photo.id in evidence.read_now
    for _, said in seen:
        if isinstance(said, TooLargeToSeeError):
            run.listener.note(f"{said.path}: not looked at, {said.reason}; all else still places it")
    if run.model_id is not None:
        new = [(m.photo.id, m.posterior) for m in members if m.is_new and m.posterior is not None]
        run.index.photos.put_posteriors(run.model_id, new)
    _keep_features(run, members)
    standing = [member.photo for member in members if _stands_written(run, member)]
    in_doubt = {photo.id for photo in standing if evidence.standing.wants(photo)}
    is_open = bool(in_doubt) or any(_needs_thought(evidence, member) for member in members)
    if is_open:
        _bring_back_features(run, members)
    outing = _weighed(evidence.weighing, run, members) if is_open else None
    estimates: Sequence[Estimate | None] = [None] * len(members)
    if outing is not None:
        movement, asked_for = evidence.weighing.movement, evidence.weighing.options
        estimates = estimates_of(outing, len(members), movement, asked_for)
        _judge(run, evidence, members, outing, estimates, in_doubt)
    for photo in standing:
        if photo.id not in in_doubt:
            evidence.standing.adopt(photo)
    has_news = any(member.is_new or evidence.survey.touches(member.photo.id) for member in members)
    jobs = [
        _decided(run, evidence, member, estimate, is_open, has_news)
        for member, estimate in zip(members, estimates, strict=True)
        if run.in_scope(member.photo.path) and member.photo.id not in evidence.standing.corrections
    ]
    return [job for job in jobs if job is not None]


def _keep_features(run: RootRun, members: Sequence[Member]) -> None:
    """Of the pictures that were looked at now."""
    if run.onlooker is None or run.onlooker.kept is None:
        return
    for member in members:
        if member.features is not None and member.posterior is not None:
            run.onlooker.kept.put(member.photo, member.posterior, member.features)


def _bring_back_features(run: RootRun, members: Sequence[Member]) -> None:
    """Of the pictures that were looked at before, with what is alike by them."""
    if run.onlooker is None or run.onlooker.kept is None:
        return
    kept, network = run.onlooker.kept, run.onlooker.network
    again: list[tuple[Member, PictureEvidence]] = []
    for member in members:
        if member.posterior is None or member.features is not None:
            continue
        member.features = kept.of(member.photo)
        if member.features is None and network.features is not None and member.photo.id in network.features:
            member.features = network.features[member.photo.id]
        if member.features is not None:
            again.append((member, PictureEvidence(member.posterior, member.features)))
    if again:
        compared = network.compared([said for _, said in again])
        for (member, _), said in zip(again, compared, strict=True):
            member.alike = said.alike


def _stands_written(run: RootRun, member: Member) -> bool:
    """Whether this run may correct what is written in a photo."""
    photo = member.photo
    facts = photo.facts
    if facts is None or photo.error is not None or member.failure is not None:
        return False
    is_photo = run.options.all_images or not facts.not_a_photo
    is_ours = is_written_estimate(photo) and facts.unreadable_position is None
    return is_photo and is_ours and run.in_scope(photo.path)


def _judge(
    run: RootRun,
    evidence: ArchiveEvidence,
    members: Sequence[Member],
    outing: Weighed,
    estimates: Sequence[Estimate | None],
    in_doubt: Set[int],
) -> None:
    """Whether the written estimates that are in doubt still hold."""
    if not in_doubt:
        return
    outing = _with_what_is_gone(run, evidence, members) or outing
    for n, (member, estimate) in enumerate(zip(members, estimates, strict=True)):
        photo = member.photo
        if photo.id not in in_doubt or photo.latitude is None or photo.longitude is None:
            continue
        circle = photo.latitude, photo.longitude, photo.radius_km or 0.0
        inside = certainty_inside(outing, n, evidence.weighing.movement, circle)
        evidence.standing.judge(
            photo, inside, estimate, would_be_written(evidence, photo, estimate), run.model_id, run.outing
        )


def _with_what_is_gone(run: RootRun, evidence: ArchiveEvidence, members: Sequence[Member]) -> Weighed | None:
    """The outing weighed with the fixes of photos that are gone, since absence is no contradiction; None
    where none are gone."""
    ever = evidence.standing.today.fixes
    if len(ever) == len(evidence.weighing.fixes):
        return None
    return _weighed(replace(evidence.weighing, fixes=ever), run, members)


def _needs_thought(evidence: ArchiveEvidence, member: Member) -> bool:
    """Whether the last word about this photo may not be the last: new evidence, a guess that was
    written nowhere (the owner may ask for another radius now), or none so far."""
    photo = member.photo
    if member.is_new or evidence.survey.touches(photo.id):
        return True
    if photo.error is not None or photo.is_placed_for_good or photo.verdict == "rejected":
        return False
    if photo.written is None:
        return evidence.rethink or photo.rung is None
    return photo.rung != "track" and _tracked(evidence, photo) is not None


def _tracked(evidence: ArchiveEvidence, photo: IndexedPhoto) -> Fix | None:
    if photo.utc is None:
        return None
    return recorded_fix(evidence.weighing.tracks, photo.utc, photo.utc_error_s, photo.other_utc)


def _member(photo: IndexedPhoto, said: PictureEvidence | PhotoError | None) -> Member:
    if isinstance(said, TooLargeToSeeError):  # times and tracks place it all the same
        return Member(photo, photo.posterior, False)
    if isinstance(said, PhotoError):
        return Member(photo, None, True, said.about(photo.path))
    if said is not None:
        return Member(photo, said.posterior, True, alike=said.alike, features=said.features)
    return Member(photo, photo.posterior, False)


def _weighed(evidence: Evidence, run: RootRun, members: Sequence[Member]) -> Weighed | None:
    """None where every photo has a place of its own."""
    all_images = run.options.all_images
    texts = texts_of(run.index, [member.photo for member in members], run.options)
    photos = [
        record_of(
            m.photo,
            m.posterior,
            m.alike,
            texts.get(m.photo.id),
            all_images=all_images,
            features=m.features,
        )
        for m in members
    ]
    outing = surrounded(evidence, photos)
    return None if all(map(stands, outing.photos)) else weighed(evidence, outing)


def _decided(
    run: RootRun,
    evidence: ArchiveEvidence,
    member: Member,
    estimate: Estimate | None,
    is_open: bool,
    has_news: bool,
) -> Job | None:
    if member.failure is not None:
        could_not_be_read(run, member.photo, member.failure)
        return None
    return decide(run, evidence, member.photo, estimate, is_open=is_open, has_news=has_news)
