"""Every sample photo takes a position without harm, and gives it back."""

import random
import shutil
import struct
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import fidelity
from geotagger.errors import WriteError
from geotagger.metadata import Edit, commit, prepare, restore, settle
from geotagger.writing import Writing
from tests.fuzz.mutations import mutated, seeds_below
from tests.fuzz.photos import checked
from tests.metadata.conftest import ESTIMATE
from tests.metadata.exiftool import needs_exiftool


def _photos(shared_data: Path) -> list[Path]:
    return sorted(p for p in (shared_data / "photos").rglob("*") if p.suffix.lower() in fidelity.SUFFIXES)


@pytest.mark.parametrize("nth", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_every_sample_is_written_and_undo_restores_exact_bytes(
    shared_data: Path, tmp_path: Path, nth: int
) -> None:
    kinds: Counter[str] = Counter()
    for number, photo in enumerate(_photos(shared_data)[::nth]):
        copy = tmp_path / f"{number}{photo.suffix}"
        shutil.copyfile(photo, copy)
        old = copy.read_bytes()
        prepared = prepare(str(copy), ESTIMATE, Writing(overwrite=True, durable=False))
        assert copy.read_bytes() == old
        assert settle(prepared.edit) == "old"
        commit(prepared)
        kinds[prepared.edit.kind] += 1
        edit = Edit.from_json(prepared.edit.to_json())
        assert settle(edit) == "new"
        assert restore(edit, durable=False).status == "restored"
        assert copy.read_bytes() == old
        assert settle(edit) == "old"
        assert [p.name for p in tmp_path.iterdir()] == [copy.name]
        copy.unlink()
    assert kinds["exif"] >= 505 // nth
    assert kinds["sidecar"] <= 4


def test_journal_entries_are_small(shared_data: Path, tmp_path: Path) -> None:
    sizes = []
    for photo in _photos(shared_data)[:100:4]:
        copy = tmp_path / photo.name
        shutil.copyfile(photo, copy)
        sizes.append(len(prepare(str(copy), ESTIMATE, Writing(overwrite=True, durable=False)).edit.to_json()))
    assert sorted(sizes)[len(sizes) // 2] < 1000
    assert max(sizes) < 100_000


@needs_exiftool
@pytest.mark.parametrize("folder", ["exif-samples/jpg", "exif-samples/tiff", "exif-samples/heic", "exifr"])
def test_exiftool_finds_no_harm(shared_data: Path, folder: str) -> None:
    (ours,) = fidelity.compare(shared_data / "photos" / folder, ["geotagger"])
    assert ours.harmed == {}
    assert ours.added == {}
    assert ours.refused == {}
    assert all("no EXIF that could be extended" in reason for reason in ours.sidecar.values())


def test_real_gps_is_refused_without_overwrite(shared_data: Path, tmp_path: Path) -> None:
    photo = shared_data / "photos/exif-samples/jpg/gps/DSCN0010.jpg"
    copy = tmp_path / photo.name
    shutil.copyfile(photo, copy)
    for mode in ("auto", "exif", "sidecar"):
        with pytest.raises(WriteError, match="has a position already"):
            prepare(str(copy), ESTIMATE, Writing(mode))  # type: ignore[arg-type]
    assert copy.read_bytes() == photo.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == [copy.name]


def test_spoiled_photos_break_no_rule(shared_data: Path, tmp_path: Path) -> None:
    """A small helping of what `python -m tests.fuzz.photos` does by the hundred thousand."""
    seeds = seeds_below(shared_data / "photos/exifr")
    outcomes = Counter(
        checked(tmp_path, *mutated(seeds, random.Random(f"test/{number}"))) for number in range(300)
    )
    assert set(outcomes) == {"written", "refused"}


def test_a_tiff_whose_xmp_overlaps_what_changes_is_refused(tmp_path: Path) -> None:
    """Found by fuzzing: the XMP entry of a spoiled TIFF leads to the header."""
    photo = tmp_path / "photo.tif"
    table = struct.pack("<H", 1) + struct.pack("<HHII", 0x2BC, 7, 40, 0) + bytes(4)
    photo.write_bytes(b"II*\0\x08\0\0\0" + table + bytes(40))
    with pytest.raises(WriteError, match="XMP"):
        prepare(str(photo), ESTIMATE, Writing("exif"))


def test_an_exif_block_that_ends_with_its_entries_is_written_and_forgotten(tmp_path: Path) -> None:
    """Found by fuzzing: the pointer to the next directory is missing."""
    photo = tmp_path / "photo.jpg"
    block = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 1) + struct.pack("<HHII", 0x112, 3, 1, 6)
    app1 = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    photo.write_bytes(b"\xff\xd8" + app1 + b"\xff\xc0\0\x08\x08\0\x10\0\x10\0\xff\xda\0\x02\0\xff\xd9")
    assert checked(tmp_path, ".jpg", photo.read_bytes()) == "written"
