"""`status` says what has a place and what the others lack."""

import json
import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from PIL import Image

from geotagger.archive import FileEntry
from geotagger.cli import timeline
from geotagger.estimate.values import Estimate
from geotagger.index import open_index
from geotagger.index.estimates import PhotoEstimate, Written
from geotagger.index.photos import Record
from geotagger.index.summary import PlacedShare
from geotagger.index.timeline import columns
from geotagger.photo.values import CaptureTime, Facts

PROGRAM = "from geotagger.cli import main; main()"

Row = tuple[str, str | None, float, Written | None]
PHOTOS: list[Row] = [
    ("2019/a.jpg", "camera", 1.0, "camera"),
    ("2019/b.jpg", "neighbours", 0.95, "exif"),
    ("2019/c.jpg", "neighbours", 0.85, None),
    ("2020/d.jpg", "visual", 0.79, None),
    ("2020/e.jpg", None, 0.0, None),
    ("2020/f.jpg", "manual", 1.0, "sidecar"),
]


@pytest.fixture
def index_file(tmp_path: Path) -> Path:
    path = tmp_path / "index.db"
    with open_index(path) as index:
        root = index.roots.root_for(str(tmp_path))
        for number, (name, rung, confidence, written) in enumerate(PHOTOS):
            taken = CaptureTime(datetime(int(name[:4]), 5, 1 + number))
            facts = Facts("jpeg", 10, 10, taken=taken, camera=f"Camera {name[:4]}")
            entry = FileEntry(f"{root.path}/{name}", 1, 1, number, 1)
            (photo_id,) = index.photos.record(root, [Record(entry, facts, utc=1.7e9 + number)])
            if rung is not None:
                estimate = Estimate(48.8584, 2.2945, 1.0, confidence, rung, (rung,), "")
                index.estimates.put(None, [PhotoEstimate(photo_id, estimate, None, written)])
    return path


def status(index_file: Path, *words: str) -> str:
    command = [sys.executable, "-c", PROGRAM, "status", *words, "--index", str(index_file)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_it_counts_what_has_a_place_and_says_what_the_others_lack(index_file: Path) -> None:
    told = json.loads(status(index_file, "--json"))
    assert (told["photos"], told["placed"], told["written"]) == (6, 4, 1)
    assert told["own"] == {"camera": 1, "you": 1}
    assert told["estimates"] == {"neighbours": 2}
    assert told["certainties"] == {"95 % and more": 1, "80 to 90 %": 1}
    assert told["left"] == {"only an uncertain guess": 1, "nothing near in time tells where": 1}
    assert told["years"] == {"2019": {"photos": 3, "placed": 3}, "2020": {"photos": 3, "placed": 1}}
    assert told["cameras"]["Camera 2019"] == {"photos": 3, "placed": 3}
    assert told["folders"][f"{index_file.parent}/2020"] == {"photos": 3, "placed": 1}
    assert told["countries"] == {"FR": 4}


def test_it_counts_below_a_folder_alone(index_file: Path) -> None:
    told = json.loads(status(index_file, str(index_file.parent / "2020"), "--json"))
    assert (told["photos"], told["placed"]) == (3, 1)


def test_people_read_it_within_80_columns_and_see_where(index_file: Path) -> None:
    lines = status(index_file).splitlines()
    assert lines[0] == "4 of 6 photos have a place"
    assert all(len(line) <= 80 for line in lines)
    assert any("1  only an uncertain guess" in line for line in lines)
    assert "Countries: France 4" in lines
    # the map: one digit, on the land of western Europe
    (spot,) = [line for line in lines[-20:-1] if "1" in line]
    assert spot.index("1") == int((2.2945 + 180) / 360 * 72)


def test_an_empty_index_says_so(tmp_path: Path) -> None:
    with open_index(tmp_path / "empty.db"):
        pass
    assert status(tmp_path / "empty.db") == ""


def test_a_timeline_counts_every_month(index_file: Path) -> None:
    told = json.loads(status(index_file, "--json"))
    assert told["months"] == {"2019-05": {"photos": 3, "placed": 3}, "2020-05": {"photos": 3, "placed": 1}}
    lines = status(index_file).splitlines()
    at = lines.index("Timeline, a column a month; the highest are 3 photos")
    assert lines[at + 1 : at + 4] == [
        "photos  █           █",
        "placed  █           ▃",
        "        2019-05 2020-05",
    ]


def test_a_timeline_of_a_century_fits() -> None:
    months = {f"{1900 + n}-0{1 + n % 9}": PlacedShare(n, n // 2) for n in range(1, 126)} | {
        "no time": PlacedShare(9, 1)
    }
    line, name = columns(months, 64)
    assert name == "five years"
    assert sum(column.share.photos for column in line) == sum(range(1, 126))
    assert all(len(text) <= 80 for text in timeline.drawn(months))


def test_a_timeline_leaves_out_what_is_no_month() -> None:
    months = {"²²²²-01": PlacedShare(1, 0), "2019-²": PlacedShare(1, 0), "2019-05": PlacedShare(3, 1)}
    line, _ = columns(months, 64)
    assert [(column.begins, column.share.photos) for column in line] == [("2019-05", 3)]


def test_map_and_timeline_are_drawn_as_a_picture(index_file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "status.png"
    for _ in range(2):  # its own picture it replaces
        status(index_file, "--png", str(picture))
    with Image.open(picture) as image:
        assert (image.format, image.size) == ("PNG", (1600, 1100))
        colours = {colour for _, colour in image.convert("RGB").getcolors(1 << 24) or ()}
    assert {(43, 108, 176), (221, 107, 32), (47, 133, 90)} <= colours  # a camera's, an estimate, the owner's


def test_a_photo_is_never_replaced_by_a_picture(index_file: Path, tmp_path: Path) -> None:
    photo = tmp_path / "holiday.png"
    Image.new("RGB", (8, 8)).save(photo)
    before = photo.read_bytes()
    command = [sys.executable, "-c", PROGRAM, "status", "--png", str(photo), "--index", str(index_file)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert "a photo is there" in done.stderr
    assert photo.read_bytes() == before


def test_letters_that_the_output_lacks_are_escaped(index_file: Path) -> None:
    command = [sys.executable, "-c", PROGRAM, "status", "--index", str(index_file)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
