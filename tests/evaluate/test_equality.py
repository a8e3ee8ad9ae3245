"""What `evaluate` predicts of hidden photos is what `tag` records of the same photos without their
places, to the last digit: so a calibration is fitted to the estimator that writes."""

import json
import random
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import piexif
import pytest

from geotagger.index import open_index
from geotagger.index.decisions import Action, Wish
from geotagger.tag.decisions import carry_out
from geotagger.writing import Writing
from tests.commands import Geotagger
from tests.metadata import exiftool
from tests.model import embedders
from tests.tag.scenes import LATITUDE, LONGITUDE, START, STEP_DEG, exif_of, jpeg, walk_through_town
from tests.tag.test_evidence import gpx
from tests.tag.test_pictures import COLOURS, PLACES, colour_pack, colour_photo
from tests.text.signs import needs_reader, sign_photo

pytestmark = exiftool.needs_exiftool

FIELDS = ("latitude", "longitude", "radius_km", "confidence")
XMP = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="{},{}N"'
    ' exif:GPSLongitude="16,22.428E"/></rdf:RDF></x:xmpmeta>'
)


def assert_equal(
    geotagger: Geotagger, folder: Path, *words: object, way: str = "--single", timeout: float = 120
) -> int:
    """Evaluates, strips what was hidden, tags; how many photos were compared."""
    said = geotagger("evaluate", folder, *words, "--seed", "0", way, "--json", timeout=timeout).records
    predicted = {one["path"]: one for one in said if "path" in one}
    _strip([Path(path) for path in predicted])
    recorded = {
        one["path"]: one
        for one in geotagger("tag", folder, *words, "--write", "none", "--json", timeout=timeout).records
    }
    for path, one in predicted.items():
        assert [one[field] for field in FIELDS] == [recorded[path][field] for field in FIELDS], path
    assert any(one["latitude"] is not None for one in predicted.values())
    return len(predicted)


def _strip(photos: Sequence[Path]) -> None:
    """Takes every position out, that of embedded XMP as well."""
    everything = ["-gps:all=", "-xmp-exif:gps*="]
    subprocess.run(["exiftool", "-q", "-m", "-overwrite_original", *everything, *photos], check=True)
    for photo in photos:
        for sidecar in photo.parent.parent.rglob(f"{photo.name}.xmp"):
            sidecar.unlink()


SINGLE, WHOLE_DAYS = "--single", "--whole-days"
SLOW_SINGLE = pytest.mark.parametrize("way", [pytest.param(SINGLE, marks=pytest.mark.slow), WHOLE_DAYS])
SLOW_DAYS = pytest.mark.parametrize("way", [SINGLE, pytest.param(WHOLE_DAYS, marks=pytest.mark.slow)])
"""Each of the two ways of hiding is looked at everywhere, one of them with the slow tests."""


