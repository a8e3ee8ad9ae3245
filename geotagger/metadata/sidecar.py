"""XMP sidecars: which file is a photo's sidecar, what it says, and what it will say.

New ones are named after the whole photo, IMG.CR2.xmp, as darktable and digiKam do and Immich
prefers; IMG.xmp, Adobe's way, is used where it exists or is asked for. A sidecar folder holds
the sidecars of an archive that is read-only, in the same tree. Encodings other than UTF-8 are
read and written back as they were.
"""

import codecs
import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from geotagger.archive import mirrored
from geotagger.coordinates import UnreadableCoordinatesError
from geotagger.metadata import xmp, xmp_names
from geotagger.metadata.rdf import XmpError, parsed
from geotagger.metadata.splice import Splice, spliced
from geotagger.metadata.values import FoundPosition, Position
from geotagger.photo.moment import time_of_packet
from geotagger.photo.values import CaptureTime, NamedPlace
from geotagger.small_files import beginning_of
from geotagger.writing import SidecarStyle, Writing

LARGEST_SIDECAR_BYTES = 32 << 20
_FOR_EXTENSION = ("http://ns.adobe.com/photoshop/1.0/", "SidecarForExtension")
_RAW_EXTENSIONS = (
    "3fr", "arw", "cr2", "cr3", "crw", "dng", "erf", "fff", "iiq", "kdc", "mef", "mos", "mrw", "nef", "nrw",
    "orf", "pef", "raf", "raw", "rw2", "rwl", "sr2", "srf", "srw", "x3f",
)  # fmt: skip
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Sidecars:
    """Where the sidecars of an archive are. `folder` None means beside the photos; otherwise they
    lie in that folder, which mirrors the file system."""

    style: SidecarStyle = "full"
    folder: str | None = None

    @classmethod
    def of(cls, writing: Writing) -> "Sidecars":
        folder = writing.sidecar_folder
        return cls(writing.sidecar_style, None if folder is None else str(folder))

    def existing(self, photo: str) -> str | None:
        """The photo's sidecar, when it has one."""
        return next((path for path in self._candidates(photo) if os.path.isfile(path)), None)

    def path(self, photo: str) -> str:
        """The sidecar to write: the one that is there, otherwise a new one of the style, which for a
        photo beside its raw file is `full`: IMG.xmp is the raw file's."""
        named = self._named(photo, self.style)
        free = self.style == "full" or _belongs(named, photo)
        return self.existing(photo) or (named if free else self._named(photo, "full"))

    def _named(self, photo: str, style: SidecarStyle) -> str:
        base = photo if style == "full" else os.path.splitext(photo)[0]
        return self._moved(base) + ".xmp"

    def _moved(self, photo: str) -> str:
        return photo if self.folder is None else mirrored(self.folder, photo)

    def _candidates(self, photo: str) -> Iterator[str]:
        """Names that a sidecar of the photo may have, the style's own first."""
        stem_first: tuple[SidecarStyle, ...] = ("stem", "full")
        for style in stem_first if self.style == "stem" else stem_first[::-1]:
            path = self._named(photo, style)
            for name in (path, path[:-4] + ".XMP"):
                actual = _actual_name(name)
                if actual is not None and (style == "full" or _belongs(actual, photo)):
                    yield actual


def position_in(path: str) -> FoundPosition | None:
    """The position that a sidecar holds; None also when it cannot be read."""
    with contextlib.suppress(OSError, XmpError):
        return xmp.position_of(in_utf8(beginning_of(path, LARGEST_SIDECAR_BYTES + 1)))
    return None


def named_place_in(path: str) -> NamedPlace:
    """The place that a sidecar names in words; also none where it cannot be read."""
    with contextlib.suppress(OSError, XmpError):
        return xmp_names.named_place(in_utf8(beginning_of(path, LARGEST_SIDECAR_BYTES + 1)))
    return NamedPlace()


def capture_time_in(path: str, names_camera: bool, now: datetime) -> CaptureTime | None:
    """When a sidecar says that its photo was taken, which may name a camera; also None where it cannot be
    read."""
    with contextlib.suppress(OSError, XmpError):
        return time_of_packet(in_utf8(beginning_of(path, LARGEST_SIDECAR_BYTES + 1)), names_camera, now)
    return None


def unreadable_position_in(path: str) -> str | None:
    """Why the position that a sidecar names cannot be read; None when it names none, or a readable one."""
    try:
        data = beginning_of(path, LARGEST_SIDECAR_BYTES + 1)
    except OSError:
        return None
    try:
        xmp.stated_position_in(in_utf8(data))
    except UnreadableCoordinatesError as error:
        return str(error)
    except XmpError as error:
        return f"{error}, and it speaks of a place" if xmp.speaks_of_gps(data) else None
    return None


def merged(data: bytes, position: Position) -> bytes:
    """An existing sidecar with the position, everything of others kept. XmpError when it cannot
    be read or is too large to be one."""
    return changed(data, xmp.with_position(in_utf8(data), position))


def changed(data: bytes, splices: Sequence[Splice]) -> bytes:
    """A sidecar with these splices of its packet, in the encoding that it has."""
    packet, bom, encoding = _as_utf8(data)
    return bom + spliced(packet, splices).decode().encode(encoding)


def in_utf8(data: bytes) -> bytes:
    """The packet of a sidecar. XmpError when it is not text."""
    return _as_utf8(data)[0]


def _as_utf8(data: bytes) -> tuple[bytes, bytes, str]:
    """The packet in UTF-8, and the byte order mark and encoding that it had."""
    if len(data) > LARGEST_SIDECAR_BYTES:
        raise XmpError("it is too large for a sidecar")
    bom, encoding = next(((b, e) for b, e in _BOMS if data.startswith(b)), (b"", "utf-8"))
    try:
        return data[len(bom) :].decode(encoding).encode(), bom, encoding
    except UnicodeError:
        raise XmpError("it is not Unicode text") from None


def _actual_name(path: str) -> str | None:
    """The path as the folder spells it: on a file system that ignores case, IMG.xmp may be found
    although the name is IMG.XMP, and replacing it must not rename it. Only there is the folder gone
    through: doing so for each photo takes the square of their number."""
    if not os.path.lexists(path):
        return None
    folder, name = os.path.split(path)
    if not os.path.lexists(os.path.join(folder, name.swapcase())):
        return path
    try:
        with os.scandir(folder or ".") as entries:
            names = [e.name for e in entries if e.name.lower() == name.lower()]
    except OSError:
        return path
    return path if name in names or not names else os.path.join(folder, names[0])


def _belongs(sidecar: str, photo: str) -> bool:
    """Whether IMG.xmp is this photo's: it may be that of a raw file beside it, IMG.CR2."""
    stem, extension = os.path.splitext(photo)
    extension = extension[1:].lower()
    try:
        packet = in_utf8(beginning_of(sidecar, LARGEST_SIDECAR_BYTES + 1))
        named_extension = parsed(packet).values().get(_FOR_EXTENSION)
    except (OSError, XmpError):
        named_extension = None
    if named_extension:
        return named_extension.lower() == extension
    if extension in _RAW_EXTENSIONS:
        return True
    return not any(
        os.path.lexists(f"{stem}.{spelling}") for raw in _RAW_EXTENSIONS for spelling in (raw, raw.upper())
    )
