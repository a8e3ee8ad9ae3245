"""What the network's last layer saw of each photo, kept beside the index: whatever a later run compares it
with (places that the archive knows, the owner's other photos), no picture is looked at again.

Takes rows of numbers by photo, gives them back. A row counts as long as the index remembers what the model
said when it saw that. Knows nothing of what is made of them. Memory holds 24 bytes a row."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from geotagger.estimate.values import Posterior
from geotagger.index import Index
from geotagger.index.photos import IndexedPhoto
from geotagger.tag.options import TagOptions

if TYPE_CHECKING:
    from geotagger.model.pack import ModelPack

Features = NDArray[np.float32]

_NAMES, _ROWS = "seen.names", "seen.features"


class KeptFeatures:
    """Of one model, float16 (d,) a photo, in a folder for each root. `note` is told, once, when they cannot
    be written; a run goes on without."""

    def __init__(
        self, base: Path, digest: str, width: int, note: Callable[[str], None], *, writes: bool
    ) -> None:
        self._base, self._digest, self._width = base, digest, width
        self._note, self._writes = note, writes
        self._roots: dict[int, _Rows] = {}
        self._new: dict[int, dict[int, NDArray[np.float16]]] = {}

    def of(self, photo: IndexedPhoto) -> Features | None:
        """None where nothing is kept of it, or the index remembers no answer of the model, or a later one."""
        if photo.posterior is None:
            return None
        name = _name(photo, photo.posterior)
        row = self._new.get(photo.root_id, {}).get(name)
        if row is None:
            row = self._rows(photo.root_id).get(name)
        return None if row is None else row.astype(np.float32)

    def put(self, photo: IndexedPhoto, posterior: Posterior, features: NDArray[np.floating]) -> None:
        """What the model saw as it said so. Kept from the next `flush` on."""
        if self._writes:
            self._new.setdefault(photo.root_id, {})[_name(photo, posterior)] = features.astype(np.float16)

    def flush(self) -> None:
        new, self._new = self._new, {}
        for root_id, rows in new.items():
            try:
                self._rows(root_id).append(rows)
            except OSError as error:
                self._note(f"{self._folder(root_id)}: what pictures showed cannot be kept ({error.strerror})")
                self._writes = False
            del self._roots[root_id]

    def _folder(self, root_id: int) -> Path:
        return self._base / f"{root_id}-{self._digest}"

    def _rows(self, root_id: int) -> "_Rows":
        if root_id not in self._roots:
            self._roots[root_id] = _Rows.read(self._folder(root_id), self._width)
        return self._roots[root_id]


@dataclass(frozen=True, eq=False)
class _Rows:
    """Two files that only grow: names, uint64 (n,), and rows, float16 (n, width), of which the later counts.
    What a killed run left half written at the end of either is passed over, and overwritten."""

    folder: Path
    width: int
    names: NDArray[np.uint64]
    order: NDArray[np.int64]

    @staticmethod
    def read(folder: Path, width: int) -> "_Rows":
        try:
            count = (folder / _ROWS).stat().st_size // (2 * width)
            names = np.fromfile(folder / _NAMES, dtype="<u8", count=count)
        except (OSError, ValueError):
            names = np.empty(0, np.uint64)
        order = np.argsort(names, kind="stable")
        return _Rows(folder, width, names[order], order)

    def get(self, name: int) -> NDArray[np.float16] | None:
        at = int(np.searchsorted(self.names, np.uint64(name), side="right")) - 1
        if at < 0 or int(self.names[at]) != name:
            return None
        try:
            offset = 2 * self.width * int(self.order[at])
            row = np.fromfile(self.folder / _ROWS, dtype="<f2", count=self.width, offset=offset)
        except OSError:
            return None
        return row if len(row) == self.width and np.isfinite(row).all() else None

    def append(self, rows: dict[int, NDArray[np.float16]]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        whole = len(self.names)
        # the rows first: a name without its row would be somebody else's
        for name, size, data in (
            (_ROWS, 2 * self.width, np.stack(list(rows.values())).astype("<f2").tobytes()),
            (_NAMES, 8, np.array(list(rows), dtype="<u8").tobytes()),
        ):
            path = self.folder / name
            path.touch()
            with path.open("r+b") as file:
                file.truncate(whole * size)
                file.seek(whole * size)
                file.write(data)


def kept_features(
    index: Index, options: TagOptions, pack: "ModelPack", note: Callable[[str], None]
) -> KeptFeatures | None:
    """None where nothing is compared with what the pack's network sees."""
    compares = options.reference or (pack.encoder_path is not None and "known-places" in options.kinds)
    if pack.feature_size is None or not compares:
        return None
    writes = not options.dry_run
    return KeptFeatures(index.features_folder, pack.digest, pack.feature_size, note, writes=writes)


def _name(photo: IndexedPhoto, posterior: Posterior) -> int:
    """By the photo's number and what the model said: neither a place that is written into it nor a move
    changes these. A picture that was changed, or the number in an index made anew, is another's."""
    said = posterior.classes.astype("<i4").tobytes() + posterior.probabilities.astype("<f4").tobytes()
    return xxh3_64_intdigest(said, seed=photo.id)
