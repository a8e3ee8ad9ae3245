"""The verdicts on photos that `review --sample` drew, and what they teach: the one source from which
certainties are corrected by what an owner says, since what they chose to look at is no fair sample."""

from collections.abc import Mapping, Sequence

from geotagger.estimate.sampled import FEWEST, SampleCorrection, corrected_by
from geotagger.geo import distance_km
from geotagger.index import Index
from geotagger.index.decisions import Decision
from geotagger.index.learned import SAMPLED, SETTLED
from geotagger.index.runs import Run

SAMPLED_BEFORE = "sampled_before"
"""Argument of a run of `review`: the correction that stood before it, null for none."""


def correction_of(index: Index) -> SampleCorrection | None:
    """The correction that stands; it is the same of all archives."""
    for root in index.roots.all():
        stored = index.learned.get(root.id, SAMPLED)
        if isinstance(stored, Mapping):
            try:
                return SampleCorrection.from_dict(stored)
            except (KeyError, TypeError, ValueError):
                continue  # a damaged row corrects nothing
    return None


def judge(index: Index, decisions: Sequence[Decision]) -> None:
    """Of decisions that were carried out, those about a drawn photo whose estimate was still the one
    drawn."""
    verdicts: list[tuple[int, bool | None]] = []
    for decision in decisions:
        wish = decision.wish
        sample = None if wish.photo_id is None else index.samples.of(wish.photo_id)
        if sample is None or sample.estimate_id != wish.seen_estimate:
            continue
        if wish.action in ("confirm", "reject"):
            verdicts.append((sample.photo_id, wish.action == "confirm"))
        elif wish.action == "move" and wish.latitude is not None and wish.longitude is not None:
            away_km = distance_km(sample.latitude, sample.longitude, wish.latitude, wish.longitude)
            verdicts.append((sample.photo_id, bool(away_km <= sample.radius_km)))
    index.samples.judge(verdicts)


def learn(index: Index, run: Run) -> str | None:
    """Once every drawn photo has its verdict, and there are enough: corrects the certainties of all later
    runs. A line about it."""
    judged = index.samples.judged()
    if index.samples.waiting() or len(judged) < FEWEST:
        return None
    before = correction_of(index)
    correction = corrected_by(
        [sample.confidence for sample in judged],
        [bool(sample.is_inside) for sample in judged],
        [sample.weight for sample in judged],
        before,
        run.id,
    )
    put(index, correction)
    index.samples.forget()
    stated = sum(s.weight * s.confidence for s in judged) / sum(s.weight for s in judged)
    inside = sum(s.weight * bool(s.is_inside) for s in judged) / sum(s.weight for s in judged)
    return (
        f"{len(judged)} circles judged: {stated:.0%} were stated, {inside:.0%} held;"
        " later runs state certainties by that"
    )


def put(index: Index, correction: SampleCorrection | None) -> None:
    """Keeps it for all archives, or forgets it."""
    with index.batch():
        for root in index.roots.all():
            if correction is None:
                index.learned.forget(root.id, SAMPLED)
            else:
                index.learned.put(root.id, SAMPLED, correction.to_dict())
            index.learned.forget(root.id, SETTLED)


def take_back(index: Index, run: Run, photo_ids: Sequence[int]) -> None:
    """Verdicts of decisions that were taken back, and what the run taught."""
    index.samples.judge([(photo_id, None) for photo_id in photo_ids])
    stands = correction_of(index)
    if stands is not None and stands.run == run.id:
        before = run.arguments.get(SAMPLED_BEFORE)
        put(index, SampleCorrection.from_dict(before) if isinstance(before, Mapping) else None)
