"""When and where a video was made, in every form that phones and cameras write."""

import contextlib
import json
import math
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geotagger.coordinates import UnreadableCoordinatesError, read_iso6709
from geotagger.errors import UnreadablePhotoError
from geotagger.photo.facts import read_facts
from geotagger.photo.quicktime import read_quicktime
from geotagger.photo.source import PhotoSourceFile
from geotagger.photo.values import CaptureTime, Facts

from .pictures import exif, jpeg, quarters
from .videos import APPLE, apple_meta, box, djmd, gopro, gps5, gps9, loci, movie, text, transport_stream

UTC_MOMENT = datetime(2024, 6, 15, 10, 0)
LOCAL = datetime(2024, 6, 15, 12, 0)
TWO_HOURS = timedelta(hours=2)
SONY = (
    '<?xml version="1.0"?><NonRealTimeMeta><CreationDate value="2024-06-15T12:00:00+02:00"/>'
    '<Device manufacturer="Sony" modelName="ILCE-7M3"/><AcquisitionRecord><Group name="ExifGPS">'
    '<Item name="LatitudeRef" value="S"/><Item name="Latitude" value="33:52:04.800"/>'
    '<Item name="LongitudeRef" value="E"/><Item name="Longitude" value="151:12:36.000"/>'
    "</Group></AcquisitionRecord></NonRealTimeMeta>"
)


def facts_of(folder: Path, data: bytes, name: str = "clip.mp4") -> Facts:
    path = folder / name
    path.write_bytes(data)
    return read_facts(path)


PLACES = {
    "apple": movie(meta={f"{APPLE}location.ISO6709": "-33.8680+151.2100+012.500/"}, brand=b"qt  "),
    "android": movie(user=text(b"\xa9xyz", "-33.8680+151.2100/")),
    "bare": movie(user=box(b"\xa9xyz", b"-33.8680+151.2100/")),
    "minutes": movie(user=text(b"\xa9xyz", "-3352.08+15112.6+12CRSWGS_84/")),
    "seconds": movie(user=text(b"\xa9xyz", "-335204.8+1511236.0/")),
    "3gp": movie(user=loci(-33.868, 151.21), brand=b"3gp5"),
    "3gp utf-16": movie(user=loci(-33.868, 151.21, name="\ufeffSydney\0".encode("utf-16-be")), brand=b"3gp5"),
    "ffmpeg": movie(meta={"location": "-33.8680+151.2100/"}),
    "xmp": movie(
        box(
            b"uuid",
            bytes.fromhex("be7acfcb97a942e89c71999491e3afac"),
            b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description'
            b' xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="33,52.08S"'
            b' exif:GPSLongitude="151,12.6E"/></rdf:RDF>',
        )
    ),
    "sony": movie(box(b"meta", bytes(4), box(b"hdlr", bytes(24)), box(b"xml ", bytes(4), SONY.encode()))),
}


@pytest.mark.parametrize("form", PLACES)
def test_a_place_is_read_in_every_form(tmp_path: Path, form: str) -> None:
    fix = facts_of(tmp_path, PLACES[form]).fix
    assert fix is not None
    assert (fix.latitude, fix.longitude) == pytest.approx((-33.868, 151.21), abs=2e-5)


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_reads_the_same_places(tmp_path: Path) -> None:
    for form, data in PLACES.items():
        if form == "3gp utf-16":
            continue  # ExifTool 12.57 takes the name for the place
        (tmp_path / f"{form}.mp4").write_bytes(data)
    said = subprocess.run(
        ["exiftool", "-j", "-n", "-GPSLatitude", "-GPSLongitude", "-LocationInformation", str(tmp_path)],
        capture_output=True,
        check=True,
    )
    compared = 0
    for told in json.loads(said.stdout):
        fix = read_facts(told["SourceFile"]).fix
        assert fix is not None
        if "GPSLatitude" in told:
            place = told["GPSLatitude"], told["GPSLongitude"]
            assert (fix.latitude, fix.longitude) == pytest.approx(place, abs=2e-5), told
            compared += 1
    assert compared >= 5


def test_the_place_shown_is_not_the_cameras(tmp_path: Path) -> None:
    assert facts_of(tmp_path, movie(user=loci(-33.868, 151.21, role=1))).fix is None
    apple = {f"{APPLE}location.ISO6709": "-33.8680+151.2100/", f"{APPLE}location.role": "1"}
    assert facts_of(tmp_path, movie(meta=apple)).fix is None
    assert facts_of(tmp_path, movie(user=text(b"\xa9xyz", "+00.0000+000.0000/"))).fix is None
    unreadable = facts_of(tmp_path, movie(user=text(b"\xa9xyz", "33.8S 151.2E")))
    assert unreadable.fix is None
    assert "cannot be understood" in (unreadable.unreadable_position or "")


