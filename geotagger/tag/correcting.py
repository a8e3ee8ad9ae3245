"""Corrections of written estimates that do not hold: moved, taken out again, or left until the owner asks.

Takes the corrections of one archive when all of it was weighed, gives jobs for the writer. Says of each
what was wrong.
"""

from collections.abc import Sequence
from dataclasses import replace

from geotagger.estimate.holding import must_be_asked
from geotagger.estimate.words import length
from geotagger.geo import distance_km
from geotagger.index.estimates import PhotoEstimate
from geotagger.tag.deciding import as_it_is, outcome_of
from geotagger.tag.outcome import Outcome
from geotagger.tag.rootrun import RootRun
from geotagger.tag.standing import UNCERTAIN, WAITING, StandingCorrection
from geotagger.tag.writing import Job

_WITHDRAWN = "withdrawn"
_MOVED = "moved"


def jobs_of(run: RootRun, corrections: Sequence[StandingCorrection]) -> list[Job]:
    """What is to be done about the corrections of an archive. Those that wait for the owner's word, or are
    not to be written, are recorded as doubted and reported."""
    photos = run.index.company(run.root_ids).count()
    if must_be_asked(len(corrections), photos) and not run.options.reconsider:
        _leave(run, corrections, "too many to be corrected unasked; --reconsider does it")
        return []
    if run.options.writing.mode == "none":
        _leave(run, corrections, "nothing is written into photos (--write none)")
        return []
    jobs = [_job(correction, run.model) for correction in corrections]
    if run.options.dry_run:
        for job in jobs:
            what = "taken out" if job.estimate is None else "moved"
            reason = f"dry run: it would be {what}: {job.outcome.reason}"
            run.report(replace(job.outcome, status="planned", reason=reason, group=f"it would be {what}"))
        return []
    return jobs


def _leave(run: RootRun, corrections: Sequence[StandingCorrection], why: str) -> None:
    run.index.estimates.weighed_again([(correction.photo.id, None, WAITING) for correction in corrections])
    for correction in corrections:
        outcome = as_it_is(correction.photo, "kept", f"{_reason(correction)}; {why}", f"{WAITING}: {why}")
        run.report(replace(outcome, outing=correction.outing))


def _job(correction: StandingCorrection, model: str | None) -> Job:
    photo, today, guess = correction.photo, correction.today, correction.guess
    placed = today or guess
    instead = None
    if placed is not None:
        model_id = correction.model_id if "visual" in placed.rungs else None
        instead = PhotoEstimate(photo.id, placed, model_id, support=correction.support)
    if today is None:
        outcome = Outcome(photo.path, "restored", f"{_WITHDRAWN}: {_reason(correction)}", _WITHDRAWN)
        return Job(photo.id, None, replace(outcome, outing=correction.outing), instead)
    old = correction.kept.estimate
    away_km = float(distance_km(old.latitude, old.longitude, today.latitude, today.longitude))
    reason = "; ".join([f"{_MOVED} {length(away_km)}: {_reason(correction)}", *today.evidence])
    outcome = outcome_of(photo.path, "written", today, model if "visual" in today.rungs else None)
    return Job(photo.id, today, replace(outcome, reason=reason, outing=correction.outing), instead)


def _reason(correction: StandingCorrection) -> str:
    stated = correction.kept.estimate.confidence
    if correction.inside is None:
        return "nothing that is known today tells where"
    if correction.is_inside:
        return UNCERTAIN
    return f"what is known today gives the place written there {correction.inside:.2g}, and not {stated:.2g}"
