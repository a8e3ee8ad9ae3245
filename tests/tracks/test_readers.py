"""Track files: every format, and files that are not what they say."""

import json
import os
import struct
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import xxhash

from geotagger.errors import SourceError, UsageError
from geotagger.estimate.tracks import Tracks
from geotagger.geo import distance_km
from geotagger.tracks import load_tracks

T0 = datetime(2024, 5, 1, 10, tzinfo=UTC).timestamp()
GPX = (
    '<gpx xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>'
    '<trkpt lat="50.0" lon="7.0"><time>2024-05-01T10:00:00Z</time><hdop>2</hdop></trkpt>'
    '<trkpt lat="50.1" lon="7.0"><time>2024-05-01T10:10:00Z</time></trkpt>'
    '<trkpt lat="50.2" lon="7.0"></trkpt>'
    "</trkseg></trk></gpx>"
)
KML = (
    '<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2"><Document>'
    "<Placemark><gx:Track><when>2024-05-01T10:00:00Z</when><when>2024-05-01T10:10:00Z</when>"
    "<gx:coord>7.0 50.0 0</gx:coord><gx:coord>7.0 50.1 0</gx:coord></gx:Track></Placemark>"
    "<Placemark><TimeStamp><when>2024-05-01T10:20:00Z</when></TimeStamp>"
    "<Point><coordinates>7.0,50.1,0</coordinates></Point></Placemark></Document></kml>"
)
NMEA = (
    "$GPRMC,100000.00,A,5000.0000,N,00700.0000,E,0.0,,010524,,*2A\n"
    "$GPGGA,101000.00,5006.0000,N,00700.0000,E,1,08,1.0,100,M,,M,,\n"
    "$GPRMC,102000.00,V,,,,,,,010524,,\n"
    "$GPRMC,103000.00,A,5100.0000,N,00700.0000,E,0.0,,010524,,*00\n"
)
RECORDS = {
    "locations": [
        {
            "latitudeE7": 500000000,
            "longitudeE7": 70000000,
            "timestampMs": str(int(T0 * 1000)),
            "accuracy": 20,
        },
        {"latitudeE7": 501000000, "longitudeE7": 70000000, "timestamp": "2024-05-01T10:10:00.000Z"},
    ]
}
SEMANTIC = {
    "timelineObjects": [
        {
            "activitySegment": {
                "startLocation": {"latitudeE7": 500000000, "longitudeE7": 70000000},
                "endLocation": {"latitudeE7": 501000000, "longitudeE7": 70000000},
                "duration": {
                    "startTimestamp": "2024-05-01T10:00:00Z",
                    "endTimestamp": "2024-05-01T10:10:00Z",
                },
            }
        }
    ]
}
ANDROID = {
    "semanticSegments": [
        {
            "startTime": "2024-05-01T12:00:00.000+02:00",
            "endTime": "2024-05-01T12:10:00.000+02:00",
            "timelinePath": [
                {"point": "50.0°, 7.0°", "time": "2024-05-01T12:00:00.000+02:00"},
                {"point": "50.1°, 7.0°", "time": "2024-05-01T12:10:00.000+02:00"},
            ],
        }
    ]
}
IOS = [
    {
        "startTime": "2024-05-01T12:00:00.000+02:00",
        "endTime": "2024-05-01T13:00:00.000+02:00",
        "timelinePath": [
            {"point": "geo:50.0,7.0", "durationMinutesOffsetFromStartTime": "0"},
            {"point": "geo:50.1,7.0", "durationMinutesOffsetFromStartTime": "10"},
        ],
    }
]