@given(st.floats(-89.9, 89.9), st.floats(-179.9, 179.9))
def test_iso_6709_reads_back(latitude: float, longitude: float) -> None:
    if max(abs(latitude), abs(longitude)) < 1e-3:
        return
    place = read_iso6709(f"{latitude:+010.6f}{longitude:+011.6f}+012.3/")
    assert place == pytest.approx((latitude, longitude), abs=1e-6)


@given(st.text(alphabet="+-0123456789./CRS", max_size=40))
def test_no_location_makes_the_reader_fail(told: str) -> None:
    with contextlib.suppress(UnreadableCoordinatesError):
        read_iso6709(told)


def test_a_date_with_its_offset_goes_before_the_creation_time(tmp_path: Path) -> None:
    apple = {
        f"{APPLE}creationdate": "2024-06-15T12:00:00+0200",
        f"{APPLE}make": "Apple",
        f"{APPLE}model": "iPhone 13",
    }
    facts = facts_of(tmp_path, movie(meta=apple, created=datetime(2024, 7, 1)))
    assert facts.taken is not None
    assert (facts.taken.local, facts.taken.offset, facts.camera) == (LOCAL, TWO_HOURS, "Apple iPhone 13")
    for data in (
        movie(user=text(b"\xa9day", "2024-06-15T12:00:00+0200"), created=datetime(2024, 7, 1)),
        PLACES["sony"],
    ):
        taken = facts_of(tmp_path, data).taken
        assert taken is not None
        assert (taken.local, taken.offset) == (LOCAL, TWO_HOURS)


def test_1904_and_the_future_are_no_times(tmp_path: Path) -> None:
    for created in (None, datetime(2039, 1, 1)):
        facts = facts_of(tmp_path, movie(created=created, user=text(b"\xa9xyz", "+47.0+008.0/")))
        assert (facts.taken, facts.gps_utc) == (None, None)


def test_the_creation_time_of_a_phone_is_utc_and_that_of_others_undecided(tmp_path: Path) -> None:
    for data in (
        movie(created=UTC_MOMENT, user=text(b"\xa9xyz", "+47.0+008.0/")),
        movie(created=UTC_MOMENT, meta={"com.android.version": "14"}),
        movie(created=UTC_MOMENT, user=text(b"\xa9mak", "Apple")),
    ):
        assert facts_of(tmp_path, data).gps_utc == UTC_MOMENT
    facts = facts_of(tmp_path, movie(created=LOCAL))
    assert (facts.taken, facts.gps_utc) == (CaptureTime(LOCAL), LOCAL)
    assert facts.is_time_undecided
    assert any("both are weighed" in problem for problem in facts.problems)


@pytest.mark.parametrize(
    ("name", "created", "offset"),
    [
        ("VID_20240615_120000.mp4", UTC_MOMENT + timedelta(seconds=4), TWO_HOURS),
        ("20240615_120000.mp4", UTC_MOMENT, TWO_HOURS),
        ("2024-06-15 12.00.00.mov", LOCAL, None),
        (
            "Video 2024-06-15 at 12.00.00.mp4",
            UTC_MOMENT - timedelta(hours=3, minutes=30),
            timedelta(hours=5.5),
        ),
        ("VID_20240615_120000.mp4", datetime(2024, 6, 18, 9, 7), None),
        ("VID_20240615_120000.mp4", None, None),
    ],
)
def test_the_name_decides_how_the_creation_time_is_read(
    tmp_path: Path, name: str, created: datetime | None, offset: timedelta | None
) -> None:
    taken = facts_of(tmp_path, movie(created=created), name).taken
    assert taken is not None
    assert (taken.local, taken.offset) == (LOCAL, offset)


def test_googles_camera_names_files_by_utc(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, movie(created=UTC_MOMENT), "PXL_20240615_100000123.mp4")
    assert (facts.taken, facts.gps_utc) == (None, UTC_MOMENT)


