"""How often the pictures of an outing are wrong together is found again from photos whose place is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from geotagger.cells import CellTable, leaf_ids, parents
from geotagger.estimate.misled_outings import fitted_misleads
from geotagger.estimate.movement import MISLEADS
from geotagger.estimate.visual import posteriors
from tests.estimate.test_picture_temperature import PHOTOS, answers, table

__all__ = ["table"]
OUTINGS = np.repeat(np.arange(PHOTOS // 4), 4)


def fitted(
    table: CellTable, p: NDArray[np.floating], truth: NDArray[np.int64], photos: int = PHOTOS
) -> float:
    said = posteriors(p[:photos].astype(np.float32), table)
    at = truth[:photos]
    return fitted_misleads(said, table.lat[at], table.lng[at], np.ones(photos), OUTINGS[:photos], table)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_the_share_of_outings_that_show_some_other_place_is_found(table: CellTable, share: float) -> None:
    p, truth = answers(table)
    rng = np.random.default_rng(3)
    misled = np.flatnonzero(rng.random(OUTINGS[-1] + 1) < share)
    wrong = np.full(p.shape, 0.1 / (len(table) - 1))
    wrong[np.arange(PHOTOS), rng.integers(len(table), size=OUTINGS[-1] + 1)[OUTINGS]] = 0.9
    mixed = np.where(np.isin(OUTINGS, misled)[:, None], wrong, p)
    expected = len(misled) / (OUTINGS[-1] + 1)
    assert fitted(table, mixed, truth) == pytest.approx(expected, abs=0.04 + 0.1 * expected)


def test_pictures_that_show_the_next_cell_do_not_mislead() -> None:
    """Two hundred cells in pairs of neighbours; every picture is sure of the neighbour of its own."""
    rng = np.random.default_rng(4)
    lat, lng = np.degrees(np.arcsin(rng.uniform(-0.8, 0.8, 100))), rng.uniform(-179, 179, 100)
    both = np.repeat(lat, 2), np.repeat(lng, 2) + np.tile([0.0, 0.12], 100)
    ids = parents(leaf_ids(*both), 10)
    order = np.argsort(ids)
    pairs = CellTable(ids[order], both[0][order], both[1][order])
    truth = np.repeat(rng.integers(200, size=20), 4)
    p = np.full((80, 200), 0.1 / 199)
    p[np.arange(80), np.argsort(order)[order[truth] ^ 1]] = 0.9
    assert fitted(pairs, p, truth, photos=80) < MISLEADS
    far = np.roll(p, 7, axis=1)
    assert fitted(pairs, far, truth, photos=80) > 0.6


def test_pictures_that_say_nothing_and_no_pictures_leave_what_is_assumed(table: CellTable) -> None:
    _, truth = answers(table)
    assert fitted(table, np.full((PHOTOS, len(table)), 1 / len(table)), truth) == pytest.approx(MISLEADS)
    nothing = np.empty(0)
    assert fitted_misleads([], nothing, nothing, nothing, OUTINGS[:0], table) == MISLEADS


def test_one_outing_that_is_wrong_changes_little(table: CellTable) -> None:
    p, truth = answers(table)
    assert MISLEADS < fitted(table, p, np.roll(truth, 1), photos=4) < MISLEADS + 0.1