def written(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.gpx", GPX),
        ("a.kml", KML),
        ("a.nmea", NMEA.replace("*2A", "")),
        ("a.json", json.dumps(RECORDS)),
        ("a.json", json.dumps(SEMANTIC)),
        ("a.json", json.dumps(ANDROID)),
        ("a.json", json.dumps(IOS)),
    ],
)
def test_every_format_gives_the_place_between_two_points(tmp_path: Path, name: str, content: str) -> None:
    fix = Tracks(load_tracks([written(tmp_path, name, content)])).fix_at(T0 + 300)
    assert fix is not None
    assert fix.rung == "track"
    assert distance_km(fix.latitude, fix.longitude, 50.05, 7.0) < 0.01


def test_kmz_is_kml_in_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.kmz", "w") as archive:
        archive.writestr("doc.kml", KML)
    assert len(load_tracks([tmp_path / "a.kmz"])[0].utc) == 3


def test_times_without_a_zone_are_local_at_their_place(tmp_path: Path) -> None:
    local = GPX.replace("T10:", "T12:").replace("00Z<", "00<")
    assert load_tracks([written(tmp_path, "a.gpx", local)])[0].utc[0] == T0


def test_an_nmea_sentence_with_a_wrong_checksum_is_passed_over(tmp_path: Path) -> None:
    track = load_tracks([written(tmp_path, "a.nmea", NMEA.replace("*2A", ""))])[0]
    assert track.lat[:].max() < 50.5


GGA = "$GNGGA,{},5006.0000,N,00700.0000,E,1,08,1.0,100,M,,M,,\n"


@pytest.mark.parametrize(
    ("name", "first", "utc"),
    [
        ("2024-05-01.nmea", "100000.00", "2024-05-01T10:00"),
        ("track_20240501.log", "100000.00", "2024-05-01T10:00"),
        ("20240501_120000.nmea", "100030.00", "2024-05-01T10:00:30"),
        ("20240501_003000.nmea", "223010.00", "2024-04-30T22:30:10"),
        ("20240430_223000.nmea", "223010.00", "2024-04-30T22:30:10"),
        ("2024-04-30 23.59.50.txt", "000010.00", "2024-05-01T00:00:10"),
    ],
    ids=["date", "in a name", "place's clock", "its next day", "UTC", "begun past midnight"],
)
def test_a_log_of_times_without_a_date_has_it_from_its_name(
    tmp_path: Path, name: str, first: str, utc: str
) -> None:
    track = load_tracks([written(tmp_path, name, GGA.format("") + GGA.format(first))])[0]
    assert track.utc[0] == datetime.fromisoformat(f"{utc}+00:00").timestamp()


@pytest.mark.parametrize(
    ("name", "first"),
    [("log.nmea", "100000"), ("2024-13-41.nmea", "100000"), ("2024-05-01.nmea", "223000")],
    ids=["no date", "no calendar's", "UTC's day or the place's"],
)
def test_a_log_whose_day_is_in_doubt_is_named_in_one_line(tmp_path: Path, name: str, first: str) -> None:
    with pytest.raises(SourceError, match="times of day and no date") as error:
        load_tracks([written(tmp_path, name, GGA.format(first))])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "content", [NMEA.replace("*2A", ""), json.dumps(RECORDS), "<?xml version='1.0' encoding='UTF-16'?>" + GPX]
)
def test_a_track_that_was_saved_in_utf_16_is_read(tmp_path: Path, encoding: str, content: str) -> None:
    (tmp_path / "a.txt").write_bytes(content.encode(encoding))
    assert load_tracks([tmp_path / "a.txt"])[0].utc[0] == T0


def test_a_declared_utf_16_that_is_utf_8_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.gpx").write_text("<?xml version='1.0' encoding='utf-16'?>" + GPX)
    assert load_tracks([tmp_path / "a.gpx"])[0].utc[0] == T0


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.gpx", "<gpx><trk>"), ("a.json", "{"), ("a.json", '{"a": 1}'), ("a.json", "[]"),
     ("a.kmz", "no zip"), ("a.txt", ""),
     ("a.nmea", ""), ("a.nma", "written by hand\n"), ("a.gpx", "a GPX file no longer"),
     ("a.fit", "no fit at all, only text")],
)  # fmt: skip
def test_a_damaged_file_is_named_in_one_line(tmp_path: Path, name: str, content: str) -> None:
    path = written(tmp_path, name, content)
    with pytest.raises(SourceError, match=name):
        load_tracks([path])


