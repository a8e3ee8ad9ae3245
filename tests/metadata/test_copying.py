"""However a new file is put together, it is the old one with the splices, and its hashes are true."""

import os
import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
import xxhash
from hypothesis import given
from hypothesis import strategies as st

from geotagger.errors import WriteError
from geotagger.metadata import copying, replace
from geotagger.metadata.edit import hash_of_runs
from geotagger.metadata.splice import Splice, kept_ranges, ordered, spliced


@st.composite
def changes(draw: st.DrawFn) -> tuple[bytes, list[Splice]]:
    """Bytes, and splices of them that do not overlap."""
    old = draw(st.binary(max_size=300))
    places = sorted(draw(st.lists(st.integers(0, len(old)), max_size=8)))
    splices = [
        Splice(start, end - start, draw(st.binary(max_size=20)))
        for start, end in zip(places[::2], places[1::2], strict=False)
    ]
    return old, ordered(splices)


@given(changes(), st.sampled_from((1, 16, 1 << 16)), st.sampled_from((24, 1 << 19)), st.booleans())
def test_the_new_file_is_the_old_one_with_the_splices(
    change: tuple[bytes, list[Splice]], short: int, chunk: int, in_kernel: bool
) -> None:
    old, splices = change
    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(copying, "_SHORT", short),
        patch.object(copying, "_CHUNK", chunk),
        patch.object(copying, "_LARGE", 1 if in_kernel else 1 << 24),
    ):
        path = Path(folder) / "photo"
        path.write_bytes(old)
        with replace.opened(str(path)) as source:
            made = replace.write_changed(str(path), source, splices, lambda _: None, durable=False)
        new = Path(made.path).read_bytes()
        assert new == spliced(old, splices)
        descriptor = os.open(path, os.O_RDONLY)
        runs = [(run.old_offset, run.length) for run in kept_ranges(splices, len(old))]
        assert made.kept_hash == hash_of_runs(descriptor, runs)
        os.close(descriptor)
        assert made.added_hash == xxhash.xxh3_128_hexdigest(b"".join(s.data for s in splices))


@pytest.mark.parametrize("at", [3, 100_000, 199_999])
def test_a_byte_that_reads_back_differently_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """Wherever it lies: in what was put in, in a short run or in a long one."""
    photo = tmp_path / "photo"
    photo.write_bytes(os.urandom(200_000))
    real = os.pwrite

    def spoiling(descriptor: int, data: bytes, offset: int) -> int:
        if offset <= at < offset + len(data):
            data = bytearray(data)
            data[at - offset] ^= 1
        return real(descriptor, data, offset)

    monkeypatch.setattr(os, "pwrite", spoiling)
    with (
        replace.opened(str(photo)) as source,
        pytest.raises(WriteError, match="reads back differently"),
    ):
        replace.write_changed(str(photo), source, [Splice(2, 2, b"new")], lambda _: None, durable=False)
    assert [p.name for p in tmp_path.iterdir()] == ["photo"]
