"""The few properties of an embedded XMP packet that say when and where a photo was taken.

Programs that export photos often drop the EXIF dates and keep these. Takes the packet's bytes,
gives property texts. Looks for the customary prefixes only and never parses the XML: a packet may be
broken, padded or megabytes long. Sidecars are read elsewhere.
"""

import re
from datetime import datetime, timedelta

from geotagger.photo.values import CaptureTime

_LONGEST = 1 << 20

_DATE = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?(?:(Z)|([+-])(\d\d):(\d\d))?$"
)
_COORDINATE = re.compile(r"(\d{1,3}),(\d{1,2}(?:\.\d+)?)(?:,(\d{1,2}(?:\.\d+)?))?([NSEW])$")


def xmp_text(packet: bytes | None, name: str) -> str:
    """The value of a simple property such as `exif:GPSLatitude`, as attribute or as element;
    "" when it is not there."""
    if packet is None:
        return ""
    pattern = rb"[\s<]" + re.escape(name.encode()) + rb"(?:\s*=\s*[\"']|\s*>)\s*([^\"'<]{1,128})"
    found = re.search(pattern, packet[:_LONGEST])
    return found[1].decode("utf-8", "replace").strip() if found else ""


def xmp_moment(text: str) -> CaptureTime | None:
    """An XMP date with a time of day (XMP specification part 1, §8.2.1.2); None for anything less."""
    found = _DATE.match(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        local = datetime(year, month, day, hour, minute, second, int((found[7] or "").ljust(6, "0")))
    except ValueError:
        return None
    offset = None
    if found[8]:
        offset = timedelta(0)
    elif found[9]:
        size = timedelta(hours=int(found[10]), minutes=int(found[11]))
        offset = -size if found[9] == "-" else size
    return CaptureTime(local, offset)


def xmp_degrees(text: str) -> float | None:
    """`47,33.123N` or `47,33,7N` → signed degrees (XMP specification part 2, GPSCoordinate)."""
    found = _COORDINATE.match(text)
    if found is None:
        return None
    degrees = int(found[1]) + float(found[2]) / 60 + float(found[3] or 0) / 3600
    return -degrees if found[4] in "SW" else degrees
