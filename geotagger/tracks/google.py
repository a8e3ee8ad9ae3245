"""Google's location history: every shape of JSON that it was exported in.

    Records.json                  locations        what a device measured, of all devices
    Semantic Location History     timelineObjects  visits and ways, month by month (Takeout until 2024)
    Timeline.json of Android      semanticSegments, rawSignals
    Timeline of iOS               a list of segments
    Timeline Edits.json           timelineEdits    what a device measured, since 2024

Streamed by ijson, an entry at a time: a Records.json may have gigabytes. An entry that is not as its format
has it is passed over: exports of ten years hold all sorts.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import IO, Any

from geotagger.coordinates import is_place
from geotagger.geo import distance_km
from geotagger.tracks.fields import epoch_or_utc, kilometres, number, spread
from geotagger.tracks.values import Point, Stay

_ERROR_KM = 0.03
_VISIT_ERROR_KM = 0.05
_MINUTE_ERROR_S = 17.3
"""Standard deviation of a time that is cut to the minute: 60 s / √12."""
_MOST_LATER_S = 3600.0
_PART_BYTES = 1 << 16
_DEEPEST = 10_000
_DEGREES = re.compile(r"(?:geo:)?\s*(-?[\d.]+)Â?°?\s*,\s*(-?[\d.]+)Â?°?")
"""Behind a program that took UTF-8 for Latin-1 the sign of degrees is two."""

Place = tuple[float, float]


class OtherJsonError(ValueError):
    """JSON of another kind than location history."""


def read_google(file: IO[bytes]) -> Iterator[Point | Stay]:
    import ijson  # type: ignore[import-untyped]

    shapes = _shapes(file)
    met = False
    for prefix, pieces in shapes:
        file.seek(0)
        try:
            for entry in ijson.items(_Json(file), prefix, use_float=True):
                met = (
                    met or prefix != "item" or (isinstance(entry, dict) and not _OF_A_LIST.isdisjoint(entry))
                )
                with suppress(AttributeError, KeyError, TypeError, ValueError, OverflowError, IndexError):
                    yield from list(pieces(entry))
        except ijson.JSONError as error:
            raise ValueError(f"no whole JSON: {str(error).strip().splitlines()[0]}") from error
        met = met or prefix != "item"
    if not met:
        raise OtherJsonError("JSON, but not Google's location history")


class _Json:
    """The bytes without a mark in front, and refused where lists lie too deep in one another: each would
    cost a hundred times its size."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._depth = 0
        if file.read(3) != b"\xef\xbb\xbf":
            file.seek(0)

    def read(self, size: int = -1) -> bytes:
        part = self._file.read(size)
        self._depth += sum(part.count(sign) for sign in (b"[", b"{"))
        self._depth -= sum(part.count(sign) for sign in (b"]", b"}"))
        if self._depth > _DEEPEST:
            raise ValueError(f"lists lie more than {_DEEPEST} deep in one another")
        return part


def _shapes(file: IO[bytes]) -> list[tuple[str, Callable[[Any], Iterable[Point | Stay]]]]:
    """What is to be looked for: a list's entries, or those below the keys that occur."""
    if re.match(rb"(?:\xef\xbb\xbf)?\s*\[", file.read(_PART_BYTES)):
        return [("item", _of_list)]
    file.seek(0)
    there: set[str] = set()
    end = b""
    while part := file.read(1 << 20):
        there |= {key for key in _KEYS if key not in there and f'"{key}"'.encode() in end + part}
        end = part[-32:]
    return [(f"{key}.item", pieces) for key, pieces in _KEYS.items() if key in there]


def _of_list(entry: dict[str, Any]) -> Iterator[Point | Stay]:
    """An entry of a list that stands alone: iOS's segments, or what another program took out of Takeout."""
    if "startTime" in entry:
        return _segment(entry)
    if "latitudeE7" in entry:
        return _record(entry)
    return _signal(entry) if "position" in entry else _semantic_entry(entry)


_OF_A_LIST = {"startTime", "latitudeE7", "position", "placeVisit", "activitySegment"}


def _record(location: dict[str, Any]) -> Iterator[Point]:
    when = location.get("timestamp") or location.get("timestampMs")
    place = _place(location)
    utc = None if place is None else epoch_or_utc(when, *place)
    if place is not None and utc is not None:
        error_km = kilometres(location.get("accuracy"), _ERROR_KM)
        device = location.get("deviceTag")
        yield Point(utc, *place, error_km, device if isinstance(device, int) else 0)


