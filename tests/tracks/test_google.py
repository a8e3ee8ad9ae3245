"""Google's location history: the shapes of ten years, each read as the same hour."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from geotagger.errors import SourceError
from geotagger.estimate.tracks import Tracks
from geotagger.geo import distance_km
from geotagger.tracks import load_tracks

T0 = datetime(2024, 6, 15, 10, tzinfo=UTC).timestamp()
MS = int(T0 * 1000)
HOUR = 3600.0


def read(folder: Path, told: Any, name: str = "a.json") -> Tracks:
    (folder / name).write_text(told if isinstance(told, str) else json.dumps(told), encoding="utf-8")
    return Tracks(load_tracks([folder / name]))


def e7(lat: float, lng: float) -> dict[str, int]:
    return {"latitudeE7": round(lat * 1e7), "longitudeE7": round(lng * 1e7)}


@pytest.mark.parametrize(
    "time",
    [
        {"timestampMs": str(MS)},
        {"timestampMs": MS},
        {"timestamp": "2024-06-15T10:00:00Z"},
        {"timestamp": "2024-06-15T10:00:00.000Z"},
        {"timestamp": str(int(T0))},
        {"timestamp": int(T0)},
        {"timestamp": MS * 1000},
    ],
)
def test_records_have_seconds_or_milliseconds_or_iso_times(tmp_path: Path, time: dict[str, Any]) -> None:
    track = read(tmp_path, {"locations": [{**e7(47, 8), **time, "accuracy": 20}]}).tracks[0]
    assert (track.utc.tolist(), track.lat[:].tolist(), track.lng[:].tolist()) == ([T0], [47], [8])
    assert track.error_km.tolist() == pytest.approx([0.02])


def test_devices_that_stand_in_one_file_are_two_tracks(tmp_path: Path) -> None:
    """A tablet at home and a telephone on a trip, by turns in one list."""
    rows = [
        {**e7(lat, 8), "timestampMs": str(MS + 60_000 * minute), "deviceTag": device}
        for minute in range(0, 60, 5)
        for device, lat in ((1, 47.0), (2, 48.0))
    ]
    tracks = read(tmp_path, {"locations": rows})
    assert [set(track.lat[:].tolist()) for track in tracks.tracks] == [{47.0}, {48.0}]
    assert len({track.digest for track in tracks.tracks}) == 2
    fix = tracks.fix_at(T0 + 600)
    assert fix is not None
    assert fix.error_km > 50, "which of them the photographer carried is not known"


def test_what_was_wrapped_in_old_exports_is_negative(tmp_path: Path) -> None:
    row = {"latitudeE7": -337000000 + 2**32, "longitudeE7": -700000000 + 2**32, "timestampMs": str(MS)}
    track = read(tmp_path, {"locations": [row]}).tracks[0]
    assert (track.lat[:].tolist(), track.lng[:].tolist()) == ([-33.7], [-70.0])


def span(hours: float, key: str = "Timestamp") -> dict[str, Any]:
    if key == "TimestampMs":
        return {"startTimestampMs": str(MS), "endTimestampMs": str(int(MS + hours * 3_600_000))}
    end = datetime.fromtimestamp(T0 + hours * HOUR, UTC).isoformat()
    return {"startTimestamp": "2024-06-15T10:00:00Z", "endTimestamp": end}


ISO_SPAN = {"startTime": "2024-06-15T12:00:00.000+02:00", "endTime": "2024-06-16T00:00:00.000+02:00"}
VISITS: dict[str, Any] = {
    "semantic": {"timelineObjects": [{"placeVisit": {"location": e7(47, 8), "duration": span(12)}}]},
    "semantic in milliseconds": {
        "timelineObjects": [{"placeVisit": {"location": e7(47, 8), "duration": span(12, "TimestampMs")}}]
    },
    "semantic, only its centre": {
        "timelineObjects": [
            {"placeVisit": {"centerLatE7": 470000000, "centerLngE7": 80000000, "duration": span(12)}}
        ]
    },
    "android": {
        "semanticSegments": [
            {**ISO_SPAN, "visit": {"topCandidate": {"placeLocation": {"latLng": "47.0°, 8.0°"}}}}
        ]
    },
    "android, a string": {
        "semanticSegments": [{**ISO_SPAN, "visit": {"topCandidate": {"placeLocation": "47.0°, 8.0°"}}}]
    },
    "ios": [{**ISO_SPAN, "visit": {"topCandidate": {"placeLocation": "geo:47.0,8.0"}}}],
    "ios, offset beside": [
        {
            "startTime": "2024-06-15T12:00:00",
            "endTime": "2024-06-16T00:00:00",
            "startTimeTimezoneUtcOffsetMinutes": 120,
            "endTimeTimezoneUtcOffsetMinutes": 120,
            "visit": {"topCandidate": {"placeLocation": "geo:47.0,8.0"}},
        }
    ],
}


@pytest.mark.parametrize("shape", VISITS)
def test_a_visit_holds_from_its_beginning_to_its_end(tmp_path: Path, shape: str) -> None:
    tracks = read(tmp_path, VISITS[shape])
    for hours in (0, 6, 11.9):
        fix = tracks.fix_at(T0 + hours * HOUR)
        assert fix is not None
        assert (round(fix.latitude, 6), round(fix.longitude, 6)) == (47, 8)
        assert fix.error_km < 0.1
    assert tracks.fix_at(T0 + 13 * HOUR) is None


def test_a_visit_inside_a_visit_says_where_one_was_meanwhile(tmp_path: Path) -> None:
    inner = {"location": e7(47.1, 8), "duration": span(1)}
    visit = {"location": e7(47, 8), "duration": span(12), "childVisits": [inner]}
    tracks = read(tmp_path, {"timelineObjects": [{"placeVisit": visit}]})
    fixes = [tracks.fix_at(T0 + hours * HOUR) for hours in (0, 0.9, 1.1, 11.9)]
    assert [fix and round(fix.latitude, 4) for fix in fixes] == [47.1, 47.1, 47, 47]


def test_a_visit_without_a_time_of_its_own_is_none(tmp_path: Path) -> None:
    told = json.loads(json.dumps(VISITS["ios"]))
    told[0]["visit"]["isTimelessVisit"] = True
    with pytest.raises(SourceError, match="not one point"):
        read(tmp_path, told)


PATH = [("47.0", 0), ("47.1", 30), ("47.2", 60)]
PATHS: dict[str, Any] = {
    "minutes, android": {
        "semanticSegments": [
            {
                **ISO_SPAN,
                "timelinePath": [
                    {"point": f"{lat}°, 8.0°", "durationMinutesOffsetFromStartTime": str(m)}
                    for lat, m in PATH
                ],
            }
        ]
    },
    "minutes as numbers, ios": [
        {
            **ISO_SPAN,
            "timelinePath": [
                {"point": f"geo:{lat},8.0", "durationMinutesOffsetFromStartTime": m} for lat, m in PATH
            ],
        }
    ],
    "times, a list": [
        {
            **ISO_SPAN,
            "timelinePath": [
                {"point": f"geo:{lat},8.0", "time": f"2024-06-15T{12 + m // 60}:{m % 60:02}:00.000+02:00"}
                for lat, m in PATH
            ],
        }
    ],
    "times go before minutes": [
        {
            **ISO_SPAN,
            "timelinePath": [
                {
                    "point": f"geo:{lat},8.0",
                    "time": f"2024-06-15T{12 + m // 60}:{m % 60:02}:00.000+02:00",
                    "durationMinutesOffsetFromStartTime": "5",
                }
                for lat, m in PATH
            ],
        }
    ],
    "segments without ends but with way points": {
        "timelineObjects": [
            {
                "activitySegment": {
                    "duration": span(1),
                    "waypointPath": {
                        "waypoints": [{"latE7": int(float(lat) * 1e7), "lngE7": 80000000} for lat, _ in PATH]
                    },
                }
            }
        ]
    },
    "raw path": {
        "timelineObjects": [
            {
                "activitySegment": {
                    "simplifiedRawPath": {
                        "points": [
                            {
                                "latE7": int(float(lat) * 1e7),
                                "lngE7": 80000000,
                                "timestampMs": str(MS + 60_000 * m),
                                "accuracyMeters": 10,
                            }
                            for lat, m in PATH
                        ]
                    }
                }
            }
        ]
    },
    "signals": {
        "rawSignals": [
            {
                "position": {
                    "LatLng": f"{lat}°, 8.0°",
                    "accuracyMeters": 15,
                    "timestamp": f"2024-06-15T{12 + m // 60}:{m % 60:02}:00.000+02:00",
                }
            }
            for lat, m in PATH
        ]
    },
    "edits": {
        "timelineEdits": [
            {
                "deviceId": "1",
                "rawSignal": {
                    "signal": {
                        "position": {
                            "point": {"latE7": int(float(lat) * 1e7), "lngE7": 80000000},
                            "accuracyMm": 15000,
                            "timestamp": f"2024-06-15T{10 + m // 60}:{m % 60:02}:00Z",
                        }
                    }
                },
            }
            for lat, m in PATH
        ]
    },
}


@pytest.mark.parametrize("shape", PATHS)
def test_a_way_is_read_point_by_point(tmp_path: Path, shape: str) -> None:
    tracks = read(tmp_path, PATHS[shape])
    for lat, minute in PATH:
        fix = tracks.fix_at(T0 + 60 * minute)
        assert fix is not None
        assert distance_km(fix.latitude, fix.longitude, float(lat), 8.0) < 0.02


def test_a_time_cut_to_the_minute_is_less_sure_the_faster_one_went(tmp_path: Path) -> None:
    slow, fast = (
        read(
            tmp_path,
            [
                {
                    **ISO_SPAN,
                    "timelinePath": [
                        {
                            "point": f"geo:{47 + step * n},8.0",
                            "durationMinutesOffsetFromStartTime": str(10 * n),
                        }
                        for n in range(3)
                    ],
                }
            ],
        ).tracks[0]
        for step in (0.005, 0.2)
    )
    assert slow.error_km.max() < 0.05
    assert fast.error_km.min() > 0.5


def test_minutes_beyond_the_segment_are_passed_over(tmp_path: Path) -> None:
    path = [
        {"point": "geo:47.0,8.0", "durationMinutesOffsetFromStartTime": "0"},
        {"point": "geo:48.0,8.0", "durationMinutesOffsetFromStartTime": "100000"},
        {"point": "geo:48.0,8.0", "durationMinutesOffsetFromStartTime": "-5"},
    ]
    assert read(tmp_path, [{**ISO_SPAN, "timelinePath": path}]).tracks[0].utc.tolist() == [T0]


def test_a_mark_of_the_byte_order_does_not_matter(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + json.dumps(VISITS["ios"])).tracks
    assert read(tmp_path, "\ufeff \n" + json.dumps(VISITS["android"])).tracks


def test_an_export_that_was_cut_gives_what_came_before(tmp_path: Path) -> None:
    rows = [{**e7(47, 8), "timestampMs": str(MS + 60_000 * n)} for n in range(50)]
    whole = json.dumps({"locations": rows})
    (tmp_path / "a.json").write_text(whole[: len(whole) // 2])
    problems: list[str] = []
    (track,) = load_tracks([tmp_path / "a.json"], problems.append)
    assert 20 <= len(track.utc) <= 25
    assert len(problems) == 1
    assert "cut or damaged (no whole JSON" in problems[0]


@pytest.mark.parametrize(
    "other", ['{"features": [], "type": "FeatureCollection"}', '[{"title": "x"}]', '"locations"', "{}"]
)
def test_other_json_is_passed_over_in_a_folder(tmp_path: Path, other: str) -> None:
    (tmp_path / "other.json").write_text(other)
    read(tmp_path, VISITS["ios"])
    problems: list[str] = []
    assert len(load_tracks([tmp_path], problems.append)) == 1
    assert not problems


def test_what_stands_in_a_list_of_its_own_is_read_by_what_it_is(tmp_path: Path) -> None:
    """Other programs take the lists out of Google's files."""
    visit = {"location": e7(47.2, 8), "duration": {"startTimestampMs": MS, "endTimestampMs": MS + 3_600_000}}
    entries = [
        {**e7(47.0, 8), "timestamp": "2024-06-15T08:00:00Z"},
        {"position": {"latLng": "47.1Â°, 8.0Â°", "timestamp": "2024-06-15T09:00:00Z"}},
        {"placeVisit": visit},
        {"startTime": "2024-06-15T12:00:00Z", "timelinePath": [{"point": "geo:47.3,8", "time": T0 + 7200}]},
    ]
    tracks = read(tmp_path, entries)
    for hours, latitude in ((-2, 47.0), (-1, 47.1), (0.5, 47.2), (2, 47.3)):
        fix = tracks.fix_at(T0 + hours * HOUR)
        assert fix is not None
        assert fix.latitude == pytest.approx(latitude)
    with pytest.raises(SourceError, match="not Google's location history"):
        read(tmp_path, [{"name": "a"}, {"latitude": 47, "longitude": 8}], "b.json")
