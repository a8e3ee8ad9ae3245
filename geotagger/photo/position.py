"""Where a photo says it was taken: the GPS tags (EXIF 3.0, CIPA DC-008, §4.6.9), or the XMP packet.

Takes both, gives a GpsFix with its quality and what is odd about it. A position that cannot be
trusted at all (0,0; beyond the poles; no hemisphere) is no fix, and a problem says why.
"""

import math

from geotagger.geo import is_believable, is_place
from geotagger.marks import is_ours, mark_of
from geotagger.photo.moment import gps_moment
from geotagger.photo.tags import Tags
from geotagger.photo.values import GpsFix
from geotagger.photo.xmp import xmp_degrees, xmp_text

_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 0x01, 0x02, 0x03, 0x04
_ALTITUDE_REF, _ALTITUDE, _STATUS, _MEASURE_MODE, _DOP = 0x05, 0x06, 0x09, 0x0A, 0x0B
_PROCESSING_METHOD, _POSITIONING_ERROR = 0x1B, 0x1F

_BELOW_SEA_LEVEL = 1

_EARTH_HALF_M = 20_037_508.0


def gps_fix(tags: Tags, xmp: bytes | None) -> tuple[GpsFix | None, list[str]]:
    """The position in the GPS directory or, without one, in the XMP packet; None when there is
    none or it is not believable."""
    if ("gps", _LATITUDE) not in tags and ("gps", _LONGITUDE) not in tags:
        return _of_xmp(xmp)
    latitude = _degrees(tags, _LATITUDE, _LATITUDE_REF, "NS")
    longitude = _degrees(tags, _LONGITUDE, _LONGITUDE_REF, "EW")
    if isinstance(latitude, str) or isinstance(longitude, str):
        return None, [f"GPS: {latitude if isinstance(latitude, str) else longitude}"]
    wrong = _what_is_wrong(latitude, longitude)
    if wrong:
        return None, [wrong]
    problems = []
    if tags.text("gps", _STATUS).upper() == "V":
        problems.append("GPS: the receiver called its position void")
    mode = tags.text("gps", _MEASURE_MODE)
    method = processing_method(tags)
    mark = mark_of(method, latitude, longitude)
    # the radius of an estimate says nothing of the place that the owner put there instead
    is_error_ours = mark is None and is_ours(method)
    return GpsFix(
        latitude,
        longitude,
        altitude_m=_altitude(tags),
        error_m=None if is_error_ours else _bounded(tags.number("gps", _POSITIONING_ERROR), _EARTH_HALF_M),
        dop=_bounded(tags.number("gps", _DOP), 1000.0),
        utc=gps_moment(tags),
        mark=mark,
        dimensions=int(mode) if mode in ("2", "3") else None,
    ), problems


def _of_xmp(xmp: bytes | None) -> tuple[GpsFix | None, list[str]]:
    latitude = xmp_degrees(xmp_text(xmp, "exif:GPSLatitude"))
    longitude = xmp_degrees(xmp_text(xmp, "exif:GPSLongitude"))
    if latitude is None or longitude is None:
        return None, []
    wrong = _what_is_wrong(latitude, longitude)
    if wrong:
        return None, [wrong]
    mark = mark_of(xmp_text(xmp, "exif:GPSProcessingMethod"), latitude, longitude)
    return GpsFix(latitude, longitude, mark=mark), []


def _what_is_wrong(latitude: float, longitude: float) -> str | None:
    if not is_place(latitude, longitude):
        return f"GPS: {latitude:g}, {longitude:g} is not on the Earth"
    if not is_believable(latitude, longitude):
        return "GPS: 0, 0 stands for no position"
    return None


def processing_method(tags: Tags) -> str:
    """GPSProcessingMethod without its character code (EXIF 3.0 §4.6.2, UserComment's table)."""
    raw = tags.opaque("gps", _PROCESSING_METHOD)
    code, text = raw[:8], raw[8:]
    if code == b"UNICODE\0":
        return text.decode("utf-16-le" if text[1:2] == b"\0" else "utf-16-be", "replace").strip("\0 ")
    if code in (b"ASCII\0\0\0", b"\0" * 8):
        return text.decode("latin-1").strip("\0 ")
    return raw.decode("latin-1").strip("\0 ")


def _degrees(tags: Tags, tag: int, ref_tag: int, hemispheres: str) -> float | str:
    """Signed degrees, or what is wrong with them."""
    name = "latitude" if tag == _LATITUDE else "longitude"
    parts = tags.numbers("gps", tag)
    if not parts:
        return f"the {name} is missing"
    parts = (*parts[:3], 0.0, 0.0)[:3]
    if not all(math.isfinite(part) for part in parts):
        return f"the {name} is no number"
    hemisphere = tags.text("gps", ref_tag)[:1].upper()
    if not hemisphere or hemisphere not in hemispheres:
        return f"the {name} does not say which hemisphere"
    degrees = abs(parts[0]) + parts[1] / 60 + parts[2] / 3600
    return -degrees if hemisphere == hemispheres[1] else degrees


def _altitude(tags: Tags) -> float | None:
    altitude = tags.number("gps", _ALTITUDE)
    if altitude is None or abs(altitude) > 1e6:
        return None
    below = tags.number("gps", _ALTITUDE_REF) in (_BELOW_SEA_LEVEL, 3)  # 3: below the ellipsoid
    return -abs(altitude) if below else altitude


def _bounded(value: float | None, most: float) -> float | None:
    return value if value is not None and 0 <= value <= most else None
