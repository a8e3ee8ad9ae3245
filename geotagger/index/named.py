"""Which places were named in words in their photos, by `--write-names`: a column of the estimates."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from geotagger.index.store import Store, path_of


@dataclass(frozen=True, slots=True)
class Nameless:
    """A photo whose place stands in it or beside it, in degrees, and was not named yet."""

    photo_id: int
    path: str
    rung: str
    latitude: float
    longitude: float
    radius_km: float


class Named:
    def __init__(self, store: Store) -> None:
        self._store = store

    def nameless(self, root_ids: Sequence[int], *, only_renewed: bool = False) -> list[Nameless]:
        """Of the photos of these roots that are there. `only_renewed`: those whose place took that of one
        which was named; the old names are no longer true."""
        marks = ",".join("?" * len(root_ids))
        renewed = (
            " and exists (select 1 from estimates as old where old.photo_id = photos.id"
            " and old.named_by is not null and old.current = 0)"
        )
        rows = self._store.rows(
            "select photos.id, roots.path, photos.path, e.rung, e.latitude, e.longitude, e.radius_km"
            " from photos join roots on roots.id = photos.root_id"
            " join estimates as e on e.photo_id = photos.id and e.current = 1"
            f" where photos.root_id in ({marks}) and photos.missing_since is null"
            f" and e.written is not null and e.named_by is null"
            f"{renewed if only_renewed else ''} order by photos.id",
            tuple(root_ids),
        )
        return [
            Nameless(photo_id, os.path.join(path_of(root), path_of(below)), rung, lat, lng, radius_km or 0.0)
            for photo_id, root, below, rung, lat, lng, radius_km in rows
        ]

    def any(self) -> bool:
        """Whether any place was ever named."""
        return bool(self._store.rows("select 1 from estimates where named_by is not null limit 1"))

    def remember(self, run_id: int, photo_ids: Iterable[int]) -> None:
        """The run named the places of these photos, or found them named, or nothing to name them by."""
        with self._store.batch():
            self._store.execute_many(
                "update estimates set named_by = ? where photo_id = ? and current = 1",
                [(run_id, photo_id) for photo_id in photo_ids],
            )

    def undone(self, run_id: int, photo_ids: Iterable[int]) -> None:
        """The names that the run wrote into these photos are out of them again."""
        with self._store.batch():
            self._store.execute_many(
                "update estimates set named_by = null where named_by = ? and photo_id = ?",
                [(run_id, photo_id) for photo_id in photo_ids],
            )
