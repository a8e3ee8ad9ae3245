"""When a photo was taken, by its EXIF tags (EXIF 3.0, CIPA DC-008, §4.6.6.7 "Date and Time") and,
where those are gone, by its XMP packet or its IPTC.

Takes all three, gives a CaptureTime and what is odd about it. Does not turn local time into UTC:
a camera's clock needs more than one photo's tags for that.
"""

import re
from dataclasses import replace
from datetime import datetime, time, timedelta

from geotagger.photo.iptc import iptc_moment
from geotagger.photo.tags import SOFTWARE, Tags
from geotagger.photo.values import CaptureTime, of_the_earth
from geotagger.photo.xmp import xmp_moment, xmp_text

# date, sub-second and offset tags of the three moments that EXIF knows
_ORIGINAL = (("exif", 0x9003), ("exif", 0x9291), ("exif", 0x9011))
_DIGITISED = (("exif", 0x9004), ("exif", 0x9292), ("exif", 0x9012))
_CHANGED = (("image", 0x0132), ("exif", 0x9290), ("exif", 0x9010))

_XMP_MOMENTS = ("exif:DateTimeOriginal", "photoshop:DateCreated", "xmp:CreateDate")
"""The last is the document's, which for a photo that names its camera is the photo's."""

EXPOSURE = (("exif", 0x829A), ("exif", 0x829D), ("exif", 0x8827), ("exif", 0x920A), ("exif", 0x9201))
"""Exposure time, aperture, sensitivity, focal length, shutter speed: only a lens has these."""

_MAKE, _MODEL = ("image", 0x010F), ("image", 0x0110)
_GPS_TIME = ("gps", 0x0007)

_EDITOR = re.compile(
    r"adobe|photoshop|lightroom|gimp|darktable|rawtherapee|capture one|affinity|dxo|luminar|acdsee|picasa"
    r"|digikam|aperture|photos \d|paint|xnview|irfanview|imagemagick|snapseed|microsoft|google|exiftool",
    re.I,
)
"""Programs whose time of last change is the time of an export, not of a photo."""

_DATE = re.compile(r"\s*(\d{4})\D(\d{1,2})\D(\d{1,2})(?:\D(\d{1,2})\D(\d{1,2})(?:\D(\d{1,2})(?:\.(\d+))?)?)?")
_OFFSET = re.compile(r"\s*([+\-−])\s?(\d{1,2}):?(\d{2})")

_FIRST_YEAR = 1826
"""The oldest surviving photograph; anything before is a clock that was never set."""

_EPOCHS = frozenset({datetime(1904, 1, 1), datetime(1970, 1, 1), datetime(1980, 1, 1)})
"""Where clocks stand that were never set: the zero of Mac, Unix and DOS time, to the second."""


def capture_time(
    tags: Tags, xmp: bytes | None, iptc: bytes | None, now: datetime
) -> tuple[CaptureTime | None, list[str]]:
    """The best moment there is, and problems. `now` bounds the future."""
    problems: list[str] = []
    camera = any(makers_named(tags, xmp)) or _GPS_TIME in tags
    for moment in (_ORIGINAL,) if is_only_digitised(tags) else (_ORIGINAL, _DIGITISED):
        if (taken := _of_tags(tags, moment, now, problems)) is not None:
            return _with_offset(tags, taken, now), problems
    if (told := time_of_packet(xmp, camera, now)) is not None:
        return told, problems
    written = iptc_moment(iptc)
    if written is not None and _is_believable(written.local, now) and written.local.time() != time():
        return written, problems
    if camera and not _EDITOR.search(tags.text(*SOFTWARE)):
        taken = _of_tags(tags, _CHANGED, now, problems)
        if taken is not None:
            problems.append("no capture time; the time of the last change stands for it")
            return replace(taken, is_of_change=True), problems
    return None, problems


def time_of_packet(xmp: bytes | None, names_camera: bool, now: datetime) -> CaptureTime | None:
    """When a packet, of the photo or of a sidecar, says that the photo was taken. `names_camera`: whether the
    photo does."""
    for name in _XMP_MOMENTS if names_camera else _XMP_MOMENTS[:2]:
        moment = xmp_moment(xmp_text(xmp, name))
        # midnight to the second: only the day was known
        if moment is not None and _is_believable(moment.local, now) and moment.local.time() != time():
            return moment
    return None


