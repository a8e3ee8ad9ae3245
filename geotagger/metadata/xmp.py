"""Positions in XMP: reading them, and changing them in a packet as text.

The fields are those of the EXIF namespace (XMP part 2, clause 3.3), and our own for the mark. A
value that is there is changed in its place; what is new goes into one rdf:Description of its
own, which brings its namespaces along; everything else keeps its bytes. Takes packets in UTF-8,
gives splices. Knows nothing of files.
"""

import contextlib
import re
from collections.abc import Mapping
from fractions import Fraction
from functools import partial
from xml.sax.saxutils import escape, quoteattr

from geotagger.coordinates import UnreadableCoordinatesError, read_position
from geotagger.marks import (
    XMP_NAMESPACE,
    XMP_PREFIX,
    Mark,
    mark_anywhere,
    mark_of,
    place_text,
    processing_method,
    speaks_of,
)
from geotagger.metadata.rdf import RDF, Name, Packet, parsed
from geotagger.metadata.rdf_changes import (
    OF_OUR_OWN,
    PACKET,
    RDF_ABOUT,
    insertion,
    removal,
    replaced,
    without,
)
from geotagger.metadata.splice import Splice, ordered
from geotagger.metadata.values import FoundPosition, Position
from geotagger.metadata.xmp_names import LOCATION_CREATED, names_mark, our_names

EXIF = "http://ns.adobe.com/exif/1.0/"
_OF_THE_POSITION = (
    "GPSLatitude",
    "GPSLongitude",
    "GPSMapDatum",
    "GPSProcessingMethod",
    "GPSHPositioningError",
)
_OF_THE_FIX = (
    "GPSAltitude", "GPSAltitudeRef", "GPSSatellites", "GPSStatus", "GPSMeasureMode", "GPSDOP",
    "GPSAreaInformation", "GPSDifferential",
)  # fmt: skip
_COORDINATES = ((EXIF, "GPSLatitude"), (EXIF, "GPSLongitude"))
_OURS = ("Rung", "Confidence", "RadiusKm", "Model", "Run", "Cell", "At")
_POSITION_AND_MARK = frozenset(
    [(EXIF, local) for local in _OF_THE_POSITION] + [(XMP_NAMESPACE, local) for local in _OURS]
)

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def speaks_of_gps(data: bytes) -> bool:
    """Whether unparsed XMP could hold a position."""
    return b"GPSLatitude" in data or b"GPSLongitude" in data


def position_of(data: bytes) -> FoundPosition | None:
    """The position in a packet. XmpError when it cannot be read; one whose coordinates cannot is none."""
    with contextlib.suppress(UnreadableCoordinatesError):
        return stated_position_in(data)
    return None


def stated_position_in(data: bytes) -> FoundPosition | None:
    """The position in a packet: its own, or where LocationCreated says that the camera stood. XmpError when
    the packet cannot be read, UnreadableCoordinatesError when coordinates in it cannot."""
    packet = parsed(data)
    values = packet.values()
    place = _place(values)
    if place is not None:
        return FoundPosition(*place, _mark_at(values, *place))
    for prop in packet.properties():
        if prop.name in _COORDINATES and prop.value is None:
            raise UnreadableCoordinatesError("its coordinates are no plain values")
    for prop in packet.properties():
        if prop.name == LOCATION_CREATED and (place := _place(prop.fields)) is not None:
            return FoundPosition(*place)
    return None


def _place(values: Mapping[Name, str]) -> tuple[float, float] | None:
    if values.get((EXIF, "GPSStatus"), "")[:1].upper() == "V":
        return None
    latitude, latitude_ref, longitude, longitude_ref = (
        values.get((EXIF, f"GPS{local}"))
        for local in ("Latitude", "LatitudeRef", "Longitude", "LongitudeRef")
    )
    return read_position(latitude, latitude_ref or "", longitude, longitude_ref or "", signed=True)


def is_marked(data: bytes) -> bool:
    """Whether unparsed XMP could hold our own fields."""
    return XMP_NAMESPACE.encode() in data


def others(data: bytes) -> list[tuple[Name, str]]:
    """The properties of a packet that are neither a position nor ours, as they stand."""
    packet = parsed(data)
    ours = {(EXIF, local) for local in (*_OF_THE_POSITION, *_OF_THE_FIX)} | our_names(packet)
    return [
        (p.name, p.value if p.value is not None else data[slice(*p.span)].decode(errors="replace"))
        for p in packet.properties()
        if p.name not in ours and p.name[0] != XMP_NAMESPACE and p.name[1] != RDF_ABOUT
    ]


