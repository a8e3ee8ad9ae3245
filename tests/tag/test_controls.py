"""What is right when nothing is written, each beside its control: the same photo without the trap is written,
at the certainty that stands when none is asked for."""

import io
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import piexif
import pytest

from geotagger.geo import distance_km
from tests.commands import Geotagger
from tests.photo.videos import movie
from tests.tag.scenes import LATITUDE, LONGITUDE, START, jpeg, walk_through_town
from tests.tag.test_sources import SOUTH, packet, photo, png, signed_block

BOSTON, SYDNEY = (42.36, -71.06), (-33.80, 151.20)


def taken(
    local: datetime, offset: str | None, camera: str, place: tuple[float, float] | None = None
) -> bytes:
    """By that phone's clock, with the offset that it names."""
    data = jpeg(local, place, camera=camera)
    exif = piexif.load(data)
    del exif["Exif"][piexif.ExifIFD.OffsetTimeOriginal]
    if offset is not None:
        exif["Exif"][piexif.ExifIFD.OffsetTimeOriginal] = offset.encode()
    file = io.BytesIO()
    piexif.insert(piexif.dump(exif), data, file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("local", "offset", "is_trap"),
    [
        (datetime(2025, 6, 12, 20, 16), "-04:00", True),
        (datetime(2025, 6, 13, 10, 16), "+10:00", False),
    ],
    ids=["the zone of elsewhere", "the zone of its neighbours"],
)
@pytest.mark.parametrize("was_elsewhere", [True, False], ids=["seen in Boston", "never seen"])
def test_a_partner_is_placed_among_the_others_photos_only_in_their_zone(
    geotagger: Geotagger, tmp_path: Path, local: datetime, offset: str, is_trap: bool, was_elsewhere: bool
) -> None:
    """The same moment of the same phone, which was in Boston days before and after, or has no other photo."""
    for n in range(8):
        at = datetime(2025, 6, 13, 8, 10) + timedelta(hours=n)
        place = (SYDNEY[0] - n / 100, SYDNEY[1])
        (tmp_path / f"me{n}.jpg").write_bytes(taken(at, "+10:00", "Phone One", place))
    for day in (11, 15) if was_elsewhere else ():
        at = datetime(2025, 6, day, 9)
        (tmp_path / f"there{day}.jpg").write_bytes(taken(at, "-04:00", "Phone Two", BOSTON))
    (tmp_path / "partner.jpg").write_bytes(taken(local, offset, "Phone Two"))
    said = geotagger("tag", tmp_path, "--model", "none", "--json").by_name()["partner.jpg"]
    if is_trap:
        assert said["status"] != "written" or said["latitude"] > 0, said
    else:
        assert said["status"] == "written", said
        assert distance_km(said["latitude"], said["longitude"], SYDNEY[0] - 0.02, SYDNEY[1]) < 2


def iso(hours: float) -> str:
    return f"{START + timedelta(hours=hours - 2):%Y-%m-%dT%H:%M:%SZ}"


def gpx(points: dict[float, tuple[float, float]], told: str = "", element: str = "wpt") -> str:
    text = "".join(
        f'<{element} lat="{lat}" lon="{lng}"><time>{iso(at)}</time>{told}</{element}>'
        for at, (lat, lng) in points.items()
    )
    inner = text if element == "wpt" else f"<trk><trkseg>{text}</trkseg></trk>"
    return f'<gpx version="1.0" xmlns="http://www.topografix.com/GPX/1/0">{inner}</gpx>'


CACHES: dict[float, tuple[float, float]] = {
    0: (LATITUDE, LONGITUDE),
    1: (LATITUDE + 0.01, LONGITUDE),
    2: (LATITUDE + 0.02, LONGITUDE),
}
"""By hours: three photos were taken at these moments."""
HIDDEN = gpx(CACHES, "<sym>Geocache</sym><type>Geocache|Traditional Cache</type>")


@pytest.mark.parametrize(
    ("tracks", "written"),
    [
        ([HIDDEN], 0),
        ([gpx(CACHES)], 3),
        ([gpx(CACHES, element="trkpt")], 3),
        ([HIDDEN, gpx(CACHES, element="trkpt")], 3),
    ],
    ids=["geocaches", "way points", "a track", "geocaches beside a track"],
)
def test_the_days_on_which_geocaches_were_hidden_place_nothing_and_the_same_points_as_others_do(
    geotagger: Geotagger, tmp_path: Path, tracks: list[str], written: int
) -> None:
    photos, folder = tmp_path / "photos", tmp_path / "tracks"
    photos.mkdir()
    folder.mkdir()
    for hour in CACHES:
        (photos / f"{hour}.jpg").write_bytes(jpeg(START + timedelta(hours=hour)))
    for n, text in enumerate(tracks):
        (folder / f"{n}.gpx").write_text(text)
    said = geotagger("tag", photos, "--model", "none", "--track", folder, "--json").by_name()
    assert [record["status"] for record in said.values()].count("written") == written
    for hour, place in CACHES.items() if written else ():
        assert distance_km(said[f"{hour}.jpg"]["latitude"], said[f"{hour}.jpg"]["longitude"], *place) < 0.1


