"""Files of looked-at photos that were made to fill the memory: refused in a line, within 1 GiB."""

import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[parquet]'")
import pyarrow.parquet as pq  # noqa: E402

from geotagger.errors import SourceError  # noqa: E402
from geotagger.look import unpacked  # noqa: E402
from geotagger.look.columns import COLUMNS, FORMAT, schema  # noqa: E402
from geotagger.look.rows import Look, Shape, about_file, keys_of, read_rows, write_rows  # noqa: E402

MEBIBYTE = 1 << 20


def written(file: Path, rows: int, about: dict[bytes, bytes] | None = None, **columns: Any) -> Path:
    """A file of that many rows; what is not named is missing in all of them."""
    kinds = schema(pa)
    fields = {name: columns.get(name, pa.nulls(rows, kinds.field(name).type)) for name in COLUMNS}
    table = pa.table(fields)
    with pq.ParquetWriter(file, table.schema, compression="zstd", store_schema=False) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({b"format": FORMAT, **(about or {})})
    return file


def the_same_long_name(path: Path) -> Path:
    """Of two thousand rows, which take 8 GiB when they are spelt out."""
    names = pa.DictionaryArray.from_arrays(pa.array([0] * 2000, pa.int32()), [b"a" * 4 * MEBIBYTE])
    return written(path, 2000, {b"longer": random.Random(0).randbytes(5000)}, path=names)


def one_row_of_much(path: Path) -> Path:
    numbers = pa.array(np.zeros(80 * MEBIBYTE, np.float32))
    return written(path, 1, probabilities=pa.ListArray.from_arrays([0, len(numbers)], numbers))


def more_rows_than_bytes(path: Path) -> Path:
    return written(path, 1_000_000)


def much_said_of_itself(path: Path) -> Path:
    return written(path, 1, {b"model": b"x" * 3 * MEBIBYTE})


BOMBS: list[Callable[[Path], Path]] = [
    the_same_long_name,
    one_row_of_much,
    more_rows_than_bytes,
    much_said_of_itself,
]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="this system bounds no memory")
@pytest.mark.parametrize("bomb", BOMBS)
def test_a_file_made_to_fill_the_memory_is_refused_within_bounds(
    tmp_path: Path, bomb: Callable[[Path], Path]
) -> None:
    file = bomb(tmp_path / "rows.parquet")
    pa.default_memory_pool().release_unused()  # the tests that follow are not to carry it
    assert file.stat().st_size < 4 * MEBIBYTE
    root = Path(__file__).parents[2]
    code = "import sys; from tests.look.test_hostile_rows import try_it; try_it(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", code, str(file)], cwd=root, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stderr
    own, childs = map(int, done.stdout.split())
    assert own < 500
    assert childs < 1300


def try_it(path: str) -> None:
    """What `tag --looked` and `look` do with it: refused, and never half-read. Prints the peaks of memory in
    MiB, of this process and of the one that reads."""
    said, peak = [], 0
    for read in (about_file, lambda file: list(keys_of(file)), lambda file: list(read_rows(file, Shape(3)))):
        try:
            read(Path(path))
        except SourceError as error:
            said.append(str(error))
        process = unpacked._PROCESSES.take()
        peak = max(peak, peak_of(process.pid))
        unpacked._PROCESSES.keep(process)
    assert said
    assert all(line.startswith(f"{path}: ") and "\n" not in line for line in said)
    print(peak_of("self"), peak)


def peak_of(process: int | str) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) >> 10


def test_a_sound_file_is_read_after_a_hostile_one(tmp_path: Path) -> None:
    bad, good = the_same_long_name(tmp_path / "bad.parquet"), tmp_path / "good.parquet"
    written(good, 2, path=pa.array([b"a.jpg", b"b.jpg"]), size=pa.array([1, 2]), mtime_ns=pa.array([3, 4]))
    for _ in range(2):
        with pytest.raises(SourceError, match="memory"):
            list(keys_of(bad))
        assert len(list(keys_of(good))) == 2


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="names are text here")
def test_a_folder_whose_name_is_no_utf8_is_read(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    file = write_rows(folder, "rows", [Look.unseen(b"a.jpg", 1, 2, "cut off")], {"model": "one"})
    assert about_file(file)["model"] == "one"
    assert [row.path for row in read_rows(file, Shape(3))] == [b"a.jpg"]
