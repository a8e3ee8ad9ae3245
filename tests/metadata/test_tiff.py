"""Grafting a GPS directory moves nothing, in both byte orders."""

import struct

import piexif  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.marks import Mark
from geotagger.metadata import Position, gps
from geotagger.metadata.source import MemorySource
from geotagger.metadata.splice import Splice, kept_ranges, moved_by, ordered, spliced
from geotagger.metadata.tiff import GPS_POINTER, TagEntry, Tiff, TiffError, graft, serialised, ungraft
from tests.metadata.conftest import ESTIMATE, OWNERS

orders = st.sampled_from("<>")
values = st.tuples(
    st.integers(1, 0xFFFF).filter(lambda tag: tag not in (GPS_POINTER, 0x8769)),
    st.binary(min_size=0, max_size=40),
)
positions = st.builds(
    Position,
    st.floats(-90, 90).filter(lambda latitude: abs(latitude) > 1e-4),
    st.floats(-180, 180),
    st.just(Mark("visual", 0.5, 3.0)),
)


def _block(order: str, tags: dict[int, bytes], tail: bytes = b"", first: int = 8) -> bytes:
    """A TIFF block whose IFD0 holds the tags as UNDEFINED values."""
    entries = [TagEntry(tag, 7, len(data), b"\0" * 4, data) for tag, data in sorted(tags.items())]
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", first)
    return head.ljust(first, b"\0") + serialised(entries, first, order) + tail


def _tags(block: bytes) -> dict[int, bytes | None]:
    tiff = Tiff(MemorySource(block))
    entries = tiff.filled(tiff.directory(tiff.first)).entries
    return {e.tag: e.data for e in entries if e.tag != GPS_POINTER}


@given(orders, positions)
def test_the_directory_is_the_one_that_piexif_makes(order: str, position: Position) -> None:
    directory = Tiff(MemorySource(piexif.dump({"GPS": gps.fields_of(position)})[6:])).gps_directory()
    assert directory is not None
    ours = gps.built(position, order)
    assert [e[:3] for e in ours] == [e[:3] for e in directory.entries]
    for mine, theirs in zip(ours, directory.entries, strict=True):
        if mine.type == 5 and order == "<":
            numbers = struct.unpack(f"<{2 * mine.number}I", mine.data or b"")
            assert struct.pack(f">{2 * mine.number}I", *numbers) == theirs.data
        else:
            assert mine.data == theirs.data


@given(
    orders,
    st.dictionaries(st.integers(1, 0x8000), st.binary(max_size=40), max_size=12),
    st.binary(max_size=9),
    positions,
)
def test_a_graft_keeps_every_tag_and_adds_the_position(
    order: str, tags: dict[int, bytes], tail: bytes, position: Position
) -> None:
    old = _block(order, tags, tail)
    tiff = Tiff(MemorySource(old))
    new = spliced(old, graft(tiff, gps.merged((), position, order)))
    assert _tags(new) == _tags(old)
    assert new[8 : len(old)] == old[8:]
    directory = Tiff(MemorySource(new)).gps_directory()
    assert directory is not None
    found = gps.read(directory.entries, order)
    assert found is not None
    assert found.latitude == pytest.approx(position.latitude, abs=1e-9)
    assert found.longitude == pytest.approx(position.longitude, abs=1e-9)


@given(
    orders, st.dictionaries(st.integers(1, 0x8000), st.binary(max_size=40), max_size=8), positions, positions
)
def test_grafting_again_does_not_grow_the_block_each_time(
    order: str, tags: dict[int, bytes], first: Position, second: Position
) -> None:
    old = _block(order, tags)
    once = spliced(old, graft(Tiff(MemorySource(old)), gps.merged((), first, order)))
    tiff = Tiff(MemorySource(once))
    directory = tiff.gps_directory()
    assert directory is not None
    twice = spliced(once, graft(tiff, gps.merged(directory.entries, second, order)))
    assert len(twice) - len(old) <= len(once) - len(old) + 40
    assert _tags(twice) == _tags(old)