def test_photos_of_the_same_camera_decide_how_the_creation_time_is_read(tmp_path: Path) -> None:
    moment = (LOCAL - timedelta(minutes=3)).strftime("%Y:%m:%d %H:%M:%S").encode()
    photo = jpeg(quarters(), exif({0x010F: b"Canon"}, {0x9003: moment, 0x9011: b"+02:00"}))
    for folder, photo_name in (("next", "IMG_0122.JPG"), ("same", "MVI_0123.THM"), ("far", "IMG_0200.JPG")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / photo_name).write_bytes(photo)
    for folder in ("next", "same"):
        for created in (LOCAL, UTC_MOMENT):
            taken = facts_of(tmp_path / folder, movie(created=created), "MVI_0123.MP4").taken
            assert taken is not None
            assert (taken.local, taken.offset) == (LOCAL, TWO_HOURS)
    assert facts_of(tmp_path / "far", movie(created=LOCAL), "MVI_0123.MP4").is_time_undecided
    assert facts_of(tmp_path / "next", movie(created=datetime(2024, 6, 1)), "MVI_0123.MP4").is_time_undecided


@pytest.mark.parametrize(
    ("named", "photo", "is_local"),
    [(b"DJI", "DJI_0012.JPG", True), (b"DJI", "DJI_0112.JPG", False), (b"", "DJI_0012.JPG", False),
     (b"Apple", "DJI_0012.JPG", False)],
    ids=["next to it", "far from it", "of no maker", "of a phone"],
)  # fmt: skip
def test_beside_a_place_the_creation_time_is_utc_unless_photos_of_the_same_camera_show_its_own(
    tmp_path: Path, named: bytes, photo: str, is_local: bool
) -> None:
    moment = (LOCAL - timedelta(minutes=3)).strftime("%Y:%m:%d %H:%M:%S").encode()
    (tmp_path / photo).write_bytes(jpeg(quarters(), exif({0x010F: b"DJI"}, {0x9003: moment})))
    told = text(b"\xa9xyz", "+47.0+008.0/") + (text(b"\xa9mak", named.decode()) if named else b"")
    facts = facts_of(tmp_path, movie(created=LOCAL, user=told), "DJI_0013.MP4")
    assert facts.fix is not None
    assert (facts.taken, facts.gps_utc) == ((CaptureTime(LOCAL), None) if is_local else (None, LOCAL))


def test_the_film_of_a_live_photo_has_its_photos_time_where_its_own_says_nothing(tmp_path: Path) -> None:
    block = exif({0x010F: b"Apple"}, {0x9003: b"2024:06:15 12:00:00", 0x9011: b"+02:00"})
    (tmp_path / "IMG_0001.JPG").write_bytes(jpeg(quarters(), block))
    for created in (None, datetime(2024, 9, 9)):
        taken = facts_of(tmp_path, movie(created=created), "IMG_0001.MOV").taken
        assert taken is not None
        assert (taken.local, taken.offset) == (LOCAL, TWO_HOURS)
        for other in (
            facts_of(tmp_path, movie(created=created, seconds=60), "IMG_0001.MOV"),
            facts_of(tmp_path, movie(created=created), "IMG_0002.MOV"),
        ):
            assert other.taken is None or other.is_time_undecided


def test_films_that_are_named_like_photos_do_not_ask_each_other_for_the_time(tmp_path: Path) -> None:
    """Found by fuzzing: such a film asked itself, without end."""
    names = ["IMG_0001.heic", "IMG_0001.jpg", "IMG_0002.heic"]
    for name in names:
        (tmp_path / name).write_bytes(movie())
    assert [read_facts(tmp_path / name).taken for name in names] == [None, None, None]


def test_a_canon_tells_its_time_in_its_thumbnail(tmp_path: Path) -> None:
    block = exif(
        {0x010F: b"Canon", 0x0110: b"Canon EOS R6"}, {0x9003: b"2024:06:15 12:00:00", 0x9011: b"+02:00"}
    )
    thumbnail = box(b"CNTH", box(b"CNDA", jpeg(quarters(), block)))
    facts = facts_of(tmp_path, movie(user=thumbnail, created=datetime(2024, 7, 1), brand=b"qt  "))
    assert facts.taken is not None
    assert (facts.taken.local, facts.taken.offset, facts.camera) == (LOCAL, TWO_HOURS, "Canon EOS R6")


