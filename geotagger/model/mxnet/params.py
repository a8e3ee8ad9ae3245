"""Reads MXNet's `.params` files without MXNet.

Takes a path, gives arrays that are views of the mapped file: nothing is copied, and whatever a
header claims is held against the bytes that are really there before anything is made of it.
The layouts V0–V3 are those of NDArray::Save from 0.9 to 1.9 (src/ndarray/ndarray.cc),
little-endian. Knows nothing of networks.
"""

import math
import mmap
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geotagger.errors import CheckpointError
from geotagger.model.plain_files import check_plain

_LIST_MAGIC = 0x112
_V1, _V2, _V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
_DTYPES = ("<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8", "?")
_STORAGES = {1: "row_sparse", 2: "csr"}
# Beyond what any network has, so that a lying file costs no more than itself.
_MOST_DIMENSIONS = 32
_MOST_ARRAYS = 1 << 16
_LONGEST_NAME = 512

Array = NDArray[Any]


def read_params(path: Path) -> dict[str, Array]:
    """Every array by its name without `arg:` or `aux:`; read-only views, so that a file of any
    size costs no memory until it is used. Empty entries are left out.

    CheckpointError for a file that is truncated, longer than it says, or contradicts itself. What
    no reader can guard against: a file that another program shortens while it is mapped.
    """
    check_plain(path)
    try:
        with path.open("rb") as file:
            # a mapping cannot be empty; an empty file fails on its first number instead
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
    except FileNotFoundError:
        raise CheckpointError(path, "no such file; give the *.params file of the checkpoint") from None
    except OSError as error:
        raise CheckpointError(path, f"cannot be read ({error.strerror})") from None
    return _ParamsReader(path, data).params()


class _ParamsReader:
    def __init__(self, path: Path, data: mmap.mmap | bytes) -> None:
        self.path, self.data, self.at, self.end = path, data, 0, len(data)

    def params(self) -> dict[str, Array]:
        magic, _reserved = self.numbers("<QQ", "the file's header")
        if magic != _LIST_MAGIC:
            raise self.wrong("it does not begin as an MXNet params file does; give the *.params file")
        count = self.count(4, "arrays")
        arrays = [self.array(f"array {i + 1} of {count}") for i in range(count)]
        names = [self.name(f"name {i + 1} of {count}") for i in range(self.count(8, "names"))]
        if self.at != self.end:
            raise self.wrong(f"{self.end - self.at:,} bytes follow the end of its content; fetch it again")
        if len(names) != count:
            raise self.wrong(f"it has {count:,} arrays but {len(names):,} names; fetch it again")
        by_name: dict[str, Array] = {}
        for name, array in zip(names, arrays, strict=True):
            bare = name.removeprefix("arg:").removeprefix("aux:")
            if bare in by_name:
                raise self.wrong(f"it holds {bare} twice")
            if array is not None:
                by_name[bare] = array
        return by_name

    def array(self, what: str) -> Array | None:
        (magic,) = self.numbers("<I", what)
        if magic in (_V2, _V3):
            (storage,) = self.numbers("<i", what)
            if storage in _STORAGES:
                raise self.wrong(f"{what} is {_STORAGES[storage]}; only dense arrays can be imported")
            if storage != 0:
                raise self.damaged(what, f"storage type {storage}")
        if magic == _V3:
            (dimensions,) = self.numbers("<i", what)
            unknown = dimensions == -1
        else:
            dimensions = magic if magic not in (_V1, _V2) else self.numbers("<I", what)[0]
            unknown = dimensions == 0
        if unknown:
            return None
        if not 0 <= dimensions <= _MOST_DIMENSIONS:
            raise self.damaged(what, f"{dimensions:,} dimensions")
        shape = self.numbers(f"<{dimensions}{'q' if magic in (_V1, _V2, _V3) else 'I'}", what)
        _device, _device_id, flag = self.numbers("<iii", what)
        if not 0 <= flag < len(_DTYPES):
            raise self.damaged(what, f"type flag {flag}")
        dtype = np.dtype(_DTYPES[flag])
        size = math.prod(shape)
        if any(edge < 0 for edge in shape) or size * dtype.itemsize > self.end - self.at:
            claimed = "×".join(map(str, shape)) or "1"
            raise self.wrong(
                f"{what} claims {claimed} numbers of {dtype.itemsize} bytes where {self.end - self.at:,} "
                "bytes are left; the file is truncated or damaged, fetch it again"
            )
        array = np.frombuffer(self.data, dtype, size, self.at) if size else np.zeros(0, dtype)
        self.at += size * dtype.itemsize
        try:
            return array.reshape(shape)
        except ValueError:  # 0 × an edge beyond what an array may have
            raise self.damaged(what, "an impossible shape") from None

    def name(self, what: str) -> str:
        (length,) = self.numbers("<Q", what)
        if length > min(_LONGEST_NAME, self.end - self.at):
            raise self.damaged(what, f"a length of {length:,} bytes")
        raw = self.data[self.at : self.at + length]
        self.at += length
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise self.damaged(what, "bytes that are not UTF-8") from None

    def count(self, least: int, what: str) -> int:
        """A number of entries, each of which takes `least` bytes at the very least."""
        (count,) = self.numbers("<Q", f"the number of {what}")
        if count > min(_MOST_ARRAYS, (self.end - self.at) // least):
            raise self.wrong(
                f"it claims {count:,} {what} where {self.end - self.at:,} bytes are left; "
                "the file is truncated or damaged, fetch it again"
            )
        return int(count)

    def numbers(self, layout: str, what: str) -> tuple[int, ...]:
        size = struct.calcsize(layout)
        if size > self.end - self.at:
            raise self.wrong(f"it ends within {what}, at byte {self.end:,}; fetch it again")
        values = struct.unpack_from(layout, self.data, self.at)
        self.at += size
        return values

    def damaged(self, what: str, contents: str) -> CheckpointError:
        return self.wrong(f"{what} has {contents}; the file is damaged, fetch it again")

    def wrong(self, what: str) -> CheckpointError:
        return CheckpointError(self.path, what)
