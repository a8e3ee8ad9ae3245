"""Our estimates against two simple rules, on real archives and on archives of people who do not exist;
and what each prior is worth. What the sequence gains, and its speed: benchmarks/outings.py.

    python -m benchmarks.sequences ../shared/data [--only archives people priors] [--seeds 3]

Prints Markdown tables. Simulated classifiers (benchmarks/simulated.py), places of YFCC26k, cells of the
published model; the archives are photos/dog-signs and photos/pigallery2 with its tracks, the people
those of tests/estimate/archives.py.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks.simulated import Classifier, published_cells
from geotagger.cells import CellTable
from geotagger.estimate.certainty_correction import CertaintyCorrection
from geotagger.estimate.movement import Motion, Movement
from geotagger.estimate.outing import Options
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.visual import posteriors
from geotagger.evaluate.predictions import OURS, Hidden
from geotagger.evaluate.scores import THRESHOLDS_KM, methods_of, score
from geotagger.evaluate.sightings import read_sightings
from geotagger.evaluate.trial import Setting, Sighting, Trial, evaluate_archive, predicted, trial_of
from geotagger.tracks import load_tracks
from tests.estimate.archives import PEOPLE, life


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
        yield (
            name,
            read_sightings([str(folder)], None, print),
            Tracks(load_tracks([folder])) if tracked else Tracks(),
        )


def people(seeds: int) -> None:
    """Certainties on archives that nothing was set by; each seed is another person, and the standard
    error is over persons."""
    print(
        "\n| person | hidden | photos | median km | copy | 25 km | copy | inside | stated | stated − inside |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for name, person in PEOPLE.items():
        for days in (False, True):
            parts = [evaluate_archive(person(1000 + n), Setting(0.3, days), n) for n in range(seeds)]
            results = [one for part in parts for one in part]
            ours, copied = score(results, OURS), score(results, "nearest")
            scores = [score(part, OURS) for part in parts]
            over = 100 * np.array([one.stated - one.inside for one in scores])
            error = over.std(ddof=1) / np.sqrt(len(over)) if len(over) > 1 else np.nan
            print(
                f"| {name} | {'days' if days else 'single'} | {len(results)} | {ours.median_km:.2f} |"
                f" {copied.median_km:.2f} | {100 * ours.accuracy[25.0]:.1f} |"
                f" {100 * copied.accuracy[25.0]:.1f} | {100 * ours.inside:.1f} | {100 * ours.stated:.1f} |"
                f" {100 * (ours.stated - ours.inside):+.1f} ± {error:.1f} |",
                flush=True,
            )


PRIORS: dict[str, tuple[Options, Callable[[Movement], Movement]]] = {
    "everything": (Options(), lambda learned: learned),
    "no habits": (Options(habits=False), lambda learned: learned),
    "no time zone": (Options(time_zone=False), lambda learned: learned),
    "no sequence": (Options(sequence=False), lambda learned: learned),
    "documented prior of movement": (
        Options(),
        lambda learned: replace(learned, motion=Motion(), correction=CertaintyCorrection()),
    ),
    "no correction of certainties": (
        Options(),
        lambda learned: replace(learned, correction=CertaintyCorrection()),
    ),
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
            changed_trial = replace(trial, setting=replace(trial.setting, options=options))
            results += predicted(changed_trial, table=table, movement=changed(trial.movement))
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
        certainty = "– | –" if np.isnan(one.stated) else f"{100 * one.inside:.1f} | {100 * one.stated:.1f}"
        print(f"| {name} | {shares} | {one.median_km:.2f} | {one.answered} of {one.hidden} | {certainty} |")


def main() -> None:
    parts = ("archives", "people", "priors")
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    if "archives" in arguments.only:
        archives(arguments.data, arguments.seeds)
    if "people" in arguments.only:
        people(arguments.seeds)
    if "priors" in arguments.only:
        priors(arguments.data, arguments.seeds)


if __name__ == "__main__":
    main()
