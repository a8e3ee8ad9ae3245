"""Whether an undo may do what it is asked: the file itself must prove that the change was ours.

An index may be somebody else's, and a hash is no signature. So old bytes are put back only into a
photo or a packet of XMP that carries our mark (or gets it back, where an estimate had been withdrawn),
and only if nothing but GPS, and what was made to hold it, is other than before; a sidecar is removed
only if it holds nothing but ours. Takes the open files before and after; raises WriteRefusedError.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Literal

import xxhash

from geotagger.archive import is_sidecar_name
from geotagger.errors import WriteRefusedError
from geotagger.metadata import sidecar, verify, xmp, xmp_names
from geotagger.metadata.containers import layout_of
from geotagger.metadata.layout import Layout, RefusedError
from geotagger.metadata.rdf import XmpError
from geotagger.metadata.source import ByteSource, Window
from geotagger.metadata.tiff import Tiff, TiffError, places_of_values

_PIECE = 1 << 20
_POINTER_BYTES = 4
_ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")
_FAR = 1 << 24
"""Behind any block of EXIF, and below what four letters amount to."""


def check_undo(
    path: str, current: ByteSource, restored: ByteSource, *, is_removal: bool, are_names: bool = False
) -> None:
    """Raises unless putting `restored` in the place of `current` takes back a write of ours; with
    `are_names`, of names, which changed no position."""
    try:
        if is_sidecar_name(path) or current.read(0, 16).lstrip(b"\xef\xbb\xbf \r\n").startswith(b"<"):
            packets = _packet(path, current), _packet(path, restored)
            if are_names:
                _check_names(packets[:1], packets[1:])
                return
            _check_packets(*(reversed(packets) if is_removal else packets))
        else:
            opened = _Open(layout_of(current, path), current), _Open(layout_of(restored, path), restored)
            if are_names:
                verify.check_only_xmp_changed(*(one.layout for one in opened))
                _check_pictures(*opened)
                _check_names(*(one.layout.packets for one in opened))
                return
            _check_photos(*opened, is_removal)
    except (RefusedError, XmpError, verify.MismatchError) as error:
        raise WriteRefusedError(
            path, f"what is to be undone is no write of ours ({error})", "left alone"
        ) from None


def check_unlink(path: str) -> None:
    """Raises unless the file is a sidecar with nothing in it but a position of ours."""
    if (
        os.path.splitext(path)[1].lower() != ".xmp"
        or os.path.islink(path)
        or not holds_nothing_but_ours(path)
    ):
        raise WriteRefusedError(path, "it is no sidecar with nothing but a position of ours", "left alone")


def holds_nothing_but_ours(path: str) -> bool:
    """Whether a sidecar says nothing but a position, or names, that carry our mark."""
    try:
        with open(path, "rb") as file:
            packet = sidecar.in_utf8(file.read(sidecar.LARGEST_SIDECAR_BYTES + 1))
        position = xmp.position_of(packet)
        is_ours = position is not None and position.mark is not None
        return (is_ours or xmp_names.names_in(packet) is not None) and xmp.without_position(packet) is None
    except (OSError, XmpError):
        return False


def _packet(path: str, source: ByteSource) -> bytes:
    if not is_sidecar_name(path):
        raise XmpError("neither a photo nor a sidecar")
    return sidecar.in_utf8(source.read(0, sidecar.LARGEST_SIDECAR_BYTES + 1))


def _check_names(marked: Sequence[bytes], others: Sequence[bytes]) -> None:
    """MismatchError unless names of ours are all that these packets have more than the others."""
    if not any(xmp_names.names_in(packet) for packet in marked):
        raise verify.MismatchError("it does not carry our mark")
    verify.check_same_but_names(others, marked)


def _check_packets(marked: bytes, other: bytes) -> None:
    position = xmp.position_of(marked)
    if position is None or position.mark is None:
        raise verify.MismatchError("it does not carry our mark")
    if not verify.says_the_same(other, marked):
        raise verify.MismatchError("fields other than GPS would change")


@dataclass(frozen=True, slots=True)
class _Open:
    layout: Layout
    file: Window


def _check_photos(current: _Open, restored: _Open, is_removal: bool) -> None:
    marked, other = current.layout, restored.layout
    if is_removal:
        marked, other = other, marked
    if not any(position.mark is not None for position in verify.positions_in(marked)):
        raise verify.MismatchError("it does not carry our mark")
    verify.check_the_rest(other, marked)
    _check_pictures(current, restored)
    check_blocks(current.layout, restored.layout)
    for packet, before in zip_longest(marked.packets, other.packets, fillvalue=xmp.empty_packet()):
        if packet != before and not verify.says_the_same(before, packet):
            raise verify.MismatchError("fields of its XMP other than GPS would change")


def _check_pictures(current: "_Open", restored: "_Open") -> None:
    """The image and all else that is neither EXIF nor XMP. Where nothing ever moves, it is the current
    file that says what is GPS: what the old bytes say of themselves is the journal's word."""
    if current.layout.format in ("heif", "tiff"):
        end = min(current.file.size, restored.file.size)
        runs = [
            (start, min(length, end - start)) for start, length in current.layout.pictures() if start < end
        ]
        same = all(_is_same_or_was_empty(current.file, restored.file, *run) for run in runs)
    else:
        same = _digest_of_pictures(current) == _digest_of_pictures(restored)
    if not same:
        raise verify.MismatchError("its picture would change")


