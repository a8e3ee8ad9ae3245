"""Pictures that say little: p = ε · network + (1 − ε) · the classifier's own prior, against no pictures; and
pictures that mislead: all of an outing show the same place, which has nothing to do with where it was; and
the same after what `evaluate --calibrate` learns of pictures (no correction of certainties besides).

    python -m benchmarks.silent ../shared/data [--seeds 3] [--archive photos/dog-signs]

Prints Markdown. A simulated classifier (benchmarks/simulated.py) looks at the photos of a real archive;
single photos and whole days are hidden, and what is said of them is held against the truth.
"""

import argparse
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np

from benchmarks.simulated import Classifier, published_cells
from geotagger.cells import CellTable
from geotagger.estimate.timeline import outings
from geotagger.estimate.visual import posteriors
from geotagger.evaluate.calibrating import picture_trust
from geotagger.evaluate.predictions import OURS, Hidden
from geotagger.evaluate.sightings import read_sightings
from geotagger.evaluate.trial import Setting, Sighting, evaluate_archive
from geotagger.geo import unit_vectors

PARTS = (0.0, 0.01, 0.1, 1.0)
MISLED = 0.9
"""How sure each picture of an outing that misleads is of the wrong place."""
THRESHOLDS_KM = (1.0, 25.0, 200.0)


def seen(sightings: list[Sighting], table: CellTable, part: float) -> list[Sighting]:
    """The photos with what the classifier says of them, mixed with its prior."""
    places = [sighting.own_place for sighting in sightings]
    lat = np.array([0.0 if place is None else place.latitude for place in places])
    lng = np.array([0.0 if place is None else place.longitude for place in places])
    nearest = np.argmax(unit_vectors(lat, lng) @ unit_vectors(table.lat, table.lng).T, axis=1)
    inside = table.classes_of(lat, lng)
    truth = np.where(inside >= 0, inside, nearest)
    network = Classifier(table).say(np.random.default_rng(0), truth)
    mixed = (part * network + (1 - part) / len(table)).astype(np.float32)
    said = posteriors(mixed, table)
    return [replace(s, posterior=one) for s, one in zip(sightings, said, strict=True)]


def misled(sightings: list[Sighting], table: CellTable) -> list[Sighting]:
    """The photos with a classifier that is as sure of one place of the world an outing as it is wrong."""
    rng = np.random.default_rng(1)
    order = sorted(
        range(len(sightings)),
        key=lambda n: (sightings[n].clocked.local is None, sightings[n].clocked.local or datetime.min),
    )
    said = list(sightings)
    for outing in outings(order, lambda n: local_s(sightings[n])):
        shown = int(rng.integers(len(table)))
        p = np.full((1, len(table)), (1 - MISLED) / (len(table) - 1), dtype=np.float32)
        p[0, shown] = MISLED
        (posterior,) = posteriors(p, table)
        for n in outing:
            said[n] = replace(sightings[n], posterior=posterior)
    return said


def local_s(sighting: Sighting) -> float | None:
    local = sighting.clocked.local
    return None if local is None else (local - datetime(1970, 1, 1)).total_seconds()


def row(name: str, results: list[Hidden]) -> str:
    answered = [one for one in results if OURS in one.said]
    away = np.array([one.error_km(OURS) for one in results])
    stated = np.mean([one.said[OURS].confidence for one in answered])
    inside = np.mean([one.error_km(OURS) <= one.said[OURS].radius_km for one in answered])
    shares = " | ".join(f"{100 * np.mean(away <= km):.1f}" for km in THRESHOLDS_KM)
    return f"| {name} | {shares} | {np.median(away):.2f} | {100 * inside:.1f} | {100 * stated:.1f} |"


def differences(some: list[Hidden], others: list[Hidden]) -> float:
    """The largest difference in any number that is said, in degrees, km or parts of 1."""
    names = ("latitude", "longitude", "radius_km", "confidence")
    return max(
        abs(getattr(one.said[OURS], name) - getattr(other.said[OURS], name))
        for one, other in zip(some, others, strict=True)
        for name in names
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--archive", default="photos/dog-signs")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    table = published_cells(arguments.data)
    sightings = read_sightings([str(arguments.data / arguments.archive)], None, print)
    for whole_days in (False, True):
        setting = Setting(whole_days=whole_days)
        print(f"\n{'Whole days' if whole_days else 'Single photos'} of {arguments.archive}\n")
        print("| ε | 1 km | 25 km | 200 km | median km | inside | stated |")
        print("|---|---|---|---|---|---|---|")
        plain = [one for seed in range(arguments.seeds) for one in evaluate_archive(sightings, setting, seed)]
        print(row("no pictures", plain), flush=True)
        for part in PARTS:
            looked_at = seen(sightings, table, part)
            results = [
                one
                for seed in range(arguments.seeds)
                for one in evaluate_archive(looked_at, setting, seed, table=table)
            ]
            print(row(f"{part:g}", results), flush=True)
            if part == 0.0:
                print(f"| | at most {differences(results, plain):.1e} from no pictures | | | | | |")
        wrong = misled(sightings, table)
        temperature, misleads = picture_trust(wrong, table)
        learned = replace(setting, temperature=temperature, misleads=misleads)
        for name, way in (("misled", setting), ("misled, calibrated", learned)):
            results = [
                one
                for seed in range(arguments.seeds)
                for one in evaluate_archive(wrong, way, seed, table=table)
            ]
            print(row(name, results), flush=True)


if __name__ == "__main__":
    main()
