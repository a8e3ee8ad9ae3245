"""What the sequence gains over single pictures, as a curve over outing length, and the time zone that a
camera states where no place is known; how far the stated certainty is true; speed and memory.

    python -m benchmarks.outings ../shared/data [--only gain zone speed] [--photos 100000] [--share 1.0]

Prints Markdown. Simulated classifiers (benchmarks/simulated.py), places of YFCC26k, cells of the
published model. `--share` of the outings, for a quick look; standard errors are over outings.
"""

import argparse
import resource
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.simulated import Classifier, photographed, places, published_cells, walk
from geotagger.cells import CellTable
from geotagger.estimate.movement import Movement
from geotagger.estimate.outing import Options
from geotagger.estimate.timeline import estimate_stream
from geotagger.estimate.values import Fix, Observation, Posterior
from geotagger.estimate.visual import posteriors
from geotagger.evaluate.scores import THRESHOLDS_KM
from geotagger.geo import distance_km
from geotagger.zones import offset_at

OUTINGS = {1: 1600, 2: 1000, 4: 800, 8: 600, 16: 450, 32: 400}
SKILLS = ((3.0, 2.0), (2.0, 1.5))
SCENES_S = (0.0, 120.0)
"""In what time pictures stop looking alike; at 0 each is a look of its own."""
LIKENESS = 0.9
PARTS = ("gain", "zone", "speed")
NEVER_SET = 0.05
"""The share of outings whose camera shows the time of somewhere else."""


def gain_over_length(data: Path, share: float) -> None:
    table = published_cells(data)
    for skill in SKILLS:
        for scene in SCENES_S:
            alike = f"alike for {scene:g} s" if scene else "each a look of its own"
            print(f"\nSkill {skill[0]:g} and {skill[1]:g}, pictures {alike}\n")
            shares = " | ".join(f"{km:g} km" for km in THRESHOLDS_KM)
            print(f"| photos | outings | {shares} | inside | stated | stated − inside |")
            print("|---|---|" + "---|" * (len(THRESHOLDS_KM) + 3))
            for length, outings in OUTINGS.items():
                ways = {"sequence": Options(), "alone": Options(sequence=False)}
                if length == 1:
                    del ways["sequence"]
                classifier = Classifier(table, *skill)
                _print_rows(data, table, classifier, scene, length, round(outings * share), ways)


def gain_of_zone(data: Path, share: float) -> None:
    table = published_cells(data)
    for skill in SKILLS:
        print(f"\nSkill {skill[0]:g} and {skill[1]:g}, one camera in twenty set to another place's time\n")
        shares = " | ".join(f"{km:g} km" for km in THRESHOLDS_KM)
        print(f"| photos | outings | {shares} | inside | stated | stated − inside |")
        print("|---|---|" + "---|" * (len(THRESHOLDS_KM) + 3))
        for length in (1, 8):
            ways = {"no time zone": Options(time_zone=False), "time zone": Options()}
            classifier, outings = Classifier(table, *skill), round(OUTINGS[length] * share)
            _print_rows(data, table, classifier, 0.0, length, outings, ways, zones=True)


