"""What the formats say of a photo in the same words, and text that is valid wherever it goes.

All text is valid UTF-8: bytes of file names that are not, and characters that XML forbids, are shown as
escapes.
"""

import re
from datetime import UTC, datetime
from xml.sax.saxutils import escape

from geotagger.estimate.values import OWN_FIXES
from geotagger.estimate.words import length
from geotagger.gazetteer.words import in_full
from geotagger.index.search import PhotoPlace

# everything but the characters of XML 1.0, production [2]
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

NAMES = ("country", "region", "place", "place_km", "near_border")
"""How people call the place; the country and the one near its border as ISO 3166 codes."""


def details(photo: PhotoPlace) -> dict[str, object]:
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


def in_words(photo: PhotoPlace) -> str:
    if photo.rung in OWN_FIXES:
        return f"{photo.rung}, ± {length(photo.radius_km)}"
    return f"estimate ({photo.rung}): within {length(photo.radius_km)} at {photo.confidence:.0%}"


def described(photo: PhotoPlace) -> str:
    """Where, and how that is known: "near Sitges, Catalonia, Spain; camera, ± 8 m"."""
    where = in_full(photo.place, photo.place_km, photo.region, photo.country, photo.near_border)
    return "; ".join(filter(None, [where, in_words(photo)]))


def xml(text: str | None) -> str:
    return escape(_NOT_XML.sub(lambda c: c[0].encode("unicode_escape").decode(), utf8(text or "")))


def utf8(text: str) -> str:
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def decimal(degrees: float) -> str:
    """xsd:decimal knows no exponent."""
    return f"{degrees:.9f}".rstrip("0").rstrip(".")


def utc_text(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
