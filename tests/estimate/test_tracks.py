"""Tracks: every format, the gaps, the leaps, and files that are not what they say."""

import json
import struct
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from geotagger.errors import SourceError
from geotagger.estimate.movement import Motion
from geotagger.estimate.trackfiles import load_tracks
from geotagger.estimate.tracks import Track, Tracks, clean_track
from geotagger.estimate.values import Fix
from geotagger.geo import distance_km, interpolate

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
    fix = load_tracks([written(tmp_path, name, content)]).fix_at(T0 + 300)
    assert fix is not None
    assert fix.rung == "track"
    assert distance_km(fix.latitude, fix.longitude, 50.05, 7.0) < 0.01


def test_kmz_is_kml_in_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.kmz", "w") as archive:
        archive.writestr("doc.kml", KML)
    assert len(load_tracks([tmp_path / "a.kmz"]).tracks[0].utc) == 3


def test_times_without_a_zone_are_local_at_their_place(tmp_path: Path) -> None:
    local = GPX.replace("T10:", "T12:").replace("00Z<", "00<")
    assert load_tracks([written(tmp_path, "a.gpx", local)]).tracks[0].utc[0] == T0


def test_an_nmea_sentence_with_a_wrong_checksum_is_passed_over(tmp_path: Path) -> None:
    track = load_tracks([written(tmp_path, "a.nmea", NMEA.replace("*2A", ""))]).tracks[0]
    assert track.lat.max() < 50.5


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.gpx", "<gpx><trk>"), ("a.json", "{"), ("a.json", '{"a": 1}'), ("a.kmz", "no zip"), ("a.txt", ""),
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
        ("a.nmea", ""),
        ("a.nmea", "$GPGGA,101000.00,5006.0000,N,00700.0000,E,1,08,1.0,100,M,,M,,\n"),
        ("a.nma", "written by hand\n"),
        ("a.json", '{"locations": []}'),
        ("a.json", json.dumps(RECORDS).replace("timestamp", "when")),
        ("a.json", '{"timelineObjects": []}'),
        ("a.json", '{"semanticSegments": []}'),
        ("a.json", "[]"),
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
    assert len(load_tracks([tmp_path], problems.append).tracks) == 1
    assert not problems


def test_in_a_folder_a_damaged_file_does_not_stop_the_others(tmp_path: Path) -> None:
    written(tmp_path, "bad.gpx", "<gpx")
    written(tmp_path, "good.gpx", GPX)
    problems: list[str] = []
    assert len(load_tracks([tmp_path], problems.append).tracks) == 1
    assert len(problems) == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.gpx", GPX[: GPX.index("</trkseg>")]), ("a.kml", KML[: KML.index("</gx:Track>") + 12])],
)
def test_a_file_that_was_cut_gives_the_points_before_the_cut(tmp_path: Path, name: str, content: str) -> None:
    problems: list[str] = []
    (track,) = load_tracks([written(tmp_path, name, content)], problems.append).tracks
    assert len(track.utc) >= 2
    assert len(problems) == 1
    assert "points before that are used" in problems[0]


def test_an_nmea_sentence_with_a_wrong_date_is_passed_over(tmp_path: Path) -> None:
    lines = NMEA.replace("*2A", "").splitlines()
    spoilt = next(line for line in lines if "RMC" in line).replace("010524", "999999").split("*")[0]
    assert "999999" in spoilt
    path = written(tmp_path, "a.nmea", "\n".join([*lines, spoilt]))
    assert len(load_tracks([path]).tracks[0].utc) >= 2


@pytest.mark.parametrize("odd", [None, 7, {}, {"visit": None, "activity": None}, {"timelinePath": [None]}])
def test_an_odd_entry_of_an_export_does_not_cost_the_others(tmp_path: Path, odd: object) -> None:
    told: list[tuple[str, object]] = [
        ("ios.json", [odd, *IOS]),
        ("android.json", {"semanticSegments": [odd, *ANDROID["semanticSegments"]], "rawSignals": [odd]}),
        ("records.json", {"locations": [odd, *RECORDS["locations"]]}),
        ("history.json", {"timelineObjects": [odd, *SEMANTIC["timelineObjects"]]}),
    ]
    for name, content in told:
        assert len(load_tracks([written(tmp_path, name, json.dumps(content))]).tracks[0].utc) >= 2


def test_a_time_of_no_calendar_is_none(tmp_path: Path) -> None:
    wild = {**RECORDS["locations"][0], "timestampMs": "9" * 17}
    wild.pop("timestamp", None)
    path = written(tmp_path, "a.json", json.dumps({"locations": [wild, *RECORDS["locations"]]}))
    tracks = load_tracks([path])
    assert len(tracks.tracks[0].utc) == len(RECORDS["locations"])
    assert list(tracks.clocked())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.gpx"):
        load_tracks([tmp_path / "none.gpx"])


def track_of(*points: tuple[float, float, float]) -> Tracks:
    utc, lat, lng = np.array(points, dtype=np.float64).T
    track = clean_track("t", utc, lat, lng, np.full(len(utc), 0.01))
    return Tracks(()) if track is None else Tracks((track,))


def test_the_error_follows_the_spacing() -> None:
    tracks = track_of((0, 50, 7), (10, 50.0001, 7), (1810, 50.05, 7))
    close, far = tracks.fix_at(5), tracks.fix_at(900)
    assert close is not None
    assert far is not None
    assert close.error_km < 0.05 < far.error_km


def test_over_a_long_gap_a_track_is_silent() -> None:
    tracks = track_of((0, 50, 7), (5 * 3600, 50.1, 7))
    assert tracks.fix_at(2.5 * 3600) is None
    assert tracks.fix_at(-60) is not None
    assert tracks.fix_at(-3600) is None


