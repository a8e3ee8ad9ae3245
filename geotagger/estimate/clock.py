"""When a photo was taken, in UTC, from what its camera wrote.

Most cameras write only their own clock. UTC comes, in this order, from: the offset in EXIF;
the GPS time stamp; the time zone at the photo's own place; the time zone at the place of the
geotagged photo nearest by the clock (the same camera's before another's); the offset that other
photos of the camera carry; this computer's own time zone. Each has its own error.

Takes small values, gives arrays. Knows nothing of photos on disk.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from types import MappingProxyType
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from geotagger.coordinates import is_place
from geotagger.estimate.corrections import clock_shift, shift_in_words
from geotagger.future import present
from geotagger.zones import zone_at

CLOCK_ERROR_S = 2.0
"""A camera that writes its offset is a phone, and phones keep time."""
GPS_STAMP_ERROR_S = 5.0
NEIGHBOUR_ZONE_ERROR_S = 60.0
"""Zone taken from a neighbour of the same day: rarely wrong, and then by an hour."""
FAR_ZONE_ERROR_S = 3600.0
UNKNOWN_ZONE_ERROR_S = 3 * 3600.0
BARE_DATE_ERROR_S = 4 * 3600.0
"""Of a photo that tells a date and no hour, which reads as midnight to the second: taken about noon."""
_ABOUT_NOON_S = 13 * 3600.0
_FIFTHS = (0.0, -0.598798, 0.598798, -1.463366, 1.463366)
"""The middles of five equal parts of a Gaussian, moved apart until their variance is 1."""
_DAY = timedelta(days=1)
_QUARTER = timedelta(minutes=15)
_MAX_OFFSET = timedelta(hours=14, minutes=30)
_UNSET_DAYS = {(1904, 1, 1), (1970, 1, 1), (1980, 1, 1)}
"""The days on which clocks of QuickTime, POSIX and FAT begin: a camera that shows one was never set."""
_FIRST_PHOTOGRAPH = 1826


@dataclass(frozen=True, slots=True)
class Clocked:
    """What one photo says of its time. `local` is naive camera time, `gps_utc` naive UTC.
    The place is that of a fix in the photo, None when it has none. `either`: the two are one time of a film,
    and it is one of them."""

    local: datetime | None
    offset: timedelta | None = None
    gps_utc: datetime | None = None
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    either: bool = False


class Reading(NamedTuple):
    """A clock, read: POSIX seconds (NaN where unknown), their standard deviation in seconds (infinite where
    unknown), and in words what they were taken from. `other_utc`: as probable as `utc`, where it is one of
    the two."""

    utc: float
    error_s: float
    source: str
    other_utc: float | None = None


@dataclass(frozen=True, slots=True)
class Times:
    """utc: POSIX seconds, float64 (n,), NaN where unknown. error_s: standard deviation, float64
    (n,), infinite where unknown. source: in words, what each was taken from."""

    utc: NDArray[np.float64]
    error_s: NDArray[np.float64]
    source: tuple[str, ...]


def resolve_times(
    rows: Sequence[Clocked],
    *,
    clocks: Mapping[str, float] | None = None,
    system_zone: tzinfo | None = None,
    now: datetime | None = None,
) -> Times:
    """UTC of each row; see `ClockReader`."""
    reader = ClockReader(rows, clocks=clocks, system_zone=system_zone, now=now)
    read = [reader.read(row) for row in rows]
    return Times(
        np.array([reading.utc for reading in read], dtype=np.float64),
        np.array([reading.error_s for reading in read], dtype=np.float64),
        tuple(reading.source for reading in read),
    )


class ClockReader:
    """Reads the clocks of an archive's photos one at a time, knowing all of them.

    Made in one pass over the photos (and points of tracks), of which it keeps 16 bytes for each that
    has a place and a time; so archives of any length can be streamed through it twice. `films`: by camera,
    the creation times of films that may be its own or UTC.
    """

    def __init__(
        self,
        rows: Iterable[Clocked],
        *,
        clocks: Mapping[str, float] | None = None,
        system_zone: tzinfo | None = None,
        now: datetime | None = None,
    ) -> None:
        """`clocks` are seconds to add to what a camera says, by camera name (a part of the name is enough,
        in any case). `now` (aware) is where the future begins; no clock is believed that shows it."""
        self._clocks = clocks or {}
        latest = present() if now is None else now.astimezone(UTC).replace(tzinfo=None)
        self._latest = latest + _DAY
        self._system_zone = system_zone
        counts: dict[str, dict[timedelta, int]] = {}
        self.films: dict[str, list[datetime]] = {}
        self._zones = _NeighbourZones(self._noticed(rows, counts))
        self._habits = {
            camera: max(seen, key=lambda offset: (seen[offset], -abs(offset)))
            for camera, seen in counts.items()
        }

    def read(
        self,
        row: Clocked,
        clocks: Mapping[str, float] | None = None,
        films: Mapping[str, bool] = MappingProxyType({}),
    ) -> Reading:
        """`clocks` stand in for those told at first. `films`: the cameras of which it is known whether the
        creation times of their films are UTC."""
        if not row.either or row.gps_utc is None:
            return self._read(row, clocks)
        own = self._read(replace(row, gps_utc=None), clocks)
        if own.utc != own.utc:
            return own  # a date that is not believed, whichever of the two it is
        shift = clock_shift(row.camera, self._clocks if clocks is None else clocks) or 0.0
        utc = posix(row.gps_utc) + shift
        is_utc = None if row.camera is None else films.get(row.camera)
        if is_utc:
            return Reading(utc, GPS_STAMP_ERROR_S, "its creation time, which is UTC")
        if is_utc is not None or abs(utc - own.utc) < NEIGHBOUR_ZONE_ERROR_S:
            return own
        source = f"its creation time, which may be UTC, or the camera's own: {own.source}"
        return Reading(own.utc, own.error_s, source, utc)

    def _read(self, row: Clocked, clocks: Mapping[str, float] | None) -> Reading:
        shift = clock_shift(row.camera, self._clocks if clocks is None else clocks)
        local, stamp = self._local(row, shift), self._believed(row.gps_utc)
        if local is None:
            if stamp is not None:
                return Reading(posix(stamp), GPS_STAMP_ERROR_S, "a time that is told in UTC")
            return Reading(float("nan"), float("inf"), "no time")
        reading = _resolve(row, local, stamp, self._zones, self._habits, self._system_zone)
        if row.local is not None and row.local.time() == time(0) and stamp is None:
            reading = Reading(
                reading.utc + _ABOUT_NOON_S,
                max(reading.error_s, BARE_DATE_ERROR_S),
                f"{reading.source}, a date without an hour",
            )
        if shift is not None:
            reading = reading._replace(source=f"{reading.source}, clock corrected by {shift_in_words(shift)}")
        return reading

    def _local(self, row: Clocked, shift: float | None) -> datetime | None:
        """What the camera's clock would have said, had it been right."""
        if row.local is None or shift is None:
            return self._believed(row.local)
        try:
            return self._believed(row.local + timedelta(seconds=shift))
        except OverflowError:
            return None

    def _believed(self, moment: datetime | None) -> datetime | None:
        return moment if plausible(moment, self._latest) else None

    def _noticed(
        self, rows: Iterable[Clocked], counts: dict[str, dict[timedelta, int]]
    ) -> Iterator[tuple[str | None, datetime, float, float]]:
        """The rows that have a place and a time; counts the offsets that each camera's photos carry
        or imply, on the way."""
        for row in rows:
            local = self._local(row, clock_shift(row.camera, self._clocks))
            if row.either and row.camera is not None and row.local is not None:
                self.films.setdefault(row.camera, []).append(row.local)
            if row.camera is not None:
                offset = row.offset
                if offset is None and local is not None and not row.either:
                    stamp = self._believed(row.gps_utc)
                    offset = None if stamp is None else _offset_from_stamp(local, stamp)
                if offset is not None:
                    seen = counts.setdefault(row.camera, {})
                    seen[offset] = seen.get(offset, 0) + 1
            if local is not None and row.latitude is not None and row.longitude is not None:
                yield row.camera, local, row.latitude, row.longitude


