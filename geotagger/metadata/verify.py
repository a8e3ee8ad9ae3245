"""The check of a new file before it takes the place of the old one.

Read from the new file's own bytes: everything but GPS is as it was, and the position is the one
that was asked for. That the bytes between the changes are the same has been shown by hash.
"""

import math

from geotagger.marks import processing_method
from geotagger.metadata import gps, xmp
from geotagger.metadata.layout import Layout
from geotagger.metadata.rdf import XmpError
from geotagger.metadata.source import Window
from geotagger.metadata.tiff import EXIF_POINTER, GPS_POINTER, INTEROP_POINTER, Directory, Tiff, TiffError
from geotagger.metadata.values import FoundPosition, Position

_TOLERANCE_DEG = 1e-8
"""A millimetre; EXIF holds degrees to 3e-10, XMP to 2e-10."""
_THUMBNAIL_OFFSET = 0x0201


class MismatchError(Exception):
    """The new file is not the old one with the position; the text says in what."""


def check_added(old: Layout, new: Layout, position: Position) -> None:
    """MismatchError unless `new` is `old` with `position`: all else the same, no other position
    in any block or packet that had one."""
    if old.outline() != new.outline():
        raise MismatchError("its structure has changed")
    before = [tags_besides_gps(block) for block in old.blocks]
    after = [tags_besides_gps(block) for block in new.blocks]
    if len(after) == len(before) + 1:
        # EXIF for a photo that had none: a block with nothing but the position
        after = [tags for tags in after if tags != _NOTHING]
        before = [tags for tags in before if tags != _NOTHING]
    if before != after:
        raise MismatchError("tags other than GPS have changed")
    found = [p for p in map(position_in, new.blocks) if p is not None]
    if not found:
        raise MismatchError("the position is not in it")
    for packet in new.packets:
        try:
            told = xmp.position_of(packet)
        except XmpError:
            continue
        if told is not None:
            found.append(told)
    for one in found:
        _check_position(one, position)


def check_removed(old: Layout, new: Layout) -> None:
    """MismatchError unless `new` is `old` without a position of ours."""
    if old.outline() != new.outline():
        raise MismatchError("its structure has changed")
    before = [t for t in (tags_besides_gps(b) for b in old.blocks) if t != _NOTHING]
    after = [t for t in (tags_besides_gps(b) for b in new.blocks) if t != _NOTHING]
    if before != after:
        raise MismatchError("tags other than GPS have changed")
    if any(p is not None and p.mark is not None for p in map(position_in, new.blocks)):
        raise MismatchError("the position is still in it")


def position_in(block: Window) -> FoundPosition | None:
    """The position that an EXIF block holds; None also when the block cannot be read."""
    try:
        tiff = Tiff(block)
        directory = tiff.gps_directory()
    except TiffError:
        return None
    return gps.read(directory.entries, tiff.order) if directory else None


Tags = list[tuple[object, ...]]
_NOTHING: Tags = [("IFD0", ())]


def tags_besides_gps(block: Window) -> Tags:
    """The entries of every directory of a block, as they stand, without the GPS directory."""
    try:
        tiff = Tiff(block)
        result: Tags = []
        for number, directory in enumerate(tiff.chain()):
            result.append((f"IFD{number}", _raw_entries(directory)))
            exif = directory.find(EXIF_POINTER)
            if exif is not None:
                result += _sub_directory(tiff, tiff.pointer(exif))
    except TiffError as error:
        return [("unreadable", str(error))]
    return result


def _sub_directory(tiff: Tiff, offset: int) -> Tags:
    try:
        exif = tiff.directory(offset)
    except TiffError as error:
        return [("unreadable", str(error))]
    result: Tags = [("ExifIFD", _raw_entries(exif))]
    interop = exif.find(INTEROP_POINTER)
    if interop is not None:
        try:
            result.append(("InteropIFD", _raw_entries(tiff.directory(tiff.pointer(interop)))))
        except TiffError as error:
            result.append(("unreadable", str(error)))
    return result


def _raw_entries(directory: Directory) -> tuple[object, ...]:
    # a thumbnail behind the block moves with what lies there, so its offset may differ
    return tuple(
        (e.tag, e.type, e.count, e.field if e.tag != _THUMBNAIL_OFFSET else None)
        for e in directory.entries
        if e.tag != GPS_POINTER
    )


def _check_position(found: FoundPosition, asked: Position) -> None:
    same = (
        math.isclose(found.latitude, asked.latitude, rel_tol=0, abs_tol=_TOLERANCE_DEG)
        and math.isclose(found.longitude, asked.longitude, rel_tol=0, abs_tol=_TOLERANCE_DEG)
        and found.mark is not None
        and processing_method(found.mark) == processing_method(asked.mark)
        and (
            asked.altitude_m is None
            or (found.altitude_m is not None and abs(found.altitude_m - asked.altitude_m) <= 0.001)
        )
    )
    if not same:
        raise MismatchError(f"it holds {found.latitude}, {found.longitude} instead of what was asked")


def check_packet(packet: bytes, asked: Position) -> None:
    """MismatchError unless the XMP packet says what was asked."""
    found = xmp.position_of(packet)
    if found is None:
        raise MismatchError("the position is not in its XMP")
    _check_position(found, asked)