def days(folder: Path, photos: int = 24) -> Path:
    """Walks on some days, every third photo with a clock that is an hour late."""
    folder.mkdir(parents=True, exist_ok=True)
    for n in range(photos):
        taken = START + timedelta(days=n // 6, minutes=11 * (n % 6), hours=n % 3 == 2)
        camera = "Slow Clock" if n % 3 == 2 else "Scene One"
        place = (LATITUDE + n * STEP_DEG + 0.3 * (n // 6), LONGITUDE)
        (folder / f"{n:03}.jpg").write_bytes(jpeg(taken, place, shade=n, camera=camera, size=48))
    return folder


@SLOW_DAYS
def test_with_tracks_clocks_sidecars_manual_places_and_screenshots(
    geotagger: Geotagger, tmp_path: Path, way: str
) -> None:
    folder = days(tmp_path / "photos")
    for n in range(3):
        (folder / f"side{n}.jpg").write_bytes(jpeg(START + timedelta(days=n, minutes=7), shade=n, size=48))
        (folder / f"side{n}.jpg.xmp").write_text(XMP.format(48, 12.4 + 5 * n))
        manual = folder / f"manual{n}.jpg"
        manual.write_bytes(jpeg(START + timedelta(days=n, minutes=33), (47.0, 15.0), shade=n, size=48))
        geotagger("place", "48.25,16.4", manual, "--overwrite", "--write", "sidecar")
    exif = piexif.load(exif_of(START + timedelta(minutes=16), (48.3, 16.5)))
    exif["0th"][piexif.ImageIFD.Software] = b"Screenshot"
    exif["Exif"].pop(piexif.ExifIFD.ExposureTime)
    (folder / "screen.jpg").write_bytes(jpeg(START, None, size=48))
    piexif.insert(piexif.dump(exif), str(folder / "screen.jpg"))
    words = ["--model", "none", "--track", gpx(tmp_path / "walk.gpx", 40), "--clock", "Slow Clock=-1h"]
    assert assert_equal(geotagger, folder, *words, way=way) > 4


def test_with_clocks_tracks_and_sidecar_folders_told_before(geotagger: Geotagger, tmp_path: Path) -> None:
    folder, beside = days(tmp_path / "photos"), tmp_path / "beside"
    track = gpx(tmp_path / "walk.gpx", 40)
    (folder / "aside.jpg").write_bytes(jpeg(START + timedelta(days=1, minutes=5), size=48))
    once = ["--write", "none", "--sidecar-folder", beside, "--clock", "Slow Clock=-1h", "--track", track]
    geotagger("tag", folder, "--model", "none", *once)
    geotagger("place", "48.5,16.4", folder / "aside.jpg", "--write", "sidecar", "--sidecar-folder", beside)
    track.unlink()
    assert assert_equal(geotagger, folder, "--model", "none") > 4


def test_with_a_model_before_and_after_a_calibration(geotagger: Geotagger, tmp_path: Path) -> None:
    pack = colour_pack(tmp_path)
    for place in ("before", "after"):
        folder = tmp_path / place
        folder.mkdir()
        for n in range(24):
            colour = list(COLOURS)[n // 2 % 3]
            where = (PLACES[colour][0] + 0.001 * n, PLACES[colour][1])
            taken = exif_of(START + timedelta(hours=9 * n), where)
            (folder / f"{n:02}.jpg").write_bytes(colour_photo(COLOURS[colour], taken))
        if place == "after":
            geotagger("evaluate", folder, "--model", pack, "--calibrate", "--seed", "1")
        assert assert_equal(geotagger, folder, "--model", pack, way="--whole-days") > 4


@SLOW_SINGLE
def test_with_a_model_that_scores_places_and_compares_photos(
    geotagger: Geotagger, tmp_path: Path, way: str
) -> None:
    pack = embedders.installed(tmp_path / "model", reference=True)
    folder = gallery_photos(tmp_path / "photos")
    assert assert_equal(geotagger, folder, "--model", pack, way=way) > 4


def gallery_photos(folder: Path, photos: int = 20) -> Path:
    """On five days about a place of the gallery each, two photos of one colour in a row."""
    folder.mkdir()
    for n in range(photos):
        lat, lng = embedders.gallery_places()[50 * (n // 4)]
        taken = exif_of(START + timedelta(days=n // 4, minutes=37 * (n % 4)), (lat + 0.004 * (n % 4), lng))
        colour = tuple(int(part) for part in np.random.default_rng(n // 2).integers(0, 255, 3))
        (folder / f"{n:02}.jpg").write_bytes(colour_photo(colour, taken))
    return folder


def decide(geotagger: Geotagger, actions: Mapping[int, Action]) -> Mapping[str, int]:
    """As `review` does: by photo of the index."""
    with open_index(geotagger.index) as index:
        seen = {photo_id: index.estimates.current(photo_id) for photo_id in actions}
        index.decisions.add(
            Wish(action, n, None if (e := seen[n]) is None else e.id) for n, action in actions.items()
        )
    return carry_out(geotagger.index, Writing("none"), lambda _: None).tally.statuses


@SLOW_DAYS
def test_with_circles_that_were_confirmed(geotagger: Geotagger, tmp_path: Path, way: str) -> None:
    folder = days(tmp_path / "photos")
    for n in range(4):
        (folder / f"bare{n}.jpg").write_bytes(jpeg(START + timedelta(days=n, minutes=27), size=48))
    geotagger("tag", folder, "--model", "none", "--write", "none")
    with open_index(geotagger.index, mode="read") as index:
        photos = list(index.photos.in_time(1))
        bare = [photo.id for photo in photos if "bare" in photo.path and photo.rung is not None]
        places = {photo.path: (photo.latitude, photo.radius_km) for photo in photos if photo.id in bare}
    assert len(bare) == 4
    assert decide(geotagger, dict.fromkeys(bare[:3], "confirm"))["indexed"] == 3
    assert assert_equal(geotagger, folder, "--model", "none", way=way) > 4
    with open_index(geotagger.index, mode="read") as index:
        stands = {p.path: (p.latitude, p.radius_km) for p in index.photos.in_time(1) if p.is_confirmed}
    assert len(stands) == 3
    assert stands.items() <= places.items()


@SLOW_SINGLE
def test_with_what_a_random_sample_taught(geotagger: Geotagger, tmp_path: Path, way: str) -> None:
    """Half of the circles were refused: `tag` states other certainties from then on, as `evaluate` does."""
    scene = walk_through_town(tmp_path / "walk", 60)
    geotagger("tag", scene.folder, "--model", "none", "--write", "none")
    folder = days(tmp_path / "photos")
    plain = evaluated(geotagger, folder, way)
    with open_index(geotagger.index) as index:
        index.samples.draw(22, random.Random(0))
        drawn = index.samples.waiting()
    decide(geotagger, {n: "reject" if at % 2 else "confirm" for at, n in enumerate(drawn)})
    taught = evaluated(geotagger, folder, way)
    assert taught.keys() == plain.keys()
    for path, one in plain.items():
        assert [taught[path][name] for name in FIELDS[2:]] != [one[name] for name in FIELDS[2:]], path
    assert assert_equal(geotagger, folder, "--model", "none", way=way) > 4


def evaluated(geotagger: Geotagger, folder: Path, way: str) -> dict[str, dict[str, Any]]:
    said = geotagger("evaluate", folder, "--model", "none", "--seed", "0", way, "--json").records
    return {one["path"]: one for one in said if "path" in one}


@needs_reader()
def test_with_text_in_the_pictures(geotagger: Geotagger, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    towns = (("Hunde bitte an der Leine", 48.2, 16.4), ("Hunden skal i snor, Aarhus", 56.15, 10.2))
    for n in range(6):
        text, lat, lng = towns[n // 3]
        taken = START + timedelta(days=9 * (n // 3), minutes=11 * (n % 3))
        place = (lat + n * STEP_DEG, lng)
        words = (text, "Danke" if n < 3 else "Tak for det")
        read = n % 3 < 2  # the others are too small for letters
        (folder / f"{n:02}.jpg").write_bytes(
            sign_photo(exif_of(taken, place), *words, edge=600) if read else jpeg(taken, place, size=48)
        )
    assert assert_equal(geotagger, folder, "--model", "none", "--with", "text", way="--whole-days") > 2


@pytest.mark.slow
def test_in_a_burst_that_is_cut(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=1500, minutes=0.05, without_gps=0, size=32)
    assert assert_equal(geotagger, scene.folder, "--model", "none") > 400


def real_archive(shared_data: Path, name: str, folder: Path) -> Path:
    """A copy that may be changed; what cannot be read is left out."""
    shutil.copytree(shared_data / "photos" / name, folder)
    subprocess.run(["chmod", "-R", "u+w", folder], check=True)
    for broken in folder.glob("broken*"):
        broken.unlink()
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("way", ["--single", "--whole-days"])
@pytest.mark.parametrize("name", ["dog-signs", "pigallery2"])
@pytest.mark.timeout(3700)
@needs_reader()
def test_on_real_archives_with_text(
    geotagger: Geotagger, tmp_path: Path, shared_data: Path, name: str, way: str
) -> None:
    folder = real_archive(shared_data, name, tmp_path / "photos")
    assert assert_equal(geotagger, folder, "--model", "none", "--with", "text", way=way, timeout=3600) > 4


@pytest.mark.slow
@pytest.mark.parametrize("way", ["--single", "--whole-days"])
@pytest.mark.parametrize("name", ["dog-signs", "pigallery2"])
@pytest.mark.parametrize("tracked", [False, True])
def test_on_real_archives(
    geotagger: Geotagger, tmp_path: Path, shared_data: Path, name: str, tracked: bool, way: str
) -> None:
    folder = real_archive(shared_data, name, tmp_path / "photos")
    tracks = short_tracks(folder, tmp_path / "tracks") if tracked else []
    assert assert_equal(geotagger, folder, "--model", "none", *tracks, way=way) > 4


@pytest.mark.slow
@pytest.mark.parametrize("way", ["--single", "--whole-days"])
@pytest.mark.parametrize("name", ["dog-signs", "pigallery2"])
@pytest.mark.parametrize("calibrated", [False, True])
def test_on_real_archives_with_all_that_can_be_told(
    geotagger: Geotagger, tmp_path: Path, shared_data: Path, name: str, calibrated: bool, way: str
) -> None:
    """Tracks, a clock, sidecars beside photos and in a folder, places of the owner, a screenshot with a
    place, a model; before and after a calibration."""
    folder, beside = real_archive(shared_data, name, tmp_path / "photos"), tmp_path / "beside"
    tracks = short_tracks(folder, tmp_path / "tracks")
    told = located(folder)
    camera = max({one["camera"] for one in told}, key=[one["camera"] for one in told].count)
    start = told[len(told) // 2]["time"]
    for n in range(3):
        taken = start + timedelta(minutes=9 * n)
        (folder / f"side{n}.jpg").write_bytes(jpeg(taken, shade=n, size=48))
        (folder / f"side{n}.jpg.xmp").write_text(XMP.format(48, 12.4 + 5 * n))
        (folder / f"manual{n}.jpg").write_bytes(jpeg(taken + timedelta(minutes=4), shade=n, size=48))
        where = ("--write", "sidecar", *(("--sidecar-folder", beside) if n else ()))
        geotagger("place", f"48.{2 + n},16.4", folder / f"manual{n}.jpg", *where)
    exif = piexif.load(exif_of(start + timedelta(minutes=16), (48.3, 16.5)))
    exif["0th"][piexif.ImageIFD.Software] = b"Screenshot"
    exif["Exif"].pop(piexif.ExifIFD.ExposureTime)
    (folder / "screen.jpg").write_bytes(jpeg(start, None, size=48))
    piexif.insert(piexif.dump(exif), str(folder / "screen.jpg"))
    words = ["--model", colour_pack(tmp_path), *tracks, "--clock", f"{camera}=+20m"]
    if calibrated:
        geotagger("evaluate", folder, *words, "--calibrate", "--seed", "1")
    assert assert_equal(geotagger, folder, *words, way=way) > 4


def located(folder: Path) -> list[dict[str, Any]]:
    """The photos with a place and a time, by time, as exiftool reads them."""
    words = ["-json", "-n", "-q", "-r", "-ext", "jpg", "-ext", "jpeg"]
    tags = ["-GPSLatitude", "-GPSLongitude", "-DateTimeOriginal", "-Model"]
    done = subprocess.run(["exiftool", *words, *tags, folder], capture_output=True, check=False)
    rows = [
        {
            "time": datetime.strptime(row["DateTimeOriginal"][:19], "%Y:%m:%d %H:%M:%S"),
            "latitude": row["GPSLatitude"],
            "longitude": row["GPSLongitude"],
            "camera": str(row["Model"]),
        }
        for row in json.loads(done.stdout)
        if {"DateTimeOriginal", "GPSLatitude", "GPSLongitude", "Model"} <= row.keys()
    ]
    return sorted(rows, key=lambda row: row["time"])


def short_tracks(folder: Path, tracks: Path) -> list[object]:
    """25 files of a few minutes each, near in time to photos and some hundred metres from them."""
    tracks.mkdir()
    photos = located(folder)
    for n in range(25):
        photo = photos[n * len(photos) // 25]
        at = photo["time"] - timedelta(hours=2 if n % 2 else 0)
        points = "".join(
            f'<trkpt lat="{photo["latitude"] + 0.002 + 0.0001 * k:.6f}" lon="{photo["longitude"]:.6f}">'
            f"<time>{at + timedelta(minutes=k):%Y-%m-%dT%H:%M:%SZ}</time></trkpt>"
            for k in range(6)
        )
        (tracks / f"short{n}.gpx").write_text(
            '<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>'
            f"{points}</trkseg></trk></gpx>"
        )
    return ["--track", tracks]
