"""The few properties of an embedded XMP packet that say when and where a photo was taken.

Programs that export photos often drop the EXIF dates and keep these. Takes the packet's bytes, gives texts.
Only what the packet says of the photo itself counts: the properties of its description, and of
LocationCreated, where the camera stood; not LocationShown, which is the place in the picture (IPTC Photo
Metadata Standard, 7.2). A packet may be broken, padded or megabytes long: what can be read up to there is
taken. Of sidecars only the times are read so; their places are read elsewhere, by another reader.
"""

import functools
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from xml.parsers import expat

from geotagger.coordinates import UnreadableCoordinatesError, read_position
from geotagger.marks import XMP_NAMESPACE, XMP_PREFIX, NamesMark
from geotagger.photo.values import CaptureTime, NamedPlace, of_the_earth

_LONGEST = 1 << 20
_LONGEST_VALUE = 512

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_PREFIXES = {
    "http://ns.adobe.com/exif/1.0/": "exif",
    "http://ns.adobe.com/xap/1.0/": "xmp",
    "http://ns.adobe.com/photoshop/1.0/": "photoshop",
    "http://ns.adobe.com/tiff/1.0/": "tiff",
    "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/": "Iptc4xmpCore",
    "http://iptc.org/std/Iptc4xmpExt/2008-02-29/": "Iptc4xmpExt",
    XMP_NAMESPACE: XMP_PREFIX,
    _RDF: "rdf",
}
_LISTS = ("rdf:Bag", "rdf:Seq", "rdf:Alt")
_OF_XML = ("xmlns", "xml:", "rdf:")
CREATED = "Iptc4xmpExt:LocationCreated/"
"""Where the fields of the place of the camera are: `CREATED + "exif:GPSLatitude"`."""

_BROKEN = "(broken)"
_DATE = re.compile(
    r"(\d{4})[-:](\d\d)[-:](\d\d)[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?"
    r"\s*(?:(Z)|([+-])(\d\d):?(\d\d))?$"
)
"""darktable writes dates as EXIF spells them."""


_SPEAKS_OF_GPS = (b"GPSL", b"G\0P\0S\0L")
"""Also in UTF-16 of either order, which ExifTool and expat read."""


def xmp_text(packet: bytes | None, name: str) -> str:
    """The value of a simple property such as `exif:GPSLatitude`, as attribute or as element, or of the
    first item of a list; "" when it is not there."""
    return "" if packet is None else _values(packet).get(name, "")


def xmp_position(packet: bytes | None) -> tuple[float, float] | None:
    """Where the packet says the photo was taken, in signed degrees: by its own description, or by
    LocationCreated. UnreadableCoordinatesError where it says that and cannot be read."""
    if packet is None or not any(word in packet for word in _SPEAKS_OF_GPS):
        return None
    values = _values(packet)
    for where in ("", CREATED):
        spelling = [
            values.get(f"{where}exif:GPS{field}")
            for field in ("Latitude", "LatitudeRef", "Longitude", "LongitudeRef")
        ]
        place = read_position(spelling[0], spelling[1] or "", spelling[2], spelling[3] or "", signed=True)
        if place is not None:
            return place
    if _BROKEN in values and b"GPSLatitude" in packet[int(values[_BROKEN]) :]:
        raise UnreadableCoordinatesError("its XMP is damaged where it speaks of a place")
    return None


def xmp_place(packet: bytes | None) -> NamedPlace:
    """Where the packet says in words that the photo was taken: by LocationCreated, or by its description,
    whose names are the older spelling of the same (IPTC Photo Metadata Standard, 7.2). Those of LocationShown
    are left out, and those that geotagger wrote."""
    if packet is None:
        return NamedPlace()
    values = _values(packet)
    created = (
        f"{CREATED}Iptc4xmpExt:{name}" for name in ("City", "ProvinceState", "CountryName", "CountryCode")
    )
    legacy = ("photoshop:City", "photoshop:State", "photoshop:Country", "Iptc4xmpCore:CountryCode")
    of_created, of_legacy = ([values.get(name, "") for name in names] for names in (created, legacy))
    if (ours := NamesMark.from_json(values.get(f"{XMP_PREFIX}:Names", ""))) is not None:
        names = [ours.city, ours.region, ours.country, ours.code]
        of_created = [""] * len(names) if of_created == names else of_created
        of_legacy = ["" if one == name else one for one, name in zip(of_legacy, names, strict=True)]
    return NamedPlace.of(*of_created) or NamedPlace.of(*of_legacy)