def test_a_leap_is_dropped_and_an_impossible_flight_not_followed() -> None:
    tracks = track_of((0, 50, 7), (60, 60, 7), (120, 50.01, 7))
    fix = tracks.fix_at(60)
    assert fix is not None
    assert fix.latitude < 51
    assert track_of((0, 37.6, -122.4), (1, 34.0, -118.3)).fix_at(0.5) is None


def test_points_out_of_order_doubled_or_nowhere_are_put_right() -> None:
    tracks = track_of((60, 50.1, 7), (0, 50, 7), (0, 50, 7), (30, 0, 0), (45, 95, 7), (np.nan, 50, 7))
    assert tracks.tracks[0].utc.tolist() == [0, 60]


def test_two_devices_that_disagree_make_the_place_less_sure() -> None:
    one, other = track_of((0, 50, 7), (60, 50, 7)), track_of((0, 50.1, 7), (60, 50.1, 7))
    fix = Tracks(one.tracks + other.tracks).fix_at(30)
    assert fix is not None
    assert fix.error_km > 5


def plain_fix(tracks: Tracks, utc: float, utc_error_s: float) -> Fix | None:
    """The reference: every track is asked, one moment at a time."""
    found = [fix for track in tracks.tracks if (fix := plain_fix_on(track, utc, utc_error_s)) is not None]
    if not found:
        return None
    best = min(found, key=lambda fix: fix.error_km)
    apart = [
        float(distance_km(best.latitude, best.longitude, other.latitude, other.longitude))
        for other in found
        if other.error_km < 3 * best.error_km
    ]
    return Fix(best.latitude, best.longitude, max(best.error_km, max(apart) / 2), "track")


def plain_fix_on(track: Track, utc: float, utc_error_s: float) -> Fix | None:
    at = int(np.searchsorted(track.utc, utc))
    if at == 0 or at == len(track.utc):
        end = 0 if at == 0 else -1
        away = abs(float(track.utc[end]) - utc)
        if away > 120:
            return None
        error = np.hypot(track.error_km[end], float(Motion().reach_km(away + utc_error_s)))
        return Fix(float(track.lat[end]), float(track.lng[end]), float(error), "track")
    one, two = [(float(track.lat[n]), float(track.lng[n])) for n in (at - 1, at)]
    gap, apart = float(track.utc[at] - track.utc[at - 1]), float(distance_km(*one, *two))
    if gap > 3 * 3600 or apart > 0.35 * gap + 1:
        return None
    fraction = (utc - float(track.utc[at - 1])) / gap
    lat, lng = interpolate(*one, *two, fraction)
    bridge = 2 * np.sqrt(fraction * (1 - fraction)) * (0.3 * apart + 0.5 * float(Motion().reach_km(gap)))
    late = min(utc_error_s * apart / gap, apart + float(Motion().reach_km(utc_error_s)))
    receiver = max(float(track.error_km[at - 1]), float(track.error_km[at]))
    return Fix(float(lat), float(lng), float(np.sqrt(receiver**2 + bridge**2 + late**2)), "track")


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 2.0, 3600.0]))
def test_many_moments_at_once_give_the_places_of_each_alone(seed: int, utc_error_s: float) -> None:
    rng = np.random.default_rng(seed)
    made = []
    for number in range(int(rng.integers(0, 5))):
        n = int(rng.integers(1, 9))
        utc = rng.integers(0, 50_000) + np.cumsum(rng.choice([5.0, 600.0, 9000.0, 12000.0], n))
        lat, lng = (middle + np.cumsum(rng.normal(0, 0.02, n)) for middle in (50.0, 179.9))
        track = clean_track(str(number), utc, lat, (lng + 180) % 360 - 180, rng.uniform(0.01, 1, n))
        made += [] if track is None else [track]
    tracks = Tracks(tuple(made))
    own = np.concatenate([rng.uniform(-1e3, 1e5, 20), *(track.utc for track in made)])
    moments = rng.permutation(np.concatenate([own, own + 120, own - 120]))
    for moment, lat, lng, error in zip(moments, *tracks.places_at(moments, utc_error_s), strict=True):
        expected = plain_fix(tracks, float(moment), utc_error_s)
        if expected is None:
            assert np.isnan([lat, lng, error]).all()
        else:
            assert distance_km(lat, lng, expected.latitude, expected.longitude) < 1e-6
            assert error == pytest.approx(expected.error_km)


def test_of_thousands_of_tracks_only_those_near_in_time_are_anchors() -> None:
    days = [track_of(*((86400.0 * n + t, 50, 7) for t in (0, 1200, 2400))).tracks[0] for n in range(2000)]
    around = Tracks(tuple(days)).anchors(86400.0 * 7 + 60, 86400.0 * 7 + 2000)
    between = Tracks(tuple(days)).anchors(86400.0 * 7 + 5000, 86400.0 * 7 + 6000)
    assert [anchor.utc for anchor in around] == [86400.0 * 7 + t for t in (0, 1200, 2400)]
    assert [anchor.utc for anchor in between] == [86400.0 * 7 + 2400, 86400.0 * 8]


def test_across_the_date_line_the_short_way_is_taken() -> None:
    fix = track_of((0, 0, 179.99), (60, 0, -179.99)).fix_at(30)
    assert fix is not None
    assert abs(abs(fix.longitude) - 180) < 1e-6


def test_the_yosemite_photos_lie_on_their_track(shared_data: Path) -> None:
    """FACTS: they match within 1 km at UTC−7."""
    tracks = load_tracks([shared_data / "photos" / "pigallery2"])
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
    fix = load_tracks([path]).fix_at(T0 + 300)
    assert fix is not None
    assert distance_km(fix.latitude, fix.longitude, 50.05, 7.0) < 0.01
