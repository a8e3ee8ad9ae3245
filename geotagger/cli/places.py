"""Places as people type them. Knows nothing of arrays: what only parses must start fast."""

import re
from typing import TYPE_CHECKING

from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.index.search import Box


def coordinates(asked_by: str, text: str) -> tuple[float, float]:
    """Latitude and longitude of "48.8584,2.2945" and of the other forms that people write:
    `48°51'30"N 2°17'40"E`, `48,8584 2,2945`, geo: and maps' addresses, Plus Codes, ISO 6709. UsageError, in
    the name of the option or argument that asked, for anything else and for what is not on the Earth."""
    bare = text.strip().strip("()[]")
    spot = next((spot for read in (*_SPELT, _plain, _sexagesimal) if (spot := read(bare))), None)
    if spot is None:
        wanted = f"a town behind it, as in {bare} Paris" if _SHORT_CODE.fullmatch(bare) else _WANTED
        if _O_FOR_A_SIDE.search(bare):
            wanted = "E or W in place of O, which is east in German and west in French"
        raise UsageError(f"{asked_by} {text.strip()}: cannot be read; wanted is {wanted}")
    check_on_earth(asked_by, *spot)
    return spot


def are_coordinates(text: str) -> bool:
    """Whether a text means coordinates and not a name."""
    letters = re.findall(r"[^\W\d_]{2,}", text)
    if not letters or _SHORT_CODE.fullmatch(text.strip()):
        return True
    return any(read(text) for read in (*_SPELT, _sexagesimal))


def short_plus_code(text: str) -> tuple[str, str] | None:
    """The code and the town of "V75V+8Q Paris", as maps show it; None for anything else."""
    match = _SHORT_PLUS_CODE.fullmatch(text.strip())
    return None if match is None else (match[1].upper(), match[2])


def near_by(code: str, latitude: float, longitude: float) -> tuple[float, float]:
    """Where a short Plus Code is that is meant near a place (Open Location Code, "Recovering")."""
    missing = 8 - code.index("+")
    spot = _plus_code(plus_digits(latitude, longitude)[:missing] + code)
    assert spot is not None
    lat, lng = spot
    side = 20.0 ** (2 - missing / 2)
    lat += side * round((latitude - lat) / side)
    lng += side * round((longitude - lng) / side)
    return lat if abs(lat) <= 90 else spot[0], (lng + 180) % 360 - 180


