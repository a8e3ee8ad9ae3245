"""The second half of a run: photos in the order of time, one outing after the other, each decided
as soon as the network has seen the last of its pictures.

Takes photos from the index, gives estimates to it and jobs to the writer. Knows neither formats
nor formulas: what a photo's pixels say comes from the engine, where it was from the estimate room.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace

import numpy as np

from geotagger.cells import CellTable
from geotagger.errors import ArchiveError, PhotoError
from geotagger.estimate.movement import OUTING_GAP_S, Movement
from geotagger.estimate.outing import Options as EstimateOptions
from geotagger.estimate.outing import Weighed, certainty_inside, estimates_of, stands, weigh_outing
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.values import (
    OWN_FIXES,
    RUNGS,
    Alike,
    Estimate,
    Fix,
    NamedArea,
    Observation,
    Posterior,
)
from geotagger.index import Index
from geotagger.index.estimates import Placed
from geotagger.index.photos import Fixes, Known
from geotagger.photo.formats import NOT_LOOKED_AT
from geotagger.tag.network import Said
from geotagger.tag.options import TagOptions
from geotagger.tag.outcome import UNCHANGED, UNREADABLE_POSITION, VANISHED, Outcome, Report, Status
from geotagger.tag.reading import GPS_ERROR_KM, is_lasting
from geotagger.tag.standing import Standing, is_written_estimate
from geotagger.tag.survey import Survey
from geotagger.tag.writing import Job

BETTER_RADIUS = 0.8
"""An estimate of the same rung replaces a written one only when its radius is this much smaller at
no less certainty: a photo is not rewritten for a metre."""

MOST_IN_OUTING = 1000
"""A time-lapse or a wedding of three photographers is cut here, so that memory stays bounded."""

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
    """What every outing needs. `rethink`: the last run had other settings, so guesses that were
    written nowhere are thought over. `model` is the name that goes into outcomes and marks."""

    index: Index
    run_id: int
    options: TagOptions
    survey: Survey
    movement: Movement
    fixes: Fixes
    report: Report
    in_scope: Callable[[str], bool]
    root_path: str
    tracks: Tracks
    min_confidence: float
    rethink: bool
    standing: Standing
    table: CellTable | None = None
    model_id: int | None = None
    model: str | None = None
    estimating: EstimateOptions = field(default_factory=EstimateOptions)


def wants_a_look(context: Context, known: Known) -> bool:
    """Whether the network should see this photo."""
    if context.table is None or known.facts is None or known.error is not None:
        return False
    if known.facts.format in NOT_LOOKED_AT:
        return False
    remembered = known.posterior is not None and not context.options.reference
    if remembered or not context.in_scope(known.path):
        return False
    if known.rung in OWN_FIXES or (known.facts.not_a_photo and not context.options.all_images):
        return False
    placed = known.written is not None or (known.confidence or 0.0) >= context.min_confidence
    return not placed or context.options.again or context.survey.touches(known.id)


def grouped(seen: Iterable[Seen]) -> Iterator[list[Seen]]:
    """Photos ordered by time, cut into outings; a photo without a time is one of its own."""
    outing: list[Seen] = []
    last: float | None = None
    for one in seen:
        utc = one[0].utc
        too_long = len(outing) >= MOST_IN_OUTING
        if outing and (too_long or utc is None or last is None or utc - last > OUTING_GAP_S):
            yield outing
            outing = []
        outing.append(one)
        last = utc
    if outing:
        yield outing


def settle_outing(context: Context, seen: Sequence[Seen]) -> list[Job]:
    """Estimates and records all that one outing needs, and gives what is to be written."""
    members = [_member(*one) for one in seen]
    if context.model_id is not None:
        new = [(m.known.id, m.posterior) for m in members if m.is_new and m.posterior is not None]
        context.index.photos.put_posteriors(context.model_id, new)
    standing = [member.known for member in members if _stands_written(context, member)]
    in_doubt = {known.id for known in standing if context.standing.wants(known)}
    is_open = bool(in_doubt) or any(_needs_thought(context, member) for member in members)
    weighed = _weighed(context, members) if is_open else None
    estimates: Sequence[Estimate | None] = [None] * len(members)
    if weighed is not None:
        estimates = estimates_of(weighed, len(members), context.movement, context.estimating)
        _judge(context, members, weighed, estimates, in_doubt)
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
    is_usable = known.facts is not None and (context.options.all_images or not known.facts.not_a_photo)
    is_readable = known.error is None and member.failure is None and is_usable
    return is_readable and is_written_estimate(known) and context.in_scope(known.path)


def _judge(
    context: Context,
    members: Sequence[Member],
    weighed: Weighed,
    estimates: Sequence[Estimate | None],
    in_doubt: Set[int],
) -> None:
    """Whether the written estimates that are in doubt still hold."""
    if not in_doubt:
        return
    weighed, numbers = _with_what_is_gone(context, members, weighed)
    for n, (member, estimate) in enumerate(zip(members, estimates, strict=True)):
        known = member.known
        if known.id not in in_doubt or known.latitude is None or known.longitude is None:
            continue
        circle = known.latitude, known.longitude, known.radius_km or 0.0
        inside = certainty_inside(weighed, numbers[n], context.movement, circle)
        context.standing.judge(
            known, inside, estimate, _would_be_written(context, known, estimate), context.model_id
        )


def _with_what_is_gone(
    context: Context, members: Sequence[Member], weighed: Weighed
) -> tuple[Weighed, Sequence[int]]:
    """The outing weighed with the fixes of photos that are gone, since absence is no contradiction; and the
    number that each member has in it."""
    fixes = context.standing.evidence.fixes
    times = [member.known.utc for member in members if member.known.utc is not None]
    if not times or len(fixes.utc) == len(context.fixes.utc):
        return weighed, range(len(members))
    first, last = np.searchsorted(fixes.utc, times[0], "left"), np.searchsorted(fixes.utc, times[-1], "right")
    gone = [n for n in range(first, last) if int(fixes.photo_ids[n]) not in {m.known.id for m in members}]
    observations = [observation_of(context, member) for member in members]
    observations += [_fix_of_photo(fixes, n) for n in gone]
    order = sorted(range(len(observations)), key=lambda n: observations[n].utc or 0.0)
    before, after = beyond(replace(context, fixes=fixes), times[0], times[-1])
    number = {n: at for at, n in enumerate(order)}
    return (
        weigh_outing(
            [observations[n] for n in order],
            before,
            after,
            context.movement,
            context.table,
            context.estimating,
        ),
        [number[n] for n in range(len(members))],
    )


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
    return None if known.utc is None else context.tracks.fix_at(known.utc, known.utc_error_s)


def _member(known: Known, said: Said | PhotoError | None) -> Member:
    if isinstance(said, PhotoError):
        return Member(known, None, True, str(said))
    if said is not None:
        return Member(known, said.posterior, True, alike=said.alike)
    return Member(known, known.posterior, False)


def _weighed(context: Context, members: Sequence[Member]) -> Weighed | None:
    """None where every photo has a place of its own."""
    observations = [observation_of(context, m) for m in members]
    if all(stands(observation) for observation in observations):
        return None
    times = [o.utc for o in observations if o.utc is not None]
    before, after = beyond(context, times[0], times[-1]) if times else (None, None)
    return weigh_outing(observations, before, after, context.movement, context.table, context.estimating)


def observation_of(context: Context, member: Member) -> Observation:
    """All that is known of where a photo was taken."""
    known = member.known
    fix: Fix | None
    if known.rung in OWN_FIXES and known.latitude is not None and known.longitude is not None:
        fix = Fix(known.latitude, known.longitude, known.radius_km or GPS_ERROR_KM, known.rung)
    else:
        fix = _tracked(context, known)
    offset = None if known.facts is None or known.facts.taken is None else known.facts.taken.offset
    usable = known.facts is not None and (context.options.all_images or not known.facts.not_a_photo)
    return Observation(
        known.id,
        known.utc,
        None if known.facts is None else known.facts.camera,
        fix,
        member.posterior if usable else None,
        known.utc_error_s,
        None if offset is None else offset.total_seconds(),
        member.alike,
        _named(known),
    )


def _named(known: Known) -> tuple[NamedArea, ...]:
    """The areas that the photo's metadata names."""
    if known.facts is None or not known.facts.named or known.rung in OWN_FIXES:
        return ()
    from geotagger.estimate.names import areas_of

    named = known.facts.named
    return areas_of(named.city, named.region, named.country)


