"""The date and the place names of IPTC-IIM (IIM 4.2, datasets 2:55, 2:60, 2:90 to 2:101), which picture desks
write and some programs keep where EXIF is gone.

Takes an Image Resource Block (Photoshop's `8BIM` 0x0404) or bare datasets, gives values. Judges nothing.
"""

import re
from datetime import datetime, timedelta

from geotagger.photo.values import CaptureTime, NamedPlace, of_the_earth

_IIM_RESOURCE = 0x0404
_MAX_PARTS = 2000
_LONGEST = 256
_CHARACTER_SET, _DATE_CREATED, _TIME_CREATED = (1, 90), (2, 55), (2, 60)
_CITY, _REGION, _COUNTRY_CODE, _COUNTRY = (2, 90), (2, 95), (2, 100), (2, 101)
_UTF_8 = b"\x1b%G"

Datasets = dict[tuple[int, int], bytes]


def iptc_moment(block: bytes | None) -> CaptureTime | None:
    """When the picture was taken; None without a time of day. An offset of +0000 is what programs write that
    know of no zone, and counts as none."""
    datasets = _datasets(block)
    date = re.fullmatch(rb"(\d{4})-?(\d\d)-?(\d\d)\0*", datasets.get(_DATE_CREATED, b""))
    time = re.fullmatch(
        rb"(\d\d):?(\d\d):?(\d\d)(?:([+-])(\d\d):?(\d\d))?\0*", datasets.get(_TIME_CREATED, b"")
    )
    if date is None or time is None:
        return None
    try:
        local = datetime(*(int(part) for part in (*date.groups(), *time.groups()[:3])))  # type: ignore[arg-type]
    except ValueError:
        return None
    if time[4] is None:
        return CaptureTime(local)
    offset = timedelta(hours=int(time[5]), minutes=int(time[6]))
    return CaptureTime(local, of_the_earth(-offset if time[4] == b"-" else offset) or None)


def iptc_place(block: bytes | None) -> NamedPlace:
    """The names of the place."""
    datasets = _datasets(block)
    encoding = "utf-8" if datasets.get(_CHARACTER_SET) == _UTF_8 else "latin-1"

    def text(key: tuple[int, int]) -> str:
        return datasets.get(key, b"").decode(encoding, "replace").strip(" \0")

    return NamedPlace.of(text(_CITY), text(_REGION), text(_COUNTRY), text(_COUNTRY_CODE))


def _datasets(block: bytes | None) -> Datasets:
    """The first value of each dataset, by record and number."""
    datasets: Datasets = {}
    data = _iim(block or b"")
    at = 0
    for _ in range(_MAX_PARTS):
        if len(data) < at + 5 or data[at] != 0x1C:
            break
        length = int.from_bytes(data[at + 3 : at + 5], "big")
        if length & 0x8000:  # an extended dataset: none of these
            break
        datasets.setdefault((data[at + 1], data[at + 2]), data[at + 5 : at + 5 + min(length, _LONGEST)])
        at += 5 + length
    return datasets


def _iim(block: bytes) -> bytes:
    """The datasets in an Image Resource Block; a block that is none is taken for bare datasets."""
    at = 0
    for _ in range(_MAX_PARTS):
        if block[at : at + 4] != b"8BIM" or len(block) < at + 12:
            break
        number = int.from_bytes(block[at + 4 : at + 6], "big")
        start = at + 6 + (block[at + 6] + 2) // 2 * 2
        size = int.from_bytes(block[start : start + 4], "big")
        if number == _IIM_RESOURCE:
            return block[start + 4 : start + 4 + size]
        at = start + 4 + (size + 1) // 2 * 2
    return block if block[:1] == b"\x1c" else b""