def check_blocks(current: Layout, restored: Layout) -> None:
    """MismatchError unless the values that the entries of EXIF point to, which no write of ours moves or
    changes, are the same."""
    if current.format == "tiff":
        return  # the block is the file
    now, then = list(current.blocks), list(restored.blocks)
    if len(now) != len(then):
        now = [block for block in now if not verify.holds_only_gps(block)]
        then = [block for block in then if not verify.holds_only_gps(block)]
    for block, old in zip(now, then, strict=True):
        end = min(block.size, old.size)
        try:
            runs = places_of_values(Tiff(block))
        except TiffError:
            runs = [(0, end)]
        for start, stop in runs:
            length = min(stop, end) - start
            if not (
                _is_same_or_was_empty(block, old, start, length) or _lead_behind(block, old, start, length)
            ):
                raise verify.MismatchError("tags other than GPS would change")


def _lead_behind(block: Window, old: Window, start: int, length: int) -> bool:
    """Whether all that differs are pointers of a maker note, in whatever byte order, to what lies behind the
    block and moved, all by the same distance."""
    now, then = block.read(start, length), old.read(start, length)
    end = min(block.size, old.size)
    distances: set[int] | None = None
    for first, last in _apart(now, then):
        here = set()
        for at in range(max(0, last - _POINTER_BYTES + 1), first + 1):
            for order in _ORDERS:
                values = [int.from_bytes(data[at : at + _POINTER_BYTES], order) for data in (now, then)]
                if all(end <= value < _FAR for value in values):
                    here.add(values[0] - values[1])
        distances = here if distances is None else distances & here
    return bool(distances)


def _apart(now: bytes, then: bytes) -> Iterator[tuple[int, int]]:
    """The first and the last byte that differ, of each run that one pointer can hold."""
    first = last = -1
    for n, (a, b) in enumerate(zip(now, then, strict=True)):
        if a == b:
            continue
        if first >= 0 and n - first >= _POINTER_BYTES:
            yield first, last
            first = -1
        first, last = (n if first < 0 else first), n
    if first >= 0:
        yield first, last


def _is_same_or_was_empty(current: Window, restored: Window, start: int, length: int) -> bool:
    """A position that was taken out leaves zeros, into which it may come back."""
    for at in range(start, start + length, _PIECE):
        count = min(_PIECE, start + length - at)
        now, then = current.read(at, count), restored.read(at, count)
        if now != then and any(a != b and a for a, b in zip(now, then, strict=True)):
            return False
    return True


def _digest_of_pictures(opened: "_Open") -> str:
    digest = xxhash.xxh3_128()
    for start, length in opened.layout.pictures():
        for piece in _pieces(opened.file, start, length):
            digest.update(piece)
    return digest.hexdigest()


def _pieces(window: Window, start: int, length: int) -> Iterable[bytes]:
    end = min(start + length, window.size)
    for at in range(start, end, _PIECE):
        yield window.read(at, min(_PIECE, end - at))
