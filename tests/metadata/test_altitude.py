"""An altitude is never ours: one that stands in a photo without a position outlives all that we do."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from geotagger.metadata import commit, forget, prepare, restore
from geotagger.writing import WriteMode, Writing
from tests.metadata import exiftool
from tests.metadata.conftest import ESTIMATE, OWNERS, Copied

pytestmark = exiftool.needs_exiftool

SHOWN_BY = {"exif": "GPS:GPSAltitude", "sidecar": "XMP-exif:GPSAltitude"}


def forgotten(photo: Path, _: WriteMode) -> None:
    forget(str(photo))


def undone_after_a_change(photo: Path, mode: WriteMode) -> None:
    prepared = prepare(str(photo), OWNERS, Writing(mode))
    commit(prepared)
    with open(prepared.edit.target, "ab") as file:
        file.write(b"\n")
    assert restore(prepared.edit).status == "removed"


@pytest.mark.parametrize("mode", ["exif", "sidecar"])
@pytest.mark.parametrize("taken_out", [forgotten, undone_after_a_change])
def test_an_altitude_without_a_position_stays(
    copied: Copied, mode: WriteMode, taken_out: Callable[[Path, WriteMode], None]
) -> None:
    photo = copied("exif-samples/jpg/Canon_40D.jpg")
    file = photo if mode == "exif" else photo.with_name(photo.name + ".xmp")
    group = "EXIF" if mode == "exif" else "XMP-exif"
    options = (f"-{group}:GPSAltitude=812.5", f"-{group}:GPSAltitudeRef=0")
    overwrite = ["-overwrite_original"] if file.exists() else []
    subprocess.run(["exiftool", "-q", "-n", *overwrite, *options, str(file)], check=True)
    commit(prepare(str(photo), ESTIMATE, Writing(mode)))
    commit(prepare(str(photo), ESTIMATE, Writing(mode)))
    assert exiftool.tags(file)[SHOWN_BY[mode]] == 812.5
    taken_out(photo, mode)
    left = exiftool.tags(file)
    assert left[SHOWN_BY[mode]] == 812.5
    assert not any(name.endswith(("GPSLatitude", "GPSProcessingMethod")) for name in left)
