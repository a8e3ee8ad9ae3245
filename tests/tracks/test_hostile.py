"""Tracks that were made to harm: they end in a line, soon, and in little memory."""

import gzip
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from geotagger.errors import SourceError
from geotagger.tracks import load_tracks

POINT = b'<trkpt lat="47" lon="8"><time>2024-06-15T10:00:00Z</time></trkpt>'
GPX = b'<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>%s</trkseg></trk></gpx>'
KML = (
    b'<kml xmlns:gx="http://www.google.com/kml/ext/2.2"><Placemark><gx:Track>%s</gx:Track></Placemark></kml>'
)


def kmz(*contents: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for n, content in enumerate(contents):
            archive.writestr(f"{n}.kml", content)
    return file.getvalue()


def bombs() -> dict[str, bytes]:
    lol = b'<!DOCTYPE gpx [<!ENTITY a "lol">' + b"".join(
        b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9)
    )
    return {
        "entities.gpx": b'<?xml version="1.0"?>' + lol + b"]><gpx><name>&j;</name></gpx>",
        "times.kmz": kmz(KML % (b"<when/>" * 400_000)),
        "text.kmz": kmz(KML % (b"<when>" + b" " * 60_000_000 + b"</when>")),
        "many.kmz": kmz(*[KML % (b"<Point><a/></Point>" * 200_000)] * 3),
        "deep.gpx": b"<gpx>" + b"<a>" * 200_000,
        "tag.gpx": b"<gpx " + b'a="' + b"x" * 20_000_000,
        "packed.gpx.gz": gzip.compress(b"<gpx>" + b" " * 200_000_000, 6),
        "deep.json": b'{"locations":[' + b"[" * 3_000_000,
        "line.nmea": b"$GPRMC," + b"1" * 50_000_000,
        "pages.zip": b"PK\x03\x04" + bytes(1000),
    }


BOMBS = (
    *("entities.gpx", "times.kmz", "text.kmz", "many.kmz", "deep.gpx", "tag.gpx", "packed.gpx.gz"),
    *("deep.json", "line.nmea", "pages.zip"),
)
ROOM = 400 << 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bombs")
    for name, content in bombs().items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.skipif(sys.platform != "linux", reason="a limit of memory is set for a process")
def test_a_bomb_ends_in_one_line_and_in_little_memory(folder: Path, name: str) -> None:
    """In a process that may have 400 MiB more than it starts with."""
    program = (
        "import resource, sys; from pathlib import Path; from geotagger.errors import SourceError;"
        "import ijson, numpy, fitdecode; from geotagger.tracks import load_tracks;"
        "now = int(open('/proc/self/statm').read().split()[0]) * resource.getpagesize();"
        f"resource.setrlimit(resource.RLIMIT_AS, (now + {ROOM}, now + {ROOM}));\n"
        "try: load_tracks([Path(sys.argv[1])])\n"
        "except SourceError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder / name)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{folder / name}: ")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize("packing", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_kmz_packed_as_none_is_is_not_unpacked(tmp_path: Path, packing: int) -> None:
    """A block of bzip2 or LZMA may be gigabytes, and Python unpacks it whole."""
    with zipfile.ZipFile(tmp_path / "a.kmz", "w", packing) as archive:
        archive.writestr("doc.kml", KML % b" ")
    with pytest.raises(SourceError, match=r"a\.kmz: KMZ, but damaged \(packed in a way"):
        load_tracks([tmp_path / "a.kmz"])


def test_a_real_track_is_packed_as_well_as_it_likes(tmp_path: Path) -> None:
    """The control: a stationary logger's 50,000 points, forty times their packed size."""
    rows = b"".join(
        b"<when>2024-06-15T%02d:%02d:%02dZ</when>" % (n // 3600, n // 60 % 60, n % 60) for n in range(50_000)
    )
    packed = kmz(KML % (rows + b"<gx:coord>8.0000001 47.0000001 400</gx:coord>" * 50_000))
    (tmp_path / "a.kmz").write_bytes(packed)
    (track,) = load_tracks([tmp_path / "a.kmz"])
    assert len(track.utc) == 50_000


def test_what_gzip_packed_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.gpx.gz").write_bytes(gzip.compress(GPX % POINT))
    (tmp_path / "cut.gpx.gz").write_bytes(gzip.compress(GPX % POINT)[:-12])
    assert load_tracks([tmp_path / "a.gpx.gz"])[0].lat[:].tolist() == [47]
    with pytest.raises(SourceError, match=r"cut\.gpx\.gz: gzip, but damaged"):
        load_tracks([tmp_path / "cut.gpx.gz"])


def test_entities_before_points_do_not_stop_at_the_points(tmp_path: Path) -> None:
    """A document type without entities, as old GPX has, is no bomb."""
    content = b'<?xml version="1.0"?><!DOCTYPE gpx SYSTEM "gpx.dtd">' + GPX % POINT
    (tmp_path / "old.gpx").write_bytes(content)
    assert load_tracks([tmp_path / "old.gpx"])[0].lat[:].tolist() == [47]


@pytest.mark.parametrize("time", ["9" * 400, "9" * 40, "²"])
def test_a_time_without_end_ends(tmp_path: Path, time: str) -> None:
    """Four hundred digits are infinite to a float, and a thousandth of that is as much."""
    rows = f'''{{"timestampMs": "{time}", "latitudeE7": 470000000, "longitudeE7": 80000000}},
              {{"timestampMs": "1718445600000", "latitudeE7": 470000000, "longitudeE7": 80000000}}'''
    (tmp_path / "Records.json").write_text(f'{{"locations": [{rows}]}}')
    (track,) = load_tracks([tmp_path / "Records.json"])
    assert 1718445600 in track.utc[:].tolist()
