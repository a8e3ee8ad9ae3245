"""The second half of a run: photos in the order of time, one outing after the other, each decided
as soon as the network has seen the last of its pictures.

Takes photos from the index, gives estimates to it and jobs to the writer. Knows neither formats
nor formulas: what a photo's pixels say comes from the engine, where it was from the estimate room.
"""

import os
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace

from geotagger.errors import ArchiveError, PhotoError, TooLargeToSeeError
from geotagger.estimate.outing import Weighed, certainty_inside, estimates_of, stands
from geotagger.estimate.timeline import Evidence, PhotoRecord, stated_error_km, surrounded, weighed
from geotagger.estimate.values import OWN_FIXES, RUNGS, Alike, Estimate, Fix, NamedArea, Posterior
from geotagger.index import Index
from geotagger.index.estimates import Placed
from geotagger.index.photos import Known
from geotagger.photo.formats import NOT_LOOKED_AT
from geotagger.tag.network import Said
from geotagger.tag.options import TagOptions
from geotagger.tag.outcome import (
    CONFIRMED,
    REJECTED,
    UNCHANGED,
    UNREADABLE_POSITION,
    VANISHED,
    Outcome,
    Report,
    Status,
)
from geotagger.tag.reading import is_lasting
from geotagger.tag.standing import Standing, is_written_estimate
from geotagger.tag.survey import Survey
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
    standing: Standing
    model_id: int | None = None
    model: str | None = None


def wants_a_look(context: Context, known: Known) -> bool:
    """Whether the network should see this photo."""
    if context.evidence.table is None or known.facts is None or known.error is not None:
        return False
    if known.facts.format in NOT_LOOKED_AT:
        return False
    remembered = known.posterior is not None and not context.options.reference
    if remembered or not context.in_scope(known.path):
        return False
    if known.is_placed_for_good or known.verdict == "rejected":
        return False
    if known.facts.not_a_photo and not context.options.all_images:
        return False
    placed = known.written is not None or (known.confidence or 0.0) >= context.min_confidence
    return not placed or context.options.again or context.survey.touches(known.id)


def settle_outing(context: Context, seen: Sequence[Seen]) -> list[Job]:
    """Estimates and records all that one outing needs, and gives what is to be written."""
    members = [_member(*one) for one in seen]
    if context.model_id is not None:
        new = [(m.known.id, m.posterior) for m in members if m.is_new and m.posterior is not None]
        context.index.photos.put_posteriors(context.model_id, new)
    standing = [member.known for member in members if _stands_written(context, member)]
    in_doubt = {known.id for known in standing if context.standing.wants(known)}
    is_open = bool(in_doubt) or any(_needs_thought(context, member) for member in members)
    weighing = _weighed(context.evidence, context, members) if is_open else None
    estimates: Sequence[Estimate | None] = [None] * len(members)
    if weighing is not None:
        evidence = context.evidence
        estimates = estimates_of(weighing, len(members), evidence.movement, evidence.options)
        _judge(context, members, weighing, estimates, in_doubt)
    for known in standing:
        if known.id not in in_doubt:
            context.standing.adopt(known)
    has_news = any(member.is_new or context.survey.touches(member.known.id) for member in members)
    jobs = [
        _settle(context, member, estimate, is_open, has_news)
        for member, estimate in zip(members, estimates, strict=True)
        if context.in_scope(member.known.path) and member.known.id not in context.standing.corrections
    ]
    return [job for job in jobs if job is not None]


def _stands_written(context: Context, member: Member) -> bool:
    """Whether this run may correct what is written in a photo."""
    known = member.known
    facts = known.facts
    if facts is None or known.error is not None or member.failure is not None:
        return False
    is_photo = context.options.all_images or not facts.not_a_photo
    is_ours = is_written_estimate(known) and facts.unreadable_position is None
    return is_photo and is_ours and context.in_scope(known.path)


