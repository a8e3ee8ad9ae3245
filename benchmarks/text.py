"""What signs in the pictures say of the country, and what they add to the product's own estimates.

python -m benchmarks.text ../shared/data [--seeds 3] [--words FOLDER]

Reads each picture of dog-signs, streets-71 and the sample corpora once, by the product's own reader. The
countries are parted into two halves. What is fitted (`text.ratios.Trust`, and `text_evidence.BELIEVED`, how
much is believed of what texts add) is fitted to the photos of one half and counted on those of the other,
both ways, so no figure is of photos that were fitted to. Then places are hidden and predicted by `evaluate`,
with those factors and without, and `tag` is run on streets-71, none of whose photos knows its place.
Prints tables.

The words lie in memory until the end; with `--words` in a folder, which had better not be one that is kept.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path
from unittest.mock import patch

import numpy as np

from geotagger.api.trying import evaluate
from geotagger.defaults import MIN_CONFIDENCE
from geotagger.errors import PhotoError
from geotagger.estimate import text_evidence
from geotagger.estimate.kinds.table import BY_DEFAULT
from geotagger.estimate.text_evidence import BELIEVED, TextFactors, of_places
from geotagger.evaluate.archive import Way
from geotagger.evaluate.predictions import OURS, Hidden
from geotagger.evaluate.sightings import read_sightings
from geotagger.evaluate.trial import Sighting
from geotagger.gazetteer.borders import countries_of
from geotagger.geo import distance_km
from geotagger.tag.texts import lines_in, open_reader
from geotagger.text.countries import countries
from geotagger.text.ratios import FITTED, Trust, floored, mean_of, ratios_of
from geotagger.text.towns import world_towns
from geotagger.text.values import Line, PlaceRatios

CORPORA = ("dog-signs", "exif-samples", "pigallery2", "exifr")
TRUSTS = [Trust(temperature, half) for temperature, half in product((0.3, 0.5, 0.8), (10.0, 15.0, 20.0))]
BELIEFS = (0.35, 0.5, 0.65, 0.8, 1.0)
BINS = (0.5, 0.65, 0.8, 1.01)
WEEK_S = 7 * 86400.0
_LEAST = 1e-3


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture that was read, where it was taken (degrees), in which country, and of which half that is."""

    name: str
    corpus: str
    lines: tuple[Line, ...]
    latitude: float
    longitude: float
    country: str
    half: int = 0


Texts = Mapping[str, PlaceRatios | None]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--words", type=Path, help="where what was read is kept between runs")
    arguments = parser.parse_args()
    arguments.data = arguments.data.resolve()
    photos = in_halves(list(_read(arguments.data, arguments.words)))
    trusts = tuple(_fitted(photos, half) for half in (0, 1))
    texts = {one.name: ratios_of(one.lines, trusts[1 - one.half]) for one in photos}
    _countries(photos, texts)
    beliefs = _beliefs(arguments.data / "photos" / "dog-signs", photos, texts, arguments.seeds)
    for corpus in CORPORA:
        _places(arguments.data / "photos" / corpus, photos, texts, beliefs, arguments.seeds)
    _tagged(arguments.data)


def _read(data: Path, kept: Path | None) -> Iterator[Photo]:
    """Every picture with a place that is known."""
    places: list[tuple[str, str, float, float]] = [
        (corpus, one.name, place.latitude, place.longitude)
        for corpus in CORPORA
        for one in read_sightings([str(data / "photos" / corpus)], None, lambda _: None)
        if one.can_be_hidden and (place := one.own_place) is not None
    ]
    for name, (latitude, longitude) in _streets(data).items():
        places.append(("streets-71", name, latitude, longitude))
    codes, _ = countries_of(np.array([p[2] for p in places]), np.array([p[3] for p in places]))
    words = _words(data, [path for _, path, *_ in places], kept)
    seconds: dict[str, list[float]] = {}
    for (corpus, path, latitude, longitude), code in zip(places, codes, strict=True):
        if path in words:
            lines, took = words[path]
            seconds.setdefault(corpus, []).append(took)
            yield Photo(path, corpus, lines, latitude, longitude, code or "at sea")
    print("\n| corpus | photos read | seconds of one core a photo: median | 90 % |\n|---|---|---|---|")
    for corpus, of_corpus in seconds.items():
        middle, most = np.quantile(of_corpus, [0.5, 0.9])
        print(f"| {corpus} | {len(of_corpus)} | {middle:.2f} | {most:.2f} |")


