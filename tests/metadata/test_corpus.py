"""Every sample photo takes a position without harm, and gives it back."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import fidelity
from geotagger.errors import WriteError
from geotagger.metadata import Edit, commit, prepare, restore, settle
from tests.metadata.conftest import ESTIMATE
from tests.metadata.exiftool import needs_exiftool


def _photos(shared_data: Path) -> list[Path]:
    return sorted(p for p in (shared_data / "photos").rglob("*") if p.suffix.lower() in fidelity.SUFFIXES)


def test_every_sample_is_written_and_undo_restores_exact_bytes(shared_data: Path, tmp_path: Path) -> None:
    kinds: Counter[str] = Counter()
    for number, photo in enumerate(_photos(shared_data)):
        copy = tmp_path / f"{number}{photo.suffix}"
        shutil.copyfile(photo, copy)
        old = copy.read_bytes()
        prepared = prepare(str(copy), ESTIMATE, overwrite=True, durable=False)
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
    assert kinds["exif"] >= 505
    assert kinds["sidecar"] <= 4


def test_journal_entries_are_small(shared_data: Path, tmp_path: Path) -> None:
    sizes = []
    for photo in _photos(shared_data)[:100]:
        copy = tmp_path / photo.name
        shutil.copyfile(photo, copy)
        sizes.append(len(prepare(str(copy), ESTIMATE, overwrite=True, durable=False).edit.to_json()))
    assert sorted(sizes)[len(sizes) // 2] < 1000
    assert max(sizes) < 100_000


@needs_exiftool
@pytest.mark.parametrize("folder", ["exif-samples/jpg", "exif-samples/tiff", "exif-samples/heic", "exifr"])
def test_exiftool_finds_no_harm(shared_data: Path, folder: str) -> None:
    (ours,) = fidelity.compare(shared_data / "photos" / folder, ["geotagger"])
    assert ours.harmed == {}
    assert ours.added == {}
    assert all(
        "HEIC" in reason or "no EXIF that could be extended" in reason for reason in ours.refused.values()
    )


def test_real_gps_is_refused_without_overwrite(shared_data: Path, tmp_path: Path) -> None:
    photo = shared_data / "photos/exif-samples/jpg/gps/DSCN0010.jpg"
    copy = tmp_path / photo.name
    shutil.copyfile(photo, copy)
    for mode in ("auto", "exif", "sidecar"):
        with pytest.raises(WriteError, match="has a position already"):
            prepare(str(copy), ESTIMATE, mode=mode)  # type: ignore[arg-type]
    assert copy.read_bytes() == photo.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == [copy.name]
