"""Checkpoints for the tests: the committed ones, a writer of every params layout, cells to go with them."""

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable, centres, ids_of_tokens

FOLDER = Path(__file__).parent / "checkpoints"
MAGICS = {0: None, 1: 0xF993FAC8, 2: 0xF993FAC9, 3: 0xF993FACA}
DTYPES = [np.dtype(kind) for kind in ("<f4", "<f8", "<f2", "u1", "<i4", "i1", "<i8", "?")]


def params_bytes(arrays: Mapping[str, NDArray], layout: int) -> bytes:
    """What NDArray::Save of each generation writes (src/ndarray/ndarray.cc)."""
    out = [struct.pack("<QQQ", 0x112, 0, len(arrays))]
    for array in arrays.values():
        if MAGICS[layout] is not None:
            out.append(struct.pack("<I", MAGICS[layout]))
        if layout >= 2:
            out.append(struct.pack("<i", 0))
        out.append(struct.pack("<i", array.ndim))
        out.append(struct.pack(f"<{array.ndim}{'q' if layout else 'I'}", *array.shape))
        out.append(struct.pack("<iii", 1, 0, DTYPES.index(array.dtype)))
        out.append(array.tobytes())
    out.append(struct.pack("<Q", len(arrays)))
    for name in arrays:
        out.append(struct.pack("<Q", len(name.encode())) + name.encode())
    return b"".join(out)


def some_cells(count: int) -> CellTable:
    """Cells of level 9 side by side on one face, each with its middle as its mean."""
    first = int(ids_of_tokens(["4"])[0]) >> 61 << 61
    step = 1 << (2 * (30 - 9) + 1)
    ids = np.array([first + i * step + step // 2 for i in range(count)], dtype=np.uint64)
    lat, lng = centres(ids)
    return CellTable(ids=ids, lat=lat, lng=lng)


def write_grids(path: Path, count: int) -> Path:
    """A list of cells as the published one is written."""
    from geotagger.cells import tokens

    table = some_cells(count)
    rows = zip(tokens(table.ids), table.lat.tolist(), table.lng.tolist(), strict=True)
    path.write_text("".join(f"{token}\t{lat!r}\t{lng!r}\n" for token, lat, lng in rows))
    return path
