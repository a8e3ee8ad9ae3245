"""How the evidence is told."""

import pytest

from geotagger.estimate.words import length, span


@pytest.mark.parametrize(
    ("km", "told"),
    [(0.031, "31 m"), (0.9994, "999 m"), (1.0, "1 km"), (33.72, "33.7 km"), (999.4, "999 km"),
     (1174.2, "1,170 km"), (19_996.0, "20,000 km")],
)  # fmt: skip
def test_a_distance_is_never_told_as_a_power_of_ten(km: float, told: str) -> None:
    assert length(km) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(59.0, "59 s"), (60.0, "1.0 min"), (3600.0, "1.0 h"), (36 * 3600.0, "36.0 h"), (2 * 86400.0, "2.0 days"),
     (700 * 86400.0, "700.0 days"), (2857.9 * 86400.0, "7.8 years")],
)  # fmt: skip
def test_a_duration_is_told_in_the_unit_that_reads_best(seconds: float, told: str) -> None:
    assert span(seconds) == told
