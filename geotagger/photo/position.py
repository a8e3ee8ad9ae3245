"""Where a photo says it was taken: the GPS tags (EXIF 3.0, CIPA DC-008, §4.6.9), or the XMP packet.

Takes both, gives a GpsFix with its quality and what is odd about it. No fix is 0,0, and what the receiver
itself called void (GPSStatus V). A position that is there and cannot be read (no hemisphere, beyond the
poles) is no fix either, but somebody's word, and told as such.
"""

import re
from dataclasses import dataclass

from geotagger.coordinates import Spelling, UnreadableCoordinatesError, read_position
from geotagger.marks import is_ours, mark_of
from geotagger.photo.moment import gps_moment
from geotagger.photo.tags import Tags
from geotagger.photo.values import GpsFix
from geotagger.photo.xmp import xmp_position, xmp_text

_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 0x01, 0x02, 0x03, 0x04
_ALTITUDE_REF, _ALTITUDE, _STATUS, _MEASURE_MODE, _DOP = 0x05, 0x06, 0x09, 0x0A, 0x0B
_MAP_DATUM, _PROCESSING_METHOD, _POSITIONING_ERROR = 0x12, 0x1B, 0x1F

_BELOW_SEA_LEVEL = 1

_EARTH_HALF_M = 20_037_508.0

_WORLDWIDE = re.compile(r"[^A-Z]*$|.*(WGS|JGD|NAD.?83|ETRS|GDA|CGCS|ITRF)", re.IGNORECASE)
"""Datums that agree within some metres, and none named."""
_OTHER_DATUM_ERROR_M = 500.0
"""Of Japan's old datum (TOKYO), by which telephones of the years after 2000 measured: up to 450 m."""
_CELL_TOWER, _CELL_TOWER_ERROR_M = "CELLID", 1000.0
"""The word of EXIF 3.0 §4.6.9 for a position by the cell of a telephone network, and how near one usually is
where no error is stated (assumed: some hundreds of metres in towns, kilometres in the country)."""


@dataclass(frozen=True, slots=True)
class StatedPosition:
    """What a photo says of its place: a fix, or why the one it names cannot be read, or neither."""

    fix: GpsFix | None = None
    unreadable: str | None = None
    problems: tuple[str, ...] = ()


def stated_position(tags: Tags, xmp: bytes | None) -> StatedPosition:
    """The position in the GPS directory or, without one that can be read, in the XMP packet."""
    problems: list[str] = []
    fix, unreadable = None, None
    try:
        fix = _of_tags(tags, problems)
    except UnreadableCoordinatesError as error:
        unreadable = f"GPS: {error}"
    if fix is None:
        try:
            fix = _of_xmp(xmp, problems)
        except UnreadableCoordinatesError as error:
            unreadable = unreadable or f"XMP: {error}"
    return StatedPosition(fix, None if fix is not None else unreadable, tuple(problems))


def _of_tags(tags: Tags, problems: list[str]) -> GpsFix | None:
    latitude, longitude = _spelling(tags, _LATITUDE), _spelling(tags, _LONGITUDE)
    refs = tags.text("gps", _LATITUDE_REF), tags.text("gps", _LONGITUDE_REF)
    if latitude is None and longitude is None:
        return None
    if tags.text("gps", _STATUS).upper().startswith("V"):
        problems.append("GPS: the receiver called its position void")
        return None
    place = read_position(latitude, refs[0], longitude, refs[1], signed=False)
    if place is None:
        problems.append("GPS: 0, 0 stands for no position")
        return None
    mode = tags.text("gps", _MEASURE_MODE)
    method = tags.comment("gps", _PROCESSING_METHOD)
    mark = mark_of(method, *place)
    # the radius of an estimate says nothing of the place that the owner put there instead
    is_error_ours = mark is None and is_ours(method)
    error_m = None if is_error_ours else _bounded(tags.number("gps", _POSITIONING_ERROR), _EARTH_HALF_M)
    if error_m is None and method.strip().upper() == _CELL_TOWER:
        error_m = _CELL_TOWER_ERROR_M
    if not _WORLDWIDE.match(tags.text("gps", _MAP_DATUM)):
        error_m = max(error_m or 0.0, _OTHER_DATUM_ERROR_M)
        problems.append("GPS: its position is by another datum than WGS 84, and as much less sure")
    return GpsFix(
        *place,
        altitude_m=_altitude(tags),
        error_m=error_m,
        dop=_bounded(tags.number("gps", _DOP), 1000.0),
        utc=gps_moment(tags),
        mark=mark,
        dimensions=int(mode) if mode in ("2", "3") else None,
    )


def _of_xmp(xmp: bytes | None, problems: list[str]) -> GpsFix | None:
    place = xmp_position(xmp)
    if place is None:
        return None
    if xmp_text(xmp, "exif:GPSStatus").upper().startswith("V"):
        problems.append("GPS: the receiver called its position void")
        return None
    return GpsFix(*place, mark=mark_of(xmp_text(xmp, "exif:GPSProcessingMethod"), *place))


def _spelling(tags: Tags, tag: int) -> Spelling:
    """Numbers, or a text where a program wrote one; None where there is nothing."""
    if ("gps", tag) not in tags:
        return None
    return tags.numbers("gps", tag) or tags.text("gps", tag)


def _altitude(tags: Tags) -> float | None:
    altitude = tags.number("gps", _ALTITUDE)
    if altitude is None or abs(altitude) > 1e6:
        return None
    below = tags.number("gps", _ALTITUDE_REF) in (_BELOW_SEA_LEVEL, 3)  # 3: below the ellipsoid
    return -abs(altitude) if below else altitude


def _bounded(value: float | None, most: float) -> float | None:
    return value if value is not None and 0 <= value <= most else None
