"""Names of places in an XMP packet: whose they are, and what `--write-names` adds.

The fields are photoshop:City, State and Country, Iptc4xmpCore:CountryCode and Iptc4xmpExt:LocationCreated
(IPTC Photo Metadata Standard 2023.2, 7.2 and 13.3). What we wrote is told by a field of our own,
`geotagger:Names`, and only as long as the values are those of then: what somebody changed since is theirs.
Takes packets that are parsed, gives text and names of properties. Knows nothing of files.
"""

import re
import unicodedata
from dataclasses import replace
from functools import partial
from xml.sax.saxutils import escape, quoteattr

from geotagger.marks import NAME_FIELDS, XMP_NAMESPACE, XMP_PREFIX, NamesMark
from geotagger.metadata.rdf import RDF, Name, Packet, Property, parsed
from geotagger.metadata.rdf_changes import OF_OUR_OWN, PACKET, RDF_ABOUT, insertion, removals, without
from geotagger.metadata.splice import Splice, ordered
from geotagger.photo.values import NamedPlace

_IPTC_EXT = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_IPTC_CORE = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
_PHOTOSHOP = "http://ns.adobe.com/photoshop/1.0/"
LOCATION_CREATED = (_IPTC_EXT, "LocationCreated")
"""Where the camera stood; LocationShown is the place in the picture (IPTC Photo Metadata Standard, 7.2)."""
_CREATED_NAMES = ("City", "ProvinceState", "CountryName", "CountryCode")
_SIMPLE: dict[str, Name] = {
    "City": (_PHOTOSHOP, "City"),
    "State": (_PHOTOSHOP, "State"),
    "Country": (_PHOTOSHOP, "Country"),
    "CountryCode": (_IPTC_CORE, "CountryCode"),
}
_PREFIXES = {_PHOTOSHOP: "photoshop", _IPTC_CORE: "Iptc4xmpCore", _IPTC_EXT: "Iptc4xmpExt"}
NAMES = (XMP_NAMESPACE, "Names")
_ITEM = re.compile(rb"<[^\s/>]*\bli[\s/>]")


def named_place(data: bytes) -> NamedPlace:
    """Where a packet says in words that the photo was taken: LocationCreated, or its description; what we
    named so says nothing. XmpError when it cannot be read."""
    packet = parsed(data)
    ours = our_names(packet)
    for prop in packet.properties():
        if prop.name == LOCATION_CREATED and prop.name not in ours:
            created = [prop.fields.get((_IPTC_EXT, local), "") for local in _CREATED_NAMES]
            if any(created):
                return NamedPlace.of(*created)
    values = packet.values()
    return NamedPlace.of(*("" if name in ours else values.get(name, "") for name in _SIMPLE.values()))


def names_mark(packet: Packet) -> NamesMark | None:
    """What we say that we wrote; None when nothing of that is there any more."""
    mark = _stated(packet)
    return mark if mark is not None and len(our_names(packet)) > 1 else None


def our_names(packet: Packet) -> frozenset[Name]:
    """The properties that we wrote and nobody changed, and the field that says so."""
    mark = _stated(packet)
    if mark is None:
        return frozenset()
    values, said = packet.values(), mark.values()
    ours = {
        name
        for field, name in _SIMPLE.items()
        if field in mark.fields and field in said and values.get(name) == said[field]
    }
    if LOCATION_CREATED[1] in mark.fields and any(
        _is_created_by(packet, prop, mark) for prop in packet.properties() if prop.name == LOCATION_CREATED
    ):
        ours.add(LOCATION_CREATED)
    return frozenset((*ours, NAMES))


def besides_names(data: bytes) -> list[tuple[Name, str]]:
    """All that a packet says, but for names of places that are ours. XmpError when it cannot be read."""
    packet = parsed(data)
    ours = our_names(packet)
    return [
        (p.name, data[slice(*p.span)].decode(errors="replace").strip())
        for p in packet.properties()
        if p.name not in ours and p.name[1] != RDF_ABOUT
    ]


def with_names(data: bytes, mark: NamesMark) -> tuple[list[Splice], NamesMark] | None:
    """Splices that make the packet name the place of the mark, in the fields that are free, and the mark as
    it stands there; None where it says all that already, or names another place. XmpError when the packet
    cannot be read."""
    packet = parsed(data)
    mark = replace(mark, fields=_free_fields(packet, mark))
    if not mark.fields or names_mark(packet) == mark:
        return None
    gone, _ = removals(packet, our_names(packet))
    return ordered([*gone, *insertion(packet, partial(_node, mark))]), mark