def _semantic_entry(entry: dict[str, Any]) -> Iterator[Point | Stay]:
    visit, move = entry.get("placeVisit"), entry.get("activitySegment")
    if visit:
        where = _place(visit.get("location")) or _place(visit)
        inner = [
            piece
            for child in visit.get("childVisits") or ()  # a shop of the mall, a gate of the airport
            for piece in _stay(*_edges(child), _place(child.get("location")) or _place(child))
        ]
        yield from inner
        yield from _besides(_stay(*_edges(visit), where), [p for p in inner if isinstance(p, Stay)])
        yield from _raw_path(visit)
    if move:
        ends = _place(move.get("startLocation")), _place(move.get("endLocation"))
        measured = list(_raw_path(move))
        yield from measured
        yield from _way(*_edges(move), *ends, () if measured else _waypoints(move))
        parking = move.get("parkingEvent") or {}
        when = parking.get("timestamp") or parking.get("timestampMs")
        yield from _point(when, _place(parking.get("location")), _VISIT_ERROR_KM)


def _besides(visit: Iterable[Point | Stay], inner: Sequence[Stay]) -> Iterator[Point | Stay]:
    """A visit without the times of those inside it."""
    for piece in visit:
        if not isinstance(piece, Stay):
            yield piece
            continue
        begin = piece.utc
        for child in sorted(inner):
            if begin < min(child.utc, piece.until):
                yield piece._replace(utc=begin, until=min(child.utc, piece.until))
            begin = max(begin, child.until)
        if begin < piece.until:
            yield piece._replace(utc=begin)


def _raw_path(entry: dict[str, Any]) -> Iterator[Point]:
    for point in (entry.get("simplifiedRawPath") or {}).get("points") or ():
        when = point.get("timestamp") or point.get("timestampMs")
        yield from _point(when, _place(point), kilometres(point.get("accuracyMeters"), _ERROR_KM))


def _edges(entry: dict[str, Any]) -> tuple[Any, Any]:
    duration = entry.get("duration") or {}
    begin, end = (
        duration.get(f"{edge}Timestamp") or duration.get(f"{edge}TimestampMs") for edge in ("start", "end")
    )
    return begin, end


def _segment(segment: dict[str, Any]) -> Iterator[Point | Stay]:
    """A segment of the Timeline that phones export; Android's and iOS's differ in how they write places."""
    begin, end = segment.get("startTime"), segment.get("endTime")
    zones = tuple(number(segment.get(f"{edge}TimeTimezoneUtcOffsetMinutes")) for edge in ("start", "end"))
    yield from _timeline_path(segment, zones[0])
    visit = segment.get("visit") or {}
    if not visit.get("isTimelessVisit"):
        where = _place((visit.get("topCandidate") or {}).get("placeLocation"))
        yield from _stay(begin, end, where, zones)
    activity = segment.get("activity") or {}
    ends = _place(activity.get("start")), _place(activity.get("end"))
    way_points = () if segment.get("timelinePath") else _waypoints(activity) or _waypoints(segment)
    yield from _way(begin, end, *ends, way_points, zones)
    parking = activity.get("parking") or {}
    yield from _point(parking.get("startTime"), _place(parking.get("location")), _VISIT_ERROR_KM, zones[0])


def _timeline_path(segment: dict[str, Any], zone_minutes: float | None) -> Iterator[Point]:
    """Each point with a time, else so many minutes after the segment's start, else evenly from its start to
    its end."""
    path = [(p, place) for p in segment.get("timelinePath") or () if (place := _place(p.get("point", p)))]
    if not path:
        return
    start = epoch_or_utc(segment.get("startTime"), *path[0][1], zone_minutes)
    end = epoch_or_utc(segment.get("endTime"), *path[-1][1], zone_minutes)
    minutes: list[tuple[float, Place]] = []
    for point, place in path:
        later = number(point.get("durationMinutesOffsetFromStartTime"))
        if (when := point.get("time")) is not None:
            yield from _point(when, place, _ERROR_KM, zone_minutes)
        elif later is not None and start is not None:
            utc = start + 60.0 * later
            if start <= utc <= (utc if end is None else end + _MOST_LATER_S):
                minutes.append((utc, place))
    yield from _cut_to_minutes(minutes)
    has_times = any("time" in point or "durationMinutesOffsetFromStartTime" in point for point, _ in path)
    if not has_times and start is not None and end is not None:
        yield from spread([place for _, place in path], start, end, _ERROR_KM)