@settings(deadline=None, max_examples=200)
@given(st.integers(0, 700), st.binary(min_size=1, max_size=8), st.integers(0, 2))
def test_no_damage_makes_the_reader_fail(
    tmp_path_factory: pytest.TempPathFactory, at: int, damage: bytes, which: int
) -> None:
    data = movie(user=text(b"\xa9xyz", "+47.0+008.0/") + loci(1, 2), meta={f"{APPLE}make": "Apple"})
    start = data.index(b"moov") + at
    data = data[:start] + damage + data[start + len(damage) :] if which else data[:start]
    path = tmp_path_factory.mktemp("damaged") / "a.mp4"
    path.write_bytes(data)
    with PhotoSourceFile(path) as source:
        read_quicktime(source)
    read_facts(path)


AVCHD = {
    0x18: b"\x04\x20\x24\x06",  # two hours east
    0x19: b"\x15\x12\x00\x00",
    0xB1: b"S\0\0\0",
    0xB2: b"\0\x21\0\1",
    0xB3: b"\0\x34\0\1",
    0xB4: b"\0\x30\0\x0a",
    0xB5: b"E\0\0\0",
    0xB6: b"\0\x97\0\1",
    0xB7: b"\0\x0c\0\1",
    0xB8: b"\1\x68\0\x0a",
}


