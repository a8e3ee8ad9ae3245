"""Changes of an XMP packet as text: splices that replace a property, take some out, or put a node in.

Everything else keeps its bytes. Takes packets that are parsed; does not know what properties mean.
"""

from collections.abc import Callable, Sequence, Set
from xml.sax.saxutils import escape

from geotagger.metadata.rdf import Name, Packet, Property
from geotagger.metadata.splice import Splice, ordered

RDF_ABOUT = "about"

PACKET = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/">\n'
    b' <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">\n'
    b"%s"
    b" </rdf:RDF>\n"
    b"</x:xmpmeta>\n"
    b'<?xpacket end="w"?>\n'
)
OF_OUR_OWN = ("rdf:", 'rdf:about=""', "\n")
"""Prefix, subject and end of line in a packet of our own."""


def without(packet: Packet, gone: Set[Name]) -> list[Splice] | None:
    """Splices that take these properties out; None when nothing else is in the packet."""
    spans, left = removals(packet, gone)
    return ordered(spans) if left else None


def removals(packet: Packet, gone: Set[Name]) -> tuple[list[Splice], int]:
    """The same, and how many properties stay; a node that is left empty goes as a whole."""
    data = packet.data
    result: list[Splice] = []
    left = 0
    for one in packet.nodes:
        stay = [p for p in one.properties if p.name not in gone and p.name[1] != RDF_ABOUT]
        if len(stay) == 0 and any(p.name in gone for p in one.properties):
            result.append(removal(data, one.span))
            continue
        left += len(stay)
        result += [removal(data, p.span, p.is_attribute) for p in one.properties if p.name in gone]
    return result, left


def fitted(data: bytes, splices: Sequence[Splice]) -> list[Splice] | None:
    """The same change without a change of length: the white space before the packet's end, which
    is there for this, gives or takes the difference. None when there is not enough of it."""
    growth = sum(s.growth for s in splices)
    trailer = data.rfind(b"<?xpacket end")
    if trailer < 0 or growth == 0:
        return None if growth else list(splices)
    start = trailer
    while start > 0 and data[start - 1 : start].isspace():
        start -= 1
    if growth > trailer - start:
        return None
    if growth > 0:
        return ordered([*splices, Splice(start, growth, b"")])
    return ordered([*splices, Splice(start, 0, b" " * -growth)])


def replaced(prop: Property, value: str) -> Splice:
    if prop.is_attribute:
        start, end = prop.inside
        return Splice(start, end - start, escape(value, {'"': "&quot;", "'": "&apos;"}).encode())
    start, end = prop.span
    name = prop.tag
    if prop.value is not None and prop.inside[1] > prop.inside[0]:
        start, end = prop.inside
        return Splice(start, end - start, escape(value).encode())
    return Splice(start, end - start, b"<%s>%s</%s>" % (name, escape(value).encode(), name))


def removal(data: bytes, span: tuple[int, int], is_attribute: bool = False) -> Splice:
    """Takes a span out with the white space before it; the span of an attribute has that already."""
    start, end = span
    if not is_attribute:
        while start > 0 and data[start - 1 : start].isspace():
            start -= 1
    return Splice(start, end - start, b"")


def insertion(packet: Packet, made: Callable[[str, str, str], bytes]) -> list[Splice]:
    """One more node before the end of rdf:RDF; it is made of RDF's prefix, what it is about, and the end of
    a line."""
    rdf = packet.prefix.decode()
    about = next((n.about for n in packet.nodes if n.about is not None), f'{rdf}about=""'.encode())
    newline = "\r\n" if b"\r\n" in packet.data else "\n"
    text = made(rdf, about.decode(), newline)
    if packet.end is None:
        assert packet.empty_rdf is not None
        end = packet.empty_rdf[1]
        closing = b">" + newline.encode() + text + f" </{rdf}RDF>".encode()
        return [Splice(end - 2, 2, closing)]
    at = packet.end
    line_start = packet.data.rfind(b"\n", 0, at) + 1
    if packet.data[line_start:at].isspace() or line_start == at:
        at = line_start
    else:
        text = newline.encode() + text
    return [Splice(at, 0, text)]
