"""Google location history: four shapes of JSON.

Records.json, the monthly Semantic Location History, and the Timeline that phones export since 2024
(Android's and iOS's differ).
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import IO, Any

from geotagger.geo import is_place
from geotagger.tracks.fields import kilometres, number, utc_of
from geotagger.tracks.values import Point

_ERROR_KM = 0.03
_VISIT_ERROR_KM = 0.05


class OtherJsonError(ValueError):
    """JSON of another kind than location history."""


def read_google(file: IO[bytes]) -> Iterator[Point]:
    """Records.json, Semantic Location History, and the Timeline exports of Android and iOS."""
    told = json.load(file)
    if isinstance(told, list):
        yield from _each(told, _ios_segment)
    elif "locations" in told:
        yield from _each(told["locations"], _record)
    elif "timelineObjects" in told:
        yield from _each(told["timelineObjects"], _semantic_entry)
    elif "semanticSegments" in told or "rawSignals" in told:
        yield from _each(told.get("semanticSegments", ()), _android_segment)
        yield from _each(told.get("rawSignals", ()), _android_signal)
    else:
        raise OtherJsonError("JSON, but not Google's location history")


def _each(entries: Iterable[Any], points: Callable[[Any], Iterable[Point]]) -> Iterator[Point]:
    """An entry that is not as its format has it is passed over: exports of ten years hold all sorts."""
    for entry in entries:
        with suppress(AttributeError, KeyError, TypeError, ValueError, OverflowError):
            yield from list(points(entry))


def _record(location: dict[str, Any]) -> Iterator[Point]:
    when = location.get("timestamp") or location.get("timestampMs")
    yield from _google_point(when, location, kilometres(location.get("accuracy"), _ERROR_KM))


def _semantic_entry(entry: dict[str, Any]) -> Iterator[Point]:
    visit, move = entry.get("placeVisit"), entry.get("activitySegment")
    if visit:
        for edge in ("start", "end"):
            yield from _google_point(_edge(visit, edge), visit.get("location", {}), _VISIT_ERROR_KM)
    if move:
        yield from _google_point(_edge(move, "start"), move.get("startLocation", {}), _ERROR_KM)
        for point in move.get("simplifiedRawPath", {}).get("points", ()):
            when = point.get("timestamp") or point.get("timestampMs")
            yield from _google_point(when, point, kilometres(point.get("accuracyMeters"), _ERROR_KM))
        yield from _google_point(_edge(move, "end"), move.get("endLocation", {}), _ERROR_KM)


def _edge(entry: dict[str, Any], edge: str) -> str | None:
    duration = entry.get("duration", {})
    when = duration.get(f"{edge}Timestamp") or duration.get(f"{edge}TimestampMs")
    return None if when is None else str(when)


def _android_segment(segment: dict[str, Any]) -> Iterator[Point]:
    for point in segment.get("timelinePath") or ():
        yield from _degrees_point(point.get("time"), point.get("point"), _ERROR_KM)
    place = _visited(segment)
    if place:
        where = place.get("latLng") if isinstance(place, dict) else place
        for edge in ("startTime", "endTime"):
            yield from _degrees_point(segment.get(edge), where, _VISIT_ERROR_KM)
    activity = segment.get("activity") or {}
    for edge, when in (("start", "startTime"), ("end", "endTime")):
        where = activity.get(edge)
        where = where.get("latLng") if isinstance(where, dict) else where
        yield from _degrees_point(segment.get(when), where, _ERROR_KM)


def _android_signal(signal: dict[str, Any]) -> Iterator[Point]:
    position = signal.get("position") or {}
    where = position.get("LatLng") or position.get("latLng")
    yield from _degrees_point(
        position.get("timestamp"), where, kilometres(position.get("accuracyMeters"), _ERROR_KM)
    )


def _ios_segment(segment: dict[str, Any]) -> Iterator[Point]:
    start, end = segment.get("startTime"), segment.get("endTime")
    for point in segment.get("timelinePath") or ():
        minutes = number(point.get("durationMinutesOffsetFromStartTime")) or 0.0
        yield from _degrees_point(start, point.get("point"), _ERROR_KM, later_s=60 * minutes)
    for when in (start, end):
        yield from _degrees_point(when, _visited(segment), _VISIT_ERROR_KM)
    activity = segment.get("activity") or {}
    yield from _degrees_point(start, activity.get("start"), _ERROR_KM)
    yield from _degrees_point(end, activity.get("end"), _ERROR_KM)


def _visited(segment: dict[str, Any]) -> Any:
    return ((segment.get("visit") or {}).get("topCandidate") or {}).get("placeLocation")


def _google_point(when: str | None, place: dict[str, Any], error_km: float) -> Iterator[Point]:
    """Integers of 10⁻⁷ degrees; old exports wrapped those beyond ±180° by 2³²."""
    lat, lng = place.get("latitudeE7", place.get("latE7")), place.get("longitudeE7", place.get("lngE7"))
    if when is None or lat is None or lng is None:
        return
    latitude, longitude = _unwrapped(int(lat)) / 1e7, _unwrapped(int(lng)) / 1e7
    utc = int(when) / 1000 if str(when).isdigit() else utc_of(str(when), latitude, longitude)
    if utc is not None and is_place(latitude, longitude):
        yield utc, latitude, longitude, error_km


def _unwrapped(e7: int) -> int:
    return e7 - (1 << 32) if e7 > 1_800_000_000 else e7


def _degrees_point(when: str | None, place: Any, error_km: float, later_s: float = 0.0) -> Iterator[Point]:
    """ "48.8584°, 2.2945°" on Android, "geo:48.8584,2.2945" on iOS."""
    match = (
        re.fullmatch(r"(?:geo:)?\s*(-?[\d.]+)°?\s*,\s*(-?[\d.]+)°?", place)
        if isinstance(place, str)
        else None
    )
    if when is None or match is None:
        return
    latitude, longitude = float(match[1]), float(match[2])
    utc = utc_of(when, latitude, longitude)
    if utc is not None and is_place(latitude, longitude):
        yield utc + later_s, latitude, longitude, error_km
