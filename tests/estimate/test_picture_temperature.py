"""The temperature of an archive is found again from photos whose place is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from geotagger.cells import CellTable, leaf_ids, parents
from geotagger.estimate.picture_temperature import fitted_temperature
from geotagger.estimate.visual import posteriors

CLASSES, PHOTOS, SKILL = 200, 400, 3.0


@pytest.fixture(scope="module")
def table() -> CellTable:
    rng = np.random.default_rng(1)
    lat, lng = np.degrees(np.arcsin(rng.uniform(-0.9, 0.9, CLASSES))), rng.uniform(-180, 180, CLASSES)
    ids = parents(leaf_ids(lat, lng), 6)
    _, first = np.unique(ids, return_index=True)
    return CellTable(ids[first], lat[first], lng[first])


def answers(table: CellTable) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """What Bayes' rule makes of normal scores among which the true class stands out, and the true classes."""
    rng = np.random.default_rng(2)
    truth = rng.integers(len(table), size=PHOTOS)
    scores = rng.standard_normal((PHOTOS, len(table)))
    scores[np.arange(PHOTOS), truth] += SKILL
    p = np.exp(SKILL * scores)
    return p / p.sum(axis=1, keepdims=True), truth


def fitted(table: CellTable, p: NDArray[np.float64], truth: NDArray[np.int64], photos: int = PHOTOS) -> float:
    said = posteriors(p.astype(np.float32), table)[:photos]
    at = truth[:photos]
    return fitted_temperature(said, table.lat[at], table.lng[at], np.ones(photos), table)


def test_what_is_said_too_strongly_is_tempered_and_too_weakly_sharpened(table: CellTable) -> None:
    """A part of what is said too strongly the doubt in every picture takes already."""
    p, truth = answers(table)
    weak, right, strong = (
        fitted(table, p**power / np.sum(p**power, axis=1, keepdims=True), truth) for power in (0.5, 1.0, 2.0)
    )
    assert weak == pytest.approx(0.5, rel=0.15)
    assert right == pytest.approx(1.0, rel=0.15)
    assert 1.2 < strong < 2.1


def test_pictures_that_say_nothing_and_no_pictures_leave_it_at_one(table: CellTable) -> None:
    _, truth = answers(table)
    assert fitted(table, np.full((PHOTOS, len(table)), 1 / len(table)), truth) == pytest.approx(1, rel=0.02)
    assert fitted_temperature([], np.empty(0), np.empty(0), np.empty(0), table) == 1.0


def test_pictures_that_are_wrong_are_believed_less_and_few_photos_change_little(table: CellTable) -> None:
    p, truth = answers(table)
    wrong = np.roll(truth, 1)
    assert fitted(table, p, wrong) > 3
    assert fitted(table, p, truth, photos=1) == pytest.approx(1, rel=0.5)
