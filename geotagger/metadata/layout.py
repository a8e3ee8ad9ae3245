"""What every container looks like to the rest of the room.

A layout knows where the EXIF blocks and XMP packets of one file lie, and turns changes of those
into splices of the file, with the lengths, checksums and pointers around them kept true.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol, TypeVar

from geotagger.metadata.source import Window
from geotagger.metadata.splice import Splice


@dataclass(frozen=True, slots=True)
class LayoutChange:
    """`exif` and `xmp` hold splices within the block or packet of that number; `new_exif` is a
    TIFF block and `new_xmp` a packet for a file that has none. A block in `dropped_exif`, a
    packet in `dropped_xmp`, goes away with the segment or chunk that holds it."""

    exif: Mapping[int, Sequence[Splice]] = field(default_factory=dict)
    xmp: Mapping[int, Sequence[Splice]] = field(default_factory=dict)
    new_exif: bytes | None = None
    new_xmp: bytes | None = None
    dropped_exif: frozenset[int] = frozenset()
    dropped_xmp: frozenset[int] = frozenset()


class Layout(Protocol):
    """`blocks` are the EXIF blocks, the one that readers heed first; `packets` the XMP packets.
    `outline` names everything else in the file that metadata surgery could hit, in order, by
    content and not by place: equal outlines mean that nothing else was touched. `extended_xmp` is
    XMP that goes on elsewhere and is not changed. `takes_new_xmp`:
    our own fields may be added to its XMP, which may be a new packet."""

    @property
    def format(self) -> str: ...

    @property
    def blocks(self) -> Sequence[Window]: ...

    @property
    def packets(self) -> Sequence[bytes]: ...

    @property
    def extended_xmp(self) -> bytes: ...

    @property
    def takes_new_xmp(self) -> bool: ...

    def splices(self, change: LayoutChange) -> list[Splice]:
        """The change as ordered splices of the file; RefusedError when there is no room."""
        ...

    def outline(self) -> Sequence[object]: ...

    def pictures(self) -> Sequence[tuple[int, int]]:
        """The runs (start, length) that hold the image and all else that is neither EXIF nor XMP."""
        ...


MOST_METADATA = 1 << 26
"""Bytes of EXIF and XMP in one file; more is in none that a program made for a reason."""

MOST_PARTS = 1 << 18
"""Chunks or segments of one file: a PNG of a gigabyte in chunks of 8 KB has half as many."""

Part = TypeVar("Part")


def listed(parts: Iterable[Part]) -> list[Part]:
    """All of them; RefusedError where they are more than any file has."""
    listing = list(islice(parts, MOST_PARTS + 1))
    if len(listing) > MOST_PARTS:
        raise RefusedError(f"it is made of more than {MOST_PARTS} parts")
    return listing


def check_amount(sizes: Iterable[int]) -> None:
    """RefusedError before more metadata is read than any file has."""
    if sum(sizes) > MOST_METADATA:
        raise RefusedError(f"it says that it holds more than {MOST_METADATA >> 20} MB of metadata")


class RefusedError(Exception):
    """This container cannot take the change without harm. Becomes a WriteRefusedError, which
    names the photo; the text here says why."""
