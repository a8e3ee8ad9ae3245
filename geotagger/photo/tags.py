"""The tags of an EXIF block, read by exifread within limits that no file can talk it out of.

exifread follows whatever a damaged block says: directory chains, counts of 65,535 entries,
texts of four gigabytes. So it never sees more than the block, only the first directory of its
chain (the second describes the thumbnail), and a budget of reads; past it, what was read so far counts.
"""

import io
import logging
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exifread.core.exif_header import ExifHeader

from geotagger.photo.source import PhotoSourceFile

# what it makes of a damaged block is told by us; its own lines go nowhere, unless somebody listens to them
logging.getLogger("exifread").addHandler(logging.NullHandler())

_READS = 60_000
"""About 50 ms of exifread's work; the busiest real block of the sample corpus needs 4,000."""

_LONGEST_READ = 1 << 16
_LONGEST_COMMENT = 256

_USER_COMMENT = 0x9286
_PASSED_OVER = (0x02BC, 0x927C)
"""XMP in a TIFF, read elsewhere, and the maker note."""


SOFTWARE = ("image", 0x0131)


@dataclass(frozen=True, slots=True)
class Tags:
    """Tag values by directory ("image", "exif", "gps") and tag number. A value is what exifread
    gives: text, or a list of whole numbers or ratios. `problem` says what cut the reading short."""

    values: Mapping[tuple[str, int], Any] = field(default_factory=dict)
    problem: str | None = None

    def text(self, directory: str, tag: int) -> str:
        """A text value without padding, also where its type is wrong; "" when there is none."""
        value = self.values.get((directory, tag))
        if isinstance(value, list):
            value = bytes(v for v in value if isinstance(v, int) and 0 <= v < 256)
        if isinstance(value, bytes):
            value = value.split(b"\0")[0].decode("latin-1")
        return value.replace("\0", " ").strip() if isinstance(value, str) else ""

    def opaque(self, directory: str, tag: int) -> bytes:
        """The bytes of an opaque value."""
        value = self.values.get((directory, tag))
        if isinstance(value, list):
            return bytes(v for v in value if isinstance(v, int) and 0 <= v < 256)
        return value.encode("utf-8", "replace") if isinstance(value, str) else b""

    def comment(self, directory: str, tag: int) -> str:
        """A text that begins with the eight bytes of its character code (EXIF 3.0 §4.6.2, UserComment's
        table), which some writers leave out."""
        raw = self.opaque(directory, tag)
        code, text = raw[:8], raw[8:]
        if code == b"UNICODE\0":
            return text.decode("utf-16-le" if text[1:2] == b"\0" else "utf-16-be", "replace").strip("\0 ")
        if code in (b"ASCII\0\0\0", b"\0" * 8):
            return text.decode("latin-1").strip("\0 ")
        return raw.decode("latin-1").strip("\0 ")

    def numbers(self, directory: str, tag: int) -> tuple[float, ...]:
        """The values as floats; NaN for 0/0, which says nothing, and for what is no number."""
        value = self.values.get((directory, tag))
        if not isinstance(value, list):
            return ()
        return tuple(map(_number, value))

    def number(self, directory: str, tag: int) -> float | None:
        """The first value, None when missing or not finite."""
        numbers = self.numbers(directory, tag)
        return numbers[0] if numbers and numbers[0] == numbers[0] else None

    def __contains__(self, key: tuple[str, int]) -> bool:
        return key in self.values


NO_TAGS = Tags()

_DIRECTORIES = {"Image": "image", "EXIF": "exif", "GPS": "gps"}


def read_tags(block: bytes | PhotoSourceFile, directory: str = "image") -> Tags:
    """The tags of a TIFF block, or of a file that is one. `directory` names what its first
    directory is: a CR3 keeps its EXIF and GPS directories as blocks of their own."""
    if isinstance(block, bytes) and block[:4] not in (b"II*\0", b"MM\0*"):
        return Tags(problem="the EXIF block does not start as one")
    file = _Bounded(block)
    header = _Header(file)
    problem = None
    try:
        header.dump_ifd(ifd=header.s2n(4, 4), ifd_name="Image")
        pointer = header.tags.get("Image ExifOffset")
        if pointer is not None and isinstance(pointer.values, list) and pointer.values:
            header.dump_ifd(ifd=pointer.values[0], ifd_name="EXIF")
    except _BudgetSpentError:
        problem = "the EXIF block is absurdly large or circular; only its beginning was read"
    except Exception as error:  # a parser fed with arbitrary bytes: exifread raises nearly anything
        problem = f"the EXIF block is damaged ({type(error).__name__}); only its beginning was read"
    values = {}
    for name, tag in header.tags.items():
        where = _DIRECTORIES.get(name.split(" ", 1)[0])
        if where is not None and hasattr(tag, "values"):
            values[directory if where == "image" else where, tag.tag] = tag.values
    if header.comment:
        values["exif", _USER_COMMENT] = list(header.comment)
    return Tags(values, problem)


