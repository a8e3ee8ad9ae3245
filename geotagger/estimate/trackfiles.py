"""Reads recorded tracks: GPX, KML and KMZ, NMEA, Google location history, Garmin FIT.

Google's exports come in four shapes: Records.json, the monthly Semantic Location History, and
the Timeline that phones export since 2024 (Android's and iOS's differ). Points without a time are
of no use here and left out. Times without a zone are taken as local at their place.

Takes files and directories, gives tracks. A file that is cut or damaged gives the points before the
damage, and is reported. Raises SourceError for a file that was named and cannot be read or holds no
point of use; in a directory such a file is reported and passed over.
"""

import json
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any
from xml.etree.ElementTree import ParseError, iterparse

from geotagger.errors import SourceError
from geotagger.estimate.clock import zone_at
from geotagger.estimate.tracks import RECEIVER_ERROR_KM, Track, Tracks, as_arrays, clean_track
from geotagger.geo import is_place

Point = tuple[float, float, float, float]
"""POSIX seconds, latitude, longitude, error in km at 68 %."""

LARGEST_BYTES = 2 << 30
_GOOGLE_ERROR_KM = 0.03
_VISIT_ERROR_KM = 0.05
_KNOTS_FIELDS = 10
_FIT_SEMICIRCLE_DEG = 180.0 / 2**31


def load_tracks(paths: Sequence[Path], on_problem: Callable[[str], None] = lambda _: None) -> Tracks:
    """All tracks of the files and, recursively, the directories. In a directory JSON that is no location
    history is passed over without a word: a Takeout has one beside every photo."""
    found = []
    for path in paths:
        if path.is_dir():
            for file in sorted(p for p in path.rglob("*") if p.is_file() and _reader_of(p) is not None):
                try:
                    found.append(_read(file, on_problem))
                except _OtherJsonError:
                    continue
                except SourceError as error:
                    on_problem(str(error))
        else:
            found.append(_read(path, on_problem))
    return Tracks(tuple(found))


class _OtherJsonError(SourceError):
    """JSON of another kind than location history."""


_DAMAGE = (ParseError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, RecursionError)


def _read(path: Path, on_problem: Callable[[str], None]) -> Track:
    reader = _reader_of(path)
    if reader is None:
        raise SourceError(f"{path}: not a track we can read; give GPX, KML, KMZ, NMEA, FIT or Google's JSON")
    points: list[Point] = []
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise SourceError(f"{path}: larger than 2 GiB; split the export by year and give the parts")
        points.extend(reader(path))
    except OSError as error:
        raise SourceError(f"{path}: {error.strerror or error}; no place was taken from it") from error
    except _DAMAGE as error:
        if not points:
            raise SourceError(
                f"{path}: damaged or not what its name says ({error}); no place was taken from it"
            ) from error
        on_problem(f"{path}: cut or damaged ({error}); the {len(points)} points before that are used")
    track = clean_track(path.name, *as_arrays(points))
    if track is None:
        raise SourceError(f"{path}: not one point in it has a place and a time; no place was taken from it")
    return track


def _reader_of(path: Path) -> Callable[[Path], Iterable[Point]] | None:
    return _READERS.get(path.suffix.lower())


def read_gpx(path: Path) -> Iterator[Point]:
    """GPX 1.0 and 1.1: every point with a time, of tracks, routes and way points."""
    with path.open("rb") as file:
        yield from _gpx_points(file)


def _gpx_points(file: IO[bytes]) -> Iterator[Point]:
    for _, element in iterparse(file, events=("end",)):
        if _name(element.tag) not in ("trkpt", "rtept", "wpt"):
            continue
        told = {_name(child.tag): (child.text or "").strip() for child in element}
        latitude, longitude = _number(element.get("lat")), _number(element.get("lon"))
        if latitude is not None and longitude is not None and "time" in told:
            utc = _utc(told["time"], latitude, longitude)
            dop = _number(told.get("hdop"))
            # a user range error of 5 m a unit of dilution is the usual civil figure
            error = max(RECEIVER_ERROR_KM, 0.005 * dop) if dop is not None else RECEIVER_ERROR_KM
            if utc is not None:
                yield utc, latitude, longitude, error
        element.clear()


def read_kml(path: Path) -> Iterator[Point]:
    """KML 2.2: gx:Track (when beside coord), and placemarks with a point and a time stamp."""
    with path.open("rb") as file:
        yield from _kml_points(file)


def read_kmz(path: Path) -> Iterator[Point]:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            if entry.filename.lower().endswith(".kml"):
                if entry.file_size > LARGEST_BYTES:
                    raise ValueError(f"{entry.filename} unpacks to more than 2 GiB")
                with archive.open(entry) as file:
                    yield from _kml_points(file)


