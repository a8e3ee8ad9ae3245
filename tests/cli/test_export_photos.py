"""`export --photos --coarsen`: copies that say no more of the place than they may."""

import json
import math
import shutil
import subprocess
from pathlib import Path

import piexif  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from geotagger.export.copies import bare_jpeg, coarse
from geotagger.geo import distance_km
from geotagger.photo.facts import read_facts
from tests.commands import Geotagger
from tests.tag.scenes import LATITUDE, LONGITUDE, START, bytes_of, jpeg

XMP = (
    b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF "
    b"xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description "
    b"xmlns:exif='http://ns.adobe.com/exif/1.0/' exif:GPSLatitude='48,12.4920N' "
    b"exif:GPSLongitude='16,22.4280E'/>"
    b"</rdf:RDF></x:xmpmeta>"
)


def told_everywhere(place: tuple[float, float]) -> bytes:
    """A JPEG that tells its place in EXIF, its thumbnail's EXIF, a maker note, XMP, a comment, and behind its
    end."""
    plain = jpeg(START, place)
    exif = piexif.load(plain)
    exif["thumbnail"] = jpeg(START, place, size=32)
    exif["1st"] = {piexif.ImageIFD.Compression: 6}
    exif["Exif"][piexif.ExifIFD.MakerNote] = b"SECRET 48.2082,16.3738"
    exif["0th"][piexif.ImageIFD.Orientation] = 6
    data = plain[:2]
    block = piexif.dump(exif)
    for marker, payload in ((0xE1, block), (0xE1, XMP), (0xFE, b"SECRET 48.2082,16.3738")):
        data += bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload
    start = plain.index(b"\xff\xdb")
    return data + plain[start:] + b"SECRET trailer 48.2082,16.3738"


def test_copies_hold_the_picture_and_a_coarser_place_only(geotagger: Geotagger, tmp_path: Path) -> None:
    folder, out = tmp_path / "photos", tmp_path / "public"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(told_everywhere((LATITUDE, LONGITUDE)))
    with Image.open(folder / "a.jpg") as image:
        Image.effect_noise((80, 60), 40).save(folder / "b.png", exif=image.info["exif"])
    geotagger("tag", folder, "--model", "none")
    before = bytes_of(folder)
    records = geotagger("export", "--photos", out, "--coarsen", "5km", "--json").records
    assert bytes_of(folder) == before
    assert [Path(record["copy"]).relative_to(out).as_posix() for record in records] == ["a.jpg", "b.png.jpg"]
    for record in records:
        copied = Path(record["copy"])
        away = float(distance_km(LATITUDE, LONGITUDE, record["latitude"], record["longitude"]))
        assert 0.1 < away <= record["radius_km"] < 6
        fix = read_facts(copied).fix
        assert fix is not None
        assert (fix.latitude, fix.longitude) == pytest.approx(
            (record["latitude"], record["longitude"]), abs=1e-6
        )
        content = copied.read_bytes()
        assert b"SECRET" not in content
        assert b"48,12.4920" not in content
        facts = read_facts(copied)
        assert facts.taken is not None
        assert facts.taken.local == START
    # the very pixels, and as upright as before
    with Image.open(folder / "a.jpg") as old, Image.open(out / "a.jpg") as new:
        assert old.tobytes() == new.tobytes()
        assert new.getexif()[0x0112] == 6
    again = geotagger("export", "--photos", out, "--coarsen", "5km", code=1)
    assert "a file is there already" in again.err


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="needs exiftool")
def test_exiftool_finds_no_exact_place_in_a_copy(geotagger: Geotagger, tmp_path: Path) -> None:
    folder, out = tmp_path / "photos", tmp_path / "public"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(told_everywhere((LATITUDE, LONGITUDE)))
    geotagger("tag", folder, "--model", "none")
    geotagger("export", "--photos", out, "--coarsen", "20km")

    def tags(path: Path) -> dict[str, object]:
        command = ["exiftool", "-j", "-a", "-G1", "-n", "-ee", "-u", str(path)]
        (told,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
        return dict(told)

    exact = tags(folder / "a.jpg")
    assert exact["GPS:GPSLatitude"] == pytest.approx(LATITUDE)
    coarse_tags = tags(out / "a.jpg")
    places = [v for k, v in coarse_tags.items() if "Latitude" in k and isinstance(v, float)]
    assert places
    assert all(abs(place - LATITUDE) > 1e-4 for place in places)
    groups = {key.partition(":")[0] for key in coarse_tags} - {"SourceFile"}
    assert groups <= {"ExifTool", "System", "File", "IFD0", "ExifIFD", "GPS", "Composite"}


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(0.1, 5000))
def test_a_coarse_place_holds_the_exact_one_and_is_the_same_for_the_whole_square(
    latitude: float, longitude: float, side_km: float
) -> None:
    area = coarse(latitude, longitude, side_km)
    assert float(distance_km(latitude, longitude, area.latitude, area.longitude)) <= area.radius_km + 1e-6
    same = coarse(area.latitude, area.longitude, side_km)
    assert (same.latitude, same.longitude) == (area.latitude, area.longitude)
    if abs(latitude) < 80 and side_km < 500:
        assert area.radius_km < side_km * math.sqrt(0.5) * 1.6


@given(st.binary(max_size=200))
def test_what_is_no_jpeg_is_refused(data: bytes) -> None:
    for content in (data, b"\xff\xd8" + data):
        try:
            pieces = b"".join(bare_jpeg(content, b"Exif\0\0"))
        except ValueError:
            continue
        assert pieces.endswith(b"\xff\xd9")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--photos", "OUT"], "--coarsen"),
        (["--coarsen", "5km"], "--photos"),
        (["--photos", "OUT", "--coarsen", "near"], "is not a distance"),
        (["--photos", "OUT", "--coarsen", "0km"], "as in 5km"),
        (["--photos", "OUT", "--coarsen", "5km", "--out", "x.kml"], "give one of them"),
        (["--photos", "IN", "--coarsen", "5km"], "lies in an archive"),
    ],
)
def test_wrong_ways_to_ask_for_copies(
    geotagger: Geotagger, tmp_path: Path, words: list[str], said: str
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(jpeg(START, (LATITUDE, LONGITUDE)))
    geotagger("tag", folder, "--model", "none")
    names = {"OUT": str(tmp_path / "public"), "IN": str(folder / "inside")}
    answer = geotagger("export", *(names.get(word, word) for word in words), code=2)
    assert said in answer.err
    assert not (tmp_path / "public").exists()


def test_the_format_follows_the_name_of_the_file(geotagger: Geotagger, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "a.jpg").write_bytes(jpeg(START, (LATITUDE, LONGITUDE)))
    geotagger("tag", folder, "--model", "none")
    for name, form in (("a.kml", "kml"), ("a.html", "html"), ("a.json", "geojson"), ("a", "geojson")):
        (record,) = geotagger("export", "--out", tmp_path / name, "--json").records
        assert record["format"] == form
    assert (tmp_path / "a.kml").read_bytes().startswith(b"<?xml")
