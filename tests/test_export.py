import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.errors import SourceError
from geotagger.export import FORMATS
from geotagger.export.table import CSV_COLUMNS
from geotagger.export.words import described, in_words
from geotagger.export.writing import write
from geotagger.index.search import PhotoPlace
from tests.tag.scenes import jpeg

GPX = "{http://www.topografix.com/GPX/1/1}"
KML = "{http://www.opengis.net/kml/2.2}"


def photo(path: str = "/a/b.jpg", **more: object) -> PhotoPlace:
    told: dict[str, object] = {
        "photo_id": 1,
        "path": path,
        "latitude": 48.8584,
        "longitude": 2.2945,
        "radius_km": 2.5,
        "confidence": 0.75,
        "rung": "visual",
        "cell": "47e66f",
        "model": "m",
        "run": "20240101-abcdef",
        "written": "exif",
        "taken": "2024-05-17T14:30:00.250+02:00",
        "utc": 1715949000.25,
        "camera": "Canon",
        "distance_km": None,
        **more,
    }
    return PhotoPlace(**told)  # type: ignore[arg-type]


def text_of(form: str, photos: Iterable[PhotoPlace]) -> str:
    return "".join(map(str, FORMATS[form](photos)))


names = st.text(max_size=20).map(lambda t: "/" + t)
any_photo = st.builds(
    photo,
    names | st.just("/caf\udce9\x00\x1b<&>\"'\n.jpg"),
    latitude=st.floats(-90, 90),
    longitude=st.floats(-180, 180),
    radius_km=st.floats(0, 20_000),
    confidence=st.floats(0, 1),
    cell=st.none() | st.just("47e66f"),
    model=st.none() | st.text(max_size=5).filter(lambda t: t.isprintable()),
    taken=st.none() | st.just("2024-05-17T14:30:00"),
    utc=st.none() | st.floats(-2e9, 4e9),
    camera=st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)


@given(st.lists(any_photo, max_size=4), st.sampled_from(["geojson", "kml", "gpx", "csv"]))
def test_whatever_a_photo_is_called_the_output_is_valid(photos: list[PhotoPlace], form: str) -> None:
    text = "".join(map(str, FORMATS[form](iter(photos))))
    text.encode("utf-8")  # raises on anything that is not text
    if form == "geojson":
        features = json.loads(text)["features"]
        assert [f["properties"]["path"] for f in features] == [p.path for p in photos]
        assert [f["geometry"]["coordinates"] for f in features] == [[p.longitude, p.latitude] for p in photos]
    elif form == "csv":
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        assert [float(row["latitude"]) for row in rows] == [p.latitude for p in photos]
        assert all(None not in row and None not in row.values() for row in rows)
    else:
        root = ET.fromstring(text.encode())
        tag = {"gpx": f"{GPX}wpt", "kml": f"{KML}Placemark"}[form]
        assert len(list(root.iter(tag))) == len(photos)


@given(st.lists(any_photo, max_size=3))
def test_gpx_keeps_to_its_schema(photos: list[PhotoPlace]) -> None:
    root = ET.fromstring(text_of("gpx", photos).encode())
    assert (root.tag, root.attrib["version"]) == (f"{GPX}gpx", "1.1")
    assert root.attrib["creator"]
    order = ["time", "name", "desc", "src", "type"]
    for waypoint in root:
        assert re.fullmatch(r"-?\d+(\.\d+)?", waypoint.attrib["lat"])
        assert re.fullmatch(r"-?\d+(\.\d+)?", waypoint.attrib["lon"])
        assert -90 <= float(waypoint.attrib["lat"]) <= 90
        assert -180 <= float(waypoint.attrib["lon"]) < 180
        children = [child.tag.removeprefix(GPX) for child in waypoint]
        assert children == [name for name in order if name in children]
        time = waypoint.findtext(f"{GPX}time")
        assert time is None or re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time)


def test_kml_keeps_to_its_schema() -> None:
    root = ET.fromstring(text_of("kml", [photo()]).encode())
    (placemark,) = root.iter(f"{KML}Placemark")
    assert [child.tag.removeprefix(KML) for child in placemark] == [
        "name",
        "description",
        "TimeStamp",
        "ExtendedData",
        "Point",
    ]
    assert placemark.findtext(f"{KML}Point/{KML}coordinates") == "2.2945,48.8584"
    when = placemark.findtext(f"{KML}TimeStamp/{KML}when")
    assert when is not None
    assert datetime.fromisoformat(when).utcoffset() is not None
    assert "within 2.5 km at 75%" in (placemark.findtext(f"{KML}description") or "")


def test_a_small_radius_is_told_in_metres() -> None:
    assert in_words(photo(rung="camera", radius_km=0.00831)) == "camera, ± 8 m"
    at_home = photo(
        rung="camera", radius_km=0.008, place="Kehl", place_km=5.0, country="DE", near_border="FR"
    )
    assert described(at_home) == "near Kehl, Germany (near the border with France); camera, ± 8 m"


