"""What becomes of one photo when its outing has been weighed: kept, recorded only, or to be written.

Takes a photo and today's estimate of it, records and reports what is decided, gives the job of writing it.
"""

import os
from dataclasses import replace

from geotagger.archive import is_at_or_below
from geotagger.errors import ArchiveError
from geotagger.estimate.values import OWN_FIXES, RUNGS, Estimate
from geotagger.index.estimates import PhotoEstimate
from geotagger.index.photos import IndexedPhoto
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


def could_not_be_read(run: RootRun, photo: IndexedPhoto, failure: str) -> None:
    """Records and reports a photo whose pixels cannot be had."""
    if is_lasting(photo.path):
        run.index.photos.fail(photo.id, failure)
    elif vanished := [root.path for root in run.roots if _has_vanished(root, photo)]:
        raise ArchiveError(f"{vanished[0]}: {VANISHED}")
    elif not os.path.lexists(photo.path):
        run.index.photos.mark_missing([photo.id])
    run.report(failure_of(photo.path, failure, "could not be read"))


def _has_vanished(root: Root, photo: IndexedPhoto) -> bool:
    return is_at_or_below(photo.path, [root.path]) and not os.path.isdir(root.path)


def decide(
    run: RootRun,
    evidence: ArchiveEvidence,
    photo: IndexedPhoto,
    estimate: Estimate | None,
    *,
    is_open: bool,
    has_news: bool,
) -> Job | None:
    """Records and reports a photo, or gives the job of writing it. `is_open`: its outing was weighed in this
    run; `has_news`: something about the outing is new."""
    if photo.error is not None:
        if not evidence.survey.touches(photo.id):  # otherwise the survey has told it
            run.report(
                as_it_is(
                    photo, "skipped", f"could not be read before: {photo.error}", "could not be read before"
                )
            )
        return None
    if photo.rung in OWN_FIXES:
        reason = {"camera": "has a position of its own", "manual": "placed by you"}.get(
            photo.rung or "", "its sidecar has a position"
        )
        run.report(as_it_is(photo, "kept", reason if is_open else UNCHANGED))
        return None
    if photo.is_confirmed:
        run.report(as_it_is(photo, "kept", CONFIRMED if is_open else UNCHANGED))
        return None
    if photo.verdict == "rejected":
        run.report(as_it_is(photo, "skipped", REJECTED))
        return None
    if photo.facts is not None and photo.facts.unreadable_position is not None:
        reason = f"names a place that cannot be read ({photo.facts.unreadable_position}); left alone"
        run.report(as_it_is(photo, "kept", reason, UNREADABLE_POSITION))
        return None
    if photo.facts is not None and photo.facts.not_a_photo and not run.options.all_images:
        reason = f"does not look like a photograph: {photo.facts.not_a_photo}"
        run.report(as_it_is(photo, "skipped", reason, "not a photograph"))
        return None
    chosen, is_chosen_new = _choose(run, evidence, photo, estimate, has_news)
    if chosen is None:
        why = _why_nothing(photo, evidence)
        run.report(as_it_is(photo, "skipped", why, f"nothing tells where: {why}"))
        return None
    if not is_chosen_new and photo.written is not None:
        is_new_here = evidence.survey.touches(photo.id)
        run.report(as_it_is(photo, "kept", "holds an estimate already" if is_new_here else UNCHANGED))
        return None
    if is_chosen_new:
        model_id = run.model_id if "visual" in chosen.rungs else None
        support = evidence.standing.today.support_of(photo, chosen.rungs)
        run.index.estimates.put(run.run.id, [PhotoEstimate(photo.id, chosen, model_id, support=support)])
    return _write_or_tell(run, evidence, photo, chosen, is_chosen_new)


def _choose(
    run: RootRun, evidence: ArchiveEvidence, photo: IndexedPhoto, estimate: Estimate | None, has_news: bool
) -> tuple[Estimate | None, bool]:
    """The estimate that counts from now on, and whether it is the new one."""
    if photo.rung is None:
        return estimate, estimate is not None
    if estimate is None or not _replaces(run, evidence, photo, estimate, has_news):
        kept = run.index.estimates.current(photo.id)
        return (None if kept is None else kept.estimate), False
    return estimate, True


