"""What a reader gives, gathered in little room: a location history has millions of points.

Takes points, stays and marks, gives tracks: one for each device, and one for the marks.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from geotagger.coordinates import is_place
from geotagger.future import present
from geotagger.tracks.columns import E7, Degrees
from geotagger.tracks.values import BoolArray, FloatArray, Piece, Stay, Track, WayPoint, clean_track, ends_of

_MOST = 20_000_000
"""400 MB of numbers."""
_UNSET_DAYS = ((1970, 1, 1, 2), (1980, 1, 1, 7), (1999, 8, 22, 1))
"""Where clocks begin that nobody set, and for how many days: POSIX's, FAT's with GPS's, and GPS's after its
first rollover (IS-GPS-200, 20.3.3.5.2.4: ten bits count the weeks from 1980-01-06)."""


class _PieceRows:
    """Points of one device, 20 bytes each: POSIX seconds, ten-millionths of a degree, error in km."""

    def __init__(self) -> None:
        self.utc, self.error_km = array("d"), array("f")
        self.lat, self.lng = array("i"), array("i")

    def add(self, utc: float, latitude: float, longitude: float, error_km: float) -> None:
        self.utc.append(utc)
        self.lat.append(round(latitude * E7))
        self.lng.append(round(longitude * E7))
        self.error_km.append(error_km)

    def times(self) -> FloatArray:
        return np.frombuffer(self.utc, dtype=np.float64)

    def keep(self, kept: BoolArray) -> None:
        for name in ("utc", "lat", "lng", "error_km"):
            column = getattr(self, name)
            setattr(self, name, array(column.typecode, np.asarray(column)[kept]))

    def track(self, name: str, stays: Sequence[Stay] = ()) -> Track | None:
        """The points become the track's own: of millions there is no room for two."""
        lat, lng = (Degrees(np.frombuffer(column, dtype=np.int32)) for column in (self.lat, self.lng))
        return clean_track(
            name, self.times(), lat, lng, np.frombuffer(self.error_km, dtype=np.float32), stays
        )


class Pieces:
    """Points and stays by device, and marks."""

    def __init__(self) -> None:
        self._rows: dict[int, _PieceRows] = {}
        self._stays: dict[int, list[Stay]] = {}
        self._marks = _PieceRows()
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def extend(self, pieces: Iterable[Piece]) -> None:
        """Raises ValueError where there are more than a machine should hold."""
        for piece in pieces:
            if not is_place(piece.latitude, piece.longitude):
                continue
            if isinstance(piece, Stay):
                self._stays.setdefault(piece.device, []).append(piece)
            elif isinstance(piece, WayPoint):
                self._marks.add(*piece)
            else:
                rows = self._rows.get(piece.device)
                if rows is None:
                    rows = self._rows.setdefault(piece.device, _PieceRows())
                rows.add(*piece[:4])
            self._count += 1
            if self._count >= _MOST:
                raise ValueError(f"more than {_MOST:,} points")

    def shift(self, seconds: float) -> None:
        """Sets the clock of the device right."""
        for rows in (*self._rows.values(), self._marks):
            rows.times()[:] += seconds
        for stays in self._stays.values():
            stays[:] = [stay._replace(utc=stay.utc + seconds, until=stay.until + seconds) for stay in stays]

    def drop_unset(self) -> str:
        """Leaves out what is dated as only clocks date that nobody set, or is still to come. What that was,
        in words, "" where there was nothing."""
        dropped: list[float] = []
        for rows in (*self._rows.values(), self._marks):
            unset = _is_unset(rows.times())
            if unset.any():
                dropped += rows.times()[unset].tolist()
                rows.keep(~unset)
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
            rows, stays = self._rows.pop(device, None) or _PieceRows(), self._stays.get(device, ())
            for stay in stays:
                for end in ends_of(stay):
                    rows.add(*end[:4])
            made.append(rows.track(name, stays))
        marks = self._marks.track(name)
        if marks is not None:
            made.append(replace(marks, momentary=True))
        return [track for track in made if track is not None]


def dates_in_words(first_utc: float, last_utc: float) -> str:
    """2024-06-15, or 2024-06-15 to 2024-06-17 (UTC)."""
    first, last = (
        (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=max(-6e10, min(utc, 2e11)))).date()
        for utc in (first_utc, last_utc)
    )
    return f"{first}" if first == last else f"{first} to {last}"


def _is_unset(utc: FloatArray) -> BoolArray:
    tomorrow = (present().replace(tzinfo=UTC) + timedelta(days=1)).timestamp()
    unset = utc > tomorrow
    for year, month, day, days in _UNSET_DAYS:
        first = datetime(year, month, day, tzinfo=UTC).timestamp()
        unset |= (utc >= first) & (utc < first + 86400 * days)
    return unset