def _judge(
    context: Context,
    members: Sequence[Member],
    weighing: Weighed,
    estimates: Sequence[Estimate | None],
    in_doubt: Set[int],
) -> None:
    """Whether the written estimates that are in doubt still hold."""
    if not in_doubt:
        return
    weighing = _with_what_is_gone(context, members) or weighing
    for n, (member, estimate) in enumerate(zip(members, estimates, strict=True)):
        known = member.known
        if known.id not in in_doubt or known.latitude is None or known.longitude is None:
            continue
        circle = known.latitude, known.longitude, known.radius_km or 0.0
        inside = certainty_inside(weighing, n, context.evidence.movement, circle)
        context.standing.judge(
            known, inside, estimate, _would_be_written(context, known, estimate), context.model_id
        )


def _with_what_is_gone(context: Context, members: Sequence[Member]) -> Weighed | None:
    """The outing weighed with the fixes of photos that are gone, since absence is no contradiction; None
    where none are gone."""
    ever = context.standing.evidence.fixes
    if len(ever) == len(context.evidence.fixes):
        return None
    return _weighed(replace(context.evidence, fixes=ever), context, members)


def _needs_thought(context: Context, member: Member) -> bool:
    """Whether the last word about this photo may not be the last: new evidence, a guess that was
    written nowhere (the owner may ask for another radius now), or none so far."""
    known = member.known
    if member.is_new or context.survey.touches(known.id):
        return True
    if known.error is not None or known.is_placed_for_good or known.verdict == "rejected":
        return False
    if known.written is None:
        return context.rethink or known.rung is None
    return known.rung != "track" and _tracked(context, known) is not None


def _tracked(context: Context, known: Known) -> Fix | None:
    return None if known.utc is None else context.evidence.tracks.fix_at(known.utc, known.utc_error_s)


def _member(known: Known, said: Said | PhotoError | None) -> Member:
    if isinstance(said, TooLargeToSeeError):  # times and tracks place it all the same
        return Member(known, known.posterior, False)
    if isinstance(said, PhotoError):
        return Member(known, None, True, str(said))
    if said is not None:
        return Member(known, said.posterior, True, alike=said.alike)
    return Member(known, known.posterior, False)


def _weighed(evidence: Evidence, context: Context, members: Sequence[Member]) -> Weighed | None:
    """None where every photo has a place of its own."""
    all_images = context.options.all_images
    photos = [record_of(m.known, m.posterior, m.alike, all_images=all_images) for m in members]
    outing = surrounded(evidence, photos)
    return None if all(map(stands, outing.photos)) else weighed(evidence, outing)


def record_of(
    known: Known, posterior: Posterior | None, alike: Alike | None = None, *, all_images: bool
) -> PhotoRecord:
    """A photo of the index as the timeline takes it. What is no photograph keeps its place; its pixels are
    not believed."""
    facts = known.facts
    place = None
    if known.is_placed_for_good and known.latitude is not None and known.longitude is not None:
        rung = "manual" if known.is_confirmed else known.rung or "manual"
        place = Fix(known.latitude, known.longitude, stated_error_km(known.radius_km), rung)
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
        _named(known),
    )


def _named(known: Known) -> tuple[NamedArea, ...]:
    """The areas that the photo's metadata names."""
    if known.facts is None or not known.facts.named or known.is_placed_for_good:
        return ()
    from geotagger.estimate.names import areas_of

    named = known.facts.named
    return areas_of(named.city, named.region, named.country)