@pytest.mark.parametrize(
    ("taken", "utc", "when"),
    [
        ("2024-05-17T14:30:00+02:00", 1715949000.0, "2024-05-17T12:30:00.000Z"),
        ("2024-05-17T14:30:00", 1715949000.0, "2024-05-17T12:30:00.000Z"),
        ("2024-05-17T14:30:00+02:00", None, "2024-05-17T14:30:00+02:00"),
        ("2024-05-17T14:30:00", None, None),
        (None, None, None),
    ],
)
def test_a_kml_time_always_has_a_zone(taken: str | None, utc: float | None, when: str | None) -> None:
    root = ET.fromstring(text_of("kml", [photo(taken=taken, utc=utc)]).encode())
    assert root.findtext(f".//{KML}when") == when


def test_a_gpx_time_is_utc() -> None:
    root = ET.fromstring(text_of("gpx", [photo()]).encode())
    assert root.findtext(f"{GPX}wpt/{GPX}time") == "2024-05-17T12:30:00.250Z"


def test_a_sidecars_position_is_no_estimate() -> None:
    assert "estimate" not in text_of("kml", [photo(rung="sidecar")])
    assert "estimate" in text_of("kml", [photo(rung="neighbours")])


def test_csv_has_a_header_and_crlf() -> None:
    text = text_of("csv", [photo('/a "quoted", name.jpg')])
    assert text.startswith(",".join(CSV_COLUMNS) + "\r\n")
    assert text.count("\r\n") == 2
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["path"] == '/a "quoted", name.jpg'
    assert row["status"] == "written"


@pytest.mark.parametrize("form", sorted(FORMATS.keys() - {"geoparquet"}))
def test_photos_are_passed_on_as_they_come(form: str) -> None:
    taken = 0

    def endless() -> Iterator[PhotoPlace]:
        nonlocal taken
        while True:
            taken += 1
            yield photo()

    pieces = FORMATS[form](endless())
    for _ in range(50):
        next(pieces)
    assert taken <= 50


def test_an_export_that_fails_leaves_the_older_file(tmp_path: Path) -> None:
    target = tmp_path / "photos.gpx"
    target.write_text("older")

    def broken() -> Iterator[str]:
        yield "new"
        raise OSError(28, "No space left on device")

    with pytest.raises(SourceError, match="No space left"):
        write(broken(), target, "gpx", force=True)
    assert target.read_text() == "older"
    assert list(tmp_path.iterdir()) == [target]
    write(iter(["newer"]), target, "gpx", force=True)
    assert target.read_text() == "newer"


@pytest.mark.parametrize("form", sorted(FORMATS))
def test_an_export_replaces_its_like_and_nothing_else(tmp_path: Path, form: str) -> None:
    target, photos = tmp_path / "places", [photo("/a/b.jpg"), photo("/a/c.jpg", photo_id=2)]
    for some in (photos, [], photos):  # as a cron line does, again and again
        write(FORMATS[form](some), target, form)
    newest = target.read_bytes()
    for strange in (b"my own words", b"", b'{"type": "FeatureCollection", "features": [{"type"', newest[:20]):
        target.write_bytes(strange)
        with pytest.raises(SourceError, match="--force"):
            write(FORMATS[form](photos), target, form)
        assert target.read_bytes() == strange
    write(FORMATS[form](photos), target, form, force=True)
    for other in sorted(set(FORMATS) - {form}):
        with pytest.raises(SourceError, match="--force"):
            write(FORMATS[other](photos), target, other)
    assert list(tmp_path.iterdir()) == [target]


def test_what_stands_beside_a_database_stays_though_one_insists(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"SQLite format 3\0")
    (tmp_path / "index.db-wal").write_bytes(b"not saved yet")
    with pytest.raises(SourceError, match="a part of a database"):
        write(["text"], tmp_path / "index.db-wal", "csv", force=True)
    assert (tmp_path / "index.db-wal").read_bytes() == b"not saved yet"


def test_a_linked_export_stays_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "places.csv", tmp_path / "link.csv"
    write(FORMATS["csv"]([photo()]), target, "csv")
    link.symlink_to(target)
    write(FORMATS["csv"]([]), link, "csv")
    assert link.is_symlink()
    assert target.read_text().count("\n") == 1


@pytest.mark.parametrize("content", [jpeg(None, size=32), b"SQLite format 3\0 and so on"])
def test_an_export_replaces_neither_a_photo_nor_an_index(tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "a.jpg"
    target.write_bytes(content)
    with pytest.raises(SourceError, match="does not replace"):
        write(["text"], target, "gpx", force=True)
    assert target.read_bytes() == content
    assert list(tmp_path.iterdir()) == [target]


def test_an_export_into_a_device_leaves_it_one() -> None:
    write(["text"], Path("/dev/null"), "gpx")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize(
    "formula", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")']
)
def test_no_cell_of_a_strangers_words_is_a_formula(formula: str) -> None:
    found = photo(camera=formula, model=formula, latitude=-33.9, longitude=-70.5)
    (row,) = csv.DictReader(io.StringIO(text_of("csv", [found]), newline=""))
    assert (row["camera"], row["model"]) == ("'" + formula, "'" + formula)
    assert (float(row["latitude"]), float(row["longitude"])) == (-33.9, -70.5)


def test_cells_that_are_no_formulas_stay_as_they_are() -> None:
    (row,) = csv.DictReader(io.StringIO(text_of("csv", [photo(camera="NIKON D-5=", model=None)]), newline=""))
    assert (row["camera"], row["model"]) == ("NIKON D-5=", "")
