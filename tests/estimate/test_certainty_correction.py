"""Certainties that are put right by what came true of other photos: at some lags, of some cameras."""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from geotagger.estimate.certainty_correction import CertaintyCorrection, Outcomes, fit_whole

HOUR_S = 3600.0
PHOTOS = 40


def outcomes(*groups: tuple[float, float, bool, int]) -> Outcomes:
    """Of PHOTOS photos each: what was stated of 25 km, the lag in hours, whether it came true, the camera."""
    stated, lag, inside, camera = (np.repeat(column, PHOTOS) for column in zip(*groups, strict=True))
    one = np.ones((len(stated), 1))
    return Outcomes(stated[:, None], inside[:, None], 25 * one, HOUR_S * lag, one[:, 0], camera)


def said(correction: CertaintyCorrection, stated: float, hours: float, camera: int = -1) -> float:
    return float(correction.apply(np.array([stated]), np.array([25.0]), HOUR_S * hours, camera)[0])


def test_the_camera_that_goes_on_journeys_is_told_from_the_telephone_at_home() -> None:
    seen = outcomes((0.5, 30, True, 0), (0.5, 30, False, 1), (0.98, 0.1, True, 0), (0.98, 0.1, True, 1))
    correction = fit_whole(seen, few=1.0)
    assert said(correction, 0.5, 30, camera=0) > 0.85
    assert said(correction, 0.5, 30, camera=1) < 0.15
    # another camera is like both
    assert said(correction, 0.5, 30) == pytest.approx(0.5, abs=0.05)
    # beside a fix it does not matter whose photo it is
    assert said(correction, 0.98, 0.1, camera=0) == pytest.approx(said(correction, 0.98, 0.1, camera=1))


def test_what_comes_true_the_next_day_says_nothing_of_the_evening() -> None:
    seen = outcomes((0.99, 0.1, True, -1), (0.9, 3, False, -1), (0.8, 24, True, -1), (0.7, 72, True, -1))
    correction = fit_whole(seen, few=1.0)
    assert said(correction, 0.9, 3) < 0.3
    assert said(correction, 0.8, 24) > 0.8


def test_few_outings_hardly_move_a_certainty() -> None:
    seen = outcomes((0.9, 30, False, 0))
    assert said(fit_whole(seen, few=100.0), 0.9, 30, camera=0) > 0.7
    assert said(fit_whole(seen, few=1.0), 0.9, 30, camera=0) < 0.2


def test_weeks_at_home_say_little_of_years() -> None:
    """What lowers a certainty does so at any lag."""
    weeks, years = 20 * 24, 600 * 24
    raised = fit_whole(outcomes((0.7, weeks, True, -1), (0.7, 40, True, -1)), few=1.0)
    assert said(raised, 0.7, weeks) > 0.9
    assert 0.7 < said(raised, 0.7, years) < 0.75
    assert said(raised, 0.7, float("inf")) > 0.9
    lowered = fit_whole(outcomes((0.7, weeks, False, -1), (0.7, 40, False, -1)), few=1.0)
    assert said(lowered, 0.7, years) < 0.3


@pytest.mark.parametrize("camera", [-1, 5, 10**6])
def test_cameras_that_taught_nothing_are_not_moved(camera: int) -> None:
    assert CertaintyCorrection(of_cameras=(2.0, -2.0)).apply(
        np.array([0.5]), np.array([25.0]), 48 * HOUR_S, camera
    ) == pytest.approx(0.5)


def test_it_survives_storage() -> None:
    kept = CertaintyCorrection(0.1, 0.9, 0.2, -0.1, 0.05, (0.5,) * 8, (1.0, -1.0), 5e6)
    assert CertaintyCorrection.from_dict(json.loads(json.dumps(asdict(kept)))) == kept


@pytest.mark.parametrize(
    "stored",
    [{"at_lags": [1, 2, 3]}, {"offset": float("nan")}, {"of_cameras": [float("inf")]}, {"more": 1}, []],
)
def test_what_is_no_correction_is_refused_as_it_is_read(stored: Any) -> None:
    with pytest.raises((AttributeError, TypeError, ValueError)):
        CertaintyCorrection.from_dict(stored)


def test_a_calibration_of_before_there_were_lags_and_cameras_is_read() -> None:
    stored = {"offset": 0.1, "slope": 0.9, "by_lag": 0.2, "by_radius": -0.1, "slope_by_lag": 0.05}
    assert CertaintyCorrection.from_dict(stored) == CertaintyCorrection(0.1, 0.9, 0.2, -0.1, 0.05)
