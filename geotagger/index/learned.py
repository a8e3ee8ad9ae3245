"""What was learned from an archive: how far it moves, how well calibrated a model is on it, its clocks."""

import json
from typing import Any

from geotagger.index.store import Store, now


class Learned:
    """JSON values by root and key. The estimate room says what they mean."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, root_id: int, key: str) -> Any:
        """The value, None when nothing was learned yet."""
        row = self._store.row("select value from learned where root_id = ? and key = ?", (root_id, key))
        return None if row is None else json.loads(row[0])

    def put(self, root_id: int, key: str, value: Any) -> None:
        self._store.execute(
            "insert into learned (root_id, key, value, updated) values (?, ?, ?, ?) "
            "on conflict (root_id, key) do update set value = excluded.value, updated = excluded.updated",
            (root_id, key, json.dumps(value), now()),
        )

    def forget(self, root_id: int, key: str) -> None:
        self._store.execute("delete from learned where root_id = ? and key = ?", (root_id, key))
