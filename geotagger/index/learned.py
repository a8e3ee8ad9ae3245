"""What was learned of an archive, and what its owner told of it, for later runs: JSON values by root and key.

Their meaning is the affair of whoever keeps them; which there are, and what each may be forgotten by,
stands here.
"""

import json
import math
import os
from collections.abc import Sequence
from typing import Any

from geotagger.archive import is_along
from geotagger.estimate.corrections import joined
from geotagger.index.store import Store, now, path_of

SETTLED = "settled"
"""With what settings a folder was last done completely, by folder. To be forgotten by whatever gives the
next run something to do in an archive whose files did not change: `place`, `undo`, `forget`, a new
calibration, a clock that is forgotten."""

MOVEMENT = "movement"
"""How the archive moves, with what taught it; learned anew when that has changed."""

CALIBRATION = "calibration"
"""What `evaluate --calibrate` found; the next calibration replaces it."""

SAMPLED = "sampled"
"""What verdicts on a random sample (`review --sample`) taught; the next sample adds to it."""

CLOCKS = "clocks"
"""The owner's corrections of clocks: seconds to add, by camera."""

SIDECAR_FOLDERS = "sidecar-folders"
"""The folders that the owner ever named for sidecars of the archive: a list of absolute paths."""

READER = "reader"
"""Which reading of facts (READING of the photo room) each place of the archive was last read by."""


_MOST = 2**63


def _value(text: object) -> Any:
    """What was learned; None, as if nothing was, where the row is damaged."""
    try:
        return json.loads(text, parse_int=_whole) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError):
        return None


def _whole(digits: str) -> int:
    """ValueError for one larger than any of ours: maybe no float holds it, for whoever computes with it."""
    number = int(digits)
    if abs(number) > _MOST:
        raise ValueError(f"{digits:.20}… is out of range")
    return number


_TABLES = {
    SETTLED: str,
    MOVEMENT: object,
    CALIBRATION: object,
    SAMPLED: object,
    CLOCKS: (int, float),
    READER: int,
}
"""The keys whose values are tables, with what stands in them; the others are lists of texts."""


def _table(key: str, value: object) -> dict[str, Any] | None:
    """Without what cannot stand there: as if that had never been learned or told."""
    if not isinstance(value, dict):
        return None
    kinds: Any = _TABLES[key]
    return {
        name: one
        for name, one in value.items()
        if isinstance(one, kinds) and not (isinstance(one, float) and not math.isfinite(one))
    }


def _is_path(value: object) -> bool:
    return isinstance(value, str) and os.path.isabs(value) and "\0" not in value


class LearnedValues:
    """The values by root and key."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, root_id: int, key: str) -> Any:
        """The value, None when nothing was learned yet."""
        row = self._store.row("select value from learned where root_id = ? and key = ?", (root_id, key))
        value = None if row is None else _value(row[0])
        sound: Any = None
        if key in _TABLES:
            sound = _table(key, value)
        elif isinstance(value, list):
            sound = [f for f in value if isinstance(f, str)]
        if row is not None and (sound is None or value is None or len(sound) < len(value)):
            self._store.damage.pass_over(f"what was learned of archive {root_id} ({key})")
        return sound

    def put(self, root_id: int, key: str, value: Any) -> None:
        self._store.execute(
            "insert into learned (root_id, key, value, updated) values (?, ?, ?, ?) "
            "on conflict (root_id, key) do update set value = excluded.value, updated = excluded.updated",
            (root_id, key, json.dumps(value), now()),
        )

    def forget(self, root_id: int, key: str) -> None:
        self._store.execute("delete from learned where root_id = ? and key = ?", (root_id, key))

    def add_sidecar_folder(self, root_id: int, folder: str) -> None:
        folders = self.get(root_id, SIDECAR_FOLDERS) or []
        if folder not in folders:
            self.put(root_id, SIDECAR_FOLDERS, [*folders, folder])

    def sidecar_folders(self, place: str) -> list[str]:
        """Where sidecars of the photos at or below an absolute path may lie, besides their own folder."""
        rows = self._store.rows(
            "select roots.path, value from learned join roots on roots.id = root_id where key = ?",
            (SIDECAR_FOLDERS,),
        )
        concerned = [_value(value) for path, value in rows if is_along(path_of(path), [place])]
        lists = [folders for folders in concerned if isinstance(folders, list)]
        return list(dict.fromkeys(f for folders in lists for f in folders if _is_path(f)))

    def inherit(self, root_id: int, children: Sequence[int]) -> None:
        """A root took others over, the most important first: what was learned is that one's, what the
        owner told of any of them holds for the whole."""
        clocks: dict[str, float] = {}
        folders: list[str] = []
        for child in reversed(children):
            clocks = joined(clocks, self.get(child, CLOCKS) or {})
            folders += self.get(child, SIDECAR_FOLDERS) or []
        for child in children[1:]:
            self._store.execute("delete from learned where root_id = ?", (child,))
        for child in children[:1]:
            self._store.execute("update learned set root_id = ? where root_id = ?", (root_id, child))
        if clocks:
            self.put(root_id, CLOCKS, clocks)
        if folders:
            self.put(root_id, SIDECAR_FOLDERS, list(dict.fromkeys(folders)))
