"""What signs in the pictures say of the country, and what they add to the product's own estimates.

python -m benchmarks.text ../shared/data [--seeds 3]

Reads each picture of dog-signs, streets-71 and the sample corpora once, by the product's own reader. The
scorer's fitted constants (`text.ratios.Trust`) are fitted to the photos of all countries but one, and counted
on the photos of that one, country after country, so no figure is of photos that were fitted to. Then places
of dog-signs are hidden and estimated by the functions of `evaluate`, with those same factors and without.
Prints tables.
"""

import argparse
import csv
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from geotagger.errors import PhotoError
from geotagger.estimate.outing import Options
from geotagger.estimate.text_evidence import TextFactors, learned_exponent, of_places
from geotagger.evaluate.predictions import OURS, Hidden
from geotagger.evaluate.sightings import in_order, read_sightings
from geotagger.evaluate.trial import Setting, Sighting, evaluate_archive
from geotagger.gazetteer.borders import countries_of
from geotagger.tag.texts import lines_in, open_reader
from geotagger.text.countries import countries
from geotagger.text.ratios import FITTED, Trust, floored, mean_of, ratios_of
from geotagger.text.towns import world_towns
from geotagger.text.values import Line, PlaceRatios

CORPORA = ("dog-signs", "exif-samples", "pigallery2", "exifr")
TRUSTS = [Trust(temperature, half) for temperature, half in product((0.3, 0.5, 0.8), (3.0, 6.0, 12.0))]
BINS = (0.5, 0.65, 0.8, 1.01)
WEEK_S = 7 * 86400.0


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture that was read, where it was taken (degrees) and in which country."""

    name: str
    corpus: str
    lines: tuple[Line, ...]
    latitude: float
    longitude: float
    country: str


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    sightings = {
        name: read_sightings([str(arguments.data / "photos" / name)], None, print) for name in CORPORA
    }
    photos = list(_read(arguments.data, sightings))
    ratios = {trust: {one.name: ratios_of(one.lines, trust) for one in photos} for trust in [*TRUSTS, FITTED]}
    gains = {
        trust: {
            one.name: _gain(one, answer) for one in photos if (answer := ratios[trust][one.name]) is not None
        }
        for trust in TRUSTS
    }
    folds = sorted({one.country for one in photos})
    trusts = {fold: fitted([one for one in photos if one.country != fold], gains) for fold in folds}
    print("\nfitted without the photos of a country: the folds that came to it")
    for trust, count in Counter(trusts.values()).most_common():
        print(f"  {trust}: {count} of {len(folds)}")
    print(f"  all photos: {fitted(photos, gains)}; the product has {FITTED}")
    texts = {
        one.name: factors for one in photos if (factors := ratios[trusts[one.country]][one.name]) is not None
    }
    _countries(photos, texts)
    _places(sightings["dog-signs"], texts, arguments.seeds)


def _read(data: Path, sightings: Mapping[str, Sequence[Sighting]]) -> Iterator[Photo]:
    """Every picture with a place that is known."""
    reader = open_reader()
    places: list[tuple[str, str, float, float]] = [
        (corpus, one.name, place.latitude, place.longitude)
        for corpus in CORPORA
        for one in sightings[corpus]
        if one.can_be_hidden and (place := one.own_place) is not None
    ]
    with (data / "reference" / "streets-71.csv").open() as file:
        for row in csv.DictReader(file):
            path = str(data / "photos" / "streets-71" / row["image"])
            places.append(("streets-71", path, float(row["latitude"]), float(row["longitude"])))
    codes, _ = countries_of(np.array([p[2] for p in places]), np.array([p[3] for p in places]))
    seconds: dict[str, list[float]] = {}
    for (corpus, path, latitude, longitude), code in zip(places, codes, strict=True):
        begun = time.process_time()
        try:
            lines = lines_in(path, reader)
        except PhotoError:
            continue
        seconds.setdefault(corpus, []).append(time.process_time() - begun)
        yield Photo(path, corpus, lines, latitude, longitude, code or "at sea")
    print("\n| corpus | photos read | seconds of one core a photo: median | 90 % |\n|---|---|---|---|")
    for corpus, took in seconds.items():
        middle, most = np.quantile(took, [0.5, 0.9])
        print(f"| {corpus} | {len(took)} | {middle:.2f} | {most:.2f} |")


def fitted(photos: Sequence[Photo], gains: Mapping[Trust, Mapping[str, float]]) -> Trust:
    """Under which the true places are most probable."""
    return max(TRUSTS, key=lambda trust: sum(gains[trust].get(one.name, 0.0) for one in photos))


def _gain(one: Photo, text: PlaceRatios) -> float:
    """By how much the logarithm of the probability of its true place grows."""
    here = float(of_places(text, np.array([one.latitude]), np.array([one.longitude]))[0])
    return float(np.log(floored(np.array(here / mean_of(text)))))


def _countries(photos: Sequence[Photo], texts: Mapping[str, PlaceRatios]) -> None:
    """Right, wrong and silent by the text alone, and how true what it states is."""
    world, table = world_towns(), countries()
    usual = table.photos[world.country] * world.share
    nation = np.array([code.split(".")[0] for code in table.codes])[world.country]
    names, of_town = np.unique(nation, return_inverse=True)
    stated: list[tuple[str, float, bool, float]] = []
    for one in photos:
        if one.name not in texts:
            continue
        factors = TextFactors.of(texts[one.name], 1.0)
        share = np.bincount(of_town, usual * factors.at_towns(), len(names))
        share = share / share.sum()
        leading = int(share.argmax())
        here = factors.at(np.array([one.latitude]), np.array([one.longitude]))[0]
        is_right = bool(names[leading] == one.country)
        stated.append((one.corpus, float(share[leading]), is_right, float(np.log(here))))
    print("\n| the country by the text alone | photos | with evidence | nats to the place | worst |", end="")
    print(" p ≥ 0.5: right | wrong | silent | p ≥ 0.8: right | wrong |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for corpus in ("dog-signs", "streets-71", "others"):
        of_these = {corpus} if corpus != "others" else set(CORPORA[1:])
        mine = [one for one in stated if one[0] in of_these]
        total = sum(one.corpus in of_these for one in photos)
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


def _places(sightings: Sequence[Sighting], texts: Mapping[str, PlaceRatios], seeds: int) -> None:
    """dog-signs with some places hidden, by what `evaluate` does, with text and without."""
    archive = in_order([replace(one, text=texts.get(one.name)) for one in sightings], {})
    lessons = [
        (one.text, place.latitude, place.longitude)
        for one in archive
        if one.text is not None and (place := one.own_place) is not None
    ]
    print(f"\nthe archive's own exponent, from all of its photos: {learned_exponent(lessons):.2f}")
    print(
        "\n| dog-signs | photos hidden | | within 1 km | 25 km | 200 km | median | inside | stated |", end=""
    )
    print(" stated ≥ 0.8: photos | inside | stated |\n|---|---|---|---|---|---|---|---|---|---|---|---|")
    for words, share, whole_days, is_counted in (
        ("single photos, 30 %", 0.3, False, lambda _: True),
        ("whole days, 30 %", 0.3, True, lambda _: True),
        ("more than a week from any fix, of whole days, 70 %", 0.7, True, lambda one: one.lag_s > WEEK_S),
    ):
        for kind, kinds in (("without", Setting().kinds), ("with text", (*Setting().kinds, "text"))):
            setting = Setting(share, whole_days, Options(), kinds=kinds)
            hidden = [
                one
                for seed in range(seeds)
                for one in evaluate_archive(archive, setting, seed)
                if is_counted(one)
            ]
            print(f"| {words} | {len(hidden)} | {kind} | {_row(hidden)} |")


def _row(hidden: Sequence[Hidden]) -> str:
    errors = np.array([one.error_km(OURS) for one in hidden])
    said = [(one.said[OURS], one.error_km(OURS)) for one in hidden if OURS in one.said]
    stated = np.array([s.confidence for s, _ in said])
    inside = np.array([error <= s.radius_km for s, error in said])
    near = " | ".join(f"{np.mean(errors <= km):.1%}" for km in (1, 25, 200))
    sure = stated >= 0.8
    shares = f"{inside.mean():.1%} | {stated.mean():.1%}"
    of_sure = f"{inside[sure].mean():.1%} | {stated[sure].mean():.1%}" if sure.any() else " | "
    return f"{near} | {np.median(errors):.1f} km | {shares} | {sure.sum()} | {of_sure}"


if __name__ == "__main__":
    main()