def xmp_moment(text: str) -> CaptureTime | None:
    """An XMP date with a time of day (XMP specification part 1, §8.2.1.2); None for anything less."""
    match = _DATE.match(text)
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups()[:6])
    try:
        local = datetime(year, month, day, hour, minute, second, int((match[7] or "").ljust(6, "0")))
    except ValueError:
        return None
    offset = None
    if match[8]:
        offset = timedelta(0)
    elif match[9]:
        size = timedelta(hours=int(match[10]), minutes=int(match[11]))
        offset = of_the_earth(-size if match[9] == "-" else size)
    return CaptureTime(local, offset)


@functools.lru_cache(maxsize=16)
def _values(packet: bytes) -> Mapping[str, str]:
    """The simple values of a packet by customary name; those of a structure behind its name and a slash.
    `_BROKEN` is where the reading ended, when that is not the packet's end."""
    reader = _XmpReader()
    is_whole = len(packet) <= _LONGEST
    try:
        reader.parser.Parse(packet[:_LONGEST].lstrip(b"\0").rstrip(b"\0 \t\r\n"), is_whole)
    except (expat.ExpatError, _DoctypeError):
        reader.values[_BROKEN] = str(max(0, reader.parser.CurrentByteIndex))
    else:
        if not is_whole:
            reader.values[_BROKEN] = str(_LONGEST)
    return MappingProxyType(reader.values)


class _DoctypeError(Exception):
    """A packet with a document type: entities would be expanded."""


class _XmpReader:
    """Follows expat through a packet. Depths count open elements, 0 for none: `_node` is that of the
    description in hand, `_muted` that of a second item of a list, which counts for nothing. `_path` are the
    elements below the description that are not RDF's own."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self._uris: list[dict[str, str]] = [{}]
        self._open: list[str] = []
        self._node = self._muted = 0
        self._path: list[str] = []
        self._items: list[int] = []
        self._text: list[str] = []

    def _refuse(self, *_: object) -> None:
        raise _DoctypeError

    def _start(self, raw: str, attributes: dict[str, str]) -> None:
        declared = {n[6:]: uri for n, uri in attributes.items() if n == "xmlns" or n.startswith("xmlns:")}
        self._uris.append({**self._uris[-1], **declared} if declared else self._uris[-1])
        name = self._customary(raw)
        self._open.append(name)
        self._text = []
        if not self._node:
            if name == "rdf:Description" or self._open[-2:-1] == ["rdf:RDF"]:
                self._node = len(self._open)
        elif not name.startswith("rdf:"):
            self._path.append(name)
        elif name == "rdf:li" and self._items:
            self._items[-1] += 1
            if self._items[-1] > 1 and not self._muted:
                self._muted = len(self._open)
        elif name in _LISTS:
            self._items.append(0)
        for attribute, value in attributes.items():
            self._take(self._customary(attribute), value)

    def _end(self, _: str) -> None:
        if self._text:
            self._take("", "".join(self._text))
            self._text = []
        depth, name = len(self._open), self._open.pop()
        self._uris.pop()
        if depth == self._muted:
            self._muted = 0
        if depth == self._node:
            self._node = 0
        elif self._node and not name.startswith("rdf:"):
            self._path.pop()
        elif name in _LISTS and self._items:
            self._items.pop()

    def _take(self, name: str, value: str) -> None:
        key = "/".join([*self._path, *([name] if name else [])])
        value = value.strip()[:_LONGEST_VALUE]
        if self._node and not self._muted and key and value and not name.startswith(_OF_XML):
            self.values.setdefault(key, value)

    def _characters(self, text: str) -> None:
        if self._node and len(self._text) < 64:
            self._text.append(text)

    def _customary(self, raw: str) -> str:
        prefix, colon, local = raw.rpartition(":")
        uri = self._uris[-1].get(prefix)
        common_prefix = _PREFIXES.get(uri) if uri else None
        return f"{common_prefix}:{local}" if common_prefix else f"{prefix}{colon}{local}"
