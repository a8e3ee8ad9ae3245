"""A place that the owner corrects in another program is the owner's, whatever mark is beside it."""

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.errors import PlaceTakenError
from geotagger.marks import Mark, mark_of, processing_method, text_of
from geotagger.metadata import Position, commit, forget, prepare, restore, sidecar_positions, would_forget
from geotagger.photo.facts import read_facts
from geotagger.writing import WriteMode, Writing
from tests.metadata import exiftool
from tests.metadata.conftest import ESTIMATE, Copied

PHOTO = "exif-samples/jpg/Canon_40D.jpg"
PARIS = ("-GPSLatitude=48.85", "-GPSLatitudeRef=N", "-GPSLongitude=2.35", "-GPSLongitudeRef=E")
IN_XMP = ("-XMP-exif:GPSLatitude=48.85", "-XMP-exif:GPSLongitude=2.35")

pytestmark = exiftool.needs_exiftool


def exiftool_writes(path: Path, *tags: str) -> None:
    subprocess.run(["exiftool", "-q", "-n", "-overwrite_original", *tags, str(path)], check=True)


def estimated(photo: Path, **options: object) -> Path:
    prepared = prepare(str(photo), ESTIMATE, Writing(**options))  # type: ignore[arg-type]
    commit(prepared)
    return Path(prepared.edit.target)


def of_others(path: Path) -> dict[str, object]:
    """All that ExifTool reads of a file but what is of the estimate."""
    said = exiftool.tags(path, "--system:all", "--composite:all")
    gone = ("geotagger:", "GPSProcessingMethod", "GPSHPositioningError", "XMP-x:XMPToolkit")
    return {name: value for name, value in said.items() if not any(part in name for part in gone)}


def refuses_and_forgets_the_mark_alone(photo: Path, changed: Path) -> None:
    before = of_others(changed)
    for mode in get_args(WriteMode)[:-1]:
        with pytest.raises(PlaceTakenError, match="has a position already"):
            prepare(str(photo), ESTIMATE, Writing(mode))
    assert would_forget(str(photo)) == [str(changed)]
    assert forget(str(photo)) == [str(changed)]
    left = exiftool.tags(changed)
    assert any("GPSLatitude" in name for name in left)
    assert not any("GPSProcessingMethod" in name or "GPSHPositioningError" in name for name in left)
    assert of_others(changed) == before
    assert not any(trace in changed.read_bytes() for trace in (b"geotagger", b"151.215"))
    assert forget(str(photo)) == would_forget(str(photo)) == []


def test_in_exif(copied: Copied) -> None:
    photo = copied(PHOTO)
    estimated(photo)
    exiftool_writes(photo, *PARIS)
    assert "GPSProcessingMethod" in str(exiftool.tags(photo)), "ExifTool left the mark"
    fix = read_facts(photo).fix
    assert fix is not None
    assert (fix.latitude, fix.longitude) == pytest.approx((48.85, 2.35))
    assert fix.mark is None
    assert fix.error_m is None, "the estimate's radius, which ExifTool left, too"
    refuses_and_forgets_the_mark_alone(photo, photo)


@pytest.mark.parametrize("kept", [(), ("-XMP-exif:GPSProcessingMethod=",)], ids=["both marks", "ours only"])
def test_in_a_sidecar(copied: Copied, kept: tuple[str, ...]) -> None:
    photo = copied(PHOTO)
    sidecar = estimated(photo, mode="sidecar")
    exiftool_writes(sidecar, *IN_XMP, *kept)
    (found,) = sidecar_positions(str(photo))
    assert (found.latitude, found.longitude, found.mark) == (pytest.approx(48.85), pytest.approx(2.35), None)
    refuses_and_forgets_the_mark_alone(photo, sidecar)


