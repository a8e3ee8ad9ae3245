"""The second half of a run: photos in the order of time, one outing after the other, each weighed
as soon as the network has seen the last of its pictures, and decided (`tag/deciding.py`).

Takes photos from the index, gives jobs to the writer. Knows neither formats nor formulas: what a photo's
pixels say comes from the engine, where it was from the estimate room.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace

from geotagger.errors import PhotoError, TooLargeToSeeError
from geotagger.estimate.outing import Weighed, certainty_inside, estimates_of, stands
from geotagger.estimate.timeline import Evidence, surrounded, weighed
from geotagger.estimate.values import Alike, Estimate, Fix, Posterior
from geotagger.index.photos import Known
from geotagger.photo.formats import NOT_LOOKED_AT
from geotagger.tag.deciding import could_not_be_read, decide, would_be_written
from geotagger.tag.evidence import ArchiveEvidence
from geotagger.tag.network import Said
from geotagger.tag.records import record_of
from geotagger.tag.rootrun import RootRun
from geotagger.tag.standing import is_written_estimate
from geotagger.tag.texts import texts_of
from geotagger.tag.writing import Job

Seen = tuple[Known, Said | PhotoError | None]


@dataclass
class Member:
    """A photo of the outing in hand. `posterior` is what the model says of it, new or remembered; `is_new`:
    its picture or its text was looked at in this run;
    `failure` why its pixels could not be read."""

    known: Known
    posterior: Posterior | None
    is_new: bool
    failure: str | None = None
    alike: Alike | None = None


def wants_a_look(run: RootRun, evidence: ArchiveEvidence, known: Known) -> bool:
    """Whether the network should see this photo."""
    if evidence.weighing.table is None or known.facts is None or known.error is not None:
        return False
    if known.facts.format in NOT_LOOKED_AT:
        return False
    remembered = known.posterior is not None and not run.options.reference
    if remembered or not run.in_scope(known.path):
        return False
    if known.is_placed_for_good or known.verdict == "rejected":
        return False
    if known.facts.not_a_photo and not run.options.all_images:
        return False
    placed = known.written is not None or (known.confidence or 0.0) >= evidence.min_confidence
    return not placed or run.options.again or evidence.survey.touches(known.id)


def settle_outing(run: RootRun, evidence: ArchiveEvidence, seen: Sequence[Seen]) -> list[Job]:
    """Estimates and records all that one outing needs, and gives what is to be written."""
    members = [_member(*one) for one in seen]
    for member in members:
        member.is_new = member.is_new or member.known.id in evidence.read_now
    for _, said in seen:
        if isinstance(said, TooLargeToSeeError):
            run.listener.note(f"{said.path}: not looked at, {said.reason}; all else still places it")
    if run.model_id is not None:
        new = [(m.known.id, m.posterior) for m in members if m.is_new and m.posterior is not None]
        run.index.photos.put_posteriors(run.model_id, new)
    standing = [member.known for member in members if _stands_written(run, member)]
    in_doubt = {known.id for known in standing if evidence.standing.wants(known)}
    is_open = bool(in_doubt) or any(_needs_thought(evidence, member) for member in members)
    outing = _weighed(evidence.weighing, run, members) if is_open else None
    estimates: Sequence[Estimate | None] = [None] * len(members)
    if outing is not None:
        movement, asked_for = evidence.weighing.movement, evidence.weighing.options
        estimates = estimates_of(outing, len(members), movement, asked_for)
        _judge(run, evidence, members, outing, estimates, in_doubt)
    for known in standing:
        if known.id not in in_doubt:
            evidence.standing.adopt(known)
    has_news = any(member.is_new or evidence.survey.touches(member.known.id) for member in members)
    jobs = [
        _decided(run, evidence, member, estimate, is_open, has_news)
        for member, estimate in zip(members, estimates, strict=True)
        if run.in_scope(member.known.path) and member.known.id not in evidence.standing.corrections
    ]
    return [job for job in jobs if job is not None]


def _stands_written(run: RootRun, member: Member) -> bool:
    """Whether this run may correct what is written in a photo."""
    known = member.known
    facts = known.facts
    if facts is None or known.error is not None or member.failure is not None:
        return False
    is_photo = run.options.all_images or not facts.not_a_photo
    is_ours = is_written_estimate(known) and facts.unreadable_position is None
    return is_photo and is_ours and run.in_scope(known.path)


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
        known = member.known
        if known.id not in in_doubt or known.latitude is None or known.longitude is None:
            continue
        circle = known.latitude, known.longitude, known.radius_km or 0.0
        inside = certainty_inside(outing, n, evidence.weighing.movement, circle)
        evidence.standing.judge(
            known, inside, estimate, would_be_written(evidence, known, estimate), run.model_id
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
    known = member.known
    if member.is_new or evidence.survey.touches(known.id):
        return True
    if known.error is not None or known.is_placed_for_good or known.verdict == "rejected":
        return False
    if known.written is None:
        return evidence.rethink or known.rung is None
    return known.rung != "track" and _tracked(evidence, known) is not None


def _tracked(evidence: ArchiveEvidence, known: Known) -> Fix | None:
    return None if known.utc is None else evidence.weighing.tracks.fix_at(known.utc, known.utc_error_s)


def _member(known: Known, said: Said | PhotoError | None) -> Member:
    if isinstance(said, TooLargeToSeeError):  # times and tracks place it all the same
        return Member(known, known.posterior, False)
    if isinstance(said, PhotoError):
        return Member(known, None, True, said.about(known.path))
    if said is not None:
        return Member(known, said.posterior, True, alike=said.alike)
    return Member(known, known.posterior, False)


def _weighed(evidence: Evidence, run: RootRun, members: Sequence[Member]) -> Weighed | None:
    """None where every photo has a place of its own."""
    all_images = run.options.all_images
    texts = texts_of(run.index, [member.known for member in members], run.options)
    photos = [
        record_of(m.known, m.posterior, m.alike, texts.get(m.known.id), all_images=all_images)
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
        could_not_be_read(run, member.known, member.failure)
        return None
    return decide(run, evidence, member.known, estimate, is_open=is_open, has_news=has_news)
