"""A gallery: the places that an embedder's answer is compared with, one row each.

Reads the lists that are published and the gallery.csv of a pack, and writes it. How wide a place
stands is its gap: the distance to the nearest other place nearby. Knows nothing of embeddings.
"""

import csv
import io
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable, GalleryPoints, leaf_ids
from geotagger.errors import PackError
from geotagger.geo import EARTH_RADIUS_KM, unit_vectors
from geotagger.model.cells_csv import number, shown, text_of
from geotagger.model.columns import Columns, columns_of

FloatArray = NDArray[np.float64]

HEADER = ("latitude", "longitude")
_COLUMNS = {"lat": 0, "latitude": 0, "lon": 1, "lng": 1, "long": 1, "longitude": 1}
_MOST_FAULTS = 5
_ALONG_THE_CURVE = 24
_LARGEST_GAP_KM = 1_000.0


@dataclass(frozen=True, eq=False)
class Gallery:
    """lat, lng: degrees, float64 (rows,). A place may stand in it more than once."""

    lat: FloatArray
    lng: FloatArray

    def __len__(self) -> int:
        return len(self.lat)

    @cached_property
    def duplicates(self) -> int:
        """How many rows have the place of an earlier one."""
        return len(self) - len(np.unique(np.stack([self.lat, self.lng]), axis=1).T)

    @cached_property
    def gap_km(self) -> FloatArray:
        """How far the nearest other place is, float64 (rows,), at most 1,000 km. It is looked for among the
        24 neighbours on each side along the S2 curve, so it may be too far, never too near."""
        order = np.argsort(leaf_ids(self.lat, self.lng), kind="stable")
        vectors = unit_vectors(self.lat, self.lng)[order]
        nearest = np.full(len(self), np.inf)
        for step in range(1, min(_ALONG_THE_CURVE, len(self) - 1) + 1):
            chord = np.linalg.norm(vectors[step:] - vectors[:-step], axis=1)
            chord[chord == 0] = np.inf  # the same place again is no neighbour
            nearest[step:] = np.minimum(nearest[step:], chord)
            nearest[:-step] = np.minimum(nearest[:-step], chord)
        gap = np.empty(len(self))
        gap[order] = 2 * EARTH_RADIUS_KM * np.arcsin(np.clip(nearest / 2, 0, 1))
        return np.minimum(gap, _LARGEST_GAP_KM)


def read_gallery(path: Path) -> Gallery:
    """A CSV whose header names a latitude and a longitude (`LAT,LON` and the like), in either order.
    PackError names the file, the lines and what is wrong with them."""
    text = text_of(path, "gallery of places")
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [_COLUMNS.get(name.strip().lower(), -1) for name in next(reader, [])]
    if sorted(column for column in header if column >= 0) != [0, 1]:
        raise PackError(path, f"line 1: names no latitude and longitude; write {','.join(HEADER)}")
    places: list[tuple[float, float]] = []
    faults: list[str] = []
    swapped = 0
    try:
        for row in reader:
            if not row:
                continue
            if len(row) != len(header):
                faults.append(f"line {reader.line_num}: {len(row)} fields where the header has {len(header)}")
                continue
            words = dict(zip(header, row, strict=True))
            latitude, longitude = number(words[0]), number(words[1])
            if latitude is None or longitude is None or abs(latitude) > 90 or abs(longitude) > 180:
                place = f"{shown(words[0])}, {shown(words[1])}"
                faults.append(f"line {reader.line_num}: {place} is no place on the Earth")
                swapped += latitude is not None and longitude is not None and abs(longitude) <= 90
                continue
            places.append((latitude, longitude))
    except csv.Error as error:
        raise PackError(path, f"line {reader.line_num}: {error}; fetch the gallery again") from None
    if faults:
        more = f" and {len(faults) - _MOST_FAULTS:,} more" if len(faults) > _MOST_FAULTS else ""
        hint = "; latitude and longitude seem to have changed places" if swapped == len(faults) else ""
        raise PackError(path, f"{'; '.join(faults[:_MOST_FAULTS])}{more}{hint}; nothing was written")
    if not places:
        raise PackError(path, "the gallery has a header but no places; fetch it again")
    lat, lng = np.array(places).T
    return Gallery(lat.copy(), lng.copy())


def check_columns(gallery: Gallery, path: Path) -> str:
    """What the owner should know, or "". PackError where nothing can be told apart, or where latitude and
    longitude changed places within what either may be."""
    if len(gallery) - gallery.duplicates < 2:
        raise PackError(
            path, "holds one place only, and a picture is compared with several; nothing was written"
        )
    columns = columns_of(gallery.lat, gallery.lng)
    if columns is Columns.CHANGED:
        raise PackError(
            path,
            "its places lie about towns when latitude and longitude change places, and far from them as they "
            "are; name the columns as they are; nothing was written",
        )
    if columns is Columns.DOUBTFUL:
        return (
            f"{path}: ten times as many people live about its places when latitude and longitude change "
            "places; see that the columns are named as they are"
        )
    return ""


def write_gallery(path: Path, gallery: Gallery) -> None:
    """Writes gallery.csv; floats in the shortest form that reads back as the same bits."""
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(zip(gallery.lat.tolist(), gallery.lng.tolist(), strict=True))


def with_places(cells: CellTable, gallery: Gallery, path: Path, temperature: float) -> CellTable:
    """The cells with the places they are made of; PackError, which names `path`, where one lies in none."""
    classes = cells.classes_of(gallery.lat, gallery.lng)
    if (classes < 0).any():
        row = int((classes < 0).argmax()) + 1
        raise PackError(path, f"place {row} lies in none of the pack's cells; import or pull the model again")
    places = GalleryPoints(gallery.lat, gallery.lng, gallery.gap_km, classes, temperature=temperature)
    return replace(cells, gallery=places)
