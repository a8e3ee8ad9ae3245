"""NMEA 0183, the sentences that receivers speak.

RMC tells place, time and date; GGA and GLL place and time of day; ZDA the date. What comes before the first
date gets its day from there. A log without any has its day from the name of its file, where that leaves no
doubt. Sentences with a wrong checksum or no fix are passed over, as the standard asks.
"""

import re
from array import array
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import IO

from geotagger.tracks.bounds import lines
from geotagger.tracks.fields import diluted, number
from geotagger.tracks.values import RECEIVER_ERROR_KM, Point
from geotagger.zones import offset_at

SENTENCE = re.compile(r"\$([A-Z]{2}[A-Z]{3},[^*$\r\n]*)(?:\*([0-9A-Fa-f]{2}))?")
_DAY_S = 86400.0
_HALF_A_DAY_S = _DAY_S / 2
_MOST_UNDATED = 2_000_000
_GUESS_ERROR_KM = 0.1
"""Assumed, of a receiver that reckons on without satellites."""
_NOT_FIXED = frozenset(("", "0", "7", "8"))
"""GGA's quality: none, set by hand, simulated."""
_NOT_MEASURED = frozenset("NMS")
"""The mode of RMC and GLL: not valid, by hand, simulated."""


_NAMED = re.compile(
    r"(?<!\d)((?:19|20)\d\d)([-_.]?)([01]\d)\2([0-3]\d)"
    r"(?:[-_ T.]*([0-2]\d)[-_.:h]?([0-5]\d)(?:[-_.:m]?([0-5]\d))?)?(?!\d)"
)
_BEGUN_S = 900.0
"""How long after its file was named a receiver may have told its first time."""


class UndatedError(ValueError):
    """The sentences tell times of day and no date."""


def read_nmea(file: IO[bytes], name: str = "") -> Iterator[Point]:
    """`name`: of the file. UndatedError where neither the sentences nor the name tell the day."""
    day: datetime | None = None
    last_s, first_s = 0.0, None
    undated = array("d")  # second of the day, latitude, longitude, error
    for line in lines(file):
        fields = _sentence(line.decode("ascii", "replace"))
        if fields is None:
            continue
        date, second = _date_of(fields), _second_of(fields)
        if date is not None:
            if day is None:
                yield from _dated_before(undated, date, second)
                del undated[:]
            day = date
        if second is None:
            continue
        first_s = second if first_s is None else first_s
        if date is None and day is not None and second < last_s - _HALF_A_DAY_S:
            day += timedelta(days=1)  # past midnight, before the next date is told
        last_s = second
        place = _place_of(fields)
        if place is None:
            continue
        if day is not None:
            yield Point(day.timestamp() + second, *place)
        else:
            undated.extend((second, *place))
            if len(undated) > 4 * _MOST_UNDATED:
                raise ValueError("two million places before the first date")
    if undated and first_s is not None:
        yield from _dated_by_name(undated, first_s, name)


def _dated_before(undated: Sequence[float], date: datetime, second: float | None) -> Iterator[Point]:
    """The places before the first date, in the order of the file."""
    rows = [tuple(undated[n : n + 4]) for n in range(0, len(undated), 4)]
    day_s = [0.0] * len(rows)
    later_s, start_s = second, date.timestamp()
    for n in range(len(rows) - 1, -1, -1):
        if later_s is not None and rows[n][0] > later_s + _HALF_A_DAY_S:
            start_s -= _DAY_S
        later_s, day_s[n] = rows[n][0], start_s
    for start_s, (moment_s, latitude, longitude, error_km) in zip(day_s, rows, strict=True):
        yield Point(start_s + moment_s, latitude, longitude, error_km)


def _dated_by_name(undated: Sequence[float], first_s: float, name: str) -> Iterator[Point]:
    """The places of a log without a date; `first_s` is the first time of day that it tells."""
    start_s, last_s = _day_named(name, first_s, undated[1], undated[2]), first_s
    for n in range(0, len(undated), 4):
        second, latitude, longitude, error_km = undated[n : n + 4]
        if second < last_s - _HALF_A_DAY_S:
            start_s += _DAY_S
        last_s = second
        yield Point(start_s + second, latitude, longitude, error_km)