def plus_digits(latitude: float, longitude: float) -> str:
    """The first eight digits of the Plus Code of a place."""
    lat, lng, digits = min(latitude + 90, 179.9999), (longitude + 180) % 360, ""
    for step in (20.0, 1.0, 0.05, 0.0025):
        digits += _PLUS_DIGITS[int(lat // step)] + _PLUS_DIGITS[int(lng // step)]
        lat, lng = lat % step, lng % step
    return digits


_O_FOR_A_SIDE = re.compile(r"[\d°'′’\"″”]\s*O\b|\bO\s*\d", re.IGNORECASE)
_WANTED = "LAT,LNG in degrees, as in 48.8584,2.2945"
_PLUS_CODE = r"[23456789CFGHJMPQRVWX]{8}\+(?:[23456789CFGHJMPQRVWX]{2,7})?"
_SHORT_CODE = re.compile(r"(?:[23456789CFGHJMPQRVWX]{2}){1,3}\+[23456789CFGHJMPQRVWX]{2,7}", re.IGNORECASE)
_SHORT_PLUS_CODE = re.compile(rf"({_SHORT_CODE.pattern})[\s,]+(\S.*)", re.IGNORECASE)
_CODE_IN_FULL = re.compile(rf"({_PLUS_CODE})(?:[\s,]+\S.*)?", re.IGNORECASE)
_AXIS = re.compile(
    r"\b(lat|lon|lng)[a-z]*\b\s*[:=]?\s*([+-]?\d[\d.°º'′’\"″”\s]*(?:[NSEW]\b)?)", re.IGNORECASE
)
_ISO_6709 = re.compile(r"[+-]\d+(?:\.\d+)?[+-]\d+(?:\.\d+)?(?:[+-]\d+(?:\.\d+)?)?(?:CRS[^/]*)?/?")
_DECIMAL_COMMAS = re.compile(r"([+-]?\d{1,3},\d+)(?:\s*;\s*|,?\s+)([+-]?\d{1,3},\d+)")
_BY_A_SPACE = re.compile(r"([+-]?\d{1,3}\.\d+)\s+([+-]?\d{1,3}\.\d+)")
_MAP_PIN = re.compile(r"https?://.*!3d([+-]?\d{1,3}\.\d+)!4d([+-]?\d{1,3}\.\d+)", re.IGNORECASE)
_MAP_ADDRESS = re.compile(
    r"https?://.*?(?:map=\d{1,2}(?:\.\d+)?/|[@=/])([+-]?\d{1,3}\.\d+)(?:,|%2C|/|~|&mlon=)\s*([+-]?\d{1,3}\.\d+)",
    re.I,
)
_PLUS_DIGITS = "23456789CFGHJMPQRVWX"


def _plain(text: str) -> tuple[float, float] | None:
    if both := _DECIMAL_COMMAS.fullmatch(text.strip()) or _BY_A_SPACE.fullmatch(text.strip()):
        text = ",".join(part.replace(",", ".") for part in both.groups())
    try:
        spot = [float(part) for part in text.replace(";", ",").split(",")]
    except ValueError:
        return None
    return (spot[0], spot[1]) if len(spot) == 2 else None


def _geo_address(text: str) -> tuple[float, float] | None:
    """RFC 5870: geo:48.8584,2.2945;u=35"""
    kind, _, rest = text.strip().partition(":")
    if kind.lower() != "geo":
        return None
    return _plain(",".join(re.split("[;?]", rest)[0].split(",")[:2]))


def _map_address(text: str) -> tuple[float, float] | None:
    """What a browser shows above a map: .../@48.8584,2.2945,15z, ?q=48.8584,2.2945, #map=15/48.8584/2.2945,
    ?mlat=48.8584&mlon=2.2945; before where the map is, what it has a pin on: !3d48.8584!4d2.2945."""
    match = _MAP_PIN.search(text.strip()) or _MAP_ADDRESS.search(text.strip())
    return None if match is None else (float(match[1]), float(match[2]))


def _plus_code(text: str) -> tuple[float, float] | None:
    """The middle of a full Open Location Code (8FW4V75V+8Q), whatever town stands behind it; short ones:
    `short_plus_code`."""
    match = _CODE_IN_FULL.fullmatch(text.strip())
    if match is None:
        return None
    code = match[1].upper()
    digits = [_PLUS_DIGITS.index(sign) for sign in code.replace("+", "")]
    lat, lng, step = -90.0, -180.0, 20.0
    for n in range(0, min(len(digits), 10), 2):
        lat, lng = lat + digits[n] * step, lng + digits[n + 1] * step
        step /= 20
    height = width = step * 20
    for digit in digits[10:]:
        height, width = height / 5, width / 4
        lat, lng = lat + (digit // 4) * height, lng + (digit % 4) * width
    return lat + height / 2, lng + width / 2


def _by_axes(text: str) -> tuple[float, float] | None:
    """ "lat 48.8584, lng 2.2945", in any order."""
    axes = {axis.lower()[:2]: value.strip() for axis, value in _AXIS.findall(text)}
    if set(axes) == {"la", "ln"} or set(axes) == {"la", "lo"}:
        lat, lng = axes["la"], axes.get("ln", axes.get("lo", ""))
        return _plain(f"{lat};{lng}") or _sexagesimal(f"{lat}, {lng}")
    return None


def _iso6709(text: str) -> tuple[float, float] | None:
    """As telephones write it into films: +48.8584+002.2945/"""
    if not _ISO_6709.fullmatch(text.strip()):
        return None
    from geotagger.coordinates import UnreadableCoordinatesError, read_iso6709

    try:
        return read_iso6709(text)
    except UnreadableCoordinatesError:
        return None


_SPELT = (_geo_address, _map_address, _plus_code, _iso6709, _by_axes)


_HALVES = tuple(
    re.compile(form, re.IGNORECASE | re.DOTALL)
    for form in (
        r"(?P<lat>.*?[NS](?![A-Z]))[\s,;]*(?P<lng>.*[EW])",
        r"(?P<lat>[NS].*?)[\s,;]*(?P<lng>[EW].*)",
        r"(?P<lng>.*?[EW](?![A-Z]))[\s,;]*(?P<lat>.*[NS])",
        r"(?P<lng>[EW].*?)[\s,;]*(?P<lat>[NS].*)",
        r"(?P<lat>[^,;]+)[,;](?P<lng>[^,;]+)",
    )
)
"""The latitude first, or the longitude; letters behind their numbers, before them, or none."""


def _sexagesimal(text: str) -> tuple[float, float] | None:
    if not re.search(r"\d", text) or not re.search("[NSEWnsew°]", text):
        return None
    from geotagger.coordinates import UnreadableCoordinatesError, read_position

    plain = text.strip().replace("\N{DEGREE SIGN}", "\N{DEGREE SIGN} ")
    halves = next((match for form in _HALVES if (match := form.fullmatch(plain))), None)
    if halves is None:
        return None
    parts = halves.groupdict()
    try:
        return read_position(parts["lat"], "", parts["lng"], "", signed=True)
    except UnreadableCoordinatesError:
        return None


def numbers(asked_by: str, text: str, count: int, wanted: str) -> list[float]:
    """So many numbers between commas or semicolons; `wanted` says in a UsageError what is wanted."""
    try:
        values = [float(part) for part in text.replace(";", ",").split(",")]
    except ValueError:
        values = []
    if len(values) != count:
        raise UsageError(f"{asked_by} {text.strip()}: cannot be read; wanted is {wanted}")
    return values


def box(text: str) -> "Box":
    """What lies between the two corners that --bbox names."""
    from geotagger.index.search import Box

    south, west, north, east = numbers("--bbox", text, 4, "SOUTH,WEST,NORTH,EAST as in 45.5,4.5,46,5.2")
    check_on_earth("--bbox", south, west)
    check_on_earth("--bbox", north, east)
    if south > north:
        raise UsageError(f"--bbox {text}: the first corner is the southern one, but {south:g} > {north:g}")
    return Box(south, west, north, east)


def country_of(text: str) -> str:
    """The code of a country that is named in any way."""
    from geotagger.gazetteer import find
    from geotagger.gazetteer.words import countries_like, country_code

    code = country_code(text)
    if code is None:
        alike = countries_like(text)
        town = "" if alike else next((f"; {one} is a town, for --place" for one in find(text)), "")
        hint = f"; did you mean {' or '.join(alike)}?" if alike else town
        raise UsageError(f"--country {text}: no country of that name or code is known here{hint}")
    return code


def check_on_earth(asked_by: str, latitude: float, longitude: float) -> None:
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise UsageError(
            f"{asked_by}: {latitude:g},{longitude:g} is not on the Earth; "
            "latitudes are −90 to 90, longitudes −180 to 180"
        )