def only_gained_ours(old: bytes, new: bytes) -> bool:
    """Whether `new` is byte for byte `old` with one node more before the end of rdf:RDF, in which there is
    nothing but a position and our own fields: so all else is as it was, and need not be read again.
    False says nothing; `others` of both tell. XmpError when `old` or the node cannot be read."""
    packet = parsed(old)
    if packet.end is None:
        return False
    start = len(old[: packet.end].rstrip())
    end = len(new) - (len(old) - packet.end)
    if end < packet.end or old[:start] != new[:start] or old[packet.end :] != new[end:]:
        return False
    name, prefix = packet.prefix + b"RDF", packet.prefix.rstrip(b":")
    declared = b"xmlns:" + prefix if prefix else b"xmlns"
    return not others(b'<%s %s="%s">%s</%s>' % (name, declared, RDF.encode(), new[start:end], name))


def new_packet(position: Position) -> bytes:
    """A packet of our own with nothing but the position."""
    return PACKET % _node(_position_fields(position), _mark_fields(position), *OF_OUR_OWN)


def empty_packet() -> bytes:
    """What is left of a packet of our own when its position is taken out."""
    return PACKET % b""


def new_mark_packet(position: Position) -> bytes:
    """A packet with our own fields only, to stand beside EXIF that holds the position."""
    return PACKET % _node({}, _mark_fields(position), *OF_OUR_OWN)


def with_position(data: bytes, position: Position) -> list[Splice]:
    """Splices that make the packet say `position`, and nothing that would contradict it."""
    packet = parsed(data)
    there = position_of(data)
    of_theirs = _OF_THE_FIX if there is not None and there.mark is None else ()
    stale = {(EXIF, local) for local in _OF_THE_POSITION + of_theirs}
    stale |= {(EXIF, "GPSLatitudeRef"), (EXIF, "GPSLongitudeRef")}
    return _changed(packet, _position_fields(position), _mark_fields(position), stale)


def with_mark(data: bytes, position: Position) -> list[Splice]:
    """Splices that give the packet our own fields, for a photo whose position stands in EXIF only."""
    return _changed(parsed(data), {}, _mark_fields(position), set())


def without_position(data: bytes) -> list[Splice] | None:
    """Splices that take out a position of ours and our own fields; None when nothing else is in
    the packet, so that it can go as a whole. XmpError when the packet cannot be read."""
    packet = parsed(data)
    return without(packet, _POSITION_AND_MARK | our_names(packet))


def without_estimate(data: bytes) -> list[Splice] | None:
    """As `without_position`, of what an estimate says of itself only: the position in the packet, if there
    is one, is no longer ours and stays."""
    packet = parsed(data)
    values = packet.values()
    own, method = _own_mark(values), mark_anywhere(values.get((EXIF, "GPSProcessingMethod"), ""))
    marks = [mark for mark in (own, method) if mark is not None and mark.is_estimate]
    stated = names_mark(packet)
    names = our_names(packet) if stated is not None and stated.is_estimate else frozenset()
    if not marks:
        return without(packet, names) if names else []
    if not {(EXIF, "GPSLatitude"), (EXIF, "GPSLongitude")} & values.keys():
        return without(packet, _POSITION_AND_MARK | names)
    gone: set[Name] = set(names)
    if own in marks:
        gone |= {(XMP_NAMESPACE, local) for local in _OURS}
    if method in marks:
        gone.add((EXIF, "GPSProcessingMethod"))
    error_m = _ratio(values.get((EXIF, "GPSHPositioningError")))
    if error_m is not None and any(mark.states_error(error_m) for mark in marks):
        gone.add((EXIF, "GPSHPositioningError"))
    return without(packet, gone)


