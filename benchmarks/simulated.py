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
from geotagger.geo import EARTH_RADIUS_KM, destination, unit_vectors

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


def photographed(data: Path) -> FloatArray:
    """Where 100,000 photos were taken, unit vectors (n, 3)."""
    with (data / "reference/cells/photo-coordinates-100k.csv").open() as file:
        rows = [(float(row["LAT"]), float(row["LON"])) for row in csv.DictReader(file)]
    return unit_vectors(*np.array(rows).T)


def walk(
    rng: np.random.Generator,
    lat: float,
    lng: float,
    photos: int,
    among: FloatArray | None = None,
    pause_s: float = 600.0,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """An outing from a place: times (s) and degrees, (photos,) each. People linger where photos are taken:
    a step is made with the probability of the density of photos (`among`, unit vectors) there over that
    here (Metropolis et al. 1953), so that wherever the walk is met, it is at a place as usual as any
    photo's. Of consecutive uploads of one person in Im2GPS3k 74 % are of the very same place. Who is not
    told where photos are taken walks on regardless."""
    motion, times = Motion(), np.cumsum(rng.exponential(pause_s, photos))
    track, here = [(lat, lng)], _density(among, lat, lng)
    for gap in np.diff(times):
        step = float(radial_quantile(rng.random(), motion.scale_km(gap), motion.tail_at(gap)))
        la, ln = destination(*track[-1], rng.uniform(0, 360), min(step, 200.0))
        there = _density(among, float(la), float(ln))
        if rng.random() * here <= there:
            track.append((float(la), float(ln)))
            here = there
        else:
            track.append(track[-1])
    lats, lngs = np.array(track).T
    return times, lats, lngs


def _density(among: FloatArray | None, lat: float, lng: float) -> float:
    """Of photos, up to a factor: by the distance of the tenth nearest (Loftsgaarden & Quesenberry 1965)."""
    if among is None:
        return 1.0
    square = 2 - 2 * np.partition(among @ unit_vectors(lat, lng), -10)[-10]
    return float(1 / max(square, (0.05 / EARTH_RADIUS_KM) ** 2))


class Classifier:
    """`skill` is by how many standard deviations the true class stands out, `region_skill` its region."""

    def __init__(self, table: CellTable, skill: float = 3.0, region_skill: float = 2.0) -> None:
        self.table, self.skill, self.region_skill = table, skill, region_skill
        coarse = parents(table.ids, np.minimum(table.levels, REGION_LEVEL))
        self.regions, self.region_of = np.unique(coarse, return_inverse=True)

    def say(
        self, rng: np.random.Generator, truth: NDArray[np.int64], likeness: FloatArray | None = None
    ) -> NDArray[np.float32]:
        """Probabilities (photos, classes) for pictures whose true classes are given. Pictures differ
        in how much they show: the skill of each is drawn from an exponential. likeness (photos,) is
        how much each looks like the one before it: the correlation of what is not the place's."""
        n, k = len(truth), len(self.table)
        shown = rng.exponential(1.0, n)
        fine, coarse = self.skill * shown, self.region_skill * shown
        scores = rng.standard_normal((n, k))
        regional = rng.standard_normal((n, len(self.regions)))
        for photo in range(1, n if likeness is not None else 0):
            assert likeness is not None
            same, own = likeness[photo], np.sqrt(1 - likeness[photo] ** 2)
            for noise in (scores, regional):
                noise[photo] = same * noise[photo - 1] + own * noise[photo]
        scores[np.arange(n), truth] += fine
        regional[np.arange(n), self.region_of[truth]] += coarse
        logits = fine[:, None] * scores + (coarse[:, None] * regional)[:, self.region_of]
        logits -= logits.max(axis=1, keepdims=True)
        p = np.exp(logits)
        return np.asarray(p / p.sum(axis=1, keepdims=True), dtype=np.float32)