EMPTY_FIT = struct.pack("<BBHI4s", 14, 0x20, 2132, 0, b".FIT") + b"\0\0" + b"\0\0"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.gpx", GPX.replace("time>", "when>")),
        ("a.gpx", '<gpx xmlns="http://www.topografix.com/GPX/1/1"/>'),
        ("a.gpx", GPX.replace("2024-05-01T10", "yesterday")),
        ("a.gpx", GPX.replace('lat="50', 'lat="150')),
        ("a.kml", KML.replace("when>", "what>")),
        ("a.kml", "<kml/>"),
        ("a.json", '{"locations": []}'),
        ("a.json", json.dumps(RECORDS).replace("timestamp", "when")),
        ("a.json", '{"timelineObjects": []}'),
        ("a.json", '{"semanticSegments": []}'),
        ("a.fit", EMPTY_FIT.decode("latin-1")),
    ],
)
def test_a_file_without_one_point_of_use_is_named_in_one_line(
    tmp_path: Path, name: str, content: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SourceError) as told:
        load_tracks([path])
    assert str(told.value).startswith(f"{path}: not one point in it has a place and a time")
    assert "\n" not in str(told.value)


def test_a_kmz_without_a_kml_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.kmz", "w") as archive:
        archive.writestr("read me.txt", "nothing")
    with pytest.raises(SourceError, match=r"a\.kmz: not one point"):
        load_tracks([tmp_path / "a.kmz"])


def test_in_a_folder_other_json_is_no_problem(tmp_path: Path) -> None:
    written(tmp_path, "IMG_1.jpg.json", '{"title": "IMG_1.jpg"}')
    written(tmp_path, "good.gpx", GPX)
    problems: list[str] = []
    assert len(load_tracks([tmp_path], problems.append)) == 1
    assert not problems


def test_in_a_folder_a_damaged_file_does_not_stop_the_others(tmp_path: Path) -> None:
    written(tmp_path, "bad.gpx", "<gpx")
    written(tmp_path, "good.gpx", GPX)
    problems: list[str] = []
    assert len(load_tracks([tmp_path], problems.append)) == 1
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.gpx", GPX[: GPX.index("</trkseg>")]), ("a.kml", KML[: KML.index("</gx:Track>") + 12])],
)
def test_a_file_that_was_cut_gives_the_points_before_the_cut(tmp_path: Path, name: str, content: str) -> None:
    problems: list[str] = []
    (track,) = load_tracks([written(tmp_path, name, content)], problems.append)
    assert len(track.utc) >= 2
    assert len(problems) == 1
    assert "points before that are used" in problems[0]


def test_an_nmea_sentence_with_a_wrong_date_is_passed_over(tmp_path: Path) -> None:
    lines = NMEA.replace("*2A", "").splitlines()
    spoilt = next(line for line in lines if "RMC" in line).replace("010524", "999999").split("*")[0]
    assert "999999" in spoilt
    path = written(tmp_path, "a.nmea", "\n".join([*lines, spoilt]))
    assert len(load_tracks([path])[0].utc) >= 2


@pytest.mark.parametrize("odd", [None, 7, {}, {"visit": None, "activity": None}, {"timelinePath": [None]}])
def test_an_odd_entry_of_an_export_does_not_cost_the_others(tmp_path: Path, odd: object) -> None:
    told: list[tuple[str, object]] = [
        ("ios.json", [odd, *IOS]),
        ("android.json", {"semanticSegments": [odd, *ANDROID["semanticSegments"]], "rawSignals": [odd]}),
        ("records.json", {"locations": [odd, *RECORDS["locations"]]}),
        ("history.json", {"timelineObjects": [odd, *SEMANTIC["timelineObjects"]]}),
    ]
    for name, content in told:
        assert len(load_tracks([written(tmp_path, name, json.dumps(content))])[0].utc) >= 2


