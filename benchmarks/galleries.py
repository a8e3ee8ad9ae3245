"""What the estimate makes of GeoCLIP's answers: the real heads and gallery, simulated pictures.

    python -m benchmarks.galleries ../shared/data geoclip-1.3.0-py3-none-any.whl [--photos 500] [--keep FILE]

Prints Markdown. Places of Im2GPS3k; what a picture shows is so much of its place's embedding as the
skill says, and noise (0.18 is nearest to the published row). Of each skill: the likeliest place of the
gallery and the likeliest cell, as networks are compared, and what `tag` says, at temperature 1 and at
the one that is fitted to other photos. `--keep` keeps the gallery's embeddings.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulated import places
from benchmarks.wheel import Wheel, open_wheel
from geotagger.cells import CellTable, GalleryPoints
from geotagger.estimate.picture_ratios import PictureRatios
from geotagger.estimate.visual import places_of, posteriors
from geotagger.evaluate.trial import Sighting
from geotagger.geo import distance_km
from geotagger.model.embedders import GALLERY_CELLS
from geotagger.model.gallery import Gallery
from geotagger.partition import classes_of, partition
from training.accuracy import fit_temperature

FloatArray = NDArray[np.float64]

SKILLS = (0.18, 0.22, 0.30)
THRESHOLDS_KM = (1.0, 25.0, 200.0, 750.0, 2500.0)
POINTS = 256
_AT_ONCE = 64


@dataclass(frozen=True, eq=False)
class Answers:
    """What the pack's network says of n pictures."""

    probabilities: NDArray[np.float32]
    points: NDArray[np.int64]
    point_probabilities: NDArray[np.float32]

    def __getitem__(self, rows: slice) -> "Answers":
        return Answers(self.probabilities[rows], self.points[rows], self.point_probabilities[rows])


def own_places(sightings: Sequence[Sighting]) -> tuple[FloatArray, FloatArray]:
    """Degrees (n,); 0 where a photo knows none."""
    own = [sighting.own_place for sighting in sightings]
    lat = np.array([0.0 if place is None else place.latitude for place in own])
    return lat, np.array([0.0 if place is None else place.longitude for place in own])


def looked_at(
    sightings: Sequence[Sighting],
    features: NDArray[np.float32],
    said: Answers,
    table: CellTable,
    temperature: float,
) -> list[Sighting]:
    """The photos with what the network saw (n, d) and said of them."""
    clouds = posteriors(said.probabilities, table, temperature, said.points, said.point_probabilities)
    return [
        replace(one, posterior=cloud, features=picture)
        for one, cloud, picture in zip(sightings, clouds, features, strict=True)
    ]


def table_of(wheel: Wheel) -> CellTable:
    """The cells of a pack made of the gallery, with its places."""
    cells = partition(wheel.lat, wheel.lng, GALLERY_CELLS)
    classes = classes_of(cells, wheel.lat, wheel.lng).astype(np.int64)
    gallery = Gallery(wheel.lat, wheel.lng)
    return replace(cells, gallery=GalleryPoints(wheel.lat, wheel.lng, gallery.gap_km, classes))


def embeddings_of(wheel: Wheel, keep: Path | None) -> NDArray[np.float32]:
    if keep is not None and keep.exists():
        return np.asarray(np.load(keep), dtype=np.float32)
    made = wheel.embed(wheel.lat, wheel.lng)
    if keep is not None:
        np.save(keep, made)
    return made


def answers_to(
    features: NDArray[np.float32], embeddings: NDArray[np.float32], wheel: Wheel, table: CellTable
) -> Answers:
    """As the graph of a pack computes them."""
    assert table.gallery is not None
    owner = table.gallery.classes
    parts: list[tuple[NDArray[np.float32], ...]] = []
    for some in _parts(features):
        logits = wheel.scale * (some @ embeddings.T)
        p = np.exp(logits - logits.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        top = np.argpartition(-p, POINTS, axis=1)[:, :POINTS]
        cells = np.stack([np.bincount(owner, row, len(table)) for row in p]).astype(np.float32)
        parts.append((cells, top, np.take_along_axis(p, top, axis=1)))
    return Answers(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def ratios_of(answers: Answers, table: CellTable) -> PictureRatios:
    return PictureRatios(answers.probabilities, table, answers.points, answers.point_probabilities)


def _parts(features: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
    return (features[n : n + _AT_ONCE] for n in range(0, len(features), _AT_ONCE))


def rows_of(
    answers: Answers, table: CellTable, lat: FloatArray, lng: FloatArray, temperature: float
) -> Iterator[str]:
    """Of what is placed by each way: the shares within each distance, what lies inside, what is stated."""
    assert table.gallery is not None
    best = answers.points[np.arange(len(lat)), answers.point_probabilities.argmax(axis=1)]
    top = ratios_of(answers, table).classes(temperature).argmax(axis=1)
    if temperature == 1.0:
        yield _row("likeliest place", distance_km(lat, lng, table.gallery.lat[best], table.gallery.lng[best]))
    yield _row("likeliest cell", distance_km(lat, lng, table.lat[top], table.lng[top]))
    table = replace(table, gallery=replace(table.gallery, temperature=temperature))
    said = posteriors(answers.probabilities, table, temperature, answers.points, answers.point_probabilities)
    gathered = places_of(said, table, 25.0, 0.9)
    away = distance_km(lat, lng, gathered.latitude, gathered.longitude)
    inside = f"{100 * np.mean(away <= gathered.radius_km):.1f} | {100 * np.mean(gathered.confidence):.1f}"
    yield _row("what `tag` says", away, inside)


def _row(name: str, away: NDArray[np.floating], inside: str = "– | –") -> str:
    shares = " | ".join(f"{100 * np.mean(away <= km):.1f}" for km in THRESHOLDS_KM)
    return f"| {name} | {shares} | {inside} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--keep", type=Path)
    arguments = parser.parse_args()
    wheel = open_wheel(arguments.wheel)
    table, embeddings = table_of(wheel), embeddings_of(wheel, arguments.keep)
    lat, lng = places(arguments.data, "im2gps3k")
    chosen = np.random.default_rng(0).choice(len(lat), 2 * arguments.photos, replace=False)
    lat, lng = lat[chosen], lng[chosen]
    fitting, shown = slice(arguments.photos), slice(arguments.photos, None)
    for skill in SKILLS:
        features = wheel.seen(lat, lng, skill, seed=1)
        answers = answers_to(features, embeddings, wheel, table)
        fitted = fit_temperature(ratios_of(answers[fitting], table), table, lat[fitting], lng[fitting])[0]
        for temperature in (1.0, fitted):
            print(f"\nSkill {skill:g}, temperature {temperature:.2f}, {arguments.photos} photos\n")
            print("| way | " + " | ".join(f"{km:g} km" for km in THRESHOLDS_KM) + " | inside | stated |")
            print("|---|" + "---|" * (len(THRESHOLDS_KM) + 2))
            for row in rows_of(answers[shown], table, lat[shown], lng[shown], temperature):
                print(row, flush=True)


if __name__ == "__main__":
    main()