def _day_named(name: str, first_s: float, latitude: float, longitude: float) -> float:
    """When the day of `first_s` began, UTC. A name may tell its date, and its time, by UTC or by the clock of
    the place: one of the two must be what the log says, or both must come to one day."""
    match = _NAMED.search(name)
    try:
        named = datetime(int(match[1]), int(match[3]), int(match[4]), tzinfo=UTC) if match else None
    except ValueError:
        named = None
    if match is None or named is None:
        raise UndatedError("it tells times of day and no date, nor does its name (as in 2024-06-15.nmea)")
    day_s = named.timestamp()
    offset = offset_at(latitude, longitude, day_s + first_s)
    zones_s = {0.0, 0.0 if offset is None else offset.total_seconds()}
    days = {day_s - _DAY_S * ((first_s + zone_s) // _DAY_S) for zone_s in zones_s}
    if match[5]:
        clock_s = 3600.0 * int(match[5]) + 60.0 * int(match[6]) + float(match[7] or 0)
        later_s = {zone_s: (first_s + zone_s - clock_s + 60.0) % _DAY_S - 60.0 for zone_s in zones_s}
        begun = {
            day_s + clock_s + later - zone_s - first_s
            for zone_s, later in later_s.items()
            if later <= _BEGUN_S
        }
        days = begun or days
    if len(days) > 1:
        raise UndatedError(
            "it tells times of day and no date; that in its name may be UTC's or the place's own"
        )
    return days.pop()


def _sentence(line: str) -> list[str] | None:
    """Loggers put their own words in front; then only a checksum tells that it is a sentence."""
    match = SENTENCE.search(line)
    if match is None or (match[2] is None and line[: match.start()].strip()):
        return None
    checksum = 0
    for character in match[1]:
        checksum ^= ord(character) & 0xFF
    if match[2] is not None and int(match[2], 16) != checksum:
        return None
    return match[1].split(",")


def _date_of(fields: Sequence[str]) -> datetime | None:
    kind = fields[0][2:]
    try:
        if kind == "RMC" and len(fields) > 9 and fields[2] == "A":
            return datetime.strptime(fields[9], "%d%m%y").replace(tzinfo=UTC)
        if kind == "ZDA" and len(fields) > 4:
            return datetime(int(fields[4]), int(fields[3]), int(fields[2]), tzinfo=UTC)
    except ValueError:
        pass
    return None


def _second_of(fields: Sequence[str]) -> float | None:
    """The second of the day; None where the sentence tells none or has no fix."""
    kind, at = fields[0][2:], {"RMC": 1, "GGA": 1, "ZDA": 1, "GLL": 5}.get(fields[0][2:])
    if at is None or at >= len(fields) or (kind == "RMC" and (len(fields) < 10 or fields[2] != "A")):
        return None
    match = re.fullmatch(r"(\d\d)(\d\d)(\d\d(?:\.\d*)?)", fields[at])
    return 3600.0 * int(match[1]) + 60.0 * int(match[2]) + float(match[3]) if match else None


def _place_of(fields: Sequence[str]) -> tuple[float, float, float] | None:
    """Latitude, longitude, error in km."""
    kind = fields[0][2:]
    place, mode, error_km = None, "", RECEIVER_ERROR_KM
    if kind == "RMC" and len(fields) > 9 and fields[2] == "A":
        place, mode = _degrees(fields[3:7]), fields[12] if len(fields) > 12 else "A"
    elif kind == "GGA" and len(fields) > 8 and fields[6] not in _NOT_FIXED:
        place, mode, error_km = (
            _degrees(fields[2:6]),
            "E" if fields[6] == "6" else "A",
            diluted(number(fields[8])),
        )
    elif kind == "GLL" and len(fields) > 6 and fields[6] == "A":
        place, mode = _degrees(fields[1:5]), fields[7] if len(fields) > 7 else "A"
    if place is None or mode in _NOT_MEASURED:
        return None
    return *place, max(error_km, _GUESS_ERROR_KM) if mode == "E" else error_km


def _degrees(fields: Sequence[str]) -> tuple[float, float] | None:
    """ddmm.mmmm, N or S, dddmm.mmmm, E or W."""
    latitude, north, longitude, east = fields
    if not re.fullmatch(r"\d{4}(\.\d*)?", latitude) or not re.fullmatch(r"\d{5}(\.\d*)?", longitude):
        return None
    lat = int(latitude[:2]) + float(latitude[2:]) / 60
    lng = int(longitude[:3]) + float(longitude[3:]) / 60
    return (-lat if north == "S" else lat), (-lng if east == "W" else lng)
