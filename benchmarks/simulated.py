"""Outings and classifiers that exist only here: places people photograph, walks between them, and
posteriors of known quality. Used by the benchmarks of the estimate room.

A simulated posterior is calibrated by construction: every class gets a standard normal score, the
true one (and all of its region) a shifted one, and the posterior is what Bayes' rule makes of them.
"""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable, ids_of_tokens, parents
from geotagger.estimate.movement import Motion, radial_quantile
from geotagger.geo import destination

FloatArray = NDArray[np.float64]
REGION_LEVEL = 4


def published_cells(data: Path) -> CellTable:
    """The 15,527 cells of the published model."""
    rows = [
        line.split() for line in (data / "reference/rn101-5k500/grids.txt").read_text().splitlines() if line
    ]
    return CellTable(
        ids_of_tokens([row[0] for row in rows]),
        np.array([float(row[1]) for row in rows]),
        np.array([float(row[2]) for row in rows]),
    )


def places(data: Path, name: str = "yfcc26k") -> tuple[FloatArray, FloatArray]:
    """True places of a published test set, degrees (n,)."""
    with (data / f"reference/testsets/{name}.csv").open() as file:
        rows = [(float(row["latitude"]), float(row["longitude"])) for row in csv.DictReader(file)]
    lat, lng = np.array(rows).T
    return lat, lng


def walk(
    rng: np.random.Generator, lat: float, lng: float, photos: int, pause_s: float = 600.0
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """An outing from a place: times (s) and degrees, (photos,) each."""
    times = np.cumsum(rng.exponential(pause_s, photos))
    track = [(lat, lng)]
    for gap in np.diff(times):
        step = min(float(radial_quantile(rng.random(), float(Motion().scale_km(gap)), 2.0)), 200.0)
        la, ln = destination(*track[-1], rng.uniform(0, 360), step)
        track.append((float(la), float(ln)))
    lats, lngs = np.array(track).T
    return times, lats, lngs


class Classifier:
    """`skill` is by how many standard deviations the true class stands out, `region_skill` its region."""

    def __init__(self, table: CellTable, skill: float = 3.0, region_skill: float = 2.0) -> None:
        self.table, self.skill, self.region_skill = table, skill, region_skill
        coarse = parents(table.ids, np.minimum(table.levels, REGION_LEVEL))
        self.regions, self.region_of = np.unique(coarse, return_inverse=True)

    def say(self, rng: np.random.Generator, truth: NDArray[np.int64]) -> NDArray[np.float32]:
        """Probabilities (photos, classes) for pictures whose true classes are given. Pictures differ
        in how much they show: the skill of each is drawn from an exponential."""
        n, k = len(truth), len(self.table)
        shown = rng.exponential(1.0, n)
        fine, coarse = self.skill * shown, self.region_skill * shown
        scores = rng.standard_normal((n, k))
        scores[np.arange(n), truth] += fine
        regional = rng.standard_normal((n, len(self.regions)))
        regional[np.arange(n), self.region_of[truth]] += coarse
        logits = fine[:, None] * scores + (coarse[:, None] * regional)[:, self.region_of]
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        return np.asarray(p / p.sum(axis=1, keepdims=True), dtype=np.float32)
