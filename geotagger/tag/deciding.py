"""What becomes of one photo when its outing has been weighed: kept, recorded only, or to be written.

Takes a photo and today's estimate of it, records and reports what is decided, gives the job of writing it.
"""

import os
from dataclasses import replace

from geotagger.archive import is_at_or_below
from geotagger.errors import ArchiveError
from geotagger.estimate.values import OWN_FIXES, RUNGS, Estimate
from geotagger.index.estimates import Placed
from geotagger.index.photos import Known
from geotagger.index.roots import Root
from geotagger.tag.evidence import ArchiveEvidence
from geotagger.tag.outcome import (
    CONFIRMED,
    REJECTED,
    UNCHANGED,
    UNREADABLE_POSITION,
    VANISHED,
    Outcome,
    Status,
)
from geotagger.tag.reading import failure_of, is_lasting
from geotagger.tag.records import named_areas
from geotagger.tag.rootrun import RootRun
from geotagger.tag.standing import is_written_estimate
from geotagger.tag.writing import Job

BETTER_RADIUS = 0.8
"""An estimate of the same rung replaces a written one only when its radius is this much smaller at
no less certainty: a photo is not rewritten for a metre."""


def could_not_be_read(run: RootRun, known: Known, failure: str) -> None:
    """Records and reports a photo whose pixels cannot be had."""
    if is_lasting(known.path):
        run.index.photos.fail(known.id, failure)
    elif vanished := [root.path for root in run.roots if _has_vanished(root, known)]:
        raise ArchiveError(f"{vanished[0]}: {VANISHED}")
    elif not os.path.lexists(known.path):
        run.index.photos.mark_missing([known.id])
    run.report(failure_of(known.path, failure, "could not be read"))


def _has_vanished(root: Root, known: Known) -> bool:
    return is_at_or_below(known.path, [root.path]) and not os.path.isdir(root.path)


def decide(
    run: RootRun,
    evidence: ArchiveEvidence,
    known: Known,
    estimate: Estimate | None,
    *,
    is_open: bool,
    has_news: bool,
) -> Job | None:
    """Records and reports a photo, or gives the job of writing it. `is_open`: its outing was weighed in this
    run; `has_news`: something about the outing is new."""
    if known.error is not None:
        if not evidence.survey.touches(known.id):  # otherwise the survey has told it
            run.report(
                as_it_is(
                    known, "skipped", f"could not be read before: {known.error}", "could not be read before"
                )
            )
        return None
    if known.rung in OWN_FIXES:
        reason = {"camera": "has a position of its own", "manual": "placed by you"}.get(
            known.rung or "", "its sidecar has a position"
        )
        run.report(as_it_is(known, "kept", reason if is_open else UNCHANGED))
        return None
    if known.is_confirmed:
        run.report(as_it_is(known, "kept", CONFIRMED if is_open else UNCHANGED))
        return None
    if known.verdict == "rejected":
        run.report(as_it_is(known, "skipped", REJECTED))
        return None
    if known.facts is not None and known.facts.unreadable_position is not None:
        reason = f"names a place that cannot be read ({known.facts.unreadable_position}); left alone"
        run.report(as_it_is(known, "kept", reason, UNREADABLE_POSITION))
        return None
    if known.facts is not None and known.facts.not_a_photo and not run.options.all_images:
        reason = f"does not look like a photograph: {known.facts.not_a_photo}"
        run.report(as_it_is(known, "skipped", reason, "not a photograph"))
        return None
    chosen, is_chosen_new = _choose(run, evidence, known, estimate, has_news)
    if chosen is None:
        why = _why_nothing(known, evidence)
        run.report(as_it_is(known, "skipped", why, f"nothing tells where: {why}"))
        return None
    if not is_chosen_new and known.written is not None:
        is_new_here = evidence.survey.touches(known.id)
        run.report(as_it_is(known, "kept", "holds an estimate already" if is_new_here else UNCHANGED))
        return None
    if is_chosen_new:
        model_id = run.model_id if "visual" in chosen.rungs else None
        support = evidence.standing.today.support_of(known, chosen.rungs)
        run.index.estimates.put(run.run.id, [Placed(known.id, chosen, model_id, support=support)])
    return _write_or_tell(run, evidence, known, chosen, is_chosen_new)


