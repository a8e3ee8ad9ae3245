"""The check of a new file before it takes the place of the old one.

Read from the new file's own bytes: everything but GPS is as it was, and the position is the one
that was asked for. That the bytes between the changes are the same has been shown by hash.
"""

import contextlib
import math
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from geotagger.coordinates import UnreadableCoordinatesError
from geotagger.errors import PlaceTakenError
from geotagger.marks import text_of
from geotagger.metadata import gps, xmp, xmp_names
from geotagger.metadata.layout import Layout
from geotagger.metadata.rdf import XmpError
from geotagger.metadata.source import Window
from geotagger.metadata.tiff import EXIF_POINTER, INTEROP_POINTER, Tiff, TiffError
from geotagger.metadata.values import FoundPosition, Position

_TOLERANCE_DEG = 1e-8
"""A millimetre; EXIF holds degrees to 3e-10, XMP to 2e-10."""


class MismatchError(Exception):
    """The new file is not the old one with the position; the text says in what."""


def check_added(old: Layout, new: Layout, position: Position) -> None:
    """MismatchError unless `new` is `old` with `position`: all else the same, no other position
    in any block or packet that had one."""
    check_the_rest(old, new)
    if not any(map(position_in, new.blocks)):
        raise MismatchError("the position is not in it")
    for packet, changed in zip(old.packets, new.packets, strict=False):
        if packet != changed and not says_the_same(packet, changed):
            raise MismatchError("fields of its XMP other than GPS have changed")
    for one in positions_in(new):
        _check_position(one, position)


def says_the_same(packet: bytes, changed: bytes) -> bool:
    """Whether a packet says what it said before, but for a position and what is ours."""
    try:
        return xmp.only_gained_ours(packet, changed) or xmp.others(packet) == xmp.others(changed)
    except XmpError:
        return False


def positions_in(layout: Layout) -> Iterator[FoundPosition]:
    """Every position that a photo's metadata holds."""
    for block in layout.blocks:
        position = position_in(block)
        if position is not None:
            yield position
    for packet in filter(xmp.speaks_of_gps, layout.packets):
        with contextlib.suppress(XmpError):
            packet_position = xmp.position_of(packet)
            if packet_position is not None:
                yield packet_position


def position_in(block: Window) -> FoundPosition | None:
    """The position that an EXIF block holds; None also when the block cannot be read."""
    try:
        tiff = Tiff(block)
        directory = tiff.gps_directory()
    except TiffError:
        return None
    return gps.read(directory.entries, tiff.order) if directory else None


def check_readable(path: str, layout: Layout) -> None:
    """PlaceTakenError when the metadata of the photo at `path` names a position that nobody can read: it is
    somebody's word all the same."""
    for block in layout.blocks:
        with contextlib.suppress(TiffError):
            tiff = Tiff(block)
            directory = tiff.gps_directory()
            if directory is not None:
                with unreadable_is_taken(path):
                    gps.stated_position(directory.entries, tiff.order)
    for packet in filter(xmp.speaks_of_gps, layout.packets):
        with contextlib.suppress(XmpError), unreadable_is_taken(path):
            xmp.stated_position_in(packet)


@contextlib.contextmanager
def unreadable_is_taken(path: str) -> Iterator[None]:
    """Turns coordinates in the file at `path` that cannot be read into a PlaceTakenError."""
    try:
        yield
    except UnreadableCoordinatesError as error:
        raise PlaceTakenError(
            path, f"it has a position that cannot be read ({error})", "left alone, --overwrite replaces it"
        ) from None


def check_the_rest(old: Layout, new: Layout) -> None:
    """MismatchError unless all but GPS is in `new` as in `old`."""
    if old.outline() != new.outline():
        raise MismatchError("its structure has changed")
    before, after = list(old.blocks), list(new.blocks)
    if len(before) != len(after):
        # a block with nothing but a position is ours: EXIF for a photo that had none
        before = [block for block in before if not holds_only_gps(block)]
        after = [block for block in after if not holds_only_gps(block)]
    if len(before) != len(after):
        raise MismatchError("an EXIF block came or went")
    for one, other in zip(before, after, strict=True):
        limit = min(one.size, other.size)
        if tags_besides_gps(one, limit) != tags_besides_gps(other, limit):
            raise MismatchError("tags other than GPS have changed")


def check_only_xmp_changed(old: Layout, new: Layout) -> None:
    """MismatchError unless all but the packets of XMP is in `new` as in `old`."""
    if old.outline() != new.outline():
        raise MismatchError("its structure has changed")
    blocks = ([block.read(0, block.size) for block in layout.blocks] for layout in (old, new))
    if old.format != "tiff" and next(blocks) != next(blocks):
        raise MismatchError("its EXIF has changed")


def check_same_but_names(old: Sequence[bytes], new: Sequence[bytes]) -> None:
    """MismatchError unless packets say the same, but for names of places that are ours. XmpError where one
    cannot be read."""
    for one, other in zip_longest(old, new, fillvalue=xmp.empty_packet()):
        if one != other and xmp_names.besides_names(one) != xmp_names.besides_names(other):
            raise MismatchError("fields of its XMP other than names of places have changed")


Tags = list[tuple[str, object]]
_NOTHING: Tags = [("IFD0", ())]


def tags_besides_gps(block: Window, limit: int) -> Tags:
    """The raw entries of every directory of a block, without the GPS directory and without
    pointers that lead behind `limit`, where things may move."""
    result: Tags = []
    try:
        tiff = Tiff(block)
        seen: set[int] = set()
        offset = tiff.first
        while offset and offset not in seen:
            seen.add(offset)
            entries, pointers, offset = tiff.raw_directory(offset, limit)
            result.append((f"IFD{len(seen) - 1}", entries))
            result += _sub_directories(tiff, pointers, limit)
    except TiffError as error:
        result.append(("unreadable", str(error)))
    return result


def holds_only_gps(block: Window) -> bool:
    """Whether a block can go as a whole when its GPS directory goes."""
    return tags_besides_gps(block, block.size) == _NOTHING


def _sub_directories(tiff: Tiff, pointers: dict[int, int], limit: int) -> Tags:
    result: Tags = []
    for tag in (EXIF_POINTER, INTEROP_POINTER):
        if tag in pointers:
            try:
                entries, inner, _ = tiff.raw_directory(pointers[tag], limit)
            except TiffError as error:
                result.append((f"below {tag:04x}", str(error)))
            else:
                result.append((f"below {tag:04x}", entries))
                if tag == EXIF_POINTER and INTEROP_POINTER in inner:
                    result += _sub_directories(tiff, {INTEROP_POINTER: inner[INTEROP_POINTER]}, limit)
    return result


def _check_position(there: FoundPosition, position: Position) -> None:
    same = (
        math.isclose(there.latitude, position.latitude, rel_tol=0, abs_tol=_TOLERANCE_DEG)
        and math.isclose(there.longitude, position.longitude, rel_tol=0, abs_tol=_TOLERANCE_DEG)
        and there.mark is not None
        and text_of(there.mark) == text_of(position.mark)
    )
    if not same:
        raise MismatchError(f"it holds {there.latitude}, {there.longitude} instead of what was asked")


def check_packet(packet: bytes, position: Position) -> None:
    """MismatchError unless the XMP packet says what was asked."""
    there = xmp.position_of(packet)
    if there is None:
        raise MismatchError("the position is not in its XMP")
    _check_position(there, position)
