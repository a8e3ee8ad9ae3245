"""What the sequence gains over single pictures, as a curve over outing length; its speed; the comparison
of our estimates with two simple rules on real archives and on archives of people who do not exist;
and what each prior is worth.

    python -m benchmarks.sequences ../shared/data [--only archives people priors gain speed] [--seeds 3]

Prints Markdown tables. Simulated classifiers (benchmarks/simulated.py), places of YFCC26k, cells of the
published model; the archives are photos/dog-signs and photos/pigallery2 with its tracks, the people
those of tests/estimate/archives.py.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.simulated import Classifier, places, published_cells, walk
from geotagger.cells import CellTable
from geotagger.estimate.evaluation import (
    OURS,
    THRESHOLDS_KM,
    Hidden,
    Setting,
    Sighting,
    Trial,
    evaluate_archive,
    methods_of,
    predicted,
    score,
    trial_of,
)
from geotagger.estimate.movement import Correction, Motion, Movement
from geotagger.estimate.outing import Options, estimate_stream
from geotagger.estimate.trackfiles import load_tracks
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.values import Observation, Posterior
from geotagger.estimate.visual import posteriors
from geotagger.geo import distance_km
from geotagger.tag.sightings import read_sightings
from tests.estimate.archives import PEOPLE, life

LENGTHS = (1, 2, 4, 8, 16, 32)


def gain_over_length(data: Path, outings: int = 60) -> None:
    table = published_cells(data)
    classifier = Classifier(table)
    lat, lng = places(data)
    known = np.flatnonzero(table.classes_of(lat, lng) >= 0)
    print(
        "\n| photos in the outing | "
        + " | ".join(f"{km:g} km" for km in THRESHOLDS_KM)
        + " | inside | stated |"
    )
    print("|---|" + "---|" * (len(THRESHOLDS_KM) + 2))
    for length in LENGTHS:
        rng = np.random.default_rng(length)
        for name, options in (("alone", Options(sequence=False)), ("sequence", Options())):
            rng = np.random.default_rng(length)
            errors, inside, stated = [], [], []
            for _ in range(max(outings // length, 12) * (4 if length == 1 else 1)):
                start = int(rng.choice(known))
                t, la, ln = walk(rng, lat[start], lng[start], length)
                classes = table.classes_of(la, ln)
                classes = np.where(classes >= 0, classes, table.classes_of(lat[start], lng[start]))
                said = posteriors(classifier.say(rng, classes), table)
                photos = [Observation(n, float(t[n]), posterior=said[n]) for n in range(length)]
                for n, e in enumerate(estimate_stream(photos, Movement(), table, options)):
                    assert e is not None
                    away = float(distance_km(e.latitude, e.longitude, la[n], ln[n]))
                    errors.append(away)
                    inside.append(away <= e.radius_km)
                    stated.append(e.confidence)
            shares = " | ".join(f"{100 * np.mean(np.array(errors) <= km):.1f}" for km in THRESHOLDS_KM)
            told = f"{100 * np.mean(inside):.1f} | {100 * np.mean(stated):.1f}"
            print(f"| {length}, {name} | {shares} | {told} |", flush=True)


def speed(data: Path, photos: int) -> None:
    table = published_cells(data)
    lat, lng = places(data)
    rng = np.random.default_rng(0)
    observations: list[Observation] = []
    utc = 0.0
    while len(observations) < photos:
        length = int(rng.integers(5, 60))
        start = int(rng.integers(len(lat)))
        t, _, _ = walk(rng, lat[start], lng[start], length)
        for n in range(length):
            observations.append(
                Observation(len(observations), utc + float(t[n]), posterior=_guess(rng, table))
            )
        utc += float(t[-1]) + 12 * 3600.0
    observations = observations[:photos]
    began = time.process_time()
    estimate_stream(observations, Movement(), table)
    took = time.process_time() - began
    print(f"\n{photos:,} photos with pictures: {took:.1f} s, {1e3 * took / photos:.2f} ms a photo")


def _guess(rng: np.random.Generator, table: CellTable) -> Posterior:
    count = int(rng.integers(8, 64))
    p = np.sort(rng.dirichlet(np.full(count, 0.3)))[::-1] * 0.99
    return Posterior(rng.choice(len(table), count, replace=False).astype(np.int32), p.astype(np.float32))


def archives(data: Path, seeds: int) -> None:
    for name, sightings, tracks in real_archives(data):
        for days in (False, True):
            results: list[Hidden] = []
            for seed in range(seeds):
                results += evaluate_archive(sightings, Setting(0.3, days), seed, tracks=tracks)
            print(f"\n{name}, 30 % of the {'days' if days else 'photos'} hidden, seeds 0 to {seeds - 1}\n")
            print_scores(results)


def real_archives(data: Path) -> Iterator[tuple[str, list[Sighting], Tracks]]:
    for name, tracked in (("dog-signs", False), ("pigallery2", True)):
        folder = data / "photos" / name
        yield name, read_sightings([str(folder)], None, print), load_tracks([folder]) if tracked else Tracks()


def people(seeds: int) -> None:
    """Certainties on archives that nothing was set by; each seed is another person."""
    print("\n| person | hidden | photos | median km | copy | 25 km | copy | inside | stated |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, person in PEOPLE.items():
        for days in (False, True):
            results: list[Hidden] = []
            for seed in range(seeds):
                results += evaluate_archive(person(1000 + seed), Setting(0.3, days), seed)
            ours, copied = score(results, OURS), score(results, "nearest")
            print(
                f"| {name} | {'days' if days else 'single'} | {len(results)} | {ours.median_km:.2f} |"
                f" {copied.median_km:.2f} | {100 * ours.accuracy[25.0]:.1f} |"
                f" {100 * copied.accuracy[25.0]:.1f} | {100 * ours.inside:.1f} | {100 * ours.stated:.1f} |",
                flush=True,
            )


PRIORS: dict[str, tuple[Options, Callable[[Movement], Movement]]] = {
    "everything": (Options(), lambda learned: learned),
    "no habits": (Options(habits=False), lambda learned: learned),
    "no time zone": (Options(time_zone=False), lambda learned: learned),
    "no sequence": (Options(sequence=False), lambda learned: learned),
    "documented prior of movement": (
        Options(),
        lambda learned: replace(learned, motion=Motion(), correction=Correction()),
    ),
    "no correction of certainties": (Options(), lambda learned: replace(learned, correction=Correction())),
}


def priors(data: Path, seeds: int) -> None:
    """Each prior switched off in turn; with pictures, those of a simulated classifier."""
    table = published_cells(data)
    for name, sightings, tracks in (*real_archives(data), ("life, simulated", life(1000), Tracks())):
        pictured = _with_pictures(sightings, table) if name != "pigallery2" else None
        for days in (False, True):
            trials = [trial_of(sightings, Setting(0.3, days), seed, tracks=tracks) for seed in range(seeds)]
            print(f"\n{name}, 30 % of the {'days' if days else 'photos'} hidden, seeds 0 to {seeds - 1}\n")
            _print_priors(trials, None)
            if pictured is not None:
                print("\nThe same with simulated pictures:\n")
                _print_priors([replace(trial, sightings=pictured) for trial in trials], table)


def _print_priors(trials: Sequence[Trial], table: CellTable | None) -> None:
    print("| | 25 km | 200 km | median km | inside | stated |\n|---|---|---|---|---|---|")
    for name, (options, changed) in PRIORS.items():
        if name == "no sequence" and table is None:
            continue
        results: list[Hidden] = []
        for trial in trials:
            asked = replace(trial, setting=replace(trial.setting, options=options))
            results += predicted(asked, table=table, movement=changed(trial.movement))
        one = score(results, OURS)
        print(
            f"| {name} | {100 * one.accuracy[25.0]:.1f} | {100 * one.accuracy[200.0]:.1f} |"
            f" {one.median_km:.2f} | {100 * one.inside:.1f} | {100 * one.stated:.1f} |",
            flush=True,
        )


def _with_pictures(sightings: Sequence[Sighting], table: CellTable) -> list[Sighting]:
    """What a classifier of known quality would say of each photo whose place lies in one of its cells."""
    rng = np.random.default_rng(0)
    classifier = Classifier(table)
    placed = [n for n, s in enumerate(sightings) if s.clocked.latitude is not None]
    lat = np.array([sightings[n].clocked.latitude for n in placed], dtype=np.float64)
    lng = np.array([sightings[n].clocked.longitude for n in placed], dtype=np.float64)
    classes = table.classes_of(lat, lng)
    seen = np.flatnonzero(classes >= 0)
    pictured = list(sightings)
    for n, said in zip(seen, posteriors(classifier.say(rng, classes[seen]), table), strict=True):
        pictured[placed[n]] = replace(sightings[placed[n]], posterior=said)
    return pictured


def print_scores(results: Sequence[Hidden]) -> None:
    print(
        "| rule | "
        + " | ".join(f"{km:g} km" for km in THRESHOLDS_KM)
        + " | median km | answered | inside | stated |"
    )
    print("|---|" + "---|" * (len(THRESHOLDS_KM) + 4))
    rows = [(method, score(results, method)) for method in methods_of(results)]
    answered = [hidden for hidden in results if "photoprism" in hidden.said]
    if answered:
        rows.append(("fused, where photoprism answers", score(answered, OURS)))
        surest = sorted(
            (hidden for hidden in results if OURS in hidden.said),
            key=lambda hidden: (-hidden.said[OURS].confidence, hidden.said[OURS].radius_km),
        )
        rows.append(("fused, the surest as many", score(surest[: len(answered)], OURS)))
    for name, one in rows:
        shares = " | ".join(f"{100 * one.accuracy[km]:.1f}" for km in THRESHOLDS_KM)
        told = "– | –" if np.isnan(one.stated) else f"{100 * one.inside:.1f} | {100 * one.stated:.1f}"
        print(f"| {name} | {shares} | {one.median_km:.2f} | {one.answered} of {one.hidden} | {told} |")


def main() -> None:
    parts = ("archives", "people", "priors", "gain", "speed")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--photos", type=int, default=100_000)
    asked = parser.parse_args()
    if "archives" in asked.only:
        archives(asked.data, asked.seeds)
    if "people" in asked.only:
        people(asked.seeds)
    if "priors" in asked.only:
        priors(asked.data, asked.seeds)
    if "gain" in asked.only:
        gain_over_length(asked.data)
    if "speed" in asked.only:
        speed(asked.data, asked.photos)


if __name__ == "__main__":
    main()
