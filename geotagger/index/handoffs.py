"""What was handed over to a photo manager: which asset of which server was given which place, by which
run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from geotagger.index.soundness import is_on_earth
from geotagger.index.store import Store


@dataclass(frozen=True, slots=True)
class Handed:
    """A place, in degrees, that stands at the server as far as we know."""

    id: int
    photo_id: int
    asset: str
    latitude: float
    longitude: float


class Handoffs:
    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, run_id: int, server: str, gifts: Sequence[tuple[int, str, float, float]]) -> None:
        """(photo id, asset, latitude, longitude) of what the server has taken."""
        with self._store.batch():
            self._store.execute_many(
                "insert into handoffs (run_id, server, photo_id, asset, latitude, longitude, state)"
                " values (?, ?, ?, ?, ?, ?, 'given')",
                [(run_id, server, *gift) for gift in gifts],
            )

    def given_to(self, server: str, run_id: int | None = None) -> list[Handed]:
        """What a run gave to a server and nobody took back; without a run, what the newest such run did."""
        if run_id is None:
            (run_id,) = self._store.row(
                "select max(run_id) from handoffs where server = ? and state = 'given'", (server,)
            )
        rows = self._store.rows(
            "select id, photo_id, asset, latitude, longitude from handoffs"
            " where server = ? and run_id = ? and state = 'given' order by id",
            (server, run_id),
        )
        gifts = []
        for row in rows:
            if is_on_earth(row[3], row[4]) and isinstance(row[2], str):
                gifts.append(Handed(*row))
            else:
                self._store.damage.pass_over(f"row {row[0]} of handoffs")
        return gifts

    def taken_back(self, ids: Iterable[int]) -> None:
        with self._store.batch():
            self._store.execute_many(
                "update handoffs set state = 'taken back' where id = ?", [(number,) for number in ids]
            )
