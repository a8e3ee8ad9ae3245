"""How good a model is on photos whose places are known: the field's standard table and more.

Takes a pack and a labelled set, gives a Report: the figures of `accuracy` by way of choosing the place and by
region, beside the ceilings of its cells and what was published. Knows nothing of how a model came to be.
"""

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.coordinates import is_place
from geotagger.engine.values import Outputs
from geotagger.errors import SourceError, UnreadablePhotoError, UsageError
from geotagger.estimate.picture_ratios import PictureRatios
from geotagger.geo import distance_km
from geotagger.model.manifest import Accuracy
from geotagger.model.pack import ModelPack, save_manifest
from training.accuracy import (
    THRESHOLDS_KM,
    AccuracyScore,
    FloatArray,
    ceilings,
    fit_temperature,
    published_for,
    score,
)

_FEWEST = 4
"""Photos that a temperature can be fitted to: two to fit, two to measure."""


@dataclass(frozen=True, slots=True)
class Labels:
    """A labelled set: names of images as the list has them, degrees float64 (n,)."""

    name: str
    images: tuple[str, ...]
    lat: FloatArray
    lng: FloatArray

    def __len__(self) -> int:
        return len(self.images)

    def chosen(self, rows: Sequence[int]) -> "Labels":
        return Labels(self.name, tuple(self.images[i] for i in rows), self.lat[rows], self.lng[rows])


@dataclass(frozen=True)
class AccuracyReport:
    """model: the name; test_set: of the labels; scores by way of choosing the place: "place within 25 km" is
    what `tag` would say; ceilings by "truth's own cell", "nearest class position" and, of a gallery, its
    nearest place; regions: the first score by continent; published rows for this set. certainty and
    errors_km are kept for plots; problems name images left out."""

    model: str
    test_set: str
    scores: dict[str, AccuracyScore]
    ceilings: dict[str, AccuracyScore]
    regions: dict[str, AccuracyScore]
    published: dict[str, tuple[float, ...]]
    errors_km: FloatArray
    certainty: FloatArray
    lat: FloatArray
    lng: FloatArray
    temperature: float
    nll: float
    problems: tuple[tuple[str, str], ...] = ()


def load_labels(path: Path) -> Labels:
    """A CSV with columns for image, latitude and longitude, under any of their usual names.

    Raises SourceError naming the line that cannot be a place.
    """
    from training.data.columns import columns_of

    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            columns = columns_of(rows.fieldnames or [])
            if not columns:
                raise SourceError(
                    f"{path}: needs columns image, latitude and longitude; has {rows.fieldnames}"
                )
            images, lat, lng = [], [], []
            for row in rows:
                try:
                    place = float(row[columns["latitude"]]), float(row[columns["longitude"]])
                except (TypeError, ValueError):
                    raise SourceError(
                        f"{path}: line {rows.line_num} has no place; mend or remove it"
                    ) from None
                if not is_place(*place):
                    raise SourceError(
                        f"{path}: line {rows.line_num}: {place[0]}, {place[1]} is not on the Earth"
                    )
                images.append(row[columns["address"]])
                lat.append(place[0])
                lng.append(place[1])
    except OSError as error:
        raise SourceError(f"{path}: the list of places cannot be read ({error.strerror})") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: not a CSV ({error})") from None
    if not images:
        raise SourceError(f"{path}: names no photo")
    return Labels(path.stem, tuple(images), np.array(lat), np.array(lng))


