"""The places of properties in an XMP packet, byte by byte, so that a few can be changed and the
rest be left exactly as it is.

expat reads the packet (UTF-8 bytes) and tells where each element begins. A packet with a
document type is refused before any entity could be expanded (XMP part 1, clause 7.1, has none).
Gives properties of the top-level nodes, and the plain values of structures within them.
"""

import functools
import re
from dataclasses import dataclass, field
from xml.parsers import expat

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_ATTRIBUTE = re.compile(rb"""\s+([^\s=/>]+)\s*=\s*("[^"]*"|'[^']*')""")
_START_TAG = re.compile(rb"""<([^\s/>]+)(?:\s+[^\s=/>]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*/?>""")
_LARGEST_REMEMBERED = 1 << 18

Name = tuple[str, str]
"""Namespace and local name."""
Span = tuple[int, int]


class XmpError(Exception):
    """The packet cannot be read; the text says why."""


@dataclass(slots=True)
class Property:
    """A property of a top-level node. `span` is the attribute with the space before it, or the
    whole element; `inside` the value between quotes or tags. `value` is None for a structure; `fields` are
    the simple values in it, of several the first, and of a list only those of its first item."""

    name: Name
    tag: bytes
    span: Span
    inside: Span
    value: str | None
    is_attribute: bool
    fields: dict[Name, str] = field(default_factory=dict)


@dataclass(slots=True)
class XmlNode:
    """An rdf:Description (or typed node) directly below rdf:RDF."""

    span: Span
    about: bytes | None
    properties: list[Property] = field(default_factory=list)


@dataclass(slots=True)
class Packet:
    """`end` is where a further node can be put: before the end tag of rdf:RDF. When rdf:RDF is an
    empty element `end` is None and `empty_rdf` its span. `prefix` is the one of RDF, with its colon."""

    data: bytes
    nodes: list[XmlNode]
    prefix: bytes
    end: int | None
    empty_rdf: Span | None

    def properties(self) -> list[Property]:
        return [p for node in self.nodes for p in node.properties]

    def values(self) -> dict[Name, str]:
        """Simple values; of several the first."""
        values: dict[Name, str] = {}
        for prop in self.properties():
            if prop.value is not None:
                values.setdefault(prop.name, prop.value)
        return values


def parsed(data: bytes) -> Packet:
    """The packet, not to be changed: small ones are remembered, since writing one photo asks for the
    same up to three times. XmpError for what is not well-formed, has a document type, or holds no
    rdf:RDF."""
    return _remembered(data) if len(data) <= _LARGEST_REMEMBERED else _read(data)


def _read(data: bytes) -> Packet:
    reader = _RdfReader(data)
    try:
        reader.parser.Parse(data.rstrip(b"\0 \t\r\n"), True)
    except expat.ExpatError as error:
        raise XmpError(f"it is not well-formed XML ({error})") from None
    if reader.packet is None:
        raise XmpError("it holds no RDF")
    return reader.packet


_remembered = functools.lru_cache(maxsize=8)(_read)


_MOST_PROPERTIES = 20_000
"""Programs write some hundreds; lists of one may be as long as they like. Each is kept, and a packet is read
several times."""


class _RdfReader:
    """Follows expat through the packet. `level` is the depth below rdf:RDF: 1 a node, 2 a property."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.packet: Packet | None = None
        self.level = -1
        self.done = False
        self.text: list[str] = []
        self.simple = True
        self.items = 0
        self.properties = 0
        self.parser = expat.ParserCreate("UTF-8", namespace_separator=" ")
        self.parser.ordered_attributes = True
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters

    def _refuse(self, *_: object) -> None:
        raise XmpError("it has a document type, which XMP does not allow")

    def _start(self, name: str, attributes: list[str]) -> None:
        if self.done:
            return
        at = self.parser.CurrentByteIndex
        if self.level < 0:
            if _name(name) == (RDF, "RDF"):
                self._start_rdf(at)
            return
        self.level += 1
        assert self.packet is not None
        if self.level == 1:
            tag = self._tag(at)
            node = XmlNode((at, tag.end()), None)
            resolved = attributes[0::2]
            self._count(len(resolved))
            for raw, attribute, value in zip(self._raw(tag), resolved, attributes[1::2], strict=True):
                if _name(attribute)[1] == "about" and _name(attribute)[0] in (RDF, ""):
                    node.about = raw[0]
                node.properties.append(
                    Property(_name(attribute), raw[1], raw[2], raw[3], value, is_attribute=True)
                )
            self.packet.nodes.append(node)
        elif self.level == 2:
            self._count(1)
            tag = self._tag(at)
            self.text, self.simple = [], not attributes
            self.packet.nodes[-1].properties.append(
                Property(_name(name), tag[1], (at, tag.end()), (tag.end(), tag.end()), None, False)
            )
            self.items = 0
            self._take_fields(attributes)
        else:
            self.simple = False
            self.text = []
            self.items += _name(name) == (RDF, "li")
            self._take_fields(attributes)

    def _end(self, name: str) -> None:
        if self.level < 0 or self.done:
            return
        assert self.packet is not None
        at = self.parser.CurrentByteIndex
        closing = self.data[at : at + 2] == b"</"
        end = self.data.index(b">", at) + 1 if closing else None
        if self.level == 0:
            self.done = True
            if closing:
                self.packet.end, self.packet.empty_rdf = at, None
        elif self.level == 1:
            node = self.packet.nodes[-1]
            node.span = (node.span[0], end or node.span[1])
        elif self.level == 2:
            prop = self.packet.nodes[-1].properties[-1]
            if end is not None:
                prop.span, prop.inside = (prop.span[0], end), (prop.inside[0], at)
            if self.simple:
                prop.value = "".join(self.text).strip()
        elif text := "".join(self.text).strip():
            self._take_fields([name, text])
            self.text = []
        self.level -= 1

    def _count(self, more: int) -> None:
        self.properties += more
        if self.properties > _MOST_PROPERTIES:
            raise XmpError(f"it has more than {_MOST_PROPERTIES:,} properties")

    def _take_fields(self, attributes: list[str]) -> None:
        """Names and values by turns, of the structure in hand."""
        assert self.packet is not None
        if self.items <= 1:
            fields = self.packet.nodes[-1].properties[-1].fields
            for name, value in zip(attributes[0::2], attributes[1::2], strict=True):
                fields.setdefault(_name(name), value)

    def _start_rdf(self, at: int) -> None:
        self.level = 0
        tag = self._tag(at)
        self.packet = Packet(self.data, [], tag[1].removesuffix(b"RDF"), None, (at, tag.end()))

    def _characters(self, text: str) -> None:
        if self.level >= 2:
            self.text.append(text)

    def _tag(self, at: int) -> re.Match[bytes]:
        match = _START_TAG.match(self.data, at)
        if match is None:
            raise XmpError("a tag of it cannot be found again")
        return match

    def _raw(self, tag: re.Match[bytes]) -> list[tuple[bytes, bytes, Span, Span]]:
        """Text, name, span and value span of the attributes, without namespace declarations."""
        return [
            (m[0].strip(), m[1], m.span(), (m.start(2) + 1, m.end(2) - 1))
            for m in _ATTRIBUTE.finditer(self.data, tag.start(), tag.end())
            if m[1] != b"xmlns" and not m[1].startswith(b"xmlns:")
        ]


def _name(resolved: str) -> Name:
    uri, _, local = resolved.rpartition(" ")
    return (uri, local)
