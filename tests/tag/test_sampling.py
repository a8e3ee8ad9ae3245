"""Certainties are corrected by a random sample, and by nothing that an owner chose to look at."""

import random
from pathlib import Path

import numpy as np
import pytest

from geotagger.cells import CellTable, centres, leaf_ids, parents
from geotagger.estimate.certainty_correction import CertaintyCorrection
from geotagger.estimate.movement import Movement
from geotagger.estimate.outing import Options, estimate_outing
from geotagger.estimate.sampled import SampleCorrection, corrected_by
from geotagger.estimate.values import Fix, Observation
from geotagger.estimate.visual import posteriors
from geotagger.index import open_index
from geotagger.index.decisions import Wish
from geotagger.tag.decisions import carry_out
from geotagger.tag.sampling import correction_of
from geotagger.writing import Writing
from tests.commands import Geotagger
from tests.tag.scenes import Scene, walk_through_town


@pytest.fixture
def scene(geotagger: Geotagger, tmp_path: Path) -> Scene:
    scene = walk_through_town(tmp_path / "photos", 60)
    geotagger("tag", scene.folder, "--write", "none", "--model", "none")
    return scene


def decide(geotagger: Geotagger, ids: list[int], action: str) -> str | None:
    with open_index(geotagger.index) as index:
        seen = {photo_id: index.estimates.current(photo_id) for photo_id in ids}
        index.decisions.add([Wish(action, n, None if e is None else e.id) for n, e in seen.items()])  # type: ignore[arg-type]
    return carry_out(geotagger.index, Writing("none"), lambda _: None).lesson


def radii(geotagger: Geotagger) -> dict[int, float]:
    """Of the open estimates: what holds the certainty that is asked for."""
    with open_index(geotagger.index, mode="read") as index:
        photos = index.photos.in_time(index.roots.all()[0].id)
        return {p.id: p.radius_km or 0.0 for p in photos if p.rung == "neighbours" and not p.is_confirmed}


@pytest.mark.usefixtures("scene")
def test_as_many_are_drawn_from_every_tenth_of_certainty(geotagger: Geotagger) -> None:
    with open_index(geotagger.index) as index:
        ids = [p.id for p in index.photos.in_time(1) if p.rung == "neighbours"]
        for n, photo_id in enumerate(ids):
            index.store.execute(
                "update estimates set confidence = ? where photo_id = ?", (0.15 if n < 4 else 0.95, photo_id)
            )
        assert index.samples.draw(10, random.Random(1)) == 10
        drawn = [index.samples.of(photo_id) for photo_id in index.samples.waiting()]
        strata = [sample.stratum for sample in drawn if sample is not None]
        assert (strata.count(1), strata.count(9)) == (4, 6)
        weights = {sample.stratum: sample.weight for sample in drawn if sample is not None}
        assert weights == {1: 1.0, 9: pytest.approx((len(ids) - 4) / 6)}
        assert index.samples.draw(10, random.Random(1)) == 0


def test_a_sample_corrects_and_what_was_chosen_does_not(geotagger: Geotagger, scene: Scene) -> None:
    with open_index(geotagger.index) as index:
        ids = [p.id for p in index.photos.in_time(1) if p.rung == "neighbours"]
    before = radii(geotagger)
    assert decide(geotagger, ids[:3], "reject") is None
    with open_index(geotagger.index) as index:
        assert correction_of(index) is None
        index.samples.draw(22, random.Random(0))
        drawn = index.samples.waiting()
    assert decide(geotagger, drawn[:11], "reject") is None
    lesson = decide(geotagger, drawn[11:], "confirm")
    assert lesson is not None
    assert "22 circles judged" in lesson
    geotagger("tag", scene.folder, "--write", "none", "--model", "none")
    after = radii(geotagger)
    assert len(after) >= 5
    assert all(radius > 1.3 * before[photo_id] for photo_id, radius in after.items())
    geotagger("undo", "--yes")
    with open_index(geotagger.index, mode="read") as index:
        assert correction_of(index) is None
        assert not index.decisions.pending()


def test_the_fit_finds_how_certainties_err_and_joins_the_one_before() -> None:
    rng = np.random.default_rng(0)
    stated = rng.uniform(0.3, 0.97, 4000)
    logit = np.log(stated / (1 - stated))
    inside = rng.uniform(size=4000) < 1 / (1 + np.exp(-(-0.8 + 0.6 * logit)))
    found = corrected_by(stated.tolist(), inside.tolist(), [1.0] * 4000, None, 7)
    assert (found.offset, found.slope) == pytest.approx((-0.8, 0.6), abs=0.12)
    nothing = SampleCorrection(0.5, 0.5, 20, 3)
    right = rng.uniform(size=4000) < stated
    joined = corrected_by(stated.tolist(), right.tolist(), [1.0] * 4000, nothing, 8)
    assert (joined.offset, joined.slope, joined.run) == (
        pytest.approx(0.5, abs=0.1),
        pytest.approx(0.5, abs=0.06),
        8,
    )


@pytest.mark.parametrize(
    ("pictured", "utc"), [(True, 3600.0), (True, 5e8), (True, None), (False, 3600.0), (False, 5e8)]
)
def test_verdicts_count_once_of_whatever_is_stated(pictured: bool, utc: float | None) -> None:
    """With a picture and without, an hour from the only fix, years from it, and without a time."""
    learned = Movement(
        correction=CertaintyCorrection(0.2, 1.1, taught_s=1e5), pictured=CertaintyCorrection(-0.1)
    )
    ids = np.sort(parents(leaf_ids(np.linspace(-60, 60, 40), np.linspace(-170, 170, 40)), 8))
    table = CellTable(ids, *centres(ids))
    (posterior,) = posteriors(np.random.default_rng(1).dirichlet(np.ones(40), 1).astype(np.float32), table)
    fix = Observation(0, 0.0, "phone", Fix(50.94, 6.96, 0.01, "camera"))
    asked = Observation(1, utc, "phone", posterior=posterior if pictured else None)
    confidence = []
    for movement in (learned, SampleCorrection(0.7, 1.3, 20, 1).applied_to(learned)):
        (estimate,) = estimate_outing([asked], fix, None, movement, table, Options(certainty=1.0))
        assert estimate is not None
        confidence.append(estimate.confidence)
    stated, judged = np.log(np.array(confidence) / (1 - np.array(confidence)))
    assert judged == pytest.approx(0.7 + 1.3 * stated, abs=1e-4)