@pytest.mark.parametrize("timed", [True, False])
def test_an_mts_tells_its_time_and_place_in_its_stream(tmp_path: Path, timed: bool) -> None:
    data = transport_stream(AVCHD, timed=timed)
    facts = facts_of(tmp_path, data, "00001.MTS")
    assert facts.taken is not None
    assert (facts.taken.local, facts.taken.offset) == (LOCAL, TWO_HOURS)
    assert facts.fix is not None
    assert (facts.fix.latitude, facts.fix.longitude) == pytest.approx((-33.868, 151.21))
    void = facts_of(tmp_path, transport_stream(AVCHD | {0xBC: b"V\0\0\0"}, timed=timed), "00002.MTS")
    assert void.fix is None
    summer = facts_of(
        tmp_path, transport_stream(AVCHD | {0x18: b"\x42\x20\x24\x06"}, timed=timed), "00003.MTS"
    )
    assert summer.taken is not None
    assert (summer.taken.local, summer.taken.offset) == (LOCAL, None)
    if shutil.which("exiftool"):
        command = ["exiftool", "-j", "-n", "-DateTimeOriginal", "-GPSLatitude", str(tmp_path / "00001.MTS")]
        (told,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        assert told["DateTimeOriginal"] == "2024:06:15 12:00:00+02:00"
        assert abs(told["GPSLatitude"]) == pytest.approx(33.868)


def test_a_video_that_says_nothing_is_read(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, box(b"ftyp", b"mp42", bytes(4), b"mp42") + box(b"mdat", bytes(100)))
    assert (facts.format, facts.taken, facts.fix, facts.not_a_photo) == ("mp4", None, None, None)
    assert facts_of(tmp_path, movie() + apple_meta({}), "clip.mov").width == 1920


LATE = "240615100300.250"
GOPROS = {
    "the first second": gopro(gps5(-33.868, 151.21, LATE)),
    "64 bits": gopro(gps5(-33.868, 151.21, LATE), wide=True),
    "locked in the fourth second": gopro(
        *[gps5(48.1, 11.5, "200101000000.000", lock=0)] * 3, gps5(-33.868, 151.21, LATE)
    ),
    "vague at first": gopro(gps5(-33.1, 151.9, LATE, dilution=99.99), gps5(-33.868, 151.21, LATE)),
    "HERO11": gopro(gps9(-33.868, 151.21, datetime(2024, 6, 15, 10, 3))),
    "HERO11, third row": gopro(gps9(-33.868, 151.21, datetime(2024, 6, 15, 10, 3), locks=(0, 0, 2))),
}


@pytest.mark.parametrize("film", GOPROS.values(), ids=GOPROS)
def test_a_gopro_is_where_its_receiver_first_was_sure(tmp_path: Path, film: bytes) -> None:
    """Its time is that of the satellites, whatever the camera's clock says."""
    facts = facts_of(tmp_path, film, "GH010123.MP4")
    assert facts.fix is not None
    assert (facts.fix.latitude, facts.fix.longitude) == pytest.approx((-33.868, 151.21), abs=1e-7)
    assert facts.gps_utc == datetime(2024, 6, 15, 10, 3)


@pytest.mark.parametrize(
    "film",
    [
        gopro(gps5(48.1, 11.5, LATE, lock=0)),
        gopro(gps5(0, 0, LATE)),
        gopro(gps9(48.1, 11.5, datetime(2024, 6, 15), locks=(0, 1))),
        gopro(gps5(48.1, 11.5, LATE)).replace(b"GPSF", b"free"),
        gopro(gps5(48.1, 11.5, LATE)).replace(b"gpmd", b"djmd"),
    ],
)
def test_a_receiver_without_its_satellites_says_nothing(tmp_path: Path, film: bytes) -> None:
    assert facts_of(tmp_path, film).fix is None


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is not installed")
@pytest.mark.parametrize("name", ["the first second", "64 bits"])
def test_the_telemetry_of_a_gopro_is_read_as_exiftool_reads_it(tmp_path: Path, name: str) -> None:
    fix = facts_of(tmp_path, GOPROS[name], "GH010123.MP4").fix
    command = ["exiftool", "-ee", "-n", "-json", "-GPSLatitude", "-GPSLongitude", "-GPSDateTime"]
    (told,) = json.loads(subprocess.check_output([*command, tmp_path / "GH010123.MP4"]))
    assert fix is not None
    assert fix.utc is not None
    assert (fix.latitude, fix.longitude) == pytest.approx((told["GPSLatitude"], told["GPSLongitude"]))
    assert f"{fix.utc:%Y:%m:%d %H:%M:%S}" == told["GPSDateTime"][:19]


RADIANS = math.radians(-33.868), math.radians(151.21)
DJIS = {
    "Mavic 3": [djmd(RADIANS, (3, 3, 4), "dvtm_wm265e.proto")],
    "Mini 4 Pro, unit told": [djmd(RADIANS, (3, 3, 4), "dvtm_Mini4_Pro.proto", unit=0)],
    "Avata 2": [djmd(RADIANS, (3, 4, 4), "dvtm_AVATA2.proto")],
    "Osmo Action 5, degrees": [djmd((-33.868, 151.21), (3, 4, 2), "dvtm_ac204.proto", unit=1)],
    "Mavic 4": [djmd((-33.868, 151.21), (3, 3, 4), "dvtm_Mavic4.proto")],
    "after two seconds": [
        djmd(None, (), "dvtm_ac203.proto"),
        *[djmd((0.0, 0.0), (3, 4, 2))] * 59,
        *[djmd(RADIANS, (3, 4, 2))] * 31,
    ],
}


@pytest.mark.parametrize("frames", DJIS.values(), ids=DJIS)
def test_a_dji_is_where_its_receiver_first_was(tmp_path: Path, frames: list[bytes]) -> None:
    facts = facts_of(tmp_path, gopro(*frames, kind=b"djmd"), "DJI_0058.MP4")
    assert facts.fix is not None
    assert (facts.fix.latitude, facts.fix.longitude) == pytest.approx((-33.868, 151.21), abs=1e-9)


@pytest.mark.parametrize(
    "frames",
    [
        [djmd(RADIANS, (3, 3, 4), "dvtm_of_tomorrow.proto")],
        [djmd(RADIANS, (3, 3, 4))],
        [djmd(RADIANS, (3, 4, 2), "dvtm_wm265e.proto")],
        [djmd((0.0, 0.0), (3, 3, 4), "dvtm_wm265e.proto")],
        [djmd((3.0, 9.0), (3, 3, 4), "dvtm_wm265e.proto")],
        [djmd((float("nan"), 1.0), (3, 3, 4), "dvtm_wm265e.proto")],
        [b"\x0a\xff\xff\xff"],
    ],
)
def test_a_protocol_of_dji_that_nobody_described_is_not_guessed_at(
    tmp_path: Path, frames: list[bytes]
) -> None:
    assert facts_of(tmp_path, gopro(*frames, kind=b"djmd")).fix is None


@settings(deadline=None, max_examples=300)
@given(st.integers(0, 900), st.binary(min_size=1, max_size=6), st.booleans(), st.booleans())
def test_a_damaged_film_with_telemetry_is_read_or_passed_over(
    tmp_path_factory: pytest.TempPathFactory, at: int, damage: bytes, cut: bool, is_dji: bool
) -> None:
    dji = gopro(*DJIS["Mavic 3"], kind=b"djmd")
    film = dji if is_dji else GOPROS["locked in the fourth second"]
    at = min(at, len(film) - 1) if at < 450 else len(film) - (at - 449)
    damaged = film[:at] + damage + (b"" if cut else film[at + len(damage) :])
    with contextlib.suppress(UnreadablePhotoError):
        facts = facts_of(tmp_path_factory.mktemp("film"), damaged or b"x")
        assert facts.fix is None or abs(facts.fix.latitude) <= 90