def test_in_the_xmp_of_a_photo(copied: Copied) -> None:
    photo = copied(PHOTO)
    estimated(photo)
    exiftool_writes(photo, *IN_XMP)
    with pytest.raises(PlaceTakenError, match="has a position already"):
        prepare(str(photo), ESTIMATE)
    assert forget(str(photo)) == [str(photo)]
    left = exiftool.tags(photo)
    assert left["XMP-exif:GPSLatitude"] == pytest.approx(48.85)
    assert "GPS:GPSLatitude" not in left
    assert not any("geotagger" in name for name in left)


def test_an_error_that_another_program_wrote_beside_the_mark_stays(copied: Copied) -> None:
    photo = copied(PHOTO)
    estimated(photo)
    exiftool_writes(photo, *PARIS, "-GPSHPositioningError=7")
    assert forget(str(photo)) == [str(photo)]
    assert exiftool.tags(photo)["GPS:GPSHPositioningError"] == 7
    assert b"geotagger" not in photo.read_bytes()


def test_a_place_that_another_program_took_out_leaves_no_mark_behind(copied: Copied) -> None:
    photo = copied(PHOTO)
    for mode, tags in (("exif", "GPS"), ("sidecar", "XMP-exif")):
        changed = estimated(photo, mode=mode)
        exiftool_writes(changed, f"-{tags}:GPSLatitude=", f"-{tags}:GPSLongitude=")
        assert would_forget(str(photo)) == forget(str(photo)) == [str(changed)]
        assert changed == photo or not changed.exists()
    assert not any("GPS" in name or "geotagger" in name for name in exiftool.tags(photo))


def test_undoing_leaves_the_mark_of_another_place_alone(copied: Copied) -> None:
    photo = copied(PHOTO)
    prepared = prepare(str(photo), ESTIMATE)
    commit(prepared)
    exiftool_writes(photo, *PARIS)
    before = photo.read_bytes()
    assert restore(prepared.edit).status == "kept"
    assert photo.read_bytes() == before


def test_a_program_that_writes_the_same_place_again_changes_nothing(copied: Copied) -> None:
    photo = copied(PHOTO)
    estimated(photo)
    exiftool_writes(photo, f"-GPSLatitude={round(abs(ESTIMATE.latitude), 6)}")
    fix = read_facts(photo).fix
    assert fix is not None
    assert fix.mark == ESTIMATE.mark
    assert forget(str(photo)) == [str(photo)]
    assert not any("GPSLatitude" in name for name in exiftool.tags(photo))


names = st.text(max_size=12)
marks = st.builds(
    Mark,
    rung=st.sampled_from(["visual", "neighbours", "track", "manual"]),
    confidence=st.none() | st.floats(0, 1),
    radius_km=st.none() | st.floats(0.001, 20000),
    model=st.none() | names,
    run=st.none() | names,
    cell=st.none() | st.just("6b12ae"),
)


@given(marks, st.floats(-90, 90), st.floats(-180, 180))
def test_a_mark_is_found_again_at_its_place_and_at_no_other(mark: Mark, lat: float, lng: float) -> None:
    text = processing_method(mark, lat, lng)
    found = mark_of(text, lat, lng)
    assert found is not None
    assert text_of(found) == text_of(replace(mark, model=found.model, run=found.run))
    assert mark_of(text, lat + 0.0001, lng) is None
    assert mark_of(text, lat, lng - 0.0001) is None


def test_what_was_written_bears_the_place(copied: Copied) -> None:
    photo = copied(PHOTO)
    estimated(photo)
    told = exiftool.tags(photo)
    assert "; at=-33.856784,151.215297; rung=visual" in told["GPS:GPSProcessingMethod"]
    assert told["XMP-geotagger:At"] == "-33.856784,151.215297"
    place = Position(1.0, 2.0, Mark("manual"))
    commit(prepare(str(photo), place))
    assert (
        exiftool.tags(photo)["GPS:GPSProcessingMethod"]
        == "geotagger place; at=1.000000,2.000000; rung=manual"
    )
