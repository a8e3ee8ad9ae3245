"""The second half of a run: photos in the order of time, one outing after the other, each decided
as soon as the network has seen the last of its pictures.

Takes photos from the index, gives estimates to it and jobs to the writer. Knows neither formats
nor formulas: what a photo's pixels say comes from the engine, where it was from the estimate room.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from geotagger.errors import ArchiveError, PhotoError
from geotagger.estimate.timeline import Evidence, PhotoRecord, estimated, stated_error_km, surrounded
from geotagger.estimate.values import OWN_FIXES, RUNGS, Alike, Estimate, Fix, Posterior
from geotagger.index import Index
from geotagger.index.estimates import Placed
from geotagger.index.photos import Known
from geotagger.tag.network import Said
from geotagger.tag.options import TagOptions
from geotagger.tag.outcome import UNCHANGED, UNREADABLE_POSITION, Outcome, Report, Status
from geotagger.tag.reading import is_lasting
from geotagger.tag.survey import VANISHED, Survey
from geotagger.tag.writing import Job

BETTER_RADIUS = 0.8
"""An estimate of the same rung replaces a written one only when its radius is this much smaller at
no less certainty: a photo is not rewritten for a metre."""

Seen = tuple[Known, Said | PhotoError | None]


@dataclass
class Member:
    """A photo of the outing in hand. `posterior` is what the model says of it, new or remembered;
    `failure` why its pixels could not be read."""

    known: Known
    posterior: Posterior | None
    is_new: bool
    failure: str | None = None
    alike: Alike | None = None


@dataclass(frozen=True)
class Context:
    """What every outing needs. `evidence`: all that speaks about the archive's photos. `rethink`: the last
    run had other settings, so guesses that were written nowhere are thought over. `model` is the name that
    goes into outcomes and marks."""

    index: Index
    run_id: int
    options: TagOptions
    survey: Survey
    evidence: Evidence
    report: Report
    in_scope: Callable[[str], bool]
    root_path: str
    min_confidence: float
    rethink: bool
    model_id: int | None = None
    model: str | None = None


def wants_a_look(context: Context, known: Known) -> bool:
    """Whether the network should see this photo."""
    if context.evidence.table is None or known.facts is None or known.error is not None:
        return False
    remembered = known.posterior is not None and not context.options.reference
    if remembered or not context.in_scope(known.path):
        return False
    if known.rung in OWN_FIXES or (known.facts.not_a_photo and not context.options.all_images):
        return False
    placed = known.written is not None or (known.confidence or 0.0) >= context.min_confidence
    return not placed or context.options.again or context.survey.touches(known.id)


def settle_outing(context: Context, seen: Sequence[Seen]) -> list[Job]:
    """Estimates and records all that one outing needs, and gives what is to be written."""
    members = [_member(*one) for one in seen]
    if context.model_id is not None:
        new = [(m.known.id, m.posterior) for m in members if m.is_new and m.posterior is not None]
        context.index.photos.put_posteriors(context.model_id, new)
    is_open = any(_needs_thought(context, member) for member in members)
    estimates = _estimates(context, members) if is_open else [None] * len(members)
    jobs = [
        _settle(context, member, estimate, is_open)
        for member, estimate in zip(members, estimates, strict=True)
        if context.in_scope(member.known.path)
    ]
    return [job for job in jobs if job is not None]


def _needs_thought(context: Context, member: Member) -> bool:
    """Whether the last word about this photo may not be the last: new evidence, a guess that was
    written nowhere (the owner may ask for another radius now), or none so far."""
    known = member.known
    if member.is_new or context.survey.touches(known.id):
        return True
    if known.error is not None or known.rung in OWN_FIXES:
        return False
    if known.written is None:
        return context.rethink or known.rung is None
    return known.rung != "track" and _tracked(context, known) is not None


def _tracked(context: Context, known: Known) -> Fix | None:
    return None if known.utc is None else context.evidence.tracks.fix_at(known.utc, known.utc_error_s)


def _member(known: Known, said: Said | PhotoError | None) -> Member:
    if isinstance(said, PhotoError):
        return Member(known, None, True, str(said))
    if said is not None:
        return Member(known, said.posterior, True, alike=said.alike)
    return Member(known, known.posterior, False)


def _estimates(context: Context, members: Sequence[Member]) -> list[Estimate | None]:
    photos = [
        record_of(m.known, m.posterior, m.alike, all_images=context.options.all_images) for m in members
    ]
    return estimated(context.evidence, surrounded(context.evidence, photos))


def record_of(
    known: Known, posterior: Posterior | None, alike: Alike | None = None, *, all_images: bool
) -> PhotoRecord:
    """A photo of the index as the timeline takes it. What is no photograph keeps its place; its pixels are
    not believed."""
    facts = known.facts
    place = None
    if known.rung in OWN_FIXES and known.latitude is not None and known.longitude is not None:
        place = Fix(known.latitude, known.longitude, stated_error_km(known.radius_km), known.rung)
    offset = None if facts is None or facts.taken is None else facts.taken.offset
    usable = facts is not None and (all_images or not facts.not_a_photo)
    return PhotoRecord(
        known.id,
        known.utc,
        known.utc_error_s,
        None if facts is None else facts.camera,
        None if offset is None else offset.total_seconds(),
        place,
        posterior if usable else None,
        alike,
    )


def _settle(context: Context, member: Member, estimate: Estimate | None, is_open: bool) -> Job | None:
    """Decides about one photo: records and reports it, or gives the job of writing it."""
    known, options = member.known, context.options
    if member.failure is not None:
        if is_lasting(known.path):
            context.index.photos.fail(known.id, member.failure)
        elif not os.path.isdir(context.root_path):
            raise ArchiveError(f"{context.root_path}: {VANISHED}")
        context.report(Outcome(known.path, "failed", member.failure, "could not be read"))
        return None
    if known.error is not None:
        if not context.survey.touches(known.id):  # otherwise the survey has told it
            context.report(
                as_it_is(
                    known, "skipped", f"could not be read before: {known.error}", "could not be read before"
                )
            )
        return None
    if known.rung in OWN_FIXES:
        reason = {"camera": "has a position of its own", "manual": "placed by you"}.get(
            known.rung or "", "its sidecar has a position"
        )
        context.report(as_it_is(known, "kept", reason if is_open else UNCHANGED))
        return None
    if known.facts is not None and known.facts.unreadable_position is not None:
        reason = f"names a place that cannot be read ({known.facts.unreadable_position}); left alone"
        context.report(as_it_is(known, "kept", reason, UNREADABLE_POSITION))
        return None
    if known.facts is not None and known.facts.not_a_photo and not options.all_images:
        reason = f"does not look like a photograph: {known.facts.not_a_photo}"
        context.report(as_it_is(known, "skipped", reason, "not a photograph"))
        return None
    chosen, is_chosen_new = _choose(context, known, estimate)
    if chosen is None:
        why = _why_nothing(known, context)
        context.report(as_it_is(known, "skipped", why, f"nothing tells where: {why}"))
        return None
    if not is_chosen_new and known.written is not None:
        is_new_here = context.survey.touches(known.id)
        context.report(as_it_is(known, "kept", "holds an estimate already" if is_new_here else UNCHANGED))
        return None
    if is_chosen_new:
        model_id = context.model_id if "visual" in chosen.rungs else None
        context.index.estimates.put(context.run_id, [Placed(known.id, chosen, model_id)])
    return _write_or_tell(context, known, chosen, is_chosen_new)


def _choose(context: Context, known: Known, estimate: Estimate | None) -> tuple[Estimate | None, bool]:
    """The estimate that counts from now on, and whether it is the new one."""
    if known.rung is None:
        return estimate, estimate is not None
    if estimate is None or not _replaces(context, known, estimate):
        kept = context.index.estimates.current(known.id)
        return (None if kept is None else kept.estimate), False
    return estimate, True


def _replaces(context: Context, known: Known, new: Estimate) -> bool:
    """Better evidence, a newer model when asked, or a guess that was written nowhere."""
    old_rank, new_rank = RUNGS.index(known.rung or "visual"), RUNGS.index(new.rung)
    if new_rank != old_rank:
        return new_rank > old_rank
    if known.written is None:
        return True
    if context.options.again and known.estimate_model_id != context.model_id:
        return True
    old_radius, old_confidence = known.radius_km or 0.0, known.confidence or 0.0
    return new.radius_km <= BETTER_RADIUS * old_radius and new.confidence >= old_confidence - 0.01


def _write_or_tell(context: Context, known: Known, chosen: Estimate, is_new: bool) -> Job | None:
    options = context.options
    outcome = replace(
        outcome_of(known.path, "written", chosen, context.model if "visual" in chosen.rungs else None),
        reason="; ".join(chosen.evidence) or None,
    )
    if chosen.confidence < context.min_confidence:
        reason = f"certainty {chosen.confidence:.4g} is below {context.min_confidence:.4g}"
        context.report(_told(outcome, "indexed", reason, "not certain enough to be written"))
        return None
    if known.utc is None and chosen.rung == "neighbours":
        # where this archive mostly is says nothing of this photo: it may have come by mail
        reason = "only the archive's habits speak for this place, for the photo has no time"
        context.report(_told(outcome, "indexed", reason, "placed by habit only, for it has no time"))
        return None
    if options.writing.mode == "none":
        context.report(_told(outcome, "indexed", "nothing is written into photos (--write none)", None))
        return None
    if options.dry_run:
        context.report(_told(outcome, "skipped", "dry run: it would be written", None))
        return None
    if not is_new:
        # decided by an earlier run that did not write it: this run's word now
        context.index.estimates.put(context.run_id, [Placed(known.id, chosen, known.estimate_model_id)])
    return Job(known.id, chosen, outcome)


def outcome_of(path: str, status: Status, estimate: Estimate, model: str | None = None) -> Outcome:
    """The outcome of a photo that is given this place."""
    return Outcome(
        path,
        status,
        latitude=estimate.latitude,
        longitude=estimate.longitude,
        radius_km=estimate.radius_km,
        confidence=estimate.confidence,
        rung=estimate.rung,
        cell=estimate.cell or None,
        model=model,
    )


def _told(outcome: Outcome, status: Status, reason: str, group: str | None) -> Outcome:
    return replace(outcome, status=status, reason=reason, group=group or reason)


def as_it_is(known: Known, status: Status, reason: str, group: str | None = None) -> Outcome:
    """The outcome of a photo whose place, if it has one, stays."""
    return Outcome(
        known.path,
        status,
        reason,
        group or reason,
        known.latitude,
        known.longitude,
        known.radius_km,
        known.confidence,
        known.rung,
        known.cell,
    )


def _why_nothing(known: Known, context: Context) -> str:
    lacking = []
    if known.utc is None:
        lacking.append("it has no usable time")
    elif not len(context.evidence.fixes):
        lacking.append("no photo of this archive has both a time and a position")
    else:
        lacking.append("no geotagged photo is near it in time")
    if context.evidence.table is None:
        lacking.append("no model looked at it")
    return ", and ".join(lacking)
