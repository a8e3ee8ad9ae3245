"""The likelihood by which parameters of movement are learned, against the mixtures of the estimates."""

from dataclasses import replace

import numpy as np
import pytest

from geotagger.estimate.learning import Lesson, fit_motions, lesson_of
from geotagger.estimate.likelihood import Likelihood
from geotagger.estimate.movement import DAY_S, PRIOR_DRAWS, Motion, drawn_about
from geotagger.estimate.prior import mixture
from geotagger.estimate.surroundings import FixTable, chosen, joined


def some_lesson(count: int, seed: int = 5) -> Lesson:
    """Outings of two cameras in a few towns, some of whose fixes are in doubt."""
    rng = np.random.default_rng(seed)
    outing = np.sort(rng.integers(0, max(count // 6, 1), count))
    town = rng.normal(0, 3, (count, 2))[outing]
    utc = 1.6e9 + 3 * DAY_S * outing + np.sort(rng.uniform(0, 8000, count))
    place = np.array([48.0, 11.0]) + town + rng.normal(0, 0.02, (count, 2))
    doubt = np.where(rng.random(count) < 0.2, rng.uniform(0, 0.6, count), 0.0)
    error, astray = np.full(count, 0.01), np.where(doubt > 0, rng.uniform(0, 30, count), 0.0)
    order = np.argsort(utc, kind="stable")
    return lesson_of(
        FixTable(
            utc[order],
            *place[order].T,
            error,
            rng.integers(-1, 2, count),
            np.arange(0, count, 2),
            doubt,
            astray,
        )
    )


@pytest.mark.parametrize("count", [1, 4, 60])
def test_it_is_the_density_of_the_mixtures_under_any_parameters(count: int) -> None:
    lesson = some_lesson(count)
    around = joined([way for way, _ in lesson.ways])
    truth = np.tile(lesson.rows, len(lesson.ways))
    lat, lng = lesson.fixes.lat[truth], lesson.fixes.lng[truth]
    expected = np.stack([np.log(mixture(around, one).density(lat, lng)) for one in PRIOR_DRAWS])
    likelihood = Likelihood(around, lat, lng)
    np.testing.assert_allclose(likelihood.log_densities(PRIOR_DRAWS), expected, rtol=0, atol=1e-12)
    # what is kept from trial to trial is that of the parameters asked for
    for one in (*drawn_about(Motion(), {"haunt_km": 0.5, "fade": 0.2})[:2], PRIOR_DRAWS[3]):
        expected = np.log(mixture(around, one).density(lat, lng))
        np.testing.assert_allclose(likelihood.log_densities([one])[0], expected, rtol=0, atol=1e-12)


def test_searches_side_by_side_find_what_each_finds_alone() -> None:
    lesson = some_lesson(72)
    together = fit_motions(lesson, [None, 1])
    assert together[0][0] != together[1][0]
    for fold, (motion, draws) in zip([None, 1], together, strict=True):
        ((alone, alone_draws),) = fit_motions(lesson, [fold])
        assert motion == alone
        assert [draw.fade for draw in draws] == pytest.approx([draw.fade for draw in alone_draws])


def test_a_few_large_outings_among_small_ones_are_of_several_folds() -> None:
    """Of 1,206 fixes 200 are asked for, and most outings of two lie between them."""
    months = 60 * DAY_S * np.arange(3)[:, None]
    large = months + 30.0 * np.arange(400)
    small = months + DAY_S * np.array([10, 20])
    utc = np.sort(np.concatenate([large, small], axis=1), axis=None)
    nowhere = np.zeros(len(utc))
    fixes = FixTable(utc, nowhere, nowhere, nowhere, np.full(len(utc), -1), np.arange(0))
    assert np.sort(np.bincount(lesson_of(fixes).fold, minlength=3))[1] > 60


def test_a_fold_that_is_left_out_teaches_nothing() -> None:
    lesson = some_lesson(72)
    kept = np.flatnonzero(lesson.fold != 1)
    part = Lesson(
        lesson.fixes,
        lesson.rows[kept],
        lesson.outing[kept],
        tuple((chosen(around, kept), weight[kept]) for around, weight in lesson.ways),
    )
    assert fit_motions(lesson, [1])[0][0] == fit_motions(part, [None])[0][0]


def test_no_archive_that_may_be_like_this_one_is_nearer_after_more_time() -> None:
    """Photos of one second in two folders, as copies are, have no lag at all: nothing is infinite then."""
    draws = drawn_about(replace(Motion(), growth=0.1), {"growth": 0.2})
    scales = np.array([draw.scale_km([0.0, 3600.0, 7200.0]) for draw in draws])
    assert np.isfinite(scales).all()
    assert (np.diff(scales, axis=1) >= 0).all()