def joined(*parts: Tags) -> Tags:
    """One set of tags of several; of equals the first counts."""
    values: dict[tuple[str, int], Any] = {}
    for part in reversed(parts):
        values.update(part.values)
    return Tags(values, next((part.problem for part in parts if part.problem), None))


class _BudgetSpentError(Exception):
    pass


class _Bounded(io.RawIOBase):
    """A block or a file for exifread, with a budget of reads."""

    def __init__(self, block: bytes | PhotoSourceFile) -> None:
        self._source = block if isinstance(block, PhotoSourceFile) else None
        self._window = block.head if isinstance(block, PhotoSourceFile) else block
        self._start = 0
        self._at = 0
        self._left = _READS

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (self._at if whence == 1 else 0)
        return self._at

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        size = _LONGEST_READ if size < 0 else min(size, _LONGEST_READ)
        offset = self._within(self._at, size)
        data = self._window[offset : offset + size] if offset >= 0 else b""
        self._at += len(data)
        return data

    def number(self, code: struct.Struct, at: int, length: int) -> int:
        """The number at `at`, 0 where the block has ended: what exifread makes of that, too."""
        offset = self._within(at, length)
        if offset < 0 or offset + length > len(self._window):
            return 0
        number: int = code.unpack_from(self._window, offset)[0]
        return number

    def _within(self, at: int, length: int) -> int:
        """Where in the window `at` is, the window moved if need be; costs one read of the budget."""
        self._left -= 1
        if self._left < 0:
            raise _BudgetSpentError
        offset = at - self._start
        if self._source is not None and (offset < 0 or offset + length > len(self._window)):
            self._window = self._source.read(at, _LONGEST_READ)
            self._start, offset = at, 0
        return offset


class _Header(ExifHeader):
    """exifread's own, but for how it reads a number: from memory at one step, where it would seek
    and read. Half the time of a photo's facts went there. It reads the user's comment only together
    with the maker note, and byte by byte; here the beginning of the one is read, and the other is not."""

    def __init__(self, file: _Bounded) -> None:
        endian = chr(file.read(1)[0])
        super().__init__(file, endian, 0, 0, strict=False, detailed=True)  # type: ignore[arg-type]
        self._file = file
        self.comment = b""

    def _process_tag(
        self,
        ifd: int,
        ifd_name: str,
        tag_entry: Any,
        entry: int,
        tag: int,
        tag_name: str,
        relative: bool,
        stop_tag: str,
    ) -> None:
        if tag == _USER_COMMENT:
            count = self.s2n(entry + 4, 4)
            self._file.seek(entry + 8 if count <= 4 else self.s2n(entry + 8, 4))
            self.comment = self._file.read(min(count, _LONGEST_COMMENT))
        elif tag not in _PASSED_OVER:
            super()._process_tag(ifd, ifd_name, tag_entry, entry, tag, tag_name, relative, stop_tag)

    def s2n(self, offset: int, length: int, signed: bool = False) -> int:
        code = _CODES.get((self.endian, length, signed))
        if code is None:
            raise ValueError(f"no number has {length} bytes")
        return self._file.number(code, offset, length)


_CODES = {
    (endian, length, signed): struct.Struct(order + (letter.lower() if signed else letter))
    for endian, order in (("I", "<"), ("M", ">"))
    for length, letter in ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))
    for signed in (False, True)
}


def _number(value: Any) -> float:
    if isinstance(value, tuple):  # exifread leaves floats as struct gave them
        value = value[0] if value else float("nan")
    try:
        return float(value)
    except (TypeError, ValueError, ArithmeticError):
        return float("nan")
