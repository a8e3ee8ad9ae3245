"""What `look` saw elsewhere, taken into the index before a run looks for itself.

Takes folders of rows, gives posteriors to the index: temperature and all that follows are applied here, so
that the run goes on as if it had looked itself. A photo that no row has, or that changed since, is looked at
by the run.
"""

import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from geotagger.errors import UsageError
from geotagger.look.rows import Look, Shape, about_file, model_digest, read_rows
from geotagger.tag.chunks import chunks

if TYPE_CHECKING:
    from geotagger.index import Index
    from geotagger.index.photos import IndexedPhoto
    from geotagger.model.pack import ModelPack
    from geotagger.tag.kept_features import KeptFeatures

_AT_A_TIME = 256


class LookedFeatures:
    """Features out of rows by the photo's number in the index, in a file without a name that goes with the
    run: memory holds 4 bytes a photo."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._file: IO[bytes] = TemporaryFile()  # noqa: SIM115 (closed with the run)
        self._places = array("i")
        self._count = 0

    def __contains__(self, photo_id: int) -> bool:
        return photo_id < len(self._places) and self._places[photo_id] >= 0

    def put(self, photo_id: int, features: "NDArray[np.float16]") -> None:
        if photo_id >= len(self._places):
            self._places.extend([-1] * (photo_id + 1 - len(self._places)))
        self._file.write(features.astype("<f2").tobytes())
        self._places[photo_id] = self._count
        self._count += 1

    def __getitem__(self, photo_id: int) -> "NDArray[np.float32]":
        if photo_id not in self:
            raise KeyError(photo_id)
        self._file.flush()
        data = os.pread(self._file.fileno(), 2 * self._size, 2 * self._size * self._places[photo_id])
        return np.frombuffer(data, "<f2").astype(np.float32)


@dataclass
class Merged:
    """Rows: taken in; of photos that changed since, that are not here, that could not be read, that another
    file has, too. `features`: where they were asked for."""

    features: LookedFeatures | None = None
    taken_in: int = 0
    changed: int = 0
    elsewhere: int = 0
    unreadable: int = 0
    twice: int = 0
    ids: bytearray = field(default_factory=bytearray, repr=False)

    def __str__(self) -> str:
        return (
            f"looked at before: {self.taken_in:,} photos taken in, {self.changed:,} changed since, "
            f"{self.elsewhere:,} not here, {self.unreadable:,} could not be read there"
        ) + (f"; {self.twice:,} stand there twice" if self.twice else "")

    def is_new(self, photo_id: int) -> bool:
        """Whether no other row was about this photo; from now on one is."""
        if photo_id >= len(self.ids):
            self.ids.extend(bytes(photo_id + 1 - len(self.ids)))
        is_new = not self.ids[photo_id]
        self.ids[photo_id] = 1
        return is_new


def files_of(folders: Sequence[Path], pack: "ModelPack") -> list[Path]:
    """The files of rows, each of this model, those with features first: of a photo the first row counts.
    UsageError for another model, and for a folder without any."""
    digest = model_digest(pack)
    files: list[tuple[bool, Path]] = []
    for folder in folders:
        inside = sorted(file for file in folder.glob("*.parquet") if os.path.isfile(file))
        if not inside:
            raise UsageError(f"--looked {folder}: no file of looked-at photos lies there")
        for path in inside:
            about = about_file(path)
            if about.get("model") != digest:
                other = about.get("name", "unknown")
                raise UsageError(f"{path}: was looked at by another model ({other}), not by {pack.name}")
            files.append((about.get("features") != "yes", path))
    return [path for _, path in sorted(files, key=lambda file: file[0])]


def take_in(
    index: "Index",
    model_id: int,
    pack: "ModelPack",
    files: Sequence[Path],
    bases: Sequence[str],
    *,
    features: bool,
    kept: "KeptFeatures | None" = None,
) -> Merged:
    """The posteriors of all photos below `bases` that are as they were when they were looked at, and their
    features where these are wanted: for this run, and in `kept` for later ones.

    Raises SourceError for a row that cannot be: nothing of its batch is taken in."""
    from geotagger.estimate.atoms import frequency
    from geotagger.estimate.visual import posteriors

    shape, prior = Shape.of(pack), frequency(pack.cells)
    merged = Merged(LookedFeatures(shape.features) if features and shape.features else None)
    for path in files:
        for rows in chunks(read_rows(path, shape), _AT_A_TIME):
            looks = [(photo, row) for row in rows if (photo := _photo_of(index, row, bases, merged))]
            if not looks:
                continue
            dense = np.stack([row.whole(prior) for _, row in looks])
            points = _even([row.points for _, row in looks], -1)
            shares = _even([row.point_probabilities for _, row in looks], 0)
            said = posteriors(dense, pack.cells, pack.temperature, points, shares)
            if kept is not None:
                for (photo, row), posterior in zip(looks, said, strict=True):
                    if row.features is not None:
                        kept.put(photo, posterior, row.features)
                kept.flush()
            index.photos.put_posteriors(
                model_id, [(photo.id, posterior) for (photo, _), posterior in zip(looks, said, strict=True)]
            )
            merged.taken_in += len(looks)
    return merged


def _photo_of(index: "Index", row: Look, bases: Sequence[str], merged: Merged) -> "IndexedPhoto | None":
    """The photo below one of `bases` that the row is of and new to `merged`, where why there is none is
    counted. What was seen of it for the second time still tells its features."""
    if row.error is not None:
        merged.unreadable += 1
        return None
    names = [os.path.join(base, os.fsdecode(row.path)) for base in bases]
    photo = next((one for name in names if (one := index.photos.find(name))), None)
    if photo is None:
        merged.elsewhere += 1
        return None
    if (photo.size, photo.mtime_ns) != (row.size, row.mtime_ns):
        merged.changed += 1
        return None
    if merged.features is not None and row.features is not None:
        merged.features.put(photo.id, row.features)
    if merged.is_new(photo.id):
        return photo
    merged.twice += 1
    return None


def _even(rows: "Sequence[NDArray[Any]]", lacking: int) -> "NDArray[Any]":
    """(n, k) of rows of different lengths."""
    table = np.full((len(rows), max(map(len, rows))), lacking, rows[0].dtype)
    for n, row in enumerate(rows):
        table[n, : len(row)] = row
    return table