def test_a_time_of_no_calendar_is_none(tmp_path: Path) -> None:
    wild = {**RECORDS["locations"][0], "timestampMs": "9" * 17}
    wild.pop("timestamp", None)
    path = written(tmp_path, "a.json", json.dumps({"locations": [wild, *RECORDS["locations"]]}))
    tracks = Tracks(load_tracks([path]))
    assert len(tracks.tracks[0].utc) == len(RECORDS["locations"])
    assert list(tracks.clocked())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.gpx: there is no such file"):
        load_tracks([tmp_path / "none.gpx"])


def test_the_yosemite_photos_lie_on_their_track(shared_data: Path) -> None:
    """FACTS: they match within 1 km at UTC−7."""
    tracks = Tracks(load_tracks([shared_data / "photos" / "pigallery2"]))
    taken = datetime.fromisoformat("2015-06-12T12:42:32-07:00").timestamp()
    fix = tracks.fix_at(taken)
    assert fix is not None
    assert distance_km(fix.latitude, fix.longitude, 37.7519, -119.5221) < 1


def test_fit_records_are_read(tmp_path: Path) -> None:
    """A minimal activity by the FIT protocol: one definition of `record` (20), two of them."""
    epoch = datetime(1989, 12, 31, tzinfo=UTC).timestamp()
    fields = bytes([253, 4, 0x86, 0, 4, 0x85, 1, 4, 0x85])
    body = bytes([0x40, 0, 0]) + struct.pack("<H", 20) + bytes([3]) + fields
    for later, lat in ((0, 50.0), (600, 50.1)):
        semicircles = [round(degrees * 2**31 / 180) for degrees in (lat, 7.0)]
        body += bytes([0]) + struct.pack("<Iii", int(T0 - epoch) + later, *semicircles)
    head = struct.pack("<BBHI4s", 14, 0x20, 2132, len(body), b".FIT") + b"\0\0"
    path = tmp_path / "a.fit"
    path.write_bytes(head + body + b"\0\0")
    fix = Tracks(load_tracks([path])).fix_at(T0 + 300)
    assert fix is not None
    assert distance_km(fix.latitude, fix.longitude, 50.05, 7.0) < 0.01


@pytest.mark.parametrize("name", ["a", "a.txt", "a.jpg"])
@pytest.mark.parametrize("content", [GPX, KML, NMEA.replace("*2A", ""), json.dumps(RECORDS)])
def test_a_format_is_known_by_its_content_not_by_its_name(tmp_path: Path, name: str, content: str) -> None:
    assert len(load_tracks([written(tmp_path, name, content)])[0].utc) >= 2


def test_in_a_folder_tracks_are_found_whatever_they_are_called(tmp_path: Path) -> None:
    written(tmp_path, "log", GPX)
    written(tmp_path, "notes.txt", "We went by train.")
    problems: list[str] = []
    assert [track.name for track in load_tracks([tmp_path], problems.append)] == ["log"]
    assert not problems


def test_a_track_carries_the_hash_of_its_file(tmp_path: Path) -> None:
    first, copy, other = (
        load_tracks([written(tmp_path, name, content)])[0]
        for name, content in (("a.gpx", GPX), ("b.gpx", GPX), ("c.gpx", GPX + " "))
    )
    assert first.digest == copy.digest != other.digest
    assert first.digest == xxhash.xxh3_128_hexdigest(GPX.encode())


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes with names")
def test_a_pipe_is_named_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.gpx")
    with pytest.raises(SourceError, match=r"a\.gpx: not a file but a device or a pipe"):
        load_tracks([tmp_path / "a.gpx"])