def with_track(geotagger: Geotagger, folder: Path) -> dict[str, dict[str, Any]]:
    """What became of the photos of an hour in which a track stands in one place."""
    track = folder.parent / "walk.gpx"
    track.write_text(gpx({at / 6: (LATITUDE, LONGITUDE) for at in range(7)}, element="trkpt"))
    return geotagger("tag", folder, "--model", "none", "--track", track, "--json").by_name()


def test_a_place_that_nobody_can_read_keeps_a_track_away_and_the_photo_without_it_is_written(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    unread = "<exif:GPSLatitude>so far</exif:GPSLatitude><exif:GPSLongitude>12 or 13</exif:GPSLongitude>"
    traps = {
        "no-refs.jpg": photo(gps={2: SOUTH[2], 4: SOUTH[4]}),
        "half.jpg": photo(gps={1: b"S", 2: SOUTH[2]}),
        "negative.jpg": signed_block(photo(gps=SOUTH | {1: b"N"}), 2, (-33, -52, -5)),
        "xmp.jpg": photo(xmp=unread),
        "beside.jpg": photo(),
    }
    controls = {
        "plain.jpg": photo(),
        "void.jpg": photo(gps=SOUTH | {9: b"V"}),
        "zero.jpg": photo(gps={1: b"N", 2: ((0, 1),) * 3, 3: b"E", 4: ((0, 1),) * 3}),
        "datum.jpg": photo(gps={0x12: b"WGS-84"}),
        "xmp-without.jpg": photo(xmp="<exif:GPSAltitude>12/1</exif:GPSAltitude>"),
        "beside-without.jpg": photo(),
    }
    for name, data in (traps | controls).items():
        (folder / name).write_bytes(data)
    (folder / "beside.jpg.xmp").write_bytes(packet(unread))
    (folder / "beside-without.jpg.xmp").write_bytes(packet("<exif:GPSAltitude>12/1</exif:GPSAltitude>"))
    said = with_track(geotagger, folder)
    for name, data in traps.items():
        assert said[name]["status"] == "kept", said[name]
        assert (folder / name).read_bytes() == data
    for name in controls:
        assert said[name]["status"] == "written", said[name]
        assert distance_km(said[name]["latitude"], said[name]["longitude"], LATITUDE, LONGITUDE) < 0.1


def test_a_place_in_the_text_of_a_png_keeps_a_track_away_and_the_time_alone_does_not(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for name, gps in (("place.png", SOUTH), ("time.png", {})):
        data = photo(gps=gps)
        start, end = data.index(b"Exif\0\0"), data.index(b"\xff\xdb")
        (folder / name).write_bytes(png(data[start:end]))
    said = with_track(geotagger, folder)
    assert (said["place.png"]["status"], said["time.png"]["status"]) == ("kept", "written")


def test_a_film_of_1904_and_a_recorded_screen_are_left_alone_and_the_same_film_with_a_time_is_written(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    folder = walk_through_town(tmp_path / "photos", 4, without_gps=0).folder
    android = {"com.android.version": "14"}
    created = START - timedelta(hours=2) + timedelta(minutes=2)
    films = {
        "1904.mp4": movie(created=None, meta=android),
        "RPReplay_Final1715936520.mp4": movie(created=created, meta=android),
        "clip.mp4": movie(created=created, meta=android),
    }
    for name, data in films.items():
        (folder / name).write_bytes(data)
    said = geotagger("tag", folder, "--model", "none", "--json").by_name()
    assert {name for name in films if said[name]["status"] == "written"} == {"clip.mp4"}


TODAY = f"{START:%Y-%m-%d}"


@pytest.mark.parametrize("day", ["1970-01-01", "1980-01-06", "1999-08-22", "2004-10-01", TODAY])
def test_a_track_of_an_unset_clock_places_nothing_and_the_same_of_the_day_does(
    geotagger: Geotagger, tmp_path: Path, day: str
) -> None:
    photos, tracks = tmp_path / "photos", tmp_path / "tracks"
    photos.mkdir()
    tracks.mkdir()
    (photos / "a.jpg").write_bytes(jpeg(START + timedelta(minutes=30)))
    points = {at / 6: (LATITUDE, LONGITUDE) for at in range(7)}
    (tracks / "walk.gpx").write_text(gpx(points, element="trkpt").replace(TODAY, day))
    (said,) = geotagger("tag", photos, "--model", "none", "--track", tracks, "--json").records
    assert (said["status"] == "written") is (day == TODAY)