@given(orders, st.dictionaries(st.integers(1, 0x8000), st.binary(max_size=40), min_size=1, max_size=8))
def test_taking_the_position_out_leaves_the_other_tags(order: str, tags: dict[int, bytes]) -> None:
    old = _block(order, tags)
    new = spliced(old, graft(Tiff(MemorySource(old)), gps.merged((), ESTIMATE, order)))
    out = spliced(new, ungraft(Tiff(MemorySource(new)), []))
    assert len(out) == len(new)
    assert _tags(out) == _tags(old)
    assert Tiff(MemorySource(out)).gps_directory() is None
    assert b"geotagger" not in out


@pytest.mark.parametrize("order", ["<", ">"])
def test_fields_of_a_gps_directory_without_position_are_kept(order: str) -> None:
    date = TagEntry(29, 2, 11, b"\0" * 4, b"2024:05:01\0")
    version = TagEntry(0, 1, 4, b"\2\2\0\0", b"\2\2\0\0")
    altitude = TagEntry(6, 5, 1, b"\0" * 4, struct.pack(order + "II", 1200, 10))
    theirs = [version, altitude, date]
    once = gps.merged(theirs, ESTIMATE, order)
    again = gps.merged(once, OWNERS, order)
    for directory in (once, again):
        assert [e for e in directory if e in theirs] == theirs
        assert gps.without_position(directory) == theirs
    assert gps.without_position(gps.built(OWNERS, order)) == []


def test_quality_and_altitude_of_an_overwritten_fix_go_with_it() -> None:
    old = [
        *gps.built(Position(10, 20, Mark("manual")), ">"),
        TagEntry(11, 5, 1, b"", struct.pack(">II", 3, 1)),
    ]
    old.append(TagEntry(6, 5, 1, b"", struct.pack(">II", 1200, 10)))
    old = [e for e in old if e.tag != gps.METHOD]
    tags = {e.tag for e in gps.merged(old, ESTIMATE, ">")}
    assert not tags & {gps.DOP, gps.ALTITUDE}


def test_the_pointer_to_ifd1_is_kept() -> None:
    second = struct.pack(">H", 1) + struct.pack(">HHII", 0x103, 3, 1, 6 << 16) + b"\0" * 4
    old = bytearray(_block(">", {0x10F: b"Maker of it"}, second))
    end_of_ifd0 = 8 + 2 + 12
    struct.pack_into(">I", old, end_of_ifd0, len(old) - len(second))
    new = spliced(bytes(old), graft(Tiff(MemorySource(bytes(old))), gps.merged((), ESTIMATE, ">")))
    assert [d.entries[0].tag for d in Tiff(MemorySource(new)).chain()] == [0x10F, 0x103]


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"II*\0",
        b"XX*\0\x08\0\0\0",
        b"II+\0\x08\0\0\0",
        b"II*\0\xff\xff\xff\x7f",
        b"II*\0\x08\0\0\0\xff\xff",
    ],
)
def test_a_damaged_block_is_an_error_of_ours(block: bytes) -> None:
    with pytest.raises(TiffError):
        graft(Tiff(MemorySource(block)), [])


def test_circular_directories_end() -> None:
    block = bytearray(_block("<", {0x10F: b"x"}))
    struct.pack_into("<I", block, 8 + 2 + 12, 8)
    assert len(list(Tiff(MemorySource(bytes(block))).chain())) == 1


@given(
    st.binary(max_size=200),
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 20), st.binary(max_size=20)), max_size=6),
)
def test_kept_ranges_and_data_make_the_new_file(old: bytes, drawn: list[tuple[int, int, bytes]]) -> None:
    splices, end = [], 0
    for offset, length, data in sorted(drawn):
        if offset >= end and offset + length <= len(old):
            splices.append(Splice(offset, length, data))
            end = offset + length
    splices = ordered(splices)
    new = spliced(old, splices)
    for run in kept_ranges(splices, len(old)):
        assert (
            new[run.new_offset : run.new_offset + run.length]
            == old[run.old_offset : run.old_offset + run.length]
        )
        assert moved_by(splices, run.old_offset) == run.new_offset - run.old_offset
    assert sum(r.length for r in kept_ranges(splices, len(old))) + sum(len(s.data) for s in splices) == len(
        new
    )