def _changed(packet: Packet, fields: dict[str, str], marks: dict[str, str], stale: set[Name]) -> list[Splice]:
    wanted = {(EXIF, k): v for k, v in fields.items()} | {(XMP_NAMESPACE, k): v for k, v in marks.items()}
    # names of ours are those of the place before
    stale = stale | {(XMP_NAMESPACE, local) for local in _OURS} | our_names(packet)
    missing = dict(wanted)
    result: list[Splice] = []
    for prop in packet.properties():
        if prop.name in missing:
            result.append(replaced(prop, missing.pop(prop.name)))
        elif prop.name in stale or prop.name in wanted:
            result.append(removal(packet.data, prop.span, prop.is_attribute))
    missing_fields = {local: v for (uri, local), v in missing.items() if uri == EXIF}
    missing_marks = {local: v for (uri, local), v in missing.items() if uri == XMP_NAMESPACE}
    if missing:
        result += _inserted(packet, missing_fields, missing_marks)
    return ordered(result)


def _inserted(packet: Packet, fields: dict[str, str], marks: dict[str, str]) -> list[Splice]:
    return insertion(packet, partial(_node, fields, marks))


def _node(fields: dict[str, str], marks: dict[str, str], rdf: str, about: str, newline: str) -> bytes:
    """An rdf:Description on lines of its own, with the namespaces that it needs."""
    uris = ([("exif", EXIF)] if fields else []) + ([(XMP_PREFIX, XMP_NAMESPACE)] if marks else [])
    lines = [
        f"  <{rdf}Description {about}",
        *(f"    xmlns:{prefix}={quoteattr(uri)}" for prefix, uri in uris),
    ]
    lines[-1] += ">"
    lines += [f"   <exif:{local}>{escape(value)}</exif:{local}>" for local, value in fields.items()]
    lines += [
        f"   <{XMP_PREFIX}:{local}>{escape(value)}</{XMP_PREFIX}:{local}>" for local, value in marks.items()
    ]
    return newline.join([*lines, f"  </{rdf}Description>", ""]).encode()


def _position_fields(position: Position) -> dict[str, str]:
    fields = {
        "GPSLatitude": _coordinate(position.latitude, "NS"),
        "GPSLongitude": _coordinate(position.longitude, "EW"),
        "GPSMapDatum": "WGS-84",
        "GPSProcessingMethod": processing_method(position.mark, position.latitude, position.longitude),
    }
    if position.mark.radius_km is not None:
        fields["GPSHPositioningError"] = f"{round(position.mark.radius_km * 100_000)}/100"
    return fields


def _mark_fields(position: Position) -> dict[str, str]:
    mark = position.mark
    fields = {
        "Rung": mark.rung,
        "Confidence": None if mark.confidence is None else f"{mark.confidence:.4g}",
        "RadiusKm": None if mark.radius_km is None else f"{mark.radius_km:.4g}",
        "Model": mark.model,
        "Run": mark.run,
        "Cell": mark.cell,
        "At": place_text(position.latitude, position.longitude),
    }
    return {k: _NOT_XML.sub("?", v) for k, v in fields.items() if v is not None}


def _mark_at(values: dict[Name, str], latitude: float, longitude: float) -> Mark | None:
    """The mark of the position that stands in the packet, None when that is somebody else's."""
    mark = _own_mark(values)
    if mark is not None and speaks_of(values.get((XMP_NAMESPACE, "At")), latitude, longitude):
        return mark
    return mark_of(values.get((EXIF, "GPSProcessingMethod"), ""), latitude, longitude)


def _own_mark(values: dict[Name, str]) -> Mark | None:
    rung = values.get((XMP_NAMESPACE, "Rung"))
    if rung is None:
        return None
    return Mark(
        rung=rung,
        confidence=_number(values.get((XMP_NAMESPACE, "Confidence"))),
        radius_km=_number(values.get((XMP_NAMESPACE, "RadiusKm"))),
        model=values.get((XMP_NAMESPACE, "Model")),
        run=values.get((XMP_NAMESPACE, "Run")),
        cell=values.get((XMP_NAMESPACE, "Cell")),
    )


def _coordinate(angle: float, letters: str) -> str:
    """Degrees and decimal minutes, as XMP wants them: 48,51.50400000N."""
    parts = round(abs(angle) * 60 * 10**8)
    degrees, minutes = divmod(parts, 60 * 10**8)
    return f"{degrees},{minutes // 10**8}.{minutes % 10**8:08d}{letters[0] if angle >= 0 else letters[1]}"


def _ratio(text: str | None) -> float | None:
    """A rational as XMP writes it, 1250000/100; ExifTool writes 12500."""
    try:
        return None if text is None else float(Fraction(text.strip()))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
