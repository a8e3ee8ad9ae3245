"""Whether certainties hold, with one known place as with thousands: one command, one table.

python -m benchmarks.certainty ../shared/data [--only singles days few timeless] [--seeds 3] [--people 2]

With `--keep DIR` each trial's outcome stays in a folder, by the archive, the way and the seed: what was
broken off goes on there, and later seeds are pooled with those before. Empty it when the code has changed.

Archives: photos/dog-signs, photos/pigallery2 with its tracks, the ten of archives/ (pooled: each alone is
too small for a verdict) and people who do not exist (tests/estimate/archives.py). Ways of hiding: single
photos and whole days, 30 % each; single photos with their times; and all but K of 60 photos, drawn from the
whole archive (thinned) or one after the other (contiguous). Of each: what was stated and what lay inside,
the same of what `tag` would write, medians beside copying the photo nearest in time and beside PhotoPrism's
rule where that answers, the Brier score of the stated confidence and the log density of the truth. Standard
errors: bootstrap over trials, and where that gives less, as it does of one or two trials, over the days on
which photos were taken: those of a day are right or wrong together.

Priors were fitted on dog-signs, the small archives with odd numbers and people below 1000; the rows
marked * took part in that.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.archives import Archive, archives
from benchmarks.strangers import STRANGERS
from geotagger.defaults import CERTAINTY, MIN_CONFIDENCE
from geotagger.estimate.outing import Options
from geotagger.evaluate.predictions import OURS, Hidden
from geotagger.evaluate.trial import Setting, Sighting, evaluate_archive
from tests.estimate.archives import PEOPLE

FloatArray = NDArray[np.float64]

KNOWN = (1, 3, 5, 10, 30)
WINDOW = 60
LAGS = (("< 1 h", 3600.0), ("< 1 day", 86400.0), ("< 30 days", 30 * 86400.0), ("more", np.inf))
BASE_RATE = {600.0: 0.97, 3600.0: 0.98, 21600.0: 0.80, 86400.0: 0.48, np.inf: 0.32}
"""How often a photo lay within 25 km of another at such a lag, over the small archives and dog-signs: what
somebody states who knows nothing but the lag."""
BASE_KM = 25.0
LINES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9)
_RESAMPLES = 200
_LEAST_KM = 0.01
_EARTH_KM2 = 5.1e8


def all_but(
    sightings: Sequence[Sighting], shown_photos: int, contiguous: bool, seed: int
) -> tuple[list[Sighting], NDArray[np.bool_]] | None:
    """Sixty photos, and which of them are hidden; None where the archive is too small to ask."""
    rng = np.random.default_rng(1000 * seed + shown_photos)
    placed = [n for n, s in enumerate(sightings) if s.clocked.latitude is not None and s.clocked.local]
    placed.sort(key=lambda n: sightings[n].clocked.local or datetime.min)
    size = min(WINDOW, len(placed))
    if size < 2 * shown_photos or size < 8:
        return None
    if contiguous:
        start = int(rng.integers(len(placed) - size + 1))
        window = placed[start : start + size]
    else:
        window = [placed[n] for n in np.sort(rng.permutation(len(placed))[:size])]
    hidden = np.ones(size, dtype=np.bool_)
    hidden[rng.permutation(size)[:shown_photos]] = False
    return [sightings[n] for n in window], hidden


Columns = Mapping[str, FloatArray]
"""Of the answered photos of one trial, by `_values`; and how many were hidden."""


@dataclass(frozen=True)
class Row:
    """Hidden photos of one group and way, by trial."""

    trials: Sequence[Columns]

    def hidden(self) -> int:
        return sum(int(trial["hidden"].sum()) for trial in self.trials)

    def columns(self) -> dict[str, FloatArray]:
        """Of each answered photo; `trial` is the number of its trial."""
        answered = [(n, trial) for n, trial in enumerate(self.trials) if len(trial["stated"])]
        if not answered:
            return {}
        names = [name for name in answered[0][1] if name != "hidden"]
        columns = {name: np.concatenate([trial[name] for _, trial in answered]) for name in names}
        return columns | {
            "trial": np.repeat([n for n, _ in answered], [len(t["stated"]) for _, t in answered])
        }


def columns_of(results: Sequence[Hidden], days: Mapping[str, int]) -> Columns:
    """days: of each photo, by its name."""
    answered = [hidden for hidden in results if OURS in hidden.said]
    values = [_values(hidden) | {"day": days[hidden.name]} for hidden in answered]
    names = ("stated", "radius", "inside", "error", "nearest", "photoprism", "lag", "brier", "density",
             "base brier", "base density", "day")  # fmt: skip
    columns = {name: np.array([one[name] for one in values], dtype=np.float64) for name in names}
    return columns | {"hidden": np.array([len(results)], dtype=np.float64)}


def _values(hidden: Hidden) -> dict[str, float]:
    said = hidden.said[OURS]
    error = hidden.error_km(OURS)
    nearest = hidden.error_km("nearest")
    rate = next(rate for lag, rate in BASE_RATE.items() if hidden.lag_s <= lag)
    inside = float(error <= said.radius_km)
    return {
        "stated": said.confidence,
        "radius": said.radius_km,
        "inside": inside,
        "error": error,
        "nearest": nearest,
        "photoprism": hidden.error_km("photoprism"),
        "lag": hidden.lag_s,
        "brier": (said.confidence - inside) ** 2,
        "density": log_density(error, said.radius_km, said.confidence),
        "base brier": (rate - float(nearest <= BASE_KM)) ** 2,
        "base density": log_density(nearest, BASE_KM, rate),
    }


def log_density(error_km: float, radius_km: float, confidence: float) -> float:
    """Natural log, per km², of the truth under what was stated: the confidence evenly inside the radius, the
    rest outside, falling with the cube of the distance; one in a thousand anywhere on Earth."""
    radius, p = max(radius_km, _LEAST_KM), min(max(confidence, 0.0), 1.0)
    if not np.isfinite(error_km):
        return float(np.log(1e-3 / _EARTH_KM2))
    inside = p / (np.pi * radius**2)
    outside = (1 - p) * radius / (2 * np.pi * max(error_km, radius) ** 3)
    return float(np.log(0.999 * (inside if error_km <= radius else outside) + 1e-3 / _EARTH_KM2))


def gap(columns: dict[str, FloatArray], chosen: NDArray[np.bool_]) -> tuple[float, float, int]:
    """Stated minus inside in points over the chosen photos, its standard error, and how many there are."""
    over, trial = 100 * (columns["stated"] - columns["inside"])[chosen], columns["trial"][chosen].astype(int)
    if not len(over):
        return np.nan, np.nan, 0
    sums, counts = np.bincount(trial, over), np.bincount(trial)
    sums, counts = sums[counts > 0], counts[counts > 0]
    rng = np.random.default_rng(0)
    drawn = rng.integers(len(sums), size=(_RESAMPLES, len(sums)))
    means = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    _, day = np.unique(trial + 1j * columns["day"][chosen], return_inverse=True)
    by_day = float(np.sqrt(np.square(np.bincount(day, over - over.mean())).sum())) / len(over)
    return float(over.mean()), max(float(means.std()), by_day), len(over)


HEADINGS = (
    "archive", "way", "trials", "photos", "stated", "inside", "stated − inside", "written %", "stated",
    "inside",
    "stated − inside", "median km", "nearest", "where PP: ours", "PP", "Brier", "ln density",
)  # fmt: skip


def print_row(group: str, way: str, row: Row, line: float) -> None:
    c = row.columns()
    if not c:
        return
    everything = np.ones(len(c["stated"]), dtype=np.bool_)
    written = c["stated"] >= line
    over, error, _ = gap(c, everything)
    over_w, error_w, n_w = gap(c, written)
    answered = np.isfinite(c["photoprism"])
    hidden = row.hidden()
    cells = [
        group, way, str(len(row.trials)), str(hidden), _percent(c["stated"]), _percent(c["inside"]),
        f"{over:+.1f} ± {error:.1f}", f"{100 * n_w / hidden:.0f}", _percent(c["stated"][written]),
        _percent(c["inside"][written]), f"{over_w:+.1f} ± {error_w:.1f}" if n_w else "–",
        _km(c["error"]), _km(c["nearest"]), _km(c["error"][answered]), _km(c["photoprism"][answered]),
        f"{c['brier'].mean():.3f}", f"{c['density'].mean():.2f}",
    ]  # fmt: skip
    print("| " + " | ".join(cells) + " |", flush=True)


def print_few(rows: dict[tuple[str, str], Row], line: float) -> None:
    """K ≤ 5, by lag and by certainty, beside the base rate of each lag."""
    trials = [
        t for (_, way), row in rows.items() if way.split()[0] in ("K=1", "K=3", "K=5") for t in row.trials
    ]
    c = Row(trials).columns()
    if not c:
        return
    print("\nK ≤ 5, all archives\n\n| which | photos | stated | inside | stated − inside | written % |"
          " inside | Brier | of the base rate | ln density | of the base rate |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    kinds = [("all", np.ones(len(c["lag"]), dtype=np.bool_))]
    least = 0.0
    for name, most in LAGS:
        kinds.append((name, (c["lag"] >= least) & (c["lag"] < most)))
        least = most
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        kinds.append((f"stated {low:.1f}–{low + 0.2:.1f}",
                      (c["stated"] >= low) & (c["stated"] < low + 0.2 + (low == 0.8))))  # fmt: skip
    for name, chosen in kinds:
        over, error, n = gap(c, chosen)
        if not n:
            continue
        written = chosen & (c["stated"] >= line)
        print(
            f"| {name} | {n} | {_percent(c['stated'][chosen])} | {_percent(c['inside'][chosen])} |"
            f" {over:+.1f} ± {error:.1f} | {100 * written.sum() / n:.0f} | {_percent(c['inside'][written])} |"
            f" {c['brier'][chosen].mean():.3f} | {c['base brier'][chosen].mean():.3f} |"
            f" {c['density'][chosen].mean():.2f} | {c['base density'][chosen].mean():.2f} |",
            flush=True,
        )


def _percent(values: FloatArray) -> str:
    return f"{100 * values.mean():.1f}" if len(values) else "–"


def _km(values: FloatArray) -> str:
    return f"{np.median(values):.2f}" if len(values) else "–"


def print_small(rows: Mapping[tuple[str, str], Row]) -> None:
    """Single photos whose radius is small: where fixes that err are seen first."""
    print("\n| archive, singles | radius | photos | stated | inside | stated − inside |")
    print("|---|---|---|---|---|---|")
    pooled = [trial for (_, way), row in rows.items() if way == "singles" for trial in row.trials]
    singles = [(group, row) for (group, way), row in rows.items() if way == "singles"]
    for group, row in [*singles, ("all", Row(pooled))]:
        c = row.columns()
        for low, high in ((0.0, 0.05), (0.05, 0.1), (0.1, 0.3)) if c else ():
            chosen = (c["radius"] >= low) & (c["radius"] < high)
            over, error, n = gap(c, chosen)
            if n:
                said, truth = (_percent(c[name][chosen]) for name in ("stated", "inside"))
                radius = f"{1000 * low:.0f}–{1000 * high:.0f} m"
                print(
                    f"| {group} | {radius} | {n} | {said} | {truth} | {over:+.1f} ± {error:.1f} |", flush=True
                )


def print_curve(rows: Mapping[tuple[str, str], Row]) -> None:
    """How much would be written from each certainty on, and how much of that lies inside: the risk–coverage
    curve by which the default was chosen."""
    print("\n| archive | way |" + "".join(f" {line:.2f} |" for line in LINES))
    print("|---|---|" + "---|" * len(LINES))
    for (group, way), row in rows.items():
        c, cells = row.columns(), []
        for line in LINES if c else ():
            _, error, n = gap(c, c["stated"] >= line)
            inside = _percent(c["inside"][c["stated"] >= line])
            cells.append(f"{100 * n / row.hidden():.0f} %: {inside} ± {error:.1f} of {n}" if n else "–")
        print("| " + " | ".join([group, way, *cells]) + " |", flush=True)


def trials_of(
    archive: Archive, way: str, seeds: Sequence[int], keep: Path | None = None, certainty: float = CERTAINTY
) -> Iterator[Columns]:
    """Of one archive; none where it has too few photos for the way."""
    days = {s.name: s.clocked.local.toordinal() if s.clocked.local else 0 for s in archive.sightings}
    for seed in seeds:
        kept = None if keep is None else keep / f"{archive.name} {way} {seed}.npz".replace("/", "-")
        if kept is not None and kept.exists():
            with np.load(kept) as stored:
                yield dict(stored)
            continue
        results = _results(archive, way, seed, Options(certainty=certainty))
        if results is None:
            continue
        columns = columns_of(results, days)
        if kept is not None:
            np.savez(kept, **columns)  # type: ignore[arg-type]
        yield columns


def _results(archive: Archive, way: str, seed: int, options: Options) -> list[Hidden] | None:
    if way in ("singles", "days", "timeless"):
        setting = Setting(0.3, way == "days", options, timeless=way == "timeless")
        return evaluate_archive(archive.sightings, setting, seed, tracks=archive.tracks)
    question = all_but(archive.sightings, int(way.split()[0][2:]), "contiguous" in way, seed)
    return (
        None
        if question is None
        else evaluate_archive(question[0], Setting(options=options), seed, hidden=question[1])
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--only",
        nargs="+",
        choices=("singles", "days", "few", "timeless"),
        default=["singles", "days", "few", "timeless"],
    )
    parser.add_argument("--archives", nargs="+", help="only groups whose name begins so")
    parser.add_argument("--known", nargs="+", type=int, default=KNOWN)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--people", type=int, default=2, help="how many of each kind; each is another trial")
    parser.add_argument("--first-person", type=int, default=1000)
    parser.add_argument(
        "--strangers",
        nargs="?",
        choices=tuple(STRANGERS),
        const="first",
        help="people of whom nothing was known before, in place of all: which set of them",
    )
    parser.add_argument(
        "--line", type=float, default=MIN_CONFIDENCE, help="from which certainty on `tag` writes"
    )
    parser.add_argument("--certainty", type=float, default=CERTAINTY, help="what a radius is made to hold")
    parser.add_argument("--keep", type=Path, help="a folder for the outcomes of trials")
    arguments = parser.parse_args()
    if arguments.keep is not None:
        arguments.keep.mkdir(parents=True, exist_ok=True)
    ways = [way for way in ("singles", "days", "timeless") if way in arguments.only]
    if "few" in arguments.only:
        ways += [f"K={k} {how}" for k in arguments.known for how in ("thinned", "contiguous")]
    groups: dict[str, list[Archive]] = {}
    for one in archives(arguments.data, arguments.people, arguments.first_person, arguments.strangers):
        if not arguments.archives or any(one.group.startswith(start) for start in arguments.archives):
            groups.setdefault(one.group, []).append(one)
    print("| " + " | ".join(HEADINGS) + " |\n|" + "---|" * len(HEADINGS))
    rows: dict[tuple[str, str], Row] = {}
    for way in ways:
        for group, members in groups.items():
            # another person is another trial already: one seed each, unless few photos are asked for
            trials = []
            for n, member in enumerate(members):
                seeds = (
                    [n]
                    if group in {*PEOPLE, *chain(*STRANGERS.values())} and not way.startswith("K=")
                    else range(arguments.seeds)
                )
                trials += list(trials_of(member, way, seeds, arguments.keep, arguments.certainty))
            if trials:
                rows[group, way] = Row(trials)
                print_row(group, way, rows[group, way], arguments.line)
        pooled = [t for (_, other), row in rows.items() if other == way for t in row.trials]
        if pooled and len(groups) > 1:
            print_row("all", way, Row(pooled), arguments.line)
    if "few" in arguments.only:
        print_few(rows, arguments.line)
    print_small(rows)
    print_curve(rows)


if __name__ == "__main__":
    main()