def _settle(
    context: Context, member: Member, estimate: Estimate | None, is_open: bool, has_news: bool
) -> Job | None:
    """Decides about one photo: records and reports it, or gives the job of writing it. `has_news`: something
    about the outing is new in this run."""
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
    if known.is_confirmed:
        context.report(as_it_is(known, "kept", CONFIRMED if is_open else UNCHANGED))
        return None
    if known.verdict == "rejected":
        context.report(as_it_is(known, "skipped", REJECTED))
        return None
    if known.facts is not None and known.facts.unreadable_position is not None:
        reason = f"names a place that cannot be read ({known.facts.unreadable_position}); left alone"
        context.report(as_it_is(known, "kept", reason, UNREADABLE_POSITION))
        return None
    if known.facts is not None and known.facts.not_a_photo and not options.all_images:
        reason = f"does not look like a photograph: {known.facts.not_a_photo}"
        context.report(as_it_is(known, "skipped", reason, "not a photograph"))
        return None
    chosen, is_chosen_new = _choose(context, known, estimate, has_news)
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
        support = context.standing.evidence.support_of(known, chosen.rungs)
        context.index.estimates.put(context.run_id, [Placed(known.id, chosen, model_id, support=support)])
    return _write_or_tell(context, known, chosen, is_chosen_new)


def _choose(
    context: Context, known: Known, estimate: Estimate | None, has_news: bool
) -> tuple[Estimate | None, bool]:
    """The estimate that counts from now on, and whether it is the new one."""
    if known.rung is None:
        return estimate, estimate is not None
    if estimate is None or not _replaces(context, known, estimate, has_news):
        kept = context.index.estimates.current(known.id)
        return (None if kept is None else kept.estimate), False
    return estimate, True


def _replaces(context: Context, known: Known, new: Estimate, has_news: bool) -> bool:
    """Better evidence, a newer model when asked, or a guess that was written nowhere. A new version, other
    settings or fixes that came elsewhere are no news to what is written: it holds or it does not."""
    if is_written_estimate(known) and not _would_be_written(context, known, new):
        return False
    old_rank, new_rank = RUNGS.index(known.rung or "visual"), RUNGS.index(new.rung)
    if new_rank != old_rank:
        return new_rank > old_rank
    if known.written is None:
        return True
    if context.options.again and known.estimate_model_id != context.model_id:
        return True
    if not has_news:
        return False
    old_radius, old_confidence = known.radius_km or 0.0, known.confidence or 0.0
    return new.radius_km <= BETTER_RADIUS * old_radius and new.confidence >= old_confidence - 0.01


def _write_or_tell(context: Context, known: Known, chosen: Estimate, is_new: bool) -> Job | None:
    options = context.options
    outcome = replace(
        outcome_of(known.path, "written", chosen, context.model if "visual" in chosen.rungs else None),
        reason="; ".join(chosen.evidence) or None,
    )
    if not _is_certain_enough(context, chosen):
        reason = f"certainty {chosen.confidence:.4g} is below {context.min_confidence:.4g}"
        context.report(_told(outcome, "indexed", reason, "not certain enough to be written"))
        return None
    if _is_habit_alone(known, chosen):
        reason = "only the archive's habits speak for this place, for the photo has no time"
        context.report(_told(outcome, "indexed", reason, "placed by habit only, for it has no time"))
        return None
    if options.writing.mode == "none":
        context.report(_told(outcome, "indexed", "nothing is written into photos (--write none)", None))
        return None
    if options.dry_run:
        reason = "dry run: it would be written" + (f"; {outcome.reason}" if outcome.reason else "")
        context.report(replace(outcome, status="planned", reason=reason))
        return None
    if not is_new:
        # decided by an earlier run that did not write it: this run's word now
        support = context.standing.evidence.support_of(known, chosen.rungs)
        placed = Placed(known.id, chosen, known.estimate_model_id, support=support)
        context.index.estimates.put(context.run_id, [placed])
    return Job(known.id, chosen, outcome)


def _would_be_written(context: Context, known: Known, estimate: Estimate | None) -> bool:
    return (
        estimate is not None
        and _is_certain_enough(context, estimate)
        and not _is_habit_alone(known, estimate)
    )


def _is_certain_enough(context: Context, estimate: Estimate) -> bool:
    return estimate.confidence >= context.min_confidence


def _is_habit_alone(known: Known, estimate: Estimate) -> bool:
    """Where this archive mostly is says nothing of a photo without a time: it may have come by mail."""
    return known.utc is None and estimate.rung == "neighbours" and not _named(known)


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
