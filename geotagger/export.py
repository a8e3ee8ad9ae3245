"""Positions for other programs: GeoJSON (RFC 7946), KML 2.2 (OGC 07-147r2), GPX 1.1, CSV (RFC 4180).

Each format is a function that takes photos found in the index and gives text in pieces as the
photos come, so an archive of any size is exported in constant memory. All text is valid
UTF-8: bytes of file names that are not, and characters that XML forbids, are shown as escapes
(in GeoJSON file names stay exact, as Python's surrogateescape writes them).
"""

import contextlib
import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from xml.sax.saxutils import escape

from geotagger import __version__
from geotagger.errors import SourceError
from geotagger.estimate.values import OWN_FIXES
from geotagger.index.search import PhotoPlace
from geotagger.photo.formats import sniff

# everything but the characters of XML 1.0, production [2]
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

NAMES = ("country", "region", "place", "place_km", "near_border")
"""How people call the place; the country and the one near its border as ISO 3166 codes."""

CSV_COLUMNS = (
    "path",
    "latitude",
    "longitude",
    "radius_km",
    "confidence",
    "rung",
    "status",
    "cell",
    "model",
    "run",
    "taken",
    "camera",
    *NAMES,
)


_STRANGERS_WORDS = ("camera", "model")
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What makes a cell of text a formula to a spreadsheet."""


def geojson(found: Iterable[PhotoPlace]) -> Iterator[str]:
    """One FeatureCollection, a feature a line."""
    yield '{"type": "FeatureCollection", "features": ['
    separator = "\n"
    for photo in found:
        feature = {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [photo.longitude, photo.latitude]},
            "properties": {
                "path": photo.path,
                "status": photo.status,
                "taken": photo.taken,
                "radius_km": photo.radius_km,
                "confidence": photo.confidence,
                "rung": photo.rung,
                "cell": photo.cell,
                "model": photo.model,
                "run": photo.run,
                "camera": photo.camera,
                **{name: getattr(photo, name) for name in NAMES},
                **({} if photo.distance_km is None else {"distance_km": photo.distance_km}),
            },
        }
        yield separator + json.dumps(feature, allow_nan=False)
        separator = ",\n"
    yield "\n]}\n"


def kml(found: Iterable[PhotoPlace]) -> Iterator[str]:
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>\n'
        "<name>Photos</name>\n"
    )
    for photo in found:
        # a time without a zone would be read as UTC, so the camera's clock alone is no time
        moment = photo.taken if photo.utc is None else _utc(photo.utc)
        has_zone = photo.utc is not None or re.search(r"[+-]\d\d:\d\d$", photo.taken or "")
        when = f"<TimeStamp><when>{_xml(moment)}</when></TimeStamp>" if has_zone else ""
        data = "".join(
            f'<Data name="{name}"><value>{_xml(str(value))}</value></Data>'
            for name, value in _details(photo).items()
            if value is not None
        )
        yield (
            f"<Placemark><name>{_xml(Path(photo.path).name)}</name>"
            f"<description>{_xml(_in_words(photo))}</description>{when}"
            f"<ExtendedData>{data}</ExtendedData>"
            f"<Point><coordinates>{photo.longitude!r},{photo.latitude!r}</coordinates></Point></Placemark>\n"
        )
    yield "</Document></kml>\n"


def gpx(found: Iterable[PhotoPlace]) -> Iterator[str]:
    """Waypoints; their time is UTC and left out where only the camera's clock is known."""
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<gpx version="1.1" creator="geotagger {__version__}" xmlns="http://www.topografix.com/GPX/1/1">\n'
    )
    for photo in found:
        time = "" if photo.utc is None else f"<time>{_utc(photo.utc)}</time>"
        # GPX longitudes end before 180, which is the same meridian as −180
        longitude = _decimal(photo.longitude)
        longitude = "-180" if longitude == "180" else longitude
        yield (
            f'<wpt lat="{_decimal(photo.latitude)}" lon="{longitude}">{time}'
            f"<name>{_xml(Path(photo.path).name)}</name><desc>{_xml(_in_words(photo))}</desc>"
            f"<src>{_xml(photo.path)}</src><type>{_xml(photo.rung)}</type></wpt>\n"
        )
    yield "</gpx>\n"


def as_csv(found: Iterable[PhotoPlace]) -> Iterator[str]:
    """A header and a line a photo, CRLF as the RFC has it."""
    line = io.StringIO()
    writer = csv.writer(line)

    def written(values: Iterable[object]) -> str:
        writer.writerow(values)
        text = line.getvalue()
        line.seek(0)
        line.truncate()
        return text

    yield written(CSV_COLUMNS)
    for photo in found:
        yield written(_cell(column, getattr(photo, column)) for column in CSV_COLUMNS)


def _cell(column: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    text = _utf8(value)
    # what a camera or a model calls itself is a stranger's word, and must not become a formula
    is_formula = column in _STRANGERS_WORDS and text.startswith(_BEGINS_FORMULA)
    return "'" + text if is_formula else text


FORMATS: dict[str, Callable[[Iterable[PhotoPlace]], Iterator[str]]] = {
    "geojson": geojson,
    "kml": kml,
    "gpx": gpx,
    "csv": as_csv,
}


def write(pieces: Iterable[str], target: Path) -> None:
    """Writes the file whole or not at all: an older one stays until the new one is complete. A pipe or a
    device is written into. Raises SourceError when the folder is missing or full, and for a photo or an
    index, which no export replaces."""
    if target.exists() and not target.is_file():
        _write_into(pieces, target)
        return
    _check_no_treasure(target)
    unfinished = target.with_name(f".geotagger-{os.getpid()}-{target.name}")
    try:
        with unfinished.open("w", encoding="utf-8", newline="") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(target)
    except OSError as error:
        raise SourceError(
            f"{target}: could not be written ({error.strerror or error}); what was there before is as it was"
        ) from error
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink()


def _write_into(pieces: Iterable[str], target: Path) -> None:
    try:
        with target.open("w", encoding="utf-8", newline="") as stream:
            stream.writelines(pieces)
    except OSError as error:
        raise SourceError(f"{target}: could not be written ({error.strerror or error})") from error


def _check_no_treasure(target: Path) -> None:
    try:
        with target.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError:
        return
    if sniff(head) is not None or head.startswith(b"SQLite format 3"):
        what = "a database" if head.startswith(b"SQLite") else "a photo"
        raise SourceError(f"{target}: {what} is there, which an export does not replace; name another file")


_HEAD_BYTES = 4096


def _details(photo: PhotoPlace) -> dict[str, object]:
    return {
        "path": photo.path,
        "radius_km": photo.radius_km,
        "confidence": photo.confidence,
        "rung": photo.rung,
        "status": photo.status,
        "cell": photo.cell,
        "model": photo.model,
        "run": photo.run,
        "camera": photo.camera,
        **{name: getattr(photo, name) for name in NAMES},
    }


def _in_words(photo: PhotoPlace) -> str:
    if photo.rung in OWN_FIXES:
        return f"{photo.rung}, ± {photo.radius_km:.3g} km"
    return f"estimate ({photo.rung}): within {photo.radius_km:.3g} km at {photo.confidence:.0%}"


def _xml(text: str | None) -> str:
    return escape(_NOT_XML.sub(lambda c: c[0].encode("unicode_escape").decode(), _utf8(text or "")))


def _utf8(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _decimal(degrees: float) -> str:
    """xsd:decimal knows no exponent."""
    return f"{degrees:.9f}".rstrip("0").rstrip(".")


def _utc(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
