"""When a photo was taken, by its EXIF tags (EXIF 3.0, CIPA DC-008, §4.6.6.7 "Date and Time").

Takes Tags, gives a CaptureTime and what is odd about it. Does not turn local time into UTC:
a camera's clock needs more than one photo's tags for that.
"""

import re
from datetime import datetime, timedelta

from geotagger.photo.tags import Tags
from geotagger.photo.values import CaptureTime

# date, sub-second and offset tags of the three moments that EXIF knows, best first
_ORIGINAL = (("exif", 0x9003), ("exif", 0x9291), ("exif", 0x9011))
_DIGITISED = (("exif", 0x9004), ("exif", 0x9292), ("exif", 0x9012))
_CHANGED = (("image", 0x0132), ("exif", 0x9290), ("exif", 0x9010))

_MAKE, _MODEL = ("image", 0x010F), ("image", 0x0110)

_DATE = re.compile(r"\s*(\d{4})\D(\d{1,2})\D(\d{1,2})(?:\D(\d{1,2})\D(\d{1,2})(?:\D(\d{1,2})(?:\.(\d+))?)?)?")
_OFFSET = re.compile(r"\s*([+\-−])\s?(\d{1,2}):?(\d{2})")

_FIRST_YEAR = 1826
"""The oldest surviving photograph; anything before is a clock that was never set."""

_EPOCHS = frozenset({datetime(1904, 1, 1), datetime(1970, 1, 1), datetime(1980, 1, 1)})
"""Where clocks stand that were never set: the zero of Mac, Unix and DOS time, to the second."""


def capture_time(tags: Tags, now: datetime) -> tuple[CaptureTime | None, list[str]]:
    """The best moment among the tags, and problems. `now` bounds the future."""
    problems: list[str] = []
    for moment in (_ORIGINAL, _DIGITISED, _CHANGED):
        (place, tag), (sub_place, sub_tag), (offset_place, offset_tag) = moment
        if moment is _CHANGED and not (tags.text(*_MAKE) or tags.text(*_MODEL)):
            continue  # a program's date, not a camera's
        text = tags.text(place, tag)
        if not text:
            continue
        local, problem = _moment(text, tags.text(sub_place, sub_tag), now)
        if problem:
            problems.append(problem)
        if local is None:
            continue
        if moment is _CHANGED:
            problems.append("no capture time; the time of the last change stands for it")
        return CaptureTime(local, offset_of(tags.text(offset_place, offset_tag))), problems
    return None, problems


def gps_moment(tags: Tags) -> datetime | None:
    """The GPS time stamp, naive UTC (GPSDateStamp and GPSTimeStamp)."""
    date = _DATE.match(tags.text("gps", 0x001D))
    time = tags.numbers("gps", 0x0007)
    if date is None or len(time) < 3:
        return None
    year, month, day = (int(part) for part in date.groups()[:3])
    hour, minute, second = time[:3]
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
    found = _OFFSET.match(text)
    if found is None:
        return None
    sign = 1 if found[1] == "+" else -1
    offset = sign * timedelta(hours=int(found[2]), minutes=int(found[3]))
    return offset if abs(offset) <= timedelta(hours=14) and int(found[3]) < 60 else None


def _moment(text: str, sub_seconds: str, now: datetime) -> tuple[datetime | None, str | None]:
    found = _DATE.match(text)
    if found is None:
        blank = not text.strip(" :-/")
        return None, None if blank else f"the date “{text[:32]}” is no date"
    year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
    try:
        # a leap second is the last second of its minute to everybody else
        local = datetime(year, month, day, hour, minute, min(second, 59) if second == 60 else second)
    except ValueError:
        return None, f"the date “{text[:32]}” is no date"
    if local.year < _FIRST_YEAR or local > now + timedelta(days=2):
        return None, f"the date “{text[:32]}” is absurd"
    digits = "".join(c for c in (found[7] or sub_seconds.strip()) if c.isdigit())[:6]
    if digits:
        local = local.replace(microsecond=int(digits.ljust(6, "0")))
    if local.replace(microsecond=0) in _EPOCHS:
        return None, f"the date “{text[:32]}” is that of a clock that was never set"
    return local, None
