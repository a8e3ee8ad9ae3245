"""Which places were named in words in their photos, by `--write-names`: a column of the estimates."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from geotagger.estimate.values import RUNGS
from geotagger.index.soundness import is_place
from geotagger.index.store import Store, path_of

_AT_ONCE = 1000


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

    def nameless(self, root_ids: Sequence[int], *, only_renewed: bool = False) -> Iterator[Nameless]:
        """Of the photos of these roots that are there. `only_renewed`: those whose place took that of one
        which was named; the old names are no longer true. Reads a part at a time, so the index may be
        written meanwhile."""
        source, values = _source(root_ids, only_renewed)
        last = 0
        while True:
            part = self._of(
                f"{source} and photos.id > ? order by photos.id limit {_AT_ONCE}", (*values, last)
            )
            yield from filter(self._is_sound, part)
            if len(part) < _AT_ONCE:
                return
            last = part[-1].photo_id

    def nameless_of(
        self, root_id: int, photo_ids: Sequence[int], *, only_renewed: bool = False
    ) -> list[Nameless]:
        """Those of these photos of a root."""
        source, values = _source([root_id], only_renewed)
        return [
            one
            for photo_id in photo_ids
            for one in self._of(f"{source} and photos.id = ?", (*values, photo_id))
            if self._is_sound(one)
        ]

    def _of(self, source: str, values: Sequence[int]) -> list[Nameless]:
        rows = self._store.rows(
            "select photos.id, roots.path, photos.path, e.rung, e.latitude, e.longitude, e.radius_km"
            f"{source}",
            values,
        )
        return [
            Nameless(photo_id, os.path.join(path_of(root), path_of(below)), rung, lat, lng, radius_km or 0.0)
            for photo_id, root, below, rung, lat, lng, radius_km in rows
        ]

    def _is_sound(self, photo: Nameless) -> bool:
        """Whether its place is one: of a damaged row nothing is written."""
        if is_place(photo.latitude, photo.longitude, photo.radius_km, 1) and photo.rung in RUNGS:
            return True
        self._store.damage.pass_over(f"row {photo.photo_id} of photos, or its place, ({photo.path})")
        return False

    def count(self, root_ids: Sequence[int], *, only_renewed: bool = False) -> int:
        """How many these are."""
        source, values = _source(root_ids, only_renewed)
        return int(self._store.row(f"select count(*){source}", values)[0])

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


def _source(root_ids: Sequence[int], only_renewed: bool) -> tuple[str, tuple[int, ...]]:
    marks = ",".join("?" * len(root_ids))
    renewed = (
        " and exists (select 1 from estimates as old where old.photo_id = photos.id"
        " and old.named_by is not null and old.current = 0)"
    )
    source = (
        " from photos join roots on roots.id = photos.root_id"
        " join estimates as e on e.photo_id = photos.id and e.current = 1"
        # the plus: by the number, whatever index there is
        f" where +photos.root_id in ({marks}) and photos.missing_since is null"
        " and e.written is not null and e.named_by is null"
    )
    return source + (renewed if only_renewed else ""), tuple(root_ids)