def _replaces(
    run: RootRun, evidence: ArchiveEvidence, photo: IndexedPhoto, new: Estimate, has_news: bool
) -> bool:
    """Better evidence, a newer model when asked, or a guess that was written nowhere. A new version, other
    settings or fixes that came elsewhere are no news to what is written: it holds or it does not."""
    if is_written_estimate(photo) and not would_be_written(evidence, photo, new):
        return False
    old_rank, new_rank = RUNGS.index(photo.rung or "visual"), RUNGS.index(new.rung)
    if new_rank != old_rank:
        return new_rank > old_rank
    if photo.written is None:
        return True
    if run.options.again and photo.estimate_model_id != run.model_id:
        return True
    if not has_news:
        return False
    old_radius, old_confidence = photo.radius_km or 0.0, photo.confidence or 0.0
    return new.radius_km <= BETTER_RADIUS * old_radius and new.confidence >= old_confidence - 0.01


def _write_or_tell(
    run: RootRun, evidence: ArchiveEvidence, photo: IndexedPhoto, chosen: Estimate, is_new: bool
) -> Job | None:
    options = run.options
    outcome = replace(
        outcome_of(photo.path, "written", chosen, run.model if "visual" in chosen.rungs else None),
        reason="; ".join(chosen.evidence) or None,
    )
    if _is_habit_alone(photo, chosen):
        reason = "only the archive's habits speak for this place, for the photo has no time"
        run.report(_reported(outcome, "indexed", reason, "placed by habit only, for it has no time"))
        return None
    if not _is_certain_enough(evidence, chosen):
        reason = f"certainty {chosen.confidence:.4g} is below {evidence.min_confidence:.4g}"
        run.report(_reported(outcome, "indexed", reason, "not certain enough to be written"))
        return None
    if options.writing.mode == "none":
        run.report(_reported(outcome, "indexed", "nothing is written into photos (--write none)", None))
        return None
    if options.dry_run:
        reason = "dry run: it would be written" + (f"; {outcome.reason}" if outcome.reason else "")
        run.report(replace(outcome, status="planned", reason=reason))
        return None
    if not is_new:
        # decided by an earlier run that did not write it: this run's word now
        support = evidence.standing.today.support_of(photo, chosen.rungs)
        placed = PhotoEstimate(photo.id, chosen, photo.estimate_model_id, support=support)
        run.index.estimates.put(run.run.id, [placed])
    return Job(photo.id, chosen, outcome)


def would_be_written(evidence: ArchiveEvidence, photo: IndexedPhoto, estimate: Estimate | None) -> bool:
    return (
        estimate is not None
        and _is_certain_enough(evidence, estimate)
        and not _is_habit_alone(photo, estimate)
    )


def _is_certain_enough(evidence: ArchiveEvidence, estimate: Estimate) -> bool:
    return estimate.confidence >= evidence.min_confidence


def _is_habit_alone(photo: IndexedPhoto, estimate: Estimate) -> bool:
    """Where this archive mostly is says nothing of a photo without a time: it may have come by mail."""
    return photo.utc is None and estimate.rung == "neighbours" and not named_areas(photo)


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


def _reported(outcome: Outcome, status: Status, reason: str, group: str | None) -> Outcome:
    return replace(outcome, status=status, reason=reason, group=group or reason)


def as_it_is(photo: IndexedPhoto, status: Status, reason: str, group: str | None = None) -> Outcome:
    """The outcome of a photo whose place, if it has one, stays."""
    return Outcome(
        photo.path,
        status,
        reason,
        group or reason,
        photo.latitude,
        photo.longitude,
        photo.radius_km,
        photo.confidence,
        photo.rung,
        photo.cell,
    )


def _why_nothing(photo: IndexedPhoto, evidence: ArchiveEvidence) -> str:
    lacking = []
    if photo.utc is None:
        lacking.append("it has no usable time")
    elif not len(evidence.weighing.fixes):
        lacking.append("no photo of this archive has both a time and a position")
    else:
        lacking.append("no geotagged photo is near it in time")
    if evidence.weighing.table is None:
        lacking.append("no model looked at it")
    return ", and ".join(lacking)
