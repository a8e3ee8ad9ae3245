"""What other people's programs make of the exports."""

import csv
import io
import json
import re
import struct
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from geotagger.cli.export import ExportFormat
from geotagger.export import BINARY, FORMATS
from geotagger.export.writing import in_bytes
from geotagger.index.search import PhotoPlace
from tests.tag.scenes import START, jpeg
from tests.test_export import photo

HOSTILE = '/a/</script><img src=x onerror="alert(1)">&amp;\' "q".jpg'


def exported(form: str, photos: list[PhotoPlace]) -> bytes:
    return b"".join(map(in_bytes, FORMATS[form](photos)))


def some() -> list[PhotoPlace]:
    return [
        photo("/a/one.jpg", country="FR", region="Île-de-France", place="Paris", place_km=4.5),
        photo(HOSTILE, photo_id=2, latitude=-17.0, longitude=180.0, utc=None, taken="2024-05-17T14:30:00"),
        photo("/caf\udce9.jpg", photo_id=3, longitude=-179.9, run=None, taken=None, utc=None),
    ]


def test_the_choice_of_formats_is_the_table() -> None:
    assert [form.value for form in ExportFormat] == list(FORMATS)
    assert FORMATS.keys() > set(BINARY)


def test_geojson_is_valid_to_the_geojson_package() -> None:
    geojson = pytest.importorskip("geojson")
    collection = geojson.loads(exported("geojson", some()).decode())
    assert collection.is_valid, collection.errors()
    assert [feature.geometry.coordinates[0] for feature in collection.features] == [2.2945, 180.0, -179.9]


def test_kml_is_read_by_fastkml() -> None:
    fastkml = pytest.importorskip("fastkml")
    document = fastkml.KML.from_string(exported("kml", some()), strict=True)
    placemarks = list(document.features[0].features)
    assert [(mark.geometry.x, mark.geometry.y) for mark in placemarks][:2] == [
        (2.2945, 48.8584),
        (180.0, -17.0),
    ]
    assert placemarks[1].name == Path(HOSTILE).name
    assert placemarks[0].times.timestamp.dt.utcoffset().total_seconds() == 0


def test_gpx_is_read_by_gpxpy() -> None:
    gpxpy = pytest.importorskip("gpxpy")
    read = gpxpy.parse(exported("gpx", some()).decode())
    assert [(way.latitude, way.longitude) for way in read.waypoints][:2] == [
        (48.8584, 2.2945),
        (-17.0, -180.0),
    ]
    assert read.waypoints[1].name == Path(HOSTILE).name


def test_csv_is_read_by_duckdb(tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    (tmp_path / "photos.csv").write_bytes(exported("csv", some()))
    rows = duckdb.sql(f"select path, latitude, place from read_csv('{tmp_path}/photos.csv')").fetchall()
    assert rows[:2] == [("/a/one.jpg", 48.8584, "Paris"), (HOSTILE, -17.0, None)]


def test_geoparquet_is_read_by_duckdb_and_geopandas(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    target = tmp_path / "photos.parquet"
    target.write_bytes(exported("geoparquet", some()))
    geopandas = pytest.importorskip("geopandas")
    frame = geopandas.read_parquet(target)  # refuses a file whose `geo` metadata are not valid
    assert frame.crs.equals("OGC:CRS84")
    assert [(point.x, point.y) for point in frame.geometry][:2] == [(2.2945, 48.8584), (180.0, -17.0)]
    duckdb = pytest.importorskip("duckdb")
    rows = duckdb.sql(f"select path, utc from '{target}'").fetchall()
    assert [path for path, _ in rows] == ["/a/one.jpg", HOSTILE, "/caf\\xe9.jpg"]
    assert rows[0][1].timestamp() == pytest.approx(1715949000.25)
    ((geo,),) = duckdb.sql(f"select value from parquet_kv_metadata('{target}') where key = 'geo'").fetchall()
    described = json.loads(geo)
    assert described["columns"]["geometry"]["bbox"] == [-179.9, -17.0, 180.0, 48.8584]


@given(st.floats(-90, 90), st.floats(-180, 180))
def test_points_are_wkb_to_shapely(latitude: float, longitude: float) -> None:
    shapely = pytest.importorskip("shapely")
    from geotagger.export.geoparquet import _POINT

    point = shapely.from_wkb(_POINT.pack(1, 1, longitude, latitude))
    assert (point.x, point.y) == (longitude, latitude)


def test_a_geoparquet_of_nothing_is_one() -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    described = pq.ParquetFile(io.BytesIO(exported("geoparquet", []))).metadata
    assert described.num_rows == 0
    assert b"geo" in described.metadata


def test_kmz_holds_the_document_and_thumbnails_without_metadata(tmp_path: Path) -> None:
    real = tmp_path / "real.jpg"
    real.write_bytes(jpeg(START, (48.2, 16.3), size=600))
    content = exported("kmz", [photo(str(real), photo_id=7), photo("/nowhere.jpg", photo_id=8)])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["doc.kml", "thumbnails/7.jpg"]
        document = archive.read("doc.kml").decode()
        small = archive.read("thumbnails/7.jpg")
    assert "thumbnails/7.jpg" in document
    assert "thumbnails/8.jpg" not in document
    image = Image.open(io.BytesIO(small))
    assert max(image.size) <= 240
    assert not image.getexif()
    fastkml = pytest.importorskip("fastkml")
    assert len(list(fastkml.KML.from_string(document.encode()).features[0].features)) == 2


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] and self.tags[-1][0] == "script" and data.strip():
            self.scripts[-1] += data


def test_the_page_is_whole_in_itself_and_no_name_breaks_out_of_it() -> None:
    html5lib = pytest.importorskip("html5lib")
    text = exported("html", some()).decode()
    html5lib.HTMLParser(strict=True).parse(text)
    page = _Page()
    page.feed(text)
    assert not [tag for tag, _ in page.tags if tag in ("img", "link", "iframe")]
    assert not [attrs for _, attrs in page.tags if {"src", "href", "onerror"} & attrs.keys()]
    assert not re.search(r"https?://", text)
    photos, lines, script = page.scripts
    assert [row[3] for row in json.loads(photos)] == ["/a/one.jpg", HOSTILE, "/caf\\xe9.jpg"]
    assert len(json.loads(lines)) > 100
    esprima = pytest.importorskip("esprima")
    esprima.parseScript(script)


def test_the_page_of_nothing_is_a_map() -> None:
    page = _Page()
    page.feed(exported("html", []).decode())
    assert json.loads(page.scripts[0]) == []


def test_wkb_is_little_endian_points() -> None:
    from geotagger.export.geoparquet import _row

    assert struct.unpack("<BIdd", _row(some()[0])["geometry"]) == (1, 1, 2.2945, 48.8584)


def test_csv_is_read_by_the_standard_library_too() -> None:
    rows = list(csv.DictReader(io.StringIO(exported("csv", some()).decode(), newline="")))
    assert rows[1]["path"] == HOSTILE