def _kml_points(file: IO[bytes]) -> Iterator[Point]:
    for _, element in iterparse(file, events=("end",)):
        if _name(element.tag) == "Track":
            times = [child.text or "" for child in element if _name(child.tag) == "when"]
            places = [(child.text or "").split() for child in element if _name(child.tag) == "coord"]
            for when, place in zip(times, places, strict=False):
                yield from _timed(when, place)
            element.clear()
        elif _name(element.tag) == "Placemark":
            whens = [c.text or "" for c in element.iter() if _name(c.tag) == "when"]
            begins = [c.text or "" for c in element.iter() if _name(c.tag) == "begin"]
            for point in (c for c in element.iter() if _name(c.tag) == "Point"):
                coordinates = "".join(c.text or "" for c in point.iter() if _name(c.tag) == "coordinates")
                for when in (whens or begins)[:1]:
                    yield from _timed(when, coordinates.strip().split(","))
            element.clear()


def _timed(when: str, place: Sequence[str]) -> Iterator[Point]:
    """KML has the longitude first."""
    if len(place) < 2:
        return
    longitude, latitude = _number(place[0]), _number(place[1])
    if latitude is None or longitude is None:
        return
    utc = _utc(when, latitude, longitude)
    if utc is not None:
        yield utc, latitude, longitude, RECEIVER_ERROR_KM


def read_nmea(path: Path) -> Iterator[Point]:
    """NMEA 0183: RMC sentences carry the date, GGA only the time of day; sentences with a wrong
    checksum or no fix are passed over, as the standard asks."""
    day: datetime | None = None
    last_time: timedelta | None = None
    with path.open("r", encoding="ascii", errors="replace") as file:
        for line in file:
            fields = _sentence(line)
            if fields is None:
                continue
            kind = fields[0][2:]
            if kind == "RMC" and len(fields) >= _KNOTS_FIELDS and fields[2] == "A":
                day = _nmea_day(fields[9]) or day
                place, moment, dop = _nmea_place(fields[3:7]), _nmea_time(fields[1]), None
            elif kind == "GGA" and len(fields) >= _KNOTS_FIELDS and fields[6] not in ("", "0"):
                place, moment, dop = _nmea_place(fields[2:6]), _nmea_time(fields[1]), _number(fields[8])
            else:
                continue
            if place is None or moment is None or day is None:
                continue
            if kind == "GGA" and last_time is not None and moment < last_time - timedelta(hours=12):
                day += timedelta(days=1)  # past midnight, before the next RMC says so
            last_time = moment
            error = max(RECEIVER_ERROR_KM, 0.005 * dop) if dop is not None else RECEIVER_ERROR_KM
            yield (day + moment).timestamp(), *place, error


def _sentence(line: str) -> list[str] | None:
    match = re.match(r"\s*\$([A-Z]{2}[A-Z]{3},[^*\r\n]*)(?:\*([0-9A-Fa-f]{2}))?", line)
    if match is None:
        return None
    checksum = 0
    for character in match[1]:
        checksum ^= ord(character) & 0xFF
    if match[2] is not None and int(match[2], 16) != checksum:
        return None
    return match[1].split(",")