def places_of(
    answers: Outputs, table: CellTable, temperature: float, within_km: float = 25.0
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Latitude, longitude and certainty of the place `tag` would choose for each photo."""
    from geotagger.estimate import visual

    if table.gallery is not None:
        table = replace(table, gallery=replace(table.gallery, temperature=temperature))
    said = visual.posteriors(
        answers.probabilities, table, temperature, answers.points, answers.point_probabilities
    )
    gathered = visual.places_of(said, table, within_km, 1.0)
    return gathered.latitude, gathered.longitude, gathered.confidence


def ratios_of(answers: Outputs, table: CellTable) -> PictureRatios:
    return PictureRatios(answers.probabilities, table, answers.points, answers.point_probabilities)


def report_of(
    pack: ModelPack,
    labels: Labels,
    answers: Outputs,
    *,
    temperature: float | None = None,
    problems: tuple[tuple[str, str], ...] = (),
) -> AccuracyReport:
    """Every figure for what a pack's network gave for labelled photos."""
    from training.pack.regions import regions_of

    table = pack.cells
    heat = pack.temperature if temperature is None else temperature
    probabilities = answers.probabilities
    lat, lng, certainty = places_of(answers, table, heat)
    errors = np.asarray(distance_km(labels.lat, labels.lng, lat, lng))
    best = probabilities.argmax(axis=1)
    by_mean = distance_km(labels.lat, labels.lng, table.lat[best], table.lng[best])
    scores = {"place within 25 km": score(errors), "most probable cell": score(np.asarray(by_mean))}
    if table.gallery is not None and answers.points is not None and answers.point_probabilities is not None:
        first = answers.point_probabilities.argmax(axis=1)
        row = answers.points[np.arange(len(first)), first]
        away = distance_km(labels.lat, labels.lng, table.gallery.lat[row], table.gallery.lng[row])
        scores["most probable place of the gallery"] = score(np.asarray(away))
    region = np.array(regions_of(labels.lat, labels.lng))
    best_possible = ceilings(table, labels.lat, labels.lng)
    classes = table.classes_of(labels.lat, labels.lng)
    own = ratios_of(answers, table).classes(heat)[np.arange(len(classes)), classes]
    return AccuracyReport(
        pack.name,
        labels.name,
        scores,
        {name: score(km) for name, km in best_possible.items()},
        {name: score(errors[region == name]) for name in sorted(set(region.tolist()))},
        published_for(labels.name),
        errors,
        certainty,
        labels.lat,
        labels.lng,
        heat,
        float(-np.log(own[classes >= 0]).mean()) if (classes >= 0).any() else float("nan"),
        problems,
    )


def ceiling_report(table: CellTable, labels: Labels, model: str) -> AccuracyReport:
    """What can be told of a cell table without images: its oracle ceilings on a labelled set."""
    best_possible = ceilings(table, labels.lat, labels.lng)
    none = np.empty(0)
    scores = {name: score(km) for name, km in best_possible.items()}
    published = published_for(labels.name)
    return AccuracyReport(
        model, labels.name, {}, scores, {}, published, none, none, labels.lat, labels.lng, 1.0, float("nan")
    )


def evaluate_labels(
    pack: ModelPack,
    labels_path: Path,
    images: Path | None,
    *,
    device: str = "auto",
    batch_size: int | None = None,
    fit: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> AccuracyReport:
    """The report of a pack on a labelled set whose images lie under the folder `images`; without
    images, its cell table's ceilings only. `fit` finds the temperature on one half of the photos,
    reports on the other, and stores it in the pack with the accuracy.

    Raises SourceError for labels that cannot be read and when no image is found.
    """
    labels = load_labels(labels_path)
    if images is None:
        if fit:
            raise UsageError("a temperature is fitted to images: name their folder with --images")
        return ceiling_report(pack.cells, labels, pack.name)
    labelled, answers, problems = _answers(pack, labels, images, device, batch_size, progress)
    if not len(labelled):
        first = f": {problems[0][0]}: {problems[0][1]}" if problems else ""
        raise SourceError(
            f"{images}: none of the {len(labels):,} photos of {labels_path} can be read there{first}"
        )
    if not fit:
        return report_of(pack, labelled, answers, problems=problems)
    # every other photo, so that both halves come from everywhere
    half, rest = np.arange(0, len(labelled), 2), np.arange(1, len(labelled), 2)
    in_cells = int((pack.cells.classes_of(labelled.lat[half], labelled.lng[half]) >= 0).sum())
    if len(labelled) < _FEWEST or not in_cells:
        raise SourceError(
            f"{labels_path}: {len(labelled):,} photos that can be read, {in_cells:,} of one half in a cell "
            f"of {pack.name}: too few to fit a temperature; the model was left as it is"
        )
    temperature, before, after = fit_temperature(
        ratios_of(answers[::2], pack.cells), pack.cells, labelled.lat[half], labelled.lng[half]
    )
    report = report_of(
        pack, labelled.chosen(rest.tolist()), answers[1::2], temperature=temperature, problems=problems
    )
    store(pack, report, temperature, before, after, len(half))
    return report


def store(
    pack: ModelPack, report: AccuracyReport, temperature: float, before: float, after: float, fitted_on: int
) -> ModelPack:
    """The pack with a fitted temperature and its measured accuracy written into pack.toml."""
    first = next(iter(report.scores.values()))
    row = Accuracy(
        report.test_set, THRESHOLDS_KM, tuple(round(p, 2) for p in first.percent), first.photos, "measured"
    )
    others = tuple(a for a in pack.manifest.accuracy if (a.test_set, a.origin) != (row.test_set, row.origin))
    calibration = {
        "method": "temperature, least negative log-likelihood within 25 km",
        "test_set": report.test_set,
        "photos": fitted_on,
        "nll_before": round(before, 4),
        "nll_after": round(after, 4),
    }
    manifest = replace(
        pack.manifest, temperature=temperature, accuracy=(*others, row), calibration=calibration
    )
    return save_manifest(pack, manifest)


def _answers(
    pack: ModelPack,
    labels: Labels,
    images: Path,
    device: str,
    batch_size: int | None,
    progress: Callable[[int, int], None] | None,
) -> tuple[Labels, Outputs, tuple[tuple[str, str], ...]]:
    """The photos that could be read, what the network gave for them, and why others could not."""
    from concurrent.futures import ThreadPoolExecutor

    from geotagger.engine.opening import open_engine
    from geotagger.photo.pixels import read_pixels

    def pixels_of(row: int) -> NDArray[np.float32] | Exception:
        try:
            return read_pixels(_image_path(images, labels.images[row]), pack.preprocessing)
        except UnreadablePhotoError as error:
            return error

    engine = open_engine(pack, device, batch_size)
    rows: list[int] = []
    outputs: list[Outputs] = []
    problems: list[tuple[str, str]] = []
    with closing(engine), ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for some in _batches(range(len(labels)), engine.batch_size * engine.lanes * 4):
            read = list(zip(some, pool.map(pixels_of, some), strict=True))
            problems += [(labels.images[row], str(got)) for row, got in read if isinstance(got, Exception)]
            good = [(row, got) for row, got in read if not isinstance(got, Exception)]
            if good:
                rows += [row for row, _ in good]
                outputs.append(engine.run(np.stack([got for _, got in good])))
            if progress:
                progress(some[-1] + 1, len(labels))
    nothing = Outputs(np.empty((0, len(pack.cells)), np.float32), None)
    return labels.chosen(rows), Outputs.joined(outputs or [nothing]), tuple(problems)


def _image_path(folder: Path, name: str) -> Path:
    """Where a list's image is: below the folder as named, or, of lists with folders in their names,
    directly in it."""
    path = folder / name
    return path if path.exists() else folder / Path(name).name


def _batches(rows: range, size: int) -> Iterator[range]:
    return (rows[i : i + size] for i in range(0, len(rows), size))
