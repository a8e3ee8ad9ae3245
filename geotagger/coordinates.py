"""Coordinates as people and programs spell them: one reading for EXIF and XMP, of photos and of sidecars.

Takes what stands in a file, numbers or text with or without a hemisphere, and gives signed degrees as
ExifTool reads them (its `GPS::ToDegrees`); it differs where that one would lose a sign. Tells apart a file
that names no position (nothing, blanks, 0,0) from one that names a position which nobody can read: that one
is somebody's word and must not be replaced. Knows nothing of files.
"""

import math
import re
from collections.abc import Sequence
from typing import Literal

Spelling = Sequence[float] | str | None
"""Degrees, minutes and seconds as numbers (NaN: no value), or a text; None where there is nothing."""

Axis = Literal["latitude", "longitude"]

_HEMISPHERES: dict[Axis, tuple[str, str]] = {"latitude": ("N", "S"), "longitude": ("E", "W")}
_NUMBER = re.compile(r"([+-]?)\s*((?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)(?:\s*/\s*(\d{1,15}))?")
_HEMISPHERE = re.compile(r"(?<![A-Za-z])(north|south|east|west|[nsew])(?![A-Za-z])", re.I)
_BOTH = re.compile(r"(.*[NS](?:orth|outh)?)[,;/\s]+([^NS]*[EW](?:ast|est)?)\s*", re.I | re.S)
_UNITS = re.compile(
    r"degrees?|deg|minutes?|min|seconds?|sec|latitude|lat|longitude|long|lon|[dm](?![a-z])"
    r"|[°º˚'′’`\"″”“,;:=\s]",
    re.I,
)
_UNIT = re.compile(r"\d\s*[dm](?![a-z])", re.I)
_UNIT_OF_SECONDS = re.compile(r"(\d)\s*s(?![a-z])")
_LONGEST = 128
_NULL_ISLAND_DEG = 1e-4
"""Within about ten metres of 0,0 lies open sea and every receiver that had no fix."""


def is_place(lat: float, lng: float) -> bool:
    """True for finite degrees that lie on the Earth."""
    return bool(abs(lat) <= 90.0 and abs(lng) <= 180.0)  # NaN compares false


def is_believable(lat: float, lng: float) -> bool:
    """Whether a position in a file can be one: on the Earth, and not where receivers are that do
    not know."""
    return is_place(lat, lng) and max(abs(lat), abs(lng)) >= _NULL_ISLAND_DEG


class UnreadableCoordinatesError(ValueError):
    """A position is there and cannot be read; the text says why, in words that follow the file's name."""


def read_position(
    latitude: Spelling, latitude_ref: str, longitude: Spelling, longitude_ref: str, *, signed: bool
) -> tuple[float, float] | None:
    """Signed degrees; None where no position is named. `signed`: a number without a hemisphere is north or
    east, as in XMP; in EXIF, whose numbers have no sign, it says nothing.

    Raises UnreadableCoordinatesError where one is named that cannot be read, or is not on the Earth.
    """
    if _is_blank(latitude) and _is_blank(longitude):
        return None
    lat = _degrees(latitude, latitude_ref, "latitude", signed)
    lng = _degrees(longitude, longitude_ref, "longitude", signed)
    if not is_place(lat, lng):
        raise UnreadableCoordinatesError(f"{lat:g}, {lng:g} is not on the Earth")
    return (lat, lng) if is_believable(lat, lng) else None


def _is_blank(spelling: Spelling) -> bool:
    """Nothing, zeros, no values (0/0), a text without a digit: what is there while no place is known."""
    if spelling is None:
        return True
    if isinstance(spelling, str):
        return not any(digit in spelling for digit in "123456789")
    return not any(part for part in spelling if math.isfinite(part)) and not any(map(math.isinf, spelling))


