"""Undo gives the exact bytes, or takes only ours out of what was changed since."""

import subprocess
from pathlib import Path

import pytest
from PIL import Image

from geotagger.metadata import Edit, commit, prepare, restore, settle, sidecar_positions
from geotagger.writing import WriteMode, Writing
from tests.metadata import exiftool
from tests.metadata.conftest import ESTIMATE, Copied

PHOTO = "exif-samples/jpg/Canon_40D.jpg"


def tagged(photo: Path, mode: WriteMode = "auto") -> Edit:
    prepared = prepare(str(photo), ESTIMATE, Writing(mode))
    commit(prepared)
    return Edit.from_json(prepared.edit.to_json())


@exiftool.needs_exiftool
def test_a_photo_edited_since_loses_only_our_position(copied: Copied) -> None:
    photo = copied(PHOTO)
    before = exiftool.tags(photo)
    edit = tagged(photo)
    subprocess.run(["exiftool", "-q", "-overwrite_original", "-Artist=Somebody Else", str(photo)], check=True)
    outcome = restore(edit)
    assert outcome.status == "removed"
    after = exiftool.tags(photo)
    assert after["IFD0:Artist"] == "Somebody Else"
    assert not any(key.startswith(("GPS:GPSL", "XMP-geotagger")) for key in after)
    ignored = ("System", "File", "ExifTool", "Composite", "GPS", "IFD1:ThumbnailOffset")
    kept = {k: v for k, v in before.items() if not k.startswith(ignored)}
    assert {k: after.get(k) for k in kept} == kept


@exiftool.needs_exiftool
def test_a_photo_whose_position_was_corrected_since_is_left_alone(copied: Copied) -> None:
    photo = copied(PHOTO)
    edit = tagged(photo)
    subprocess.run(
        [
            "exiftool",
            "-q",
            "-overwrite_original",
            "-EXIF:GPSLatitude=10",
            "-EXIF:GPSLatitudeRef=N",
            str(photo),
        ],
        check=True,
    )
    corrected = photo.read_bytes()
    outcome = restore(edit)
    assert outcome.status == "kept"
    assert outcome.reason is not None
    assert photo.read_bytes() == corrected


def test_bytes_behind_the_image_that_somebody_added_since_stay(copied: Copied) -> None:
    photo = copied(PHOTO)
    edit = tagged(photo)
    photo.write_bytes(photo.read_bytes() + b"a trailer")
    assert settle(edit) == "other"
    assert restore(edit).status == "removed"
    assert photo.read_bytes().endswith(b"a trailer")
    assert b"geotagger estimate" not in photo.read_bytes()


def test_a_photo_replaced_by_something_else_is_left_alone(copied: Copied) -> None:
    photo = copied(PHOTO)
    edit = tagged(photo)
    photo.write_bytes(b"no photo any more")
    assert restore(edit).status == "kept"
    assert photo.read_bytes() == b"no photo any more"
    photo.unlink()
    assert restore(edit).status == "kept"


def test_a_moved_photo_is_restored_where_it_is(copied: Copied, tmp_path: Path) -> None:
    photo = copied(PHOTO)
    before = photo.read_bytes()
    edit = tagged(photo)
    moved = tmp_path / "elsewhere" / "renamed.jpg"
    moved.parent.mkdir()
    photo.rename(moved)
    assert restore(edit).status == "kept"
    assert restore(edit, str(moved)).status == "restored"
    assert moved.read_bytes() == before
    assert restore(edit, str(moved)).status == "unchanged"


def test_a_sidecar_that_moved_with_its_photo_is_no_old_version(copied: Copied, tmp_path: Path) -> None:
    photo = copied(PHOTO)
    edit = tagged(photo, mode="sidecar")
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    sidecar = Path(edit.target)
    photo.rename(moved / photo.name)
    sidecar.rename(moved / sidecar.name)
    assert settle(edit) == "missing"
    assert restore(edit).status == "kept"
    there = str(moved / sidecar.name), str(moved / photo.name)
    assert restore(edit, there[0], photo=there[1]).status == "restored"
    assert settle(edit, *there) == "old"
    assert not list(moved.glob("*.xmp"))


def test_a_sidecar_of_ours_that_was_only_touched_goes(copied: Copied) -> None:
    edit = tagged(copied(PHOTO), mode="sidecar")
    with open(edit.target, "a") as file:
        file.write("<!-- touched -->\n")
    outcome = restore(edit)
    assert outcome.status == "removed"
    assert "nothing besides what was written" in str(outcome.reason)
    assert not Path(edit.target).exists()
    assert restore(edit).status == "unchanged"


def test_undoing_two_runs_from_the_last_gives_the_first_bytes(copied: Copied) -> None:
    photo = copied(PHOTO)
    before = photo.read_bytes()
    edits = [tagged(photo), tagged(photo)]
    for edit in reversed(edits):
        assert restore(edit).status in ("restored", "unchanged")
    assert photo.read_bytes() == before


@pytest.mark.parametrize(
    ("suffix", "options"), [(".png", {}), (".webp", {"lossless": True}), (".webp", {}), (".tif", {})]
)
def test_every_container_takes_a_position_and_gives_it_back(
    tmp_path: Path, suffix: str, options: dict[str, bool]
) -> None:
    photo = tmp_path / f"photo{suffix}"
    image = Image.effect_noise((40, 30), 80).convert("RGBA" if options else "RGB")
    image.save(photo, **options)
    before, pixels = photo.read_bytes(), Image.open(photo).tobytes()
    edit = tagged(photo)
    with Image.open(photo) as written:
        assert written.tobytes() == pixels
        gps = written.getexif().get_ifd(0x8825)
        assert gps[1] == "S"
        assert [float(n) for n in gps[2]] == pytest.approx([33, 51, 24.42384])
    assert sidecar_positions(str(photo)) == []
    assert restore(edit).status == "restored"
    assert photo.read_bytes() == before


def test_an_edit_of_a_later_version_is_told_from_ours() -> None:
    for text in ('{"version":99}', "[]", '{"version":1}'):
        with pytest.raises((ValueError, KeyError)):
            Edit.from_json(text)