def _nmea_day(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%d%m%y").replace(tzinfo=UTC)
    except ValueError:
        return None


def _nmea_place(fields: Sequence[str]) -> tuple[float, float] | None:
    """ddmm.mmmm, N or S, dddmm.mmmm, E or W."""
    latitude, north, longitude, east = fields
    if not re.fullmatch(r"\d{4}(\.\d*)?", latitude) or not re.fullmatch(r"\d{5}(\.\d*)?", longitude):
        return None
    lat = int(latitude[:2]) + float(latitude[2:]) / 60
    lng = int(longitude[:3]) + float(longitude[3:]) / 60
    return (-lat if north == "S" else lat), (-lng if east == "W" else lng)


def _nmea_time(text: str) -> timedelta | None:
    match = re.fullmatch(r"(\d\d)(\d\d)(\d\d(?:\.\d*)?)", text)
    return timedelta(hours=int(match[1]), minutes=int(match[2]), seconds=float(match[3])) if match else None


def read_google(path: Path) -> Iterator[Point]:
    """Records.json, Semantic Location History, and the Timeline exports of Android and iOS."""
    with path.open("rb") as file:
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
        raise _OtherJsonError(f"{path}: JSON, but not Google's location history; no place was taken from it")


def _each(entries: Iterable[Any], points: Callable[[Any], Iterable[Point]]) -> Iterator[Point]:
    """An entry that is not as its format has it is passed over: exports of ten years hold all sorts."""
    for entry in entries:
        with suppress(AttributeError, KeyError, TypeError, ValueError, OverflowError):
            yield from list(points(entry))


def _record(location: dict[str, Any]) -> Iterator[Point]:
    when = location.get("timestamp") or location.get("timestampMs")
    yield from _google_point(when, location, _metres(location.get("accuracy")))


def _semantic_entry(entry: dict[str, Any]) -> Iterator[Point]:
    visit, move = entry.get("placeVisit"), entry.get("activitySegment")
    if visit:
        for edge in ("start", "end"):
            yield from _google_point(_edge(visit, edge), visit.get("location", {}), _VISIT_ERROR_KM)
    if move:
        yield from _google_point(_edge(move, "start"), move.get("startLocation", {}), _GOOGLE_ERROR_KM)
        for point in move.get("simplifiedRawPath", {}).get("points", ()):
            when = point.get("timestamp") or point.get("timestampMs")
            yield from _google_point(when, point, _metres(point.get("accuracyMeters")))
        yield from _google_point(_edge(move, "end"), move.get("endLocation", {}), _GOOGLE_ERROR_KM)


def _edge(entry: dict[str, Any], edge: str) -> str | None:
    duration = entry.get("duration", {})
    when = duration.get(f"{edge}Timestamp") or duration.get(f"{edge}TimestampMs")
    return None if when is None else str(when)


def _android_segment(segment: dict[str, Any]) -> Iterator[Point]:
    for point in segment.get("timelinePath") or ():
        yield from _degrees_point(point.get("time"), point.get("point"), _GOOGLE_ERROR_KM)
    place = _visited(segment)
    if place:
        where = place.get("latLng") if isinstance(place, dict) else place
        for edge in ("startTime", "endTime"):
            yield from _degrees_point(segment.get(edge), where, _VISIT_ERROR_KM)
    activity = segment.get("activity") or {}
    for edge, when in (("start", "startTime"), ("end", "endTime")):
        where = activity.get(edge)
        where = where.get("latLng") if isinstance(where, dict) else where
        yield from _degrees_point(segment.get(when), where, _GOOGLE_ERROR_KM)


def _android_signal(signal: dict[str, Any]) -> Iterator[Point]:
    position = signal.get("position") or {}
    where = position.get("LatLng") or position.get("latLng")
    yield from _degrees_point(position.get("timestamp"), where, _metres(position.get("accuracyMeters")))


def _ios_segment(segment: dict[str, Any]) -> Iterator[Point]:
    start, end = segment.get("startTime"), segment.get("endTime")
    for point in segment.get("timelinePath") or ():
        minutes = _number(point.get("durationMinutesOffsetFromStartTime")) or 0.0
        yield from _degrees_point(start, point.get("point"), _GOOGLE_ERROR_KM, later_s=60 * minutes)
    for when in (start, end):
        yield from _degrees_point(when, _visited(segment), _VISIT_ERROR_KM)
    activity = segment.get("activity") or {}
    yield from _degrees_point(start, activity.get("start"), _GOOGLE_ERROR_KM)
    yield from _degrees_point(end, activity.get("end"), _GOOGLE_ERROR_KM)


def _visited(segment: dict[str, Any]) -> Any:
    return ((segment.get("visit") or {}).get("topCandidate") or {}).get("placeLocation")


def _google_point(when: str | None, place: dict[str, Any], error_km: float) -> Iterator[Point]:
    """Integers of 10⁻⁷ degrees; old exports wrapped those beyond ±180° by 2³²."""
    lat, lng = place.get("latitudeE7", place.get("latE7")), place.get("longitudeE7", place.get("lngE7"))
    if when is None or lat is None or lng is None:
        return
    latitude, longitude = _unwrapped(int(lat)) / 1e7, _unwrapped(int(lng)) / 1e7
    utc = int(when) / 1000 if str(when).isdigit() else _utc(str(when), latitude, longitude)
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
    utc = _utc(when, latitude, longitude)
    if utc is not None and is_place(latitude, longitude):
        yield utc + later_s, latitude, longitude, error_km


def read_fit(path: Path) -> Iterator[Point]:
    """Garmin FIT, by fitdecode: the records of an activity or a course."""
    import fitdecode  # type: ignore[import-untyped]

    try:
        with fitdecode.FitReader(str(path), check_crc=fitdecode.CrcCheck.DISABLED) as reader:
            for frame in reader:
                if not isinstance(frame, fitdecode.FitDataMessage) or frame.name != "record":
                    continue
                when = frame.get_value("timestamp", fallback=None)
                lat = frame.get_value("position_lat", fallback=None)
                lng = frame.get_value("position_long", fallback=None)
                if isinstance(when, datetime) and lat is not None and lng is not None:
                    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
                    error = _metres(frame.get_value("gps_accuracy", fallback=None), RECEIVER_ERROR_KM)
                    yield aware.timestamp(), lat * _FIT_SEMICIRCLE_DEG, lng * _FIT_SEMICIRCLE_DEG, error
    except fitdecode.FitError as error:
        raise ValueError(str(error)) from error


def _utc(text: str, latitude: float, longitude: float) -> float | None:
    """ISO 8601 to POSIX seconds; without a zone it is local time at the place. None if not a time."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        zone = zone_at(latitude, longitude)
        moment = moment.replace(tzinfo=zone or UTC)
    return moment.timestamp()


def _metres(value: Any, least_km: float = _GOOGLE_ERROR_KM) -> float:
    number = _number(value)
    return least_km if number is None else max(number / 1000.0, least_km / 3)


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


_READERS: dict[str, Callable[[Path], Iterable[Point]]] = {
    ".gpx": read_gpx,
    ".kml": read_kml,
    ".kmz": read_kmz,
    ".nmea": read_nmea,
    ".nma": read_nmea,
    ".json": read_google,
    ".fit": read_fit,
}