def _choose(
    run: RootRun, evidence: ArchiveEvidence, known: Known, estimate: Estimate | None, has_news: bool
) -> tuple[Estimate | None, bool]:
    """The estimate that counts from now on, and whether it is the new one."""
    if known.rung is None:
        return estimate, estimate is not None
    if estimate is None or not _replaces(run, evidence, known, estimate, has_news):
        kept = run.index.estimates.current(known.id)
        return (None if kept is None else kept.estimate), False
    return estimate, True


def _replaces(run: RootRun, evidence: ArchiveEvidence, known: Known, new: Estimate, has_news: bool) -> bool:
    """Better evidence, a newer model when asked, or a guess that was written nowhere. A new version, other
    settings or fixes that came elsewhere are no news to what is written: it holds or it does not."""
    if is_written_estimate(known) and not would_be_written(evidence, known, new):
        return False
    old_rank, new_rank = RUNGS.index(known.rung or "visual"), RUNGS.index(new.rung)
    if new_rank != old_rank:
        return new_rank > old_rank
    if known.written is None:
        return True
    if run.options.again and known.estimate_model_id != run.model_id:
        return True
    if not has_news:
        return False
    old_radius, old_confidence = known.radius_km or 0.0, known.confidence or 0.0
    return new.radius_km <= BETTER_RADIUS * old_radius and new.confidence >= old_confidence - 0.01


def _write_or_tell(
    run: RootRun, evidence: ArchiveEvidence, known: Known, chosen: Estimate, is_new: bool
) -> Job | None:
    options = run.options
    outcome = replace(
        outcome_of(known.path, "written", chosen, run.model if "visual" in chosen.rungs else None),
        reason="; ".join(chosen.evidence) or None,
    )
    if not _is_certain_enough(evidence, chosen):
        reason = f"certainty {chosen.confidence:.4g} is below {evidence.min_confidence:.4g}"
        run.report(_told(outcome, "indexed", reason, "not certain enough to be written"))
        return None
    if _is_habit_alone(known, chosen):
        reason = "only the archive's habits speak for this place, for the photo has no time"
        run.report(_told(outcome, "indexed", reason, "placed by habit only, for it has no time"))
        return None
    if options.writing.mode == "none":
        run.report(_told(outcome, "indexed", "nothing is written into photos (--write none)", None))
        return None
    if options.dry_run:
        reason = "dry run: it would be written" + (f"; {outcome.reason}" if outcome.reason else "")
        run.report(replace(outcome, status="planned", reason=reason))
        return None
    if not is_new:
        # decided by an earlier run that did not write it: this run's word now
        support = evidence.standing.today.support_of(known, chosen.rungs)
        placed = Placed(known.id, chosen, known.estimate_model_id, support=support)
        run.index.estimates.put(run.run.id, [placed])
    return Job(known.id, chosen, outcome)


def would_be_written(evidence: ArchiveEvidence, known: Known, estimate: Estimate | None) -> bool:
    return (
        estimate is not None
        and _is_certain_enough(evidence, estimate)
        and not _is_habit_alone(known, estimate)
    )


def _is_certain_enough(evidence: ArchiveEvidence, estimate: Estimate) -> bool:
    return estimate.confidence >= evidence.min_confidence


def _is_habit_alone(known: Known, estimate: Estimate) -> bool:
    """Where this archive mostly is says nothing of a photo without a time: it may have come by mail."""
    return known.utc is None and estimate.rung == "neighbours" and not named_areas(known)


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


def _why_nothing(known: Known, evidence: ArchiveEvidence) -> str:
    lacking = []
    if known.utc is None:
        lacking.append("it has no usable time")
    elif not len(evidence.weighing.fixes):
        lacking.append("no photo of this archive has both a time and a position")
    else:
        lacking.append("no geotagged photo is near it in time")
    if evidence.weighing.table is None:
        lacking.append("no model looked at it")
    return ", and ".join(lacking)