def makers_named(tags: Tags, xmp: bytes | None) -> tuple[str, str]:
    """Maker and model of the camera, by EXIF or, where a program exported XMP alone, by that."""
    named = tags.text(*_MAKE), tags.text(*_MODEL)
    return named if any(named) else (xmp_text(xmp, "tiff:Make"), xmp_text(xmp, "tiff:Model"))


def is_only_digitised(tags: Tags) -> bool:
    """Whether the only moment is that of digitising, and nothing names a camera: a scan."""
    named = tags.text(*_MAKE) or tags.text(*_MODEL) or _GPS_TIME in tags
    taken_by_lens = bool(named) or any(key in tags for key in EXPOSURE)
    blank = not tags.text(*_ORIGINAL[0]).strip(" :")
    return not taken_by_lens and blank and bool(tags.text(*_DIGITISED[0]).strip(" :"))


def _with_offset(tags: Tags, taken: CaptureTime, now: datetime) -> CaptureTime:
    """The capture time with the offset of another moment that is the same to the second: cameras that write
    one OffsetTime only mean all three. That of a later edit is where the editor was."""
    if taken.offset is not None:
        return taken
    for moment in (_ORIGINAL, _DIGITISED, _CHANGED):
        other = _of_tags(tags, moment, now, [])
        is_same = other is not None and other.local.replace(microsecond=0) == taken.local.replace(
            microsecond=0
        )
        if other is not None and is_same and other.offset is not None:
            return replace(taken, offset=other.offset)
    return taken


def gps_moment(tags: Tags) -> datetime | None:
    """The GPS time stamp, naive UTC (GPSDateStamp and GPSTimeStamp)."""
    date = _DATE.match(tags.text("gps", 0x001D))
    clock = tags.numbers("gps", 0x0007)
    if date is None or len(clock) < 3:
        return None
    year, month, day = (int(part) for part in date.groups()[:3])
    hour, minute, second = clock[0], *(0.0 if part != part else part for part in clock[1:3])  # 0/0 is none
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 61):
        return None
    try:
        start = datetime(year, month, day)
    except ValueError:
        return None
    if start.year < 1980:  # the GPS epoch
        return None
    return start + timedelta(hours=hour, minutes=minute, seconds=second)


def offset_of(text: str) -> timedelta | None:
    """`+02:00` → two hours; None for anything that is no offset that a clock on Earth has."""
    if text.strip() == "Z":
        return timedelta(0)
    match = _OFFSET.match(text)
    if match is None:
        return None
    sign = 1 if match[1] == "+" else -1
    offset = sign * timedelta(hours=int(match[2]), minutes=int(match[3]))
    return of_the_earth(offset) if int(match[3]) < 60 else None


def _of_tags(
    tags: Tags, moment: tuple[tuple[str, int], ...], now: datetime, problems: list[str]
) -> CaptureTime | None:
    date, sub_seconds, offset = (tags.text(*key) for key in moment)
    if not date:
        return None
    local, problem = _moment(date, sub_seconds, now)
    if problem:
        problems.append(problem)
    if local is None:
        return None
    match = _DATE.match(date)
    behind = date[match.end() :] if match else ""  # some programs write the offset behind the time
    told = offset_of(offset)
    return CaptureTime(local, offset_of(behind) if told is None else told)


def _is_believable(local: datetime, now: datetime) -> bool:
    return local.year >= _FIRST_YEAR and local <= now + timedelta(days=2)


def _moment(text: str, sub_seconds: str, now: datetime) -> tuple[datetime | None, str | None]:
    match = _DATE.match(text)
    if match is None:
        blank = not text.strip(" :-/")
        return None, None if blank else f"the date “{text[:32]}” is no date"
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        # a leap second is the last second of its minute to everybody else
        local = datetime(year, month, day, hour, minute, min(second, 59) if second == 60 else second)
    except ValueError:
        return None, f"the date “{text[:32]}” is no date"
    if not _is_believable(local, now):
        return None, f"the date “{text[:32]}” is absurd"
    digits = "".join(c for c in (match[7] or sub_seconds.strip()) if c.isdecimal())[:6]
    if digits:
        local = local.replace(microsecond=int(digits.ljust(6, "0")))
    if local.replace(microsecond=0) in _EPOCHS:
        return None, f"the date “{text[:32]}” is that of a clock that was never set"
    return local, None
