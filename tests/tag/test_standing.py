"""What is written is corrected by evidence that is there and contradicts it, and by nothing else.

After every step file (as ExifTool reads it), index and `why` are held against each other.
"""

import os
import shutil
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from geotagger.cli import main
from geotagger.estimate import outing
from geotagger.estimate.values import Estimate
from geotagger.geo import distance_km
from geotagger.index import open_index
from geotagger.tag import outings, settled
from geotagger.tag.corridor import tag as run_tag
from geotagger.tag.listener import Listener
from geotagger.tag.options import TagOptions
from tests.commands import Geotagger, Said
from tests.metadata.exiftool import needs_exiftool, run, tags
from tests.tag.scenes import LATITUDE, LONGITUDE, START, bytes_of, exif_of, jpeg
from tests.tag.test_pictures import COLOURS, colour_pack, colour_photo

pytestmark = needs_exiftool

MINUTE_DEG = 0.01
"""About 1.1 km north a minute: a road, on which an hour is 67 km."""


def on_the_road(minutes: float) -> tuple[float, float]:
    return LATITUDE + minutes * MINUTE_DEG, LONGITUDE


def photo(path: Path, minutes: float, *, camera: str = "Camera", place: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    taken = START + timedelta(minutes=minutes)
    path.write_bytes(jpeg(taken, on_the_road(minutes) if place else None, camera=camera, size=32))
    return path


def phone(folder: Path, *, first: int = 0, last: int = 180, every: int = 10) -> None:
    for minutes in range(first, last, every):
        photo(folder / f"phone-{minutes:04d}.jpg", minutes, camera="Phone", place=True)


def gpx(path: Path, *, north: float = 0.0) -> Path:
    """The whole drive, a point a minute; `north` moves all of it, in degrees."""
    points = "".join(
        f'<trkpt lat="{on_the_road(n)[0] + north:.6f}" lon="{LONGITUDE}">'
        f"<time>{START + timedelta(minutes=n - 120):%Y-%m-%dT%H:%M:%SZ}</time></trkpt>"
        for n in range(240)
    )
    path.write_text(
        f'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk></gpx>'
    )
    return path


def in_file(path: Path) -> tuple[float, float] | None:
    said = tags(path)
    for group in ("Composite", "XMP-exif"):
        if f"{group}:GPSLatitude" in said:
            return float(said[f"{group}:GPSLatitude"]), float(said[f"{group}:GPSLongitude"])
    return None


def asked_of_index(geotagger: Geotagger, path: Path) -> dict[str, Any] | None:
    return geotagger("query", "--json").by_name().get(path.name)


def agreed(geotagger: Geotagger, path: Path) -> tuple[float, float] | None:
    """The place that file, index and `why` agree on; None where the file has none and the index does not
    say that it has one."""
    here = in_file(path)
    record = asked_of_index(geotagger, path)
    if here is None:
        assert record is None or record["status"] == "indexed"
        return None
    assert record is not None
    assert record["status"] == "written"
    told = geotagger("why", path, "--json").records[0]
    assert told["disagreements"] == []
    for said in (record, told):
        assert distance_km(*here, said["latitude"], said["longitude"]) < 0.02
    return here


def is_near(place: tuple[float, float] | None, minutes: float, km: float = 2.0) -> bool:
    return place is not None and float(distance_km(*place, *on_the_road(minutes))) < km


class InThisProcess(Geotagger):
    """The same commands without a start of Python each."""

    def __init__(self, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
        super().__init__(home)
        self._capsys = capsys

    def __call__(self, *arguments: object, code: int | None = 0, timeout: float = 120) -> Said:
        del timeout  # nobody can end a call in this process
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = Said(int(ended.value.code or 0), *self._capsys.readouterr())
        assert code is None or said.code == code, f"exit code {said.code}\n{said.err}"
        return said


@pytest.fixture
def geotagger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Geotagger:
    here = InThisProcess(tmp_path / "home", capsys)
    here.home.mkdir()
    for name in [name for name in os.environ if name.startswith(("GEOTAGGER_", "XDG_"))]:
        monkeypatch.delenv(name)
    for name, value in here.environment.items():
        monkeypatch.setenv(name, value)
    return here


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "photos"


@pytest.fixture
def one(folder: Path) -> Path:
    """A photo of a camera whose clock is an hour slow: it shows 60 where it is 120."""
    phone(folder)
    return photo(folder / "camera.jpg", 61)


def tag(geotagger: Geotagger, folder: Path, *words: object, code: int = 0) -> Said:
    """Unless told otherwise, whatever is more probable than not is written: a stranger's camera on a fast
    road is never as certain as is asked for by default."""
    least = () if "--min-confidence" in words else ("--min-confidence", "0.5")
    return geotagger("tag", folder, "--model", "none", *words, *least, "--json", code=code)


def assert_nothing_more_to_do(geotagger: Geotagger, folder: Path, *words: object) -> None:
    before = bytes_of(folder)
    said = tag(geotagger, folder, *words)
    assert not {record["status"] for record in said.records} & {"written", "restored"}
    assert bytes_of(folder) == before


def test_a_corrected_clock_moves_what_is_written(geotagger: Geotagger, folder: Path, one: Path) -> None:
    as_it_was = one.read_bytes()
    tag(geotagger, folder)
    assert is_near(agreed(geotagger, one), 61)
    placed = one.read_bytes()
    said = tag(geotagger, folder, "--clock", "Camera=+1h").by_name()["camera.jpg"]
    assert said["status"] == "written"
    assert said["reason"].startswith("moved 6")
    assert said["outing"] is not None
    assert is_near(agreed(geotagger, one), 121)
    assert_nothing_more_to_do(geotagger, folder)
    geotagger("undo", "--yes")
    assert one.read_bytes() == placed
    geotagger("undo", "1", "--yes")
    assert one.read_bytes() == as_it_was
    assert in_file(one) is None


def test_a_corrected_clock_moves_what_a_track_told_once_has_placed(
    geotagger: Geotagger, tmp_path: Path, folder: Path
) -> None:
    camera = photo(folder / "camera.jpg", 61)
    tag(geotagger, folder, "--track", gpx(tmp_path / "drive.gpx"))
    assert is_near(agreed(geotagger, camera), 61, 0.1)
    tag(geotagger, folder, "--clock", "Camera=+1h")
    assert is_near(agreed(geotagger, camera), 121, 0.1)
    assert_nothing_more_to_do(geotagger, folder)


def test_an_edited_track_moves_what_it_has_placed(geotagger: Geotagger, tmp_path: Path, folder: Path) -> None:
    camera = photo(folder / "camera.jpg", 61)
    track = gpx(tmp_path / "drive.gpx")
    tag(geotagger, folder, "--track", track)
    gpx(track, north=0.3)
    tag(geotagger, folder, "--track", track)
    assert is_near(agreed(geotagger, camera), 91, 0.1)
    assert_nothing_more_to_do(geotagger, folder)


def test_edited_fixes_move_what_they_have_placed(geotagger: Geotagger, folder: Path, one: Path) -> None:
    tag(geotagger, folder)
    of_the_phone = [str(path) for path in folder.glob("phone-*.jpg")]
    run("-overwrite_original", "-GPSLatitude=10", "-GPSLatitudeRef=N", *of_the_phone)
    tag(geotagger, folder)
    place = agreed(geotagger, one)
    assert place is not None
    assert abs(place[0] - 10) < 0.05
    assert_nothing_more_to_do(geotagger, folder)


def test_the_owners_word_on_a_neighbour_moves_what_is_written(geotagger: Geotagger, folder: Path) -> None:
    phone(folder, last=60, every=20)
    beside, asked = photo(folder / "beside.jpg", 300), photo(folder / "asked.jpg", 301)
    tag(geotagger, folder, "--min-confidence", "0.05")
    assert agreed(geotagger, asked) is not None
    geotagger("place", "-33.9,151.2", beside)
    tag(geotagger, folder, "--min-confidence", "0.05")
    place = agreed(geotagger, asked)
    assert place is not None
    assert distance_km(*place, -33.9, 151.2) < 5
    assert in_file(beside) == pytest.approx((-33.9, 151.2))
    assert_nothing_more_to_do(geotagger, folder, "--min-confidence", "0.05")


def test_a_clock_that_leads_away_from_the_track_moves_the_photo_down_the_ladder(
    geotagger: Geotagger, tmp_path: Path, folder: Path
) -> None:
    phone(folder, first=1440, last=1620)  # a day later
    camera = photo(folder / "camera.jpg", 61)
    tag(geotagger, folder, "--track", gpx(tmp_path / "drive.gpx"))
    assert is_near(agreed(geotagger, camera), 61, 0.1)
    placed = camera.read_bytes()
    said = tag(geotagger, folder, "--clock", "Camera=+1d").by_name()["camera.jpg"]
    assert (said["status"], said["rung"]) == ("written", "neighbours")
    assert is_near(agreed(geotagger, camera), 1501)
    assert_nothing_more_to_do(geotagger, folder)
    geotagger("undo", "--yes")
    assert camera.read_bytes() == placed
    record = asked_of_index(geotagger, camera)
    assert record is not None
    assert (record["status"], record["rung"]) == ("written", "track")


def test_where_no_place_is_certain_enough_the_position_is_taken_out_and_undo_puts_it_back(
    geotagger: Geotagger, folder: Path, one: Path
) -> None:
    as_it_was = one.read_bytes()
    tag(geotagger, folder, "--min-confidence", "0.6")
    placed = one.read_bytes()
    said = tag(geotagger, folder, "--min-confidence", "0.6", "--clock", "Camera=+900d").by_name()[
        "camera.jpg"
    ]
    assert said["status"] == "restored"
    assert said["reason"].startswith("withdrawn: ")
    assert (said["latitude"], said["longitude"], said["rung"]) == (None, None, None)
    assert agreed(geotagger, one) is None
    assert in_file(one) is None
    assert_nothing_more_to_do(geotagger, folder, "--min-confidence", "0.6")
    geotagger("undo", "--yes")
    assert one.read_bytes() == placed
    record = asked_of_index(geotagger, one)
    assert record is not None
    assert record["status"] == "written"
    geotagger("undo", "1", "--yes")
    assert one.read_bytes() == as_it_was


def test_why_says_when_what_is_written_is_contradicted(geotagger: Geotagger, folder: Path, one: Path) -> None:
    """The clock is told with nothing to be written: the file keeps the old place, and `why` says so."""
    tag(geotagger, folder)
    before = one.read_bytes()
    asked = geotagger("why", one, "--without", "neighbours", "--json").records[0]
    assert asked["disagreements"] == []  # what would be said without a kind of evidence contradicts nothing
    tag(geotagger, folder, "--clock", "Camera=+1h", "--write", "none")
    assert one.read_bytes() == before
    told = geotagger("why", one, "--json").records[0]
    assert len(told["disagreements"]) == 1
    assert "what is known today gives" in told["disagreements"][0]
    assert told["disagreements"][0] in geotagger("why", one).out.replace("\n", " ")


def test_why_says_when_the_file_and_the_index_disagree(geotagger: Geotagger, folder: Path, one: Path) -> None:
    tag(geotagger, folder)
    run("-overwrite_original", "-GPSLatitude=10", "-GPSLatitudeRef=N", str(one))
    told = geotagger("why", one, "--json").records[0]
    assert any("the file says 10.00000" in line for line in told["disagreements"])
    run("-overwrite_original", "-gps:all=", str(one))
    told = geotagger("why", one, "--json").records[0]
    assert any("the file has no position" in line for line in told["disagreements"])


@pytest.fixture
def camera_day(folder: Path) -> Path:
    """A phone in one folder, a camera in another: thirty photos that the phone places."""
    phone(folder / "Phone")
    for n in range(30):
        photo(folder / "Camera" / f"camera-{n:02d}.jpg", 10 + n)
    return folder


def assert_stands(geotagger: Geotagger, folder: Path, before: dict[str, bytes], *words: object) -> Said:
    said = tag(geotagger, folder, *words)
    now = bytes_of(folder)
    assert {name: content for name, content in now.items() if before[name] != content} == {}
    return said


def test_a_folder_that_is_not_mounted_takes_nothing_away(
    geotagger: Geotagger, tmp_path: Path, camera_day: Path
) -> None:
    tag(geotagger, camera_day)
    before = bytes_of(camera_day)
    shutil.move(camera_day / "Phone", tmp_path / "Phone")
    photo(camera_day / "Camera" / "later.jpg", 20.5)
    before["Camera/later.jpg"] = (camera_day / "Camera" / "later.jpg").read_bytes()
    said = tag(geotagger, camera_day)
    now = bytes_of(camera_day)
    assert {name for name in now if before[name] != now[name]} <= {"Camera/later.jpg"}
    assert "reconsider" not in said.err
    shutil.move(tmp_path / "Phone", camera_day / "Phone")
    tag(geotagger, camera_day)
    now = bytes_of(camera_day)
    assert {name for name in now if before[name] != now[name]} <= {"Camera/later.jpg"}


def test_fixes_that_are_deleted_take_nothing_away(geotagger: Geotagger, camera_day: Path) -> None:
    tag(geotagger, camera_day)
    before = bytes_of(camera_day)
    run("-overwrite_original", "-gps:all=", str(camera_day / "Phone"))
    before |= {f"Phone/{path.name}": path.read_bytes() for path in (camera_day / "Phone").iterdir()}
    said = assert_stands(geotagger, camera_day, before)
    assert "30 written estimates would not be written today; `geotagger tag --reconsider`" in said.err
    tag(geotagger, camera_day, "--reconsider")
    assert in_file(camera_day / "Camera" / "camera-03.jpg") is None


def test_a_track_that_is_not_given_or_forgotten_takes_nothing_away(
    geotagger: Geotagger, tmp_path: Path, folder: Path
) -> None:
    photo(folder / "camera.jpg", 61)
    track = gpx(tmp_path / "drive.gpx")
    tag(geotagger, folder, "--track", track)
    before = bytes_of(folder)
    track.unlink()
    assert "reconsider" not in assert_stands(geotagger, folder, before).err
    geotagger("tracks", "--forget", "drive.gpx")
    said = assert_stands(geotagger, folder, before)
    assert "1 written estimate would not be written today" in said.err
    # nor does a clock, as long as nothing tells where it was at that time
    assert_stands(geotagger, folder, before, "--clock", "Camera=+1h")


def test_more_certainty_asked_for_takes_nothing_away_unless_reconsidered(
    geotagger: Geotagger, camera_day: Path
) -> None:
    tag(geotagger, camera_day)
    before = bytes_of(camera_day)
    said = assert_stands(geotagger, camera_day, before, "--min-confidence", "0.999")
    assert "30 written estimates would not be written today" in said.err
    foreseen = assert_stands(
        geotagger, camera_day, before, "--min-confidence", "0.999", "--reconsider", "--dry-run"
    )
    assert sum("it would be taken out" in (record["reason"] or "") for record in foreseen.records) == 30
    said = tag(geotagger, camera_day, "--min-confidence", "0.999", "--reconsider")
    assert sum(record["status"] == "restored" for record in said.records) == 30
    assert "would not be written today" not in said.err
    assert in_file(camera_day / "Camera" / "camera-03.jpg") is None
    geotagger("undo", "--yes")
    assert bytes_of(camera_day) == before


def test_many_corrections_wait_for_the_owners_word(geotagger: Geotagger, camera_day: Path) -> None:
    tag(geotagger, camera_day)
    before = bytes_of(camera_day)
    said = assert_stands(geotagger, camera_day, before, "--clock", "Camera=+1h")
    assert "30 written estimates would not be written today; `geotagger tag --reconsider`" in said.err
    assert (
        sum("too many to be corrected unasked" in (record["reason"] or "") for record in said.records) == 30
    )
    assert_stands(geotagger, camera_day, before)
    geotagger("clocks", "--forget", "Camera")
    assert "would not be written" not in assert_stands(geotagger, camera_day, before).err
    assert_stands(geotagger, camera_day, before, "--clock", "Camera=+1h")
    said = tag(geotagger, camera_day, "--reconsider")
    assert sum(record["status"] == "written" for record in said.records) == 30
    for n in (0, 29):
        assert is_near(agreed(geotagger, camera_day / "Camera" / f"camera-{n:02d}.jpg"), 70 + n)
    assert_nothing_more_to_do(geotagger, camera_day)


@pytest.mark.usefixtures("one")
def test_places_of_cameras_and_of_the_owner_are_never_corrected(geotagger: Geotagger, folder: Path) -> None:
    mine = photo(folder / "mine.jpg", 62)
    geotagger("place", "0.5,0.5", mine)
    tag(geotagger, folder)
    before = bytes_of(folder)
    tag(geotagger, folder, "--clock", "Camera=+1h", "--clock", "Phone=+300d", "--reconsider")
    after = bytes_of(folder)
    assert {name for name in after if after[name] != before[name]} <= {"camera.jpg"}
    assert in_file(mine) == pytest.approx((0.5, 0.5))


@pytest.mark.usefixtures("one")
def test_sidecars_are_corrected_as_photos_are(geotagger: Geotagger, folder: Path) -> None:
    as_it_was = bytes_of(folder)
    tag(geotagger, folder, "--write", "sidecar")
    assert in_file(folder / "camera.jpg.xmp") is not None
    placed = bytes_of(folder)
    tag(geotagger, folder, "--write", "sidecar", "--clock", "Camera=+900d", "--min-confidence", "0.6")
    assert in_file(folder / "camera.jpg.xmp") is None
    assert_nothing_more_to_do(geotagger, folder, "--write", "sidecar", "--min-confidence", "0.6")
    geotagger("undo", "--yes")
    assert bytes_of(folder) == placed
    geotagger("undo", "1", "--yes")
    assert bytes_of(folder) == as_it_was


def test_a_model_that_is_gone_or_another_takes_nothing_away(
    geotagger: Geotagger, tmp_path: Path, folder: Path
) -> None:
    folder.mkdir()
    for n, value in enumerate(COLOURS.values()):
        taken = START + timedelta(days=40 * n)
        (folder / f"{n}.jpg").write_bytes(colour_photo(value, exif_of(taken)))
    pack, vague = colour_pack(tmp_path / "packs"), colour_pack(tmp_path / "packs", "vague", sharpness=0.001)
    geotagger("tag", folder, "--model", pack)
    before = bytes_of(folder)
    assert all(in_file(path) for path in folder.iterdir())
    for words in (("--model", "none"), ("--model", vague), ("--model", "none", "--clock", "Scene One=+2h")):
        said = geotagger("tag", folder, *words)
        assert bytes_of(folder) == before
        assert "3 written estimates would not be written today" in said.err
    geotagger("tag", folder, "--model", pack)
    assert bytes_of(folder) == before


def test_a_new_version_takes_nothing_away_and_moves_nothing(
    camera_day: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is surer of everything, and places all of it elsewhere."""

    concluded = outing.conclude

    def elsewhere(*arguments: Any) -> list[Estimate | None]:
        return [
            e and replace(e, latitude=-e.latitude, radius_km=e.radius_km / 3) for e in concluded(*arguments)
        ]

    quietly = Listener()
    run_tag(TagOptions((str(camera_day),), model="none", min_confidence=0.5), tmp_path / "index.db", quietly)
    before = bytes_of(camera_day)
    monkeypatch.setattr(settled, "__version__", "99")
    monkeypatch.setattr(outing, "conclude", elsewhere)
    monkeypatch.setattr(outings, "certainty_inside", lambda *_: 0.01)
    run_tag(TagOptions((str(camera_day),), model="none", min_confidence=0.5), tmp_path / "index.db", quietly)
    assert bytes_of(camera_day) == before
    with open_index(tmp_path / "index.db") as index:
        assert index.estimates.doubted(index.roots.all()[0].id) == 30


@pytest.mark.parametrize("nights", [4, pytest.param(30, marks=[pytest.mark.slow, pytest.mark.timeout(900)])])
def test_an_archive_that_gets_ten_photos_a_night_is_hardly_rewritten(
    tmp_path: Path, folder: Path, nights: int
) -> None:
    """A phone that does not always know its place."""

    def tag_it() -> None:
        listener = Listener()
        run_tag(TagOptions((str(folder),), model="none"), tmp_path / "index.db", listener)

    written = 0
    for night in range(nights):
        first = datetime(2024, 5, 1, 10) + timedelta(days=night)
        for n in range(10):
            place = (48.2 + 0.01 * (night * 7 % 13) + 0.002 * n, 16.3 + 0.01 * (night * 5 % 11))
            has_fix = n % 3 != 1
            path = folder / f"{night:02d}-{n}.jpg"
            path.parent.mkdir(exist_ok=True)
            taken = first + timedelta(minutes=11 * n)
            path.write_bytes(jpeg(taken, place if has_fix else None, camera="Phone", size=16))
            os.utime(path, (1_700_000_000 + 100 * night + n,) * 2)
        new = {f"{night:02d}-{n}.jpg" for n in range(10)}
        before = bytes_of(folder)
        tag_it()
        changed = {name for name, content in bytes_of(folder).items() if before[name] != content}
        assert len(changed - new) <= 0.02 * written
        written = sum(b"geotagger" in content for content in bytes_of(folder).values())
    assert written > 2 * nights
    before = bytes_of(folder)
    tag_it()
    assert bytes_of(folder) == before
