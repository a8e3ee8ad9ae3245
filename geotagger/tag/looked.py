"""What `look` saw elsewhere, taken into the index before a run looks for itself.

Takes folders of rows, gives posteriors to the index: temperature and all that follows are applied here, so
that the run goes on as if it had looked itself. A photo that no row has, or that changed since, is looked at
by the run.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from geotagger.errors import UsageError
from geotagger.look.rows import Look, about_file, model_digest, read_rows
from geotagger.tag.chunks import chunks

if TYPE_CHECKING:
    from geotagger.index import Index
    from geotagger.model.pack import ModelPack

_AT_A_TIME = 256


@dataclass
class Merged:
    """Rows: taken in; of photos that changed since, that are not here, that could not be read."""

    taken_in: int = 0
    changed: int = 0
    elsewhere: int = 0
    unreadable: int = 0

    def __str__(self) -> str:
        return (
            f"looked at before: {self.taken_in:,} photos taken in, {self.changed:,} changed since, "
            f"{self.elsewhere:,} not here, {self.unreadable:,} could not be read there"
        )


def files_of(folders: Sequence[Path], pack: "ModelPack") -> list[Path]:
    """The files of rows, each of this model; UsageError for another one, and for a folder without any."""
    digest = model_digest(pack)
    files = []
    for folder in folders:
        inside = sorted(file for file in folder.glob("*.parquet") if file.is_file())
        if not inside:
            raise UsageError(f"--looked {folder}: no file of looked-at photos lies there")
        for path in inside:
            about = about_file(path)
            if about.get("model") != digest:
                other = about.get("name", "unknown")
                raise UsageError(f"{path}: was looked at by another model ({other}), not by {pack.name}")
        files += inside
    return files


def take_in(
    index: "Index", model_id: int, pack: "ModelPack", files: Sequence[Path], bases: Sequence[str]
) -> Merged:
    """The posteriors of all photos below `bases` that are as they were when they were looked at.

    Raises SourceError for a row that cannot be: nothing of its batch is taken in."""
    from geotagger.estimate.visual import posteriors

    merged = Merged()
    for path in files:
        for rows in chunks(read_rows(path, len(pack.cells)), _AT_A_TIME):
            looks: list[tuple[int, Look]] = []
            for row in rows:
                if row.error is not None:
                    merged.unreadable += 1
                    continue
                names = [os.path.join(base, os.fsdecode(row.path)) for base in bases]
                photo = next((one for name in names if (one := index.photos.find(name))), None)
                if photo is None:
                    merged.elsewhere += 1
                elif (photo.size, photo.mtime_ns) != (row.size, row.mtime_ns):
                    merged.changed += 1
                else:
                    looks.append((photo.id, row))
            if looks:
                dense = np.stack([row.whole(len(pack.cells)) for _, row in looks])
                said = posteriors(dense, pack.cells, pack.temperature)
                index.photos.put_posteriors(
                    model_id, [(photo_id, one) for (photo_id, _), one in zip(looks, said, strict=True)]
                )
                merged.taken_in += len(looks)
    return merged