def _cut_to_minutes(points: Sequence[tuple[float, Place]]) -> Iterator[Point]:
    """How far somebody gets in what the minutes leave open depends on how fast they were."""
    speeds = [
        float(distance_km(*one, *other)) / (later - earlier) if later > earlier else 0.0
        for (earlier, one), (later, other) in pairwise(points)
    ]
    for n, (utc, place) in enumerate(points):
        beside = speeds[max(0, n - 1) : n + 1]
        speed = sum(beside) / len(beside) if beside else 0.0
        yield Point(utc, *place, float((_ERROR_KM**2 + (_MINUTE_ERROR_S * speed) ** 2) ** 0.5))


def _signal(signal: dict[str, Any]) -> Iterator[Point]:
    """One of Android's rawSignals, or of the edits' signals."""
    position = signal.get("position") or {}
    millimetres = number(position.get("accuracyMm"))
    metres = position.get("accuracyMeters") if millimetres is None else millimetres / 1000.0
    place = next((p for key in ("LatLng", "latLng", "point") if (p := _place(position.get(key)))), None)
    yield from _point(position.get("timestamp"), place, kilometres(metres, _ERROR_KM))


def _edit(edit: dict[str, Any]) -> Iterator[Point]:
    yield from _signal((edit.get("rawSignal") or {}).get("signal") or {})


def _stay(
    begin: Any, end: Any, place: Place | None, zones: Sequence[float | None] = (None, None)
) -> Iterator[Point | Stay]:
    if place is None:
        return
    first, last = (epoch_or_utc(when, *place, zone) for when, zone in zip((begin, end), zones, strict=True))
    if first is not None and last is not None and last > first:
        yield Stay(first, last, *place, _VISIT_ERROR_KM)
    elif first is not None or last is not None:
        yield Point(first if first is not None else last or 0.0, *place, _VISIT_ERROR_KM)


def _way(
    begin: Any,
    end: Any,
    first: Place | None,
    last: Place | None,
    between: Sequence[Place],
    zones: Sequence[float | None] = (None, None),
) -> Iterator[Point]:
    """The ends of a way; and where it has way points but no times for them, these, as if gone evenly."""
    places = [place for place in (first, *between, last) if place is not None]
    if between and places:
        start = epoch_or_utc(begin, *places[0], zones[0])
        arrival = epoch_or_utc(end, *places[-1], zones[1])
        if start is not None and arrival is not None:
            yield from spread(places, start, arrival, _ERROR_KM)
            return
    yield from _point(begin, first, _ERROR_KM, zones[0])
    yield from _point(end, last, _ERROR_KM, zones[1])


def _waypoints(entry: dict[str, Any]) -> list[Place]:
    way_points = (entry.get("waypointPath") or {}).get("waypoints") or ()
    return [place for point in way_points if (place := _place(point)) is not None]


def _point(
    when: Any, place: Place | None, error_km: float, zone_minutes: float | None = None
) -> Iterator[Point]:
    utc = None if place is None else epoch_or_utc(when, *place, zone_minutes)
    if place is not None and utc is not None:
        yield Point(utc, *place, error_km)


def _place(value: Any) -> Place | None:
    """ "48.8584°, 2.2945°" on Android, "geo:48.8584,2.2945" on iOS, integers of 10⁻⁷ degrees in Takeout;
    None for what is none of them."""
    if isinstance(value, str):
        match = _DEGREES.fullmatch(value.strip())
        if match is None:
            return None
        latitude, longitude = float(match[1]), float(match[2])
        if not is_place(latitude, longitude) and "." not in value:
            latitude, longitude = _degrees(match[1]), _degrees(match[2])
    elif isinstance(value, dict):
        inner = value.get("latLng") or value.get("LatLng")
        if inner:
            return _place(inner)
        for lat, lng in _E7:
            if value.get(lat) is not None and value.get(lng) is not None:
                latitude, longitude = _degrees(value[lat]), _degrees(value[lng])
                break
        else:
            return None
    else:
        return None
    return (latitude, longitude) if is_place(latitude, longitude) else None


_E7 = (("latitudeE7", "longitudeE7"), ("latE7", "lngE7"), ("centerLatE7", "centerLngE7"))


def _degrees(e7: Any) -> float:
    """Old exports wrapped what is negative by 2³²."""
    whole = int(e7)
    return (whole - (1 << 32) if whole > 1_800_000_000 else whole) / 1e7


_KEYS: dict[str, Callable[[Any], Iterable[Point | Stay]]] = {
    "locations": _record,
    "timelineObjects": _semantic_entry,
    "semanticSegments": _segment,
    "rawSignals": _signal,
    "timelineEdits": _edit,
}
"""Where entries lie, and how one is read."""