def plausible(moment: datetime | None, latest: datetime) -> bool:
    """False for a clock that was never set, a date before photography, or one still to come."""
    if moment is None or not _FIRST_PHOTOGRAPH <= moment.year <= latest.year:
        return False
    return (moment.year, moment.month, moment.day) not in _UNSET_DAYS and moment <= latest + _DAY


def _resolve(
    row: Clocked,
    local: datetime,
    stamp: datetime | None,
    zones: "_NeighbourZones",
    habits: Mapping[str, timedelta],
    system_zone: tzinfo | None,
) -> Reading:
    if row.offset is not None and abs(row.offset) <= _MAX_OFFSET:
        return Reading(posix(local - row.offset), CLOCK_ERROR_S, f"offset {_named(row.offset)} in EXIF")
    zone = None
    if row.latitude is not None and row.longitude is not None:
        zone = zone_at(row.latitude, row.longitude)
    if stamp is not None and (zone is None or _is_fresh(local, stamp)):
        offset = _offset_from_stamp(local, stamp)
        if offset is not None:
            return Reading(posix(local - offset), GPS_STAMP_ERROR_S, "GPS time stamp")
    if zone is not None:
        return _in_zone(local, zone, NEIGHBOUR_ZONE_ERROR_S, f"time zone {zone.key} at its own place")
    near = zones.nearest(row.camera, local)
    if near is not None and near[1] <= _DAY:
        return _in_zone(local, near[0], NEIGHBOUR_ZONE_ERROR_S, f"time zone {near[0].key} of a neighbour")
    if row.camera is not None and row.camera in habits:
        offset = habits[row.camera]
        usual = f"offset {_named(offset)} usual for this camera"
        return Reading(posix(local - offset), FAR_ZONE_ERROR_S, usual)
    if near is not None:
        nearest = f"time zone {near[0].key} of the nearest geotagged photo"
        return _in_zone(local, near[0], FAR_ZONE_ERROR_S, nearest)
    here = local.astimezone() if system_zone is None else local.replace(tzinfo=system_zone)
    return Reading(here.timestamp(), UNKNOWN_ZONE_ERROR_S, "this computer's time zone")


