"""What a reader gives, gathered in little room: a location history has millions of points.

Takes points, stays and marks, gives tracks: one for each device, and one for the marks.
"""

from array import array
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import numpy as np

from geotagger.tracks.values import BoolArray, FloatArray, Mark, Piece, Stay, Track, clean_track

_MOST = 20_000_000
"""640 MB of numbers."""
_UNSET_DAYS = ((1970, 1, 1, 2), (1980, 1, 1, 7), (1999, 8, 22, 1))
"""Where clocks begin that nobody set, and for how many days: POSIX's, FAT's with GPS's, and GPS's after its
first rollover (IS-GPS-200, 20.3.3.5.2.4: ten bits count the weeks from 1980-01-06)."""


class Pieces:
    """Rows of (utc, latitude, longitude, error in km) by device, stays by device, rows of marks."""

    def __init__(self) -> None:
        self._rows: dict[int, array[float]] = {}
        self._stays: dict[int, list[Stay]] = {}
        self._marks = array("d")
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, pieces: Iterable[Piece]) -> None:
        """Raises ValueError where there are more than a machine should hold."""
        for piece in pieces:
            if isinstance(piece, Stay):
                self._stays.setdefault(piece.device, []).append(piece)
            elif isinstance(piece, Mark):
                self._marks.extend(piece)
            else:
                self._rows.setdefault(piece.device, array("d")).extend(piece[:4])
            self._count += 1
            if self._count >= _MOST:
                raise ValueError(f"more than {_MOST:,} points")

    def shift(self, seconds: float) -> None:
        """Sets the clock of the device right."""
        if not seconds:
            return
        for rows in (*self._rows.values(), self._marks):
            _table(rows)[:, 0] += seconds
        for stays in self._stays.values():
            stays[:] = [stay._replace(utc=stay.utc + seconds, until=stay.until + seconds) for stay in stays]

    def drop_unset(self) -> str:
        """Leaves out what is dated as only clocks date that nobody set, or is still to come. What that was,
        in words, "" where there was nothing."""
        dropped: list[float] = []
        for device, rows in self._rows.items():
            self._rows[device] = _without_unset(rows, dropped)
        self._marks = _without_unset(self._marks, dropped)
        for stays in self._stays.values():
            begun = _is_unset(np.array([stay.utc for stay in stays]))
            dropped += [stay.utc for stay, unset in zip(stays, begun, strict=True) if unset]
            stays[:] = [stay for stay, unset in zip(stays, begun, strict=True) if not unset]
        if not dropped:
            return ""
        dates = dates_in_words(min(dropped), max(dropped))
        return f"{dates}, as a clock dates that was not set ({len(dropped)} points)"

    def tracks(self, name: str) -> list[Track]:
        """One for each device that has points of use, then the marks."""
        made = []
        for device in sorted({*self._rows, *self._stays}):
            utc, lat, lng, error_km = _columns(self._rows.pop(device, array("d")))
            made.append(clean_track(name, utc, lat, lng, error_km, self._stays.get(device, ())))
        marks = clean_track(name, *_columns(self._marks))
        if marks is not None:
            made.append(Track(name, marks.utc, marks.lat, marks.lng, marks.error_km, momentary=True))
        return [track for track in made if track is not None]


def dates_in_words(first_utc: float, last_utc: float) -> str:
    """2024-06-15, or 2024-06-15 to 2024-06-17 (UTC)."""
    first, last = (
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=max(-6e10, min(utc, 2e11)))).date()
        for utc in (first_utc, last_utc)
    )
    return f"{first}" if first == last else f"{first} to {last}"


def _table(rows: "array[float]") -> FloatArray:
    return np.frombuffer(rows, dtype=np.float64).reshape(-1, 4)


def _columns(rows: "array[float]") -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    table = _table(rows)
    return table[:, 0].copy(), table[:, 1].copy(), table[:, 2].copy(), table[:, 3].copy()


def _without_unset(rows: "array[float]", dropped: list[float]) -> "array[float]":
    table = _table(rows)
    unset = _is_unset(table[:, 0])
    if not unset.any():
        return rows
    dropped += table[unset, 0].tolist()
    return array("d", table[~unset].ravel())


def _is_unset(utc: FloatArray) -> BoolArray:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).timestamp()
    unset = utc > tomorrow
    for year, month, day, days in _UNSET_DAYS:
        first = datetime(year, month, day, tzinfo=UTC).timestamp()
        unset |= (utc >= first) & (utc < first + 86400 * days)
    return unset