def new_names_packet(mark: NamesMark) -> tuple[bytes, NamesMark]:
    """A packet of our own with nothing but names, and the mark that stands there."""
    mark = replace(mark, fields=_free_fields(None, mark))
    return PACKET % _node(mark, *OF_OUR_OWN), mark


def names_in(data: bytes) -> NamesMark | None:
    """The mark of names that we wrote. XmpError when the packet cannot be read."""
    return names_mark(parsed(data))


def without_names(data: bytes, mark: NamesMark) -> list[Splice] | None:
    """Splices that take out the names of this mark, none where it is not there; None when nothing else is in
    the packet. XmpError when the packet cannot be read."""
    packet = parsed(data)
    return without(packet, our_names(packet)) if names_mark(packet) == mark else []


def _free_fields(packet: Packet | None, mark: NamesMark) -> tuple[str, ...]:
    """The fields that may be added to a packet so that it says what the mark names: none where it names
    another place. What we wrote before counts for nothing."""
    if packet is None:
        return tuple(field for field in NAME_FIELDS if field in mark.values() or field == LOCATION_CREATED[1])
    ours = our_names(packet)
    theirs = {prop.name: prop for prop in packet.properties() if prop.name not in ours}
    said = mark.values()
    for field, name in _SIMPLE.items():
        named = theirs[name].value if name in theirs else None
        if named and not is_same_name(named, said.get(field, "")):
            return ()
    free = [field for field, name in _SIMPLE.items() if name not in theirs and field in said]
    return (*free, *((LOCATION_CREATED[1],) if LOCATION_CREATED not in theirs else ()))


def is_same_name(one: str, other: str) -> bool:
    """Whether two spellings are the same, but for case and accents."""
    return _folded(one) == _folded(other)


def _folded(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(c for c in bare if not unicodedata.combining(c)).split())


def _node(mark: NamesMark, rdf: str, about: str, newline: str) -> bytes:
    """An rdf:Description on lines of its own with the mark's fields; `rdf` is the prefix with its colon."""
    said = mark.values()
    simple = [_SIMPLE[field] for field in mark.fields if field in _SIMPLE]
    uris = dict.fromkeys(uri for uri, _ in simple)
    if LOCATION_CREATED[1] in mark.fields:
        uris[_IPTC_EXT] = None
    lines = [
        f"  <{rdf}Description {about}",
        *(f"    xmlns:{_PREFIXES[uri]}={quoteattr(uri)}" for uri in uris),
        f"    xmlns:{XMP_PREFIX}={quoteattr(XMP_NAMESPACE)}>",
    ]
    for uri, local in simple:
        tag = f"{_PREFIXES[uri]}:{local}"
        lines.append(f"   <{tag}>{escape(said[local])}</{tag}>")
    if LOCATION_CREATED[1] in mark.fields:
        lines += _created_lines(mark, rdf)
    lines.append(f"   <{XMP_PREFIX}:Names>{escape(mark.to_json())}</{XMP_PREFIX}:Names>")
    return newline.join([*lines, f"  </{rdf}Description>", ""]).encode()


def _created_lines(mark: NamesMark, rdf: str) -> list[str]:
    tag = "Iptc4xmpExt:LocationCreated"
    names = (f"    <Iptc4xmpExt:{n}>{escape(v)}</Iptc4xmpExt:{n}>" for n, v in _created(mark).items())
    return [
        f"   <{tag}><{rdf}Bag><{rdf}li><{rdf}Description>",
        *names,
        f"   </{rdf}Description></{rdf}li></{rdf}Bag></{tag}>",
    ]


def _created(mark: NamesMark) -> dict[str, str]:
    named = zip(_CREATED_NAMES, (mark.city, mark.region, mark.country, mark.code), strict=True)
    return {local: name for local, name in named if name}


def _is_created_by(packet: Packet, prop: Property, mark: NamesMark) -> bool:
    """Whether it is the one place that the mark names, and says nothing else."""
    fields = {(_IPTC_EXT, local): name for local, name in _created(mark).items()}
    said = {name: value for name, value in prop.fields.items() if name[0] != RDF}
    return said == fields and len(_ITEM.findall(packet.data, *prop.span)) == 1


def _stated(packet: Packet) -> NamesMark | None:
    text = packet.values().get(NAMES)
    return None if text is None else NamesMark.from_json(text)
