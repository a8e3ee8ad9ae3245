"""What a point of a track file means: a fix, a stay, a mark that was set one day, or nothing."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from geotagger.errors import SourceError
from geotagger.estimate.tracks import Tracks
from geotagger.geo import distance_km
from geotagger.tracks import load_tracks

T0 = datetime(2024, 6, 15, 10, tzinfo=UTC).timestamp()
HOUR = 3600.0


def written(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(folder: Path, content: str | bytes, name: str = "a") -> Tracks:
    return Tracks(load_tracks([written(folder, name, content)]))


def gpx(inner: str) -> str:
    return f'<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">{inner}</gpx>'


def place(tracks: Tracks, utc: float) -> tuple[float, float] | None:
    fix = tracks.fix_at(utc)
    return None if fix is None else (round(fix.latitude, 4), round(fix.longitude, 4))


@pytest.mark.parametrize("element", ["wpt", "rtept"])
def test_a_way_point_speaks_of_the_minutes_about_it_only(tmp_path: Path, element: str) -> None:
    points = "".join(
        f'<{element} lat="{lat}" lon="8"><time>2024-06-15T{hour}:00:00Z</time></{element}>'
        for lat, hour in ((47.0, 10), (47.1, 11))
    )
    tracks = read(tmp_path, gpx(f"<rte>{points}</rte>" if element == "rtept" else points))
    assert place(tracks, T0 + 60) == (47.0, 8.0)
    assert place(tracks, T0 + HOUR - 60) == (47.1, 8.0)
    assert place(tracks, T0 + HOUR / 2) is None
    assert place(tracks, T0 + 180) is None
    assert not tracks.anchors(T0 + 600, T0 + 1200)
    assert not list(tracks.clocked())


def test_a_way_point_is_silent_where_the_track_speaks(tmp_path: Path) -> None:
    track = "".join(
        f'<trkpt lat="47" lon="8"><time>2024-06-15T10:{minute:02}:00Z</time></trkpt>' for minute in (0, 10)
    )
    far = '<wpt lat="48" lon="9"><time>2024-06-15T10:05:00Z</time></wpt>'
    tracks = read(tmp_path, gpx(f"{far}<trk><trkseg>{track}</trkseg></trk>"))
    alone = read(tmp_path, gpx(f"<trk><trkseg>{track}</trkseg></trk>"))
    assert tracks.fix_at(T0 + 300) == alone.fix_at(T0 + 300)


@pytest.mark.parametrize(
    "told",
    [
        "<type>Geocache|Traditional Cache</type>",
        "<sym>Geocache</sym>",
        "<sym>Geocache Found</sym>",
        "<type>Waypoint|Parking Area</type>",
        '<g:cache xmlns:g="http://www.groundspeak.com/cache/1/0"><g:name>x</g:name></g:cache>',
    ],
)
def test_the_day_when_a_geocache_was_hidden_places_nothing(tmp_path: Path, told: str) -> None:
    cache = f'<wpt lat="47" lon="8"><time>2024-06-15T10:00:00Z</time>{told}</wpt>'
    with pytest.raises(SourceError, match="not one point"):
        read(tmp_path, gpx(cache))
    assert place(read(tmp_path, gpx(cache.replace(told, ""))), T0) == (47.0, 8.0)


KML = '<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"><Document>{}</Document></kml>'
STAY = (
    "<Placemark><TimeSpan><begin>2024-06-15T10:00:00Z</begin><end>2024-06-20T10:00:00Z</end></TimeSpan>"
    "<Point><coordinates>8,47,0</coordinates></Point></Placemark>"
)


def test_points_far_apart_at_one_time_are_no_surer_than_that(tmp_path: Path) -> None:
    """A converter gave them all the time of the export."""
    points = "".join(
        f'<trkpt lat="{lat}" lon="8"><time>2024-06-15T10:00:00Z</time></trkpt>' for lat in (47, 47.1, 47.3)
    )
    (track,) = read(tmp_path, gpx(f"<trk><trkseg>{points}</trkseg></trk>")).tracks
    assert track.error_km == pytest.approx([0.3 * 111.2], rel=0.01)


def test_a_stay_holds_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    tracks = read(tmp_path, KML.format(STAY))
    for hours in (0, 1, 50, 119.9):
        fix = tracks.fix_at(T0 + hours * HOUR)
        assert fix is not None
        assert (fix.latitude, fix.longitude) == pytest.approx((47, 8))
        assert fix.error_km <= 0.06
    assert place(tracks, T0 + 121 * HOUR) is None


def test_one_stay_ends_where_the_next_begins(tmp_path: Path) -> None:
    after = STAY.replace("06-20", "06-25").replace("06-15", "06-20").replace("8,47", "9,48")
    tracks = read(tmp_path, KML.format(after + STAY))
    assert place(tracks, T0 + 119 * HOUR) == (47, 8)
    assert place(tracks, T0 + 121 * HOUR) == (48, 9)


def test_a_point_elsewhere_during_a_stay_is_believed(tmp_path: Path) -> None:
    out = (
        "<Placemark><TimeStamp><when>2024-06-16T10:00:00Z</when></TimeStamp>"
        "<Point><coordinates>8.5,47.5,0</coordinates></Point></Placemark>"
    )
    tracks = read(tmp_path, KML.format(STAY + out))
    assert place(tracks, T0 + 24 * HOUR) == (47.5, 8.5)
    assert place(tracks, T0 + 12 * HOUR) is None


def test_a_line_with_a_span_of_time_is_a_way_gone_evenly(tmp_path: Path) -> None:
    line = (
        "<Placemark><TimeSpan><begin>2024-06-15T10:00:00Z</begin><end>2024-06-15T11:00:00Z</end></TimeSpan>"
        "<LineString><coordinates>8,47,0 8,47.1,0\n8.1,47.1,0</coordinates></LineString></Placemark>"
    )
    tracks = read(tmp_path, KML.format(line))
    north, east = distance_km(47, 8, 47.1, 8), distance_km(47.1, 8, 47.1, 8.1)
    corner = tracks.fix_at(T0 + HOUR * float(north / (north + east)))
    assert place(tracks, T0) == (47.0, 8.0)
    assert place(tracks, T0 + HOUR) == (47.1, 8.1)
    assert corner is not None
    assert distance_km(corner.latitude, corner.longitude, 47.1, 8) < 0.05
    assert corner.error_km > 1, "nobody goes evenly"


@pytest.mark.parametrize(
    "told",
    [
        STAY.replace("2024-06-15T10:00:00Z", "2024-06-15").replace("2024-06-20T10:00:00Z", "2024-06-20"),
        (
            "<Placemark><LookAt><TimeStamp><when>2024-06-15T10:00:00Z</when></TimeStamp></LookAt>"
            "<Point><coordinates>8,47,0</coordinates></Point></Placemark>"
        ),
    ],
    ids=["days are no moments", "when a picture was looked at"],
)
def test_a_time_that_is_none_of_a_visit_places_nothing(tmp_path: Path, told: str) -> None:
    with pytest.raises(SourceError, match="not one point"):
        read(tmp_path, KML.format(told))


def test_placemarks_in_a_folder_of_way_points_are_marks(tmp_path: Path) -> None:
    folder = (
        "<Folder><name>Waypoints</name>"
        + STAY.replace("TimeSpan", "TimeStamp").replace("begin", "when")
        + "</Folder>"
    )
    tracks = read(tmp_path, KML.format(folder))
    assert tracks.tracks[0].momentary


@pytest.mark.parametrize("before", [b"\n", b"\xef\xbb\xbf\r\n  ", b"\0\0"])
def test_what_stands_before_the_declaration_does_not_matter(tmp_path: Path, before: bytes) -> None:
    point = '<trk><trkseg><trkpt lat="47" lon="8"><time>2024-06-15T10:00:00Z</time></trkpt></trkseg></trk>'
    content = before + b'<?xml version="1.0" encoding="UTF-8"?>\n' + gpx(point).encode()
    assert place(read(tmp_path, content), T0) == (47.0, 8.0)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "cp1252"])
def test_names_in_any_encoding_do_not_cost_the_points(tmp_path: Path, encoding: str) -> None:
    point = "<trkpt lat='47' lon='8'><time>2024-06-15T10:00:00Z</time></trkpt>"
    content = gpx(f"<trk><name>Zürich</name><trkseg>{point}</trkseg></trk>")
    declared = f'<?xml version="1.0" encoding="{encoding}"?>{content}'
    assert place(read(tmp_path, declared.encode(encoding)), T0) == (47.0, 8.0)
    wrongly = f'<?xml version="1.0" encoding="UTF-8"?>{content}'
    assert place(read(tmp_path, wrongly.encode("latin-1")), T0) == (47.0, 8.0)


@pytest.mark.parametrize(
    "time",
    [
        "2024-06-15T10:00:00Z",
        "2024-06-15T10:00:00.000Z",
        "2024-06-15T12:00:00+0200",
        "2024-06-15 10:00:00Z",
        "2024-6-15T10:0:0Z",
        "2024-06-15T12:00:00",  # local time, as loggers in Zürich have it
        " 2024-06-15T10:00Z ",
    ],
)
def test_times_are_read_as_loggers_write_them(tmp_path: Path, time: str) -> None:
    point = f'<trk><trkseg><trkpt lat="47" lon="8"><time>{time}</time></trkpt></trkseg></trk>'
    assert read(tmp_path, gpx(point)).tracks[0].utc.tolist() == [T0]


def test_dilution_makes_a_point_less_sure_and_no_fix_makes_it_none(tmp_path: Path) -> None:
    points = (
        '<trkpt lat="47" lon="8"><time>2024-06-15T10:00:00Z</time><hdop>20</hdop></trkpt>'
        '<trkpt lat="47" lon="8"><time>2024-06-15T10:10:00Z</time><fix>3d</fix></trkpt>'
        '<trkpt lat="48" lon="8"><time>2024-06-15T10:20:00Z</time><fix>none</fix></trkpt>'
    )
    track = read(tmp_path, gpx(f"<trk><trkseg>{points}</trkseg></trk>")).tracks[0]
    assert track.error_km.tolist() == pytest.approx([0.1, 0.01])


TCX = (
    '<TrainingCenterDatabase xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2">{}'
    "</TrainingCenterDatabase>"
)
TRACKPOINT = (
    "<Track><Trackpoint><Time>2024-06-15T10:00:00Z</Time><Position><LatitudeDegrees>47</LatitudeDegrees>"
    "<LongitudeDegrees>8</LongitudeDegrees></Position></Trackpoint>"
    "<Trackpoint><Time>2024-06-15T10:01:00Z</Time></Trackpoint></Track>"
)


def test_an_activity_of_tcx_is_read_and_a_planned_course_is_not(tmp_path: Path) -> None:
    activity = f"<Activities><Activity><Lap>{TRACKPOINT}</Lap></Activity></Activities>"
    course = f"<Courses><Course>{TRACKPOINT}</Course></Courses>"
    track = read(tmp_path, TCX.format(activity)).tracks[0]
    assert (track.utc.tolist(), track.lat[:].tolist(), track.lng[:].tolist()) == ([T0], [47], [8])
    with pytest.raises(SourceError, match="not one point"):
        read(tmp_path, TCX.format(course))


def test_a_flight_of_igc_is_read_past_midnight(tmp_path: Path) -> None:
    track = read(
        tmp_path,
        "ALXV001 logger\r\nHFDTE150624\r\nI013638FXA\r\n"
        "B1000004700000N00800000EA0050000600005\r\n"
        "B1001004700000N00800000EV0050000600005\r\n"
        "B2359594730000S00830000WA0050000600250\r\n"
        "B0000014730000S00830000WA0050000600005\r\n",
    ).tracks[0]
    assert (track.utc - T0).tolist() == [0, 14 * HOUR - 1, 14 * HOUR + 1]
    assert track.lat[:].tolist() == [47.0, -47.5, -47.5]
    assert track.lng[:].tolist() == [8.0, -8.5, -8.5]
    assert track.error_km.tolist() == pytest.approx([0.01, 0.25, 0.01])
    other = read(tmp_path, "ALXV001\r\nHFDTEDATE:150624,01\r\nB1000004700000N00800000EA0050000600\r\n")
    assert other.tracks[0].utc.tolist() == [T0]


def test_a_fix_of_igc_without_a_height_counts_less_and_a_repeated_place_nothing(tmp_path: Path) -> None:
    rows = [("100000", 0, "V"), ("100100", 0, "V"), ("100200", 6, "V")]
    rows += [("100300", 6, "V"), ("100400", 12, "A"), ("100500", 12, "V")]
    fixes = [f"B{time}4700{thousandths:02}0N00800000E{sort}0050000600" for time, thousandths, sort in rows]
    content = "\r\n".join(["ALXV001", "HFDTE150624", *fixes])
    track = read(tmp_path, content).tracks[0]
    assert (track.utc - T0).tolist() == [120, 240]
    assert track.error_km.tolist() == pytest.approx([0.5, 0.01])


SUBTITLES = {
    "named": "<font>SrtCnt : {n}, DiffTime : 33ms\n2024-06-15 12:00:0{n}.123\n"
    "[iso : 100] [latitude: 47.000{n}] [longitude: 8] [altitude: 1] </font>",
    "misspelt": "2024-06-15 12:00:0{n},123,456\n[latitude : 47.000{n}] [longtitude : 8.0]",
    "in brackets": "HOME(8.1,47.1) 2024.06.15 12:00:0{n}\nGPS(8.0,47.000{n},19) BAROMETER:1.9",
}


@pytest.mark.parametrize("form", SUBTITLES)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_subtitles_of_a_drone_say_where_it_was_each_second(tmp_path: Path, form: str, end: str) -> None:
    entries = [
        f"{2 * n + half}\n00:00:0{n},{half}00 --> 00:00:0{n},{half}33\n{SUBTITLES[form].format(n=n)}\n\n"
        for n in (1, 2, 3)
        for half in (0, 5)
    ]
    track = read(tmp_path, "".join(entries).replace("\n", end)).tracks[0]
    assert (track.utc - T0).tolist() == [1, 2, 3]  # its clock is that of the place
    assert track.lat[:].tolist() == pytest.approx([47.0001, 47.0002, 47.0003])
    assert set(track.lng[:].tolist()) == {8.0}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("F/2.8, SS 206.14, GPS (8.0, 47.0, 16), D 2.7m", "not one point"),  # no date
        ("2024-06-15 12:00:01\n[latitude: 0.0] [longitude: 0.0]", "not one point"),
        ("- Where were you?\n- The GPS is broken.", "no track that we can read"),
    ],
)
def test_other_subtitles_place_nothing(tmp_path: Path, words: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        read(tmp_path, f"1\n00:00:01,000 --> 00:00:01,033\n{words}\n\n")


def sentence(text: str) -> str:
    checksum = 0
    for character in text:
        checksum ^= ord(character)
    return f"${text}*{checksum:02X}\r\n"


def test_nmea_takes_the_date_from_wherever_it_is_told(tmp_path: Path) -> None:
    gga = sentence("GPGGA,100000.000,4700.0600,N,00800.0600,E,1,09,0.8,400.0,M,0.0,M,,")
    gll = sentence("GPGLL,4700.0600,N,00800.0600,E,100000.000,A")
    rmc = sentence("GNRMC,100200.000,A,4700.1800,N,00800.1800,E,0.0,0.0,150624,,,A")
    zda = sentence("GPZDA,095859.000,15,06,2024,00,00")
    for content in (gga + rmc, zda + gga, gll + rmc, zda + gll, "@Sonygps/ver5.0/wgs-84\r\n" + gga + rmc):
        assert read(tmp_path, content, "log.txt").tracks[0].utc[0] == T0
        assert place(read(tmp_path, content, "log.txt"), T0) == (47.001, 8.001)


def test_nmea_before_the_first_date_may_be_of_the_day_before(tmp_path: Path) -> None:
    late = sentence("GPGGA,235950.000,4700.0000,N,00800.0000,E,1,09,0.8,400.0,M,0.0,M,,")
    early = sentence("GPGGA,000005.000,4700.0000,N,00800.0000,E,1,09,0.8,400.0,M,0.0,M,,")
    rmc = sentence("GPRMC,000010.000,A,4700.0000,N,00800.0000,E,0.0,0.0,160624,,,A")
    midnight = T0 + 14 * HOUR
    assert read(tmp_path, late + early + rmc).tracks[0].utc.tolist() == [
        midnight - 10, midnight + 5, midnight + 10
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "GPRMC,100000.000,V,4700.0000,N,00800.0000,E,0.0,0.0,150624,,,N",
        "GPRMC,100000.000,A,4700.0000,N,00800.0000,E,0.0,0.0,150624,,,S",
        "GPGGA,100000.000,4700.0000,N,00800.0000,E,0,00,99.9,400.0,M,0.0,M,,",
        "GPGGA,100000.000,4700.0000,N,00800.0000,E,8,09,0.8,400.0,M,0.0,M,,",
        "GPGLL,4700.0000,N,00800.0000,E,100000.000,V",
    ],
)
def test_a_sentence_without_a_measured_fix_is_passed_over(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match="not one point"):
        read(tmp_path, sentence("GPZDA,095859.000,15,06,2024,00,00") + sentence(text))


@pytest.mark.parametrize("day", ["1970-01-01", "1980-01-06", "1999-08-22", "2099-06-15"])
def test_points_of_a_clock_that_was_not_set_place_nothing_and_are_named(tmp_path: Path, day: str) -> None:
    point = '<trkpt lat="47" lon="8"><time>{}T10:00:00Z</time></trkpt>'
    alone, beside = (
        gpx(f"<trk><trkseg>{points}</trkseg></trk>")
        for points in (point.format(day), point.format(day) + point.format("2024-06-15"))
    )
    with pytest.raises(SourceError, match=f"alone: all its points are of {day}, as a clock dates that was"):
        read(tmp_path, alone, "alone")
    problems: list[str] = []
    (track,) = load_tracks([written(tmp_path, "beside", beside)], problems.append)
    assert track.utc.tolist() == [T0]
    assert len(problems) == 1
    assert f"points are left out that are of {day}" in problems[0]


def test_the_owner_may_set_the_clock_of_a_track_right_by_the_name_of_its_file(tmp_path: Path) -> None:
    weeks = 1024 * 7 * 86400.0
    point = '<trkpt lat="47" lon="8"><time>2004-10-30T10:00:00Z</time></trkpt>'
    file = written(tmp_path, "Walk.gpx", gpx(f"<trk><trkseg>{point}</trkseg></trk>"))
    (track,) = load_tracks([file], clocks={"walk.GPX": weeks, "Walk": 1.0})
    assert track.utc.tolist() == [T0]


def test_a_folder_in_which_no_track_could_be_read_is_named(tmp_path: Path) -> None:
    written(tmp_path, "notes.txt", "We went by train.")
    problems: list[str] = []
    assert load_tracks([tmp_path], problems.append) == ()
    assert problems == [f"{tmp_path}: no track could be read in this folder; no place was taken from it"]


@pytest.mark.parametrize("form", ["[2024-06-15 12:00:00] {}", "{{log}} {}", "{}"])
@pytest.mark.parametrize("end", ["\n", "\r"])
def test_words_of_the_logger_and_any_end_of_line_are_borne(tmp_path: Path, form: str, end: str) -> None:
    rows = [
        form.format(sentence(f"GPRMC,10000{n},A,4700.0000,N,00800.0000,E,1,2,150624,,,A").strip())
        for n in range(3)
    ]
    assert (read(tmp_path, end.join(rows)).tracks[0].utc - T0).tolist() == [0, 1, 2]