def _streets(data: Path) -> dict[str, tuple[float, float]]:
    with (data / "reference" / "streets-71.csv").open() as file:
        return {
            str(data / "photos" / "streets-71" / row["image"]): (
                float(row["latitude"]),
                float(row["longitude"]),
            )
            for row in csv.DictReader(file)
        }


def _words(data: Path, paths: Sequence[str], kept: Path | None) -> dict[str, tuple[tuple[Line, ...], float]]:
    """What stands in each picture that can be read, and how many seconds of a core that took."""
    file = None if kept is None else kept / "words.json"
    if file is not None and file.exists():
        listed = json.loads(file.read_text(encoding="utf-8"))
        return {
            str(data / path): (tuple(Line(**line) for line in lines), took)
            for path, (lines, took) in listed.items()
        }
    reader, words = open_reader(), {}
    for path in paths:
        begun = time.process_time()
        try:
            lines = lines_in(path, reader)
        except PhotoError:
            continue
        words[path] = lines, time.process_time() - begun
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        of_folder = {
            os.path.relpath(path, data): ([asdict(line) for line in lines], took)
            for path, (lines, took) in words.items()
        }
        file.write_text(json.dumps(of_folder), encoding="utf-8")
    return words


def in_halves(photos: Sequence[Photo]) -> list[Photo]:
    """The countries from the one with most photos on go to the halves as 0 1 1 0 0 1 1 0 …: no country, and
    so hardly a language or a trip, is in both."""
    names = [one.country for one in photos]
    ranked = sorted(set(names), key=lambda country: (-names.count(country), country))
    half = {country: (n + 1) // 2 % 2 for n, country in enumerate(ranked)}
    return [replace(one, half=half[one.country]) for one in photos]


def _fitted(photos: Sequence[Photo], half: int) -> Trust:
    """Under which the true places of the photos of a half are most probable."""
    mine = [one for one in photos if one.half == half]
    gains = {trust: sum(_gain(one, ratios_of(one.lines, trust)) for one in mine) for trust in TRUSTS}
    best = max(gains, key=lambda trust: gains[trust])
    names = sorted({one.country for one in mine})
    print(f"\nhalf {half}: {len(mine)} photos of {', '.join(names)}")
    print(f"  fitted: {best}, {gains[best]:.1f} nats; the product's {FITTED}: {gains[FITTED]:.1f}")
    return best


def _gain(one: Photo, text: PlaceRatios | None) -> float:
    """By how much the logarithm of the probability of its true place grows."""
    if text is None:
        return 0.0
    here = float(of_places(text, np.array([one.latitude]), np.array([one.longitude]))[0])
    return float(np.log(floored(np.array(here / mean_of(text)))))


def _countries(photos: Sequence[Photo], texts: Texts) -> None:
    """Right, wrong and silent by the text alone, and how true what it states is."""
    world, table = world_towns(), countries()
    usual = table.photos[world.country] * world.share
    nation = np.array([code.split(".")[0] for code in table.codes])[world.country]
    names, of_town = np.unique(nation, return_inverse=True)
    stated: list[tuple[str, float, bool, float]] = []
    for one in photos:
        text = texts[one.name]
        if text is None:
            continue
        factors = TextFactors.of(text, 1.0)
        share = np.bincount(of_town, usual * factors.at_towns(), len(names))
        share = share / share.sum()
        leading = int(share.argmax())
        here = factors.at(np.array([one.latitude]), np.array([one.longitude]))[0]
        is_right = bool(names[leading] == one.country)
        stated.append((one.corpus, float(share[leading]), is_right, float(np.log(here))))
    print("\n| the country by the text alone | photos | with evidence | nats to the place | worst |", end="")
    print(" p ≥ 0.5: right | wrong | silent | p ≥ 0.8: right | wrong |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for corpus in (*CORPORA, "streets-71"):
        mine = [one for one in stated if one[0] == corpus]
        total = sum(one.corpus == corpus for one in photos)
        nats = np.array([s[3] for s in mine])
        half, most = [s for s in mine if s[1] >= 0.5], [s for s in mine if s[1] >= 0.8]
        right, sure = sum(s[2] for s in half), sum(s[2] for s in most)
        gained = f"{nats.mean():.2f} | {nats.min():.2f}" if len(nats) else " | "
        print(f"| {corpus} | {total} | {len(mine)} | {gained} | {right} | {len(half) - right} |", end="")
        print(f" {total - len(half)} | {sure} | {len(most) - sure} |")
    print("\n| stated for the leading country, all corpora | photos | stated | right |\n|---|---|---|---|")
    for low, high in zip((0.0, *BINS[:-1]), BINS, strict=True):
        part = [s for s in stated if low <= s[1] < high]
        if part:
            mean, right_share = np.mean([s[1] for s in part]), np.mean([s[2] for s in part])
            print(f"| {low} to {min(high, 1):.2f} | {len(part)} | {mean:.0%} | {right_share:.0%} |")


def _hidden(
    folder: Path, share: float, way: Way, seeds: int, texts: Texts | None, believed: float = BELIEVED
) -> list[Hidden]:
    """What `evaluate` says of the hidden photos, with these texts or without any."""

    def known(sightings: Sequence[Sighting]) -> list[Sighting]:
        assert texts is not None
        return [replace(one, text=texts.get(one.name)) for one in sightings]

    kinds = BY_DEFAULT if texts is None else (*BY_DEFAULT, "text")
    with (
        patch("geotagger.evaluate.archive.with_texts", known),
        patch.object(text_evidence, "BELIEVED", believed),
        tempfile.TemporaryDirectory() as empty,
    ):
        (evaluation,) = evaluate(
            str(folder),
            share=share,
            seeds=range(seeds),
            ways=[way],
            kinds=kinds,
            model="none",
            index=Path(empty) / "index.db",
        )
    return list(evaluation.hidden)


SETTINGS: tuple[tuple[str, float, Way, Callable[[Hidden], bool]], ...] = (
    ("single photos, 30 %", 0.3, "single", lambda _: True),
    ("whole days, 30 %", 0.3, "days", lambda _: True),
    ("whole days, 70 %: more than a week from any fix", 0.7, "days", lambda one: one.lag_s > WEEK_S),
)


def _beliefs(folder: Path, photos: Sequence[Photo], texts: Texts, seeds: int) -> tuple[float, float]:
    """The share of what texts add under which what is stated of whole days is most probable, by half."""
    half_of = {one.name: one.half for one in photos}
    gains: dict[float, tuple[float, float]] = {}
    print(
        "\n| believed | half | hidden photos of days | log score | stated ≥ 0.8: photos | inside | stated |"
    )
    print("|---|---|---|---|---|---|---|")
    for believed in BELIEFS:
        hidden = [
            one
            for _, share, way, _ in SETTINGS
            if way == "days"
            for one in _hidden(folder, share, way, seeds, texts, believed)
        ]
        of_halves = []
        for half in (0, 1):
            stated, inside = _stated([one for one in hidden if half_of[one.name] == half])
            sure = stated >= MIN_CONFIDENCE
            of_halves.append(float(np.mean(np.log(np.where(inside, stated, 1 - stated).clip(_LEAST)))))
            shares = f"{inside[sure].mean():.1%} | {stated[sure].mean():.1%}" if sure.any() else " | "
            print(f"| {believed} | {half} | {len(stated)} | {of_halves[-1]:.4f} | {sure.sum()} | {shares} |")
        gains[believed] = (of_halves[0], of_halves[1])
    best = tuple(max(gains, key=lambda believed: gains[believed][half]) for half in (0, 1))
    print(f"\nbelieved, fitted on half 0: {best[0]}, on half 1: {best[1]}; the product has {BELIEVED}")
    return best[0], best[1]


def _places(
    folder: Path, photos: Sequence[Photo], texts: Texts, beliefs: tuple[float, float], seeds: int
) -> None:
    """Some places of an archive hidden; what is said of a photo is said as the other half taught."""
    half_of = {one.name: one.half for one in photos}
    as_it_is = {one.name: ratios_of(one.lines) for one in photos}
    print(f"\n| {folder.name} | photos hidden | | within 1 km | 25 km | 200 km | median | inside |", end="")
    print(" stated | stated ≥ 0.8: photos | inside | stated |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    for words, share, way, is_counted in SETTINGS:
        taught = {believed: _hidden(folder, share, way, seeds, texts, believed) for believed in set(beliefs)}
        fitted_apart = [
            one
            for believed, hidden in taught.items()
            for one in hidden
            if believed == beliefs[1 - half_of[one.name]]
        ]
        for kind, hidden in (
            ("without text", _hidden(folder, share, way, seeds, None)),
            ("with text, fitted on the other half", fitted_apart),
            ("with text, as the product has it", _hidden(folder, share, way, seeds, as_it_is)),
        ):
            counted = [one for one in hidden if is_counted(one)]
            if counted:
                print(f"| {words} | {len(counted)} | {kind} | {_row(counted)} |")
        alone = [one for one in fitted_apart if "text" in one.said]
        if alone and way == "single":
            print(f"| {words}, those with evidence | {len(alone)} | the text alone | {_row(alone, 'text')} |")


def _stated(hidden: Sequence[Hidden], method: str = OURS) -> tuple[np.ndarray, np.ndarray]:
    """What was stated of each photo of which something was said, and whether it lay inside."""
    said = [(one.said[method], one.error_km(method)) for one in hidden if method in one.said]
    stated = np.array([prediction.confidence for prediction, _ in said])
    return stated, np.array([error <= prediction.radius_km for prediction, error in said], dtype=np.bool_)


def _row(hidden: Sequence[Hidden], method: str = OURS) -> str:
    errors = np.array([one.error_km(method) for one in hidden])
    stated, inside = _stated(hidden, method)
    near = " | ".join(f"{np.mean(errors <= km):.1%}" for km in (1, 25, 200))
    sure = stated >= MIN_CONFIDENCE
    shares = f"{inside.mean():.1%} | {stated.mean():.1%}" if len(stated) else " | "
    of_sure = f"{inside[sure].mean():.1%} | {stated[sure].mean():.1%}" if sure.any() else " | "
    return f"{near} | {np.median(errors):.1f} km | {shares} | {sure.sum()} | {of_sure}"


def _tagged(data: Path) -> None:
    """The command `tag` on photos of which nothing is known, with text and without."""
    truth = _streets(data)
    print(
        "\n| `tag` streets-71 | seconds a photo | placed | within 25 km | 200 km | inside | stated |", end=""
    )
    print(" at the default certainty |\n|---|---|---|---|---|---|---|---|")
    for kind, words in (("without text", ()), ("with text", ("--with", "text"))):
        with tempfile.TemporaryDirectory() as home:
            command = [sys.executable, "-m", "geotagger", "tag", str(data / "photos" / "streets-71")]
            command += ["--model", "none", "--write", "none", "--json", "--index", f"{home}/index.db", *words]
            begun = time.monotonic()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            took = (time.monotonic() - begun) / len(truth)
        placed = [
            (float(distance_km(one["latitude"], one["longitude"], *truth[one["path"]])), one)
            for one in map(json.loads, done.stdout.splitlines())
            if one.get("path") in truth and one["latitude"] is not None
        ]
        near = " | ".join(str(sum(error <= km for error, _ in placed)) for km in (25, 200))
        inside = sum(error <= one["radius_km"] for error, one in placed)
        stated = float(np.sum([one["confidence"] for _, one in placed]))
        written = sum(one["confidence"] >= MIN_CONFIDENCE for _, one in placed)
        print(f"| {kind} | {took:.2f} | {len(placed)} | {near} | {inside} | {stated:.1f} | {written} |")


if __name__ == "__main__":
    main()