def beyond(context: Context, first: float, last: float) -> tuple[Observation | None, Observation | None]:
    """The known places nearest in time before and after an outing: a photo's, or a track's."""
    anchors = context.tracks.anchors(first, last)
    before = [o for o in anchors if o.utc is not None and o.utc < first]
    after = [o for o in anchors if o.utc is not None and o.utc > last]
    fixes = context.fixes
    if (n := int(np.searchsorted(fixes.utc, first, side="left")) - 1) >= 0:
        before.append(_fix_of_photo(fixes, n))
    if (n := int(np.searchsorted(fixes.utc, last, side="right"))) < len(fixes.utc):
        after.append(_fix_of_photo(fixes, n))
    return (
        max(before, key=lambda o: o.utc or 0.0, default=None),
        min(after, key=lambda o: o.utc or 0.0, default=None),
    )


def _fix_of_photo(fixes: Fixes, n: int) -> Observation:
    error_m = float(fixes.error_m[n])
    error_km = GPS_ERROR_KM if np.isnan(error_m) else error_m / 1000
    fix = Fix(float(fixes.latitude[n]), float(fixes.longitude[n]), error_km, "camera")
    return Observation(
        int(fixes.photo_ids[n]), float(fixes.utc[n]), fixes.cameras[int(fixes.camera[n])] or None, fix
    )


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
        context.report(_told(outcome, "skipped", "dry run: it would be written", None))
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
    elif not len(context.fixes.utc):
        lacking.append("no photo of this archive has both a time and a position")
    else:
        lacking.append("no geotagged photo is near it in time")
    if context.table is None:
        lacking.append("no model looked at it")
    return ", and ".join(lacking)