def _print_rows(
    data: Path,
    table: CellTable,
    classifier: Classifier,
    scene: float,
    length: int,
    outings: int,
    ways: dict[str, Options],
    *,
    zones: bool = False,
) -> None:
    lat, lng = places(data)
    classes = table.classes_of(lat, lng)
    usable = np.flatnonzero((classes >= 0) & ~table.suspect[classes])
    among, rng = photographed(data), np.random.default_rng(length)
    errors: dict[str, list[np.ndarray]] = {way: [] for way in ways}
    inside: dict[str, list[float]] = {way: [] for way in ways}
    stated: dict[str, list[float]] = {way: [] for way in ways}
    for start in rng.choice(usable, outings):
        utc, la, ln = walk(rng, float(lat[start]), float(lng[start]), length, among)
        truth = table.classes_of(la, ln)
        truth = np.where(truth >= 0, truth, classes[start])
        likeness = LIKENESS * np.exp(-np.diff(utc, prepend=-np.inf) / scene) if scene else None
        said = posteriors(classifier.say(rng, truth, likeness), table)
        offset_s = None
        if zones:
            shown = rng.choice(usable) if rng.random() < NEVER_SET else start
            legal = offset_at(float(lat[shown]), float(lng[shown]), float(utc[0]))
            offset_s = legal.total_seconds() if legal else None
        photos = [
            Observation(n, float(utc[n]), posterior=said[n], utc_offset_s=offset_s) for n in range(length)
        ]
        for way, options in ways.items():
            estimates = [e for e in estimate_stream(photos, Movement(), table, options) if e is not None]
            away = distance_km([e.latitude for e in estimates], [e.longitude for e in estimates], la, ln)
            errors[way].append(away)
            inside[way].append(float(np.mean(away <= [e.radius_km for e in estimates])))
            stated[way].append(float(np.mean([e.confidence for e in estimates])))
    for way in ways:
        away = np.concatenate(errors[way])
        shares = " | ".join(f"{100 * np.mean(away <= km):.1f}" for km in THRESHOLDS_KM)
        over = np.array(stated[way]) - np.array(inside[way])
        error = over.std() / np.sqrt(len(over))
        print(
            f"| {length}, {way} | {outings} | {shares} | {100 * np.mean(inside[way]):.1f} |"
            f" {100 * np.mean(stated[way]):.1f} | {100 * over.mean():+.1f} ± {100 * error:.1f} |",
            flush=True,
        )


def speed(data: Path, photos: int) -> None:
    for every, name in ((0, "no photo with a place"), (10, "every tenth photo with a place")):
        table, observations = _stream(data, photos, every)
        before = _peak_mib()
        began = time.process_time()
        estimate_stream(observations, Movement(), table)
        took = time.process_time() - began
        print(
            f"\n{photos:,} photos with pictures, {name}: {took:.1f} s of processor time, "
            f"{1e3 * took / photos:.2f} ms a photo; peak memory {_peak_mib():.0f} MiB, "
            f"of which {before:.0f} before the first estimate",
            flush=True,
        )


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _stream(data: Path, photos: int, every: int) -> tuple[CellTable, list[Observation]]:
    """Outings of 5 to 59 photos, ten minutes between photos, half a day between outings."""
    table = published_cells(data)
    lat, lng = places(data)
    rng = np.random.default_rng(0)
    stream: list[Observation] = []
    utc = 0.0
    while len(stream) < photos:
        length, start = int(rng.integers(5, 60)), int(rng.integers(len(lat)))
        t, la, ln = walk(rng, lat[start], lng[start], length)
        for n in range(length):
            photo = Observation(len(stream), utc + float(t[n]), posterior=_guess(rng, table))
            if every and len(stream) % every == 0:
                photo = replace(photo, fix=Fix(float(la[n]), float(ln[n]), 0.01, "camera"))
            stream.append(photo)
        utc += float(t[-1]) + 12 * 3600.0
    return table, stream[:photos]


def _guess(rng: np.random.Generator, table: CellTable) -> Posterior:
    count = int(rng.integers(8, 64))
    p = np.sort(rng.dirichlet(np.full(count, 0.3)))[::-1] * 0.99
    return Posterior(rng.choice(len(table), count, replace=False).astype(np.int32), p.astype(np.float32))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--share", type=float, default=1.0)
    arguments = parser.parse_args()
    if "gain" in arguments.only:
        gain_over_length(arguments.data, arguments.share)
    if "zone" in arguments.only:
        gain_of_zone(arguments.data, arguments.share)
    if "speed" in arguments.only:
        speed(arguments.data, arguments.photos)


if __name__ == "__main__":
    main()
