"""What the texts of photos say of places: only factors, so that no picture is read twice, and never a word.

A photo in which nothing was read that tells is remembered as well.
"""

from collections.abc import Iterable, Sequence

from geotagger.index.path_conditions import at_or_below
from geotagger.index.store import Store
from geotagger.text.values import PlaceRatios

_AT_ONCE = 500


class Texts:
    def __init__(self, store: Store) -> None:
        self._store = store

    def is_read(self, photo_id: int, reader: str) -> bool:
        """Whether this reader has read the photo as it is now."""
        row = self._store.row("select 1 from texts where photo_id = ? and reader = ?", (photo_id, reader))
        return row is not None

    def of(self, photo_ids: Sequence[int], reader: str) -> dict[int, PlaceRatios]:
        """By photo, of those whose text tells something. A damaged row counts as not there."""
        ratios_of_photos: dict[int, PlaceRatios] = {}
        for first in range(0, len(photo_ids), _AT_ONCE):
            part = list(photo_ids[first : first + _AT_ONCE])
            marks = ",".join("?" * len(part))
            rows = self._store.rows(
                f"select photo_id, ratios from texts where reader = ? and ratios is not null"
                f" and photo_id in ({marks})",
                (reader, *part),
            )
            for photo_id, ratios in rows:
                try:
                    ratios_of_photos[photo_id] = PlaceRatios.from_json(ratios)
                except ValueError:
                    self._store.damage.pass_over(f"what was read in photo {photo_id} (texts)")
        return ratios_of_photos

    def forget(self, places: Sequence[str]) -> None:
        """What was read in the photos at or below these absolute paths."""
        below, values = at_or_below(places)
        self._store.execute(
            "delete from texts where photo_id in (select photos.id from photos"
            f" join roots on roots.id = photos.root_id where {below})",
            values,
        )

    def put(self, reader: str, texts: Iterable[tuple[int, PlaceRatios | None]]) -> None:
        with self._store.batch():
            self._store.execute_many(
                "insert or replace into texts (photo_id, reader, ratios) values (?, ?, ?)",
                (
                    (number, reader, None if place_ratios is None else place_ratios.to_json())
                    for number, place_ratios in texts
                ),
            )