class _NeighbourZones:
    """Geotagged rows by their clocks; the zone at the place of the nearest one. Places are kept to the
    hundredth of a degree, as `zone_at` looks at them."""

    def __init__(self, placed: Iterable[tuple[str | None, datetime, float, float]]) -> None:
        self._codes: dict[str | None, int] = {}
        clock, place, code = array("d"), array("h"), array("i")
        for camera, local, latitude, longitude in placed:
            if not is_place(latitude, longitude):
                continue
            clock.append(posix(local))
            place.append(round(100 * latitude))
            place.append(round(100 * longitude))
            code.append(self._codes.setdefault(camera, len(self._codes)))
        order = np.argsort(np.frombuffer(clock, dtype=np.float64), kind="stable").astype(np.uint32)
        self._clock = np.frombuffer(clock, dtype=np.float64)[order]
        self._place = np.frombuffer(place, dtype=np.int16).reshape(-1, 2)[order]
        codes = np.frombuffer(code, dtype=np.intc)[order]
        self._of_camera = [
            np.flatnonzero(codes == number).astype(np.uint32) for number in range(len(self._codes))
        ]

    def nearest(self, camera: str | None, local: datetime) -> tuple[ZoneInfo, timedelta] | None:
        """Another camera's photo counts only where the same camera has none within a day."""
        moment = posix(local)
        code = self._codes.get(camera)
        own = None if code is None else self._nearest_of(self._of_camera[code], moment)
        if own is not None and own[1] <= _DAY:
            return own
        other = self._nearest_of(None, moment)
        if own is None or (other is not None and other[1] <= _DAY):
            return other
        return own

    def _nearest_of(
        self, rows: NDArray[np.uint32] | None, moment: float
    ) -> tuple[ZoneInfo, timedelta] | None:
        """Among these rows, or among all. Of two as near the earlier one counts."""
        if rows is None:
            at = bisect_left(self._clock, moment)
            beside = [n for n in (at - 1, at) if 0 <= n < len(self._clock)]
        else:
            at = bisect_left(rows, moment, key=self._clock.__getitem__)
            beside = [int(rows[n]) for n in (at - 1, at) if 0 <= n < len(rows)]
        if not beside:
            return None
        nearest = min(beside, key=lambda n: abs(self._clock[n] - moment))
        latitude, longitude = self._place[nearest] / 100
        zone = zone_at(float(latitude), float(longitude))
        return None if zone is None else (zone, timedelta(seconds=abs(self._clock[nearest] - moment)))


def _offset_from_stamp(local: datetime, stamp: datetime) -> timedelta | None:
    """The offset a GPS stamp implies, to the quarter of an hour. A stamp may be minutes old when
    the receiver lost the sky; one that implies no possible offset is None."""
    offset = round((local - stamp) / _QUARTER) * _QUARTER
    return offset if abs(offset) <= _MAX_OFFSET else None


def _is_fresh(local: datetime, stamp: datetime) -> bool:
    """Whether clock and stamp differ by whole quarters of an hour and the stamp is not a bare date
    or hour, as programs that strip the time of day leave it."""
    beside = abs(local - stamp - round((local - stamp) / _QUARTER) * _QUARTER)
    return beside <= timedelta(seconds=90) and (stamp.minute, stamp.second) != (0, 0)


def _in_zone(local: datetime, zone: tzinfo, error_s: float, source: str) -> Reading:
    """In the hour that the clocks repeat in autumn either pass (PEP 495: the fold) is as probable."""
    first, second = (local.replace(tzinfo=zone, fold=fold).timestamp() for fold in (0, 1))
    # not later in spring, when the clocks leave an hour out; of a zone that is guessed the error holds both
    if second <= first or error_s >= FAR_ZONE_ERROR_S:
        return Reading(first, error_s, source)
    return Reading(first, error_s, f"{source}, in the hour that it repeats", second)


def moments_of(utc: float, error_s: float, other_utc: float | None = None) -> tuple[tuple[float, float], ...]:
    """The times that a photo may have been taken at, POSIX seconds, and how probable each is. An error of an
    hour and more is that of a zone that is guessed, or of a date: five points that are as probable, with its
    mean and variance. `other_utc` is as probable as all of these."""
    if other_utc is not None:
        return *((moment, share / 2) for moment, share in moments_of(utc, error_s)), (other_utc, 0.5)
    if not FAR_ZONE_ERROR_S <= error_s < float("inf"):
        return ((utc, 1.0),)
    return tuple((utc + away * error_s, 1 / len(_FIFTHS)) for away in _FIFTHS)


def posix(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


def _named(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