def _degrees(spelling: Spelling, ref: str, axis: Axis, signed: bool) -> float:
    positive, negative = _HEMISPHERES[axis]
    if spelling is None or (isinstance(spelling, str) and not spelling.strip()):
        raise UnreadableCoordinatesError(f"the {axis} is missing")
    letter = ref.strip(" \0")[:1].upper()
    if isinstance(spelling, str):
        parts, is_minus, own = _of_text(spelling, axis)
        letter = own or letter
    else:
        parts, is_minus = list(spelling), any(part < 0 for part in spelling)
    if not parts or len(parts) > 3 or not all(map(math.isfinite, parts)):
        raise UnreadableCoordinatesError(f"the {axis} is {'no number' if parts else 'missing'}")
    parts = [*parts, 0.0, 0.0][:3]
    if any(part < 0 for part in parts[1:]) and any(part > 0 for part in parts):
        raise UnreadableCoordinatesError(f"the signs of the {axis} contradict each other")
    size = math.fsum((abs(parts[0]), abs(parts[1]) / 60, abs(parts[2]) / 3600))
    if abs(parts[1]) > 60 or abs(parts[2]) > 60:
        raise UnreadableCoordinatesError(f"the {axis} has more than 60 minutes or seconds")
    if letter not in (positive, negative):
        if letter or not (signed or is_minus):
            raise UnreadableCoordinatesError(f"the {axis} does not say which hemisphere")
        letter = positive
    # who writes a minus means it, whatever letter stands beside it
    return -size if is_minus or letter == negative else size


def _of_text(text: str, axis: Axis) -> tuple[list[float], bool, str]:
    """The numbers of a text, whether one has a minus, and the hemisphere in it ("" for none)."""
    text = text[:_LONGEST].replace("\0", " ").replace("\N{MINUS SIGN}", "-").strip()
    if both := _BOTH.fullmatch(text):
        text = both[1] if axis == "latitude" else both[2]
    seconds = _UNIT_OF_SECONDS.search(text) if _UNIT.search(text) else None
    is_south_or_seconds = seconds is not None and not _HEMISPHERE.search(text[seconds.end() :])
    if seconds is not None:
        text = text[: seconds.end(1)] + " " + text[seconds.end() :]
    numbers = _NUMBER.findall(text)
    words = _NUMBER.sub(" ", text)
    letters = _HEMISPHERE.findall(words)
    is_garbage = bool(_UNITS.sub("", _HEMISPHERE.sub(" ", words))) or len(letters) > 1
    if is_garbage or is_south_or_seconds or not numbers:
        raise UnreadableCoordinatesError(f"its {axis} “{text[:40]}” cannot be understood")
    parts = [
        float(sign + size) / int(over or 1) if int(over or 1) else math.nan for sign, size, over in numbers
    ]
    return parts, any(sign == "-" for sign, _, _ in numbers), (letters or [""])[0][:1].upper()


def read_iso6709(text: str) -> tuple[float, float] | None:
    """The place in a string of ISO 6709 (annex H), `+48.2082+016.3738+171.5/`, also in degrees and minutes,
    `+4812.49+01622.43/`, or with seconds; None where it names none. Raises as `read_position`."""
    text = text.strip(" \0")
    if not any(digit in text for digit in "123456789"):
        return None
    match = _ISO_6709.match(text)
    if match is None:
        raise UnreadableCoordinatesError(f"its location “{text[:40]}” cannot be understood")
    latitude, longitude = _iso_parts(match[1], 2), _iso_parts(match[2], 3)
    return read_position(latitude, "", longitude, "", signed=True)


_ISO_6709 = re.compile(r"([+-]\d+(?:[.,]\d*)?)([+-]\d+(?:[.,]\d*)?)(?:[+-]\d+(?:[.,]\d*)?)?(?:CRS[^/]*)?/?")


def _iso_parts(text: str, degrees: int) -> str:
    """Degrees, minutes and seconds with spaces between, of digits that stand together."""
    whole, point, fraction = text[1:].replace(",", ".").partition(".")
    parts = [whole[:degrees], *(whole[at : at + 2] for at in range(degrees, len(whole), 2))]
    return text[0] + " ".join(parts) + point + fraction
