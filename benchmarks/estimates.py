"""From class probabilities to a point, three ways: the point that gathers most probability (ours), the
mean place of the most probable class, and hierarchical sums over coarser S2 cells; and the speed.

    python -m benchmarks.estimates ../shared/data [--photos 1000]

Prints a Markdown table for each published test set, with simulated classifiers of two skills
(benchmarks/simulated.py): the places are real, the pictures are not.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulated import Classifier, places, published_cells
from geotagger.cells import CellTable, parents
from geotagger.estimate.cloud import gather_each
from geotagger.estimate.values import Posterior
from geotagger.estimate.visual import clouds_of, posteriors
from geotagger.evaluate.scores import THRESHOLDS_KM
from geotagger.geo import distance_km

FloatArray = NDArray[np.float64]
BATCH = 100
SKILLS = ((4.0, 2.5), (2.5, 2.0))
WITHIN_KM = 25.0


def argmax_mean(said: Posterior, table: CellTable) -> tuple[float, float]:
    best = int(said.classes[0])
    return float(table.lat[best]), float(table.lng[best])


def hierarchical(said: Posterior, table: CellTable) -> tuple[float, float]:
    """The class whose own probability times that of its ancestors at three coarser levels is highest
    (the product rule of ISN, Müller-Budack et al. 2018)."""
    ids, p = table.ids[said.classes], said.probabilities.astype(np.float64)
    score = np.log(p)
    for level in (8, 6, 4):
        coarse = parents(ids, np.minimum(table.levels[said.classes], level))
        _, at = np.unique(coarse, return_inverse=True)
        score = score + np.log(np.bincount(at, p)[at])
    best = int(said.classes[np.argmax(score)])
    return float(table.lat[best]), float(table.lng[best])


def compare(data: Path, name: str, photos: int, skill: tuple[float, float]) -> None:
    table = published_cells(data)
    classifier = Classifier(table, *skill)
    rng = np.random.default_rng(0)
    lat, lng = places(data, name)
    usable = np.flatnonzero(table.classes_of(lat, lng) >= 0)
    chosen = rng.permutation(usable)[:photos]
    errors: dict[str, list[float]] = {"gathers most within 25 km": [], "argmax mean": [], "hierarchical": []}
    inside, stated = [], []
    seconds = 0.0
    for first in range(0, len(chosen), BATCH):
        rows = chosen[first : first + BATCH]
        probabilities = classifier.say(rng, table.classes_of(lat[rows], lng[rows]))
        began = time.process_time()
        said = posteriors(probabilities, table)
        gathered = gather_each(clouds_of(said, table), WITHIN_KM, 0.9)
        seconds += time.process_time() - began
        for n, (row, one) in enumerate(zip(rows, said, strict=True)):
            for way, place in (
                ("gathers most within 25 km", (gathered.latitude[n], gathered.longitude[n])),
                ("argmax mean", argmax_mean(one, table)),
                ("hierarchical", hierarchical(one, table)),
            ):
                errors[way].append(float(distance_km(*place, lat[row], lng[row])))
            inside.append(errors["gathers most within 25 km"][-1] <= gathered.radius_km[n])
            stated.append(gathered.confidence[n])
    print(f"\n{name}, {len(chosen):,} photos, skill {skill[0]:g} and {skill[1]:g}\n")
    print("| way | " + " | ".join(f"{km:g} km" for km in THRESHOLDS_KM) + " | median km |")
    print("|---|" + "---|" * (len(THRESHOLDS_KM) + 1))
    for way, each in errors.items():
        away = np.array(each)
        shares = " | ".join(f"{100 * np.mean(away <= km):.1f}" for km in THRESHOLDS_KM)
        print(f"| {way} | {shares} | {np.median(away):.0f} |")
    print(
        f"\nInside the stated radius {100 * np.mean(inside):.1f} %, stated {100 * np.mean(stated):.1f} %; "
        f"{1e3 * seconds / len(chosen):.2f} ms a photo",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--photos", type=int, default=1000)
    arguments = parser.parse_args()
    for name in ("im2gps3k", "yfcc26k"):
        for skill in SKILLS:
            compare(arguments.data, name, arguments.photos, skill)


if __name__ == "__main__":
    main()
