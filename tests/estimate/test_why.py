"""`why` tells the evidence of a photo that was tagged."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import piexif
import pytest

from geotagger.cli import main
from geotagger.estimate.explain import explain
from geotagger.estimate.movement import DAY_S, HOUR_S, Movement
from geotagger.estimate.timeline import Evidence, PhotoRecord, learned_from
from geotagger.estimate.values import Fix, FixSeries
from geotagger.geo import distance_km
from tests.tag.scenes import START, exif_of, jpeg, walk_through_town
from tests.tag.test_evidence import gpx


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(words)
    return int(ended.value.code or 0)


def test_why_tells_what_each_evidence_says(
    shared_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("IMG_7848.jpeg", "IMG_7847.jpeg", "IMG_7852.jpeg", "IMG_7860.jpeg", "IMG_7659.jpeg"):
        shutil.copy(shared_data / "photos" / "dog-signs" / name, photos)
    index = ["--index", str(tmp_path / "index.db"), "--model", "none"]
    assert run("tag", str(photos), *index) == 0
    capsys.readouterr()
    assert run("why", str(photos / "IMG_7848.jpeg"), *index, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["stands"] == "camera"
    assert distance_km(told["latitude"], told["longitude"], 43.069, 12.6168) < 1
    assert "neighbours" in told["alone"]
    assert told["sources"]
    assert run("why", str(photos / "IMG_7848.jpeg"), *index) == 0
    said = capsys.readouterr().out
    assert "X the estimate" in said
    assert "camera" in said


def test_what_would_be_said_without_a_photos_own_place_does_not_know_it() -> None:
    """Nor as a place that the archive visited: eleven photos in Vienna, one weeks later in Rome."""
    photos = [
        PhotoRecord(n, 1.6e9 + n * HOUR_S, place=Fix(48.2 + 0.001 * n, 16.37, 0.01, "camera"))
        for n in range(11)
    ]
    photos.append(PhotoRecord(11, 1.6e9 + 40 * DAY_S, place=Fix(41.9, 12.5, 0.01, "camera")))
    fixes = FixSeries.of(photos)
    told = explain(Evidence(fixes, learned_from(fixes)), photos[11:], 0)
    assert told.estimate is not None
    assert distance_km(told.estimate.latitude, told.estimate.longitude, 48.2, 16.37) < 10
    assert min(distance_km(one.latitude, one.longitude, 41.9, 12.5) for one in told.sources) > 100


def test_a_visit_that_other_photos_of_the_day_share_is_not_taken_with_the_photo() -> None:
    """Two photos in Rome on one day, weeks after Vienna: why of the first leaves the visit to the second."""
    vienna, first, second = (
        PhotoRecord(n, 1.6e9 + days * DAY_S, place=Fix(lat, lng, 0.01, "camera"))
        for n, days, lat, lng in ((1, 0, 48.2, 16.37), (2, 40, 41.9, 12.5), (3, 40.05, 41.901, 12.501))
    )
    told = explain(_visiting([vienna, first, second], [0, 1]), [first, second], 0)
    expected = explain(_visiting([vienna, second], [0, 1]), [replace(first, place=None), second], 0)
    assert told.estimate == expected.estimate
    assert told.sources == expected.sources


def _visiting(photos: list[PhotoRecord], visits: list[int]) -> Evidence:
    """An archive that has taught nothing but where it was."""
    fixes = FixSeries.of(photos)
    utc, lat, lng = (one[visits] for one in (fixes.utc, fixes.latitude, fixes.longitude))
    return Evidence(fixes, Movement(utc=utc, lat=lat, lng=lng, camera=np.full(len(visits), -1)))


def test_no_country_has_what_lies_nobody_knows_where() -> None:
    """A day after the only fix, in Cologne, the camera states the time of New York."""
    cologne = PhotoRecord(0, 1.6e9, place=Fix(50.94, 6.96, 0.01, "camera"))
    asked = PhotoRecord(1, 1.6e9 + DAY_S, utc_offset_s=-4 * HOUR_S)
    told = explain(Evidence(FixSeries.of([cologne])), [asked], 0)
    assert told.anywhere is not None
    assert told.anywhere > 0.8
    assert 0.01 < sum(share for _, share in told.countries) <= 1.001 - told.anywhere


def test_a_trip_that_starts_where_the_time_zone_is_home_is_not_called_one_from_the_fix_abroad() -> None:
    home, abroad = Fix(50.94, 6.96, 0.01, "camera"), Fix(-33.87, 151.21, 0.01, "camera")
    photos = [
        PhotoRecord(n, 1.6e9 + 7 * n * DAY_S, camera="phone", place=place)
        for n, place in enumerate([home, home, abroad, abroad, abroad])
    ]
    fixes = FixSeries.of(photos)
    asked = PhotoRecord(9, 1.6e9 + 24.5 * DAY_S, camera="phone", utc_offset_s=7200.0)
    sources = explain(Evidence(fixes, learned_from(fixes)), [asked], 0).sources
    wide = [one for one in sources if one.scale_km > 50]
    assert [(one.name, round(one.latitude, 2)) for one in wide] == [("a place never visited", 50.94)]


def test_why_about_a_photo_that_the_index_does_not_know(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    index = ["--index", str(tmp_path / "index.db"), "--model", "none"]
    assert run("tag", str(tmp_path / "photos"), *index) == 0
    assert run("why", str(tmp_path / "none.jpg"), *index) == 2
    assert "does not know it" in capsys.readouterr().err


def jsons(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def same_place(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[key] == other[key] for key in ("latitude", "longitude", "radius_km", "confidence", "rung"))


def test_why_gives_the_numbers_of_the_run_and_learns_nothing_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=12, without_gps=3)
    index = ["--index", str(tmp_path / "index.db")]
    words = ["--model", "none", "--write", "none", "--within", "7", "--no-habits", "--json"]
    assert run("tag", str(scene.folder), *index, *words) == 0
    said = {Path(one["path"]).name: one for one in jsons(capsys)}

    def again(*_: object) -> Movement:
        raise AssertionError("what was learned is remembered")

    monkeypatch.setattr("geotagger.estimate.timeline.learn_movement", again)
    for name in sorted(scene.stripped):
        assert run("why", str(scene.folder / name), *index, "--json") == 0
        assert same_place(jsons(capsys)[0], said[name])


def test_why_weighs_the_tracks_of_the_run_and_says_which_is_gone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=12, without_gps=3)
    track = gpx(tmp_path / "walk.gpx", 50)
    index = ["--index", str(tmp_path / "index.db")]
    words = ["--model", "none", "--write", "none", "--track", str(track), "--json"]
    assert run("tag", str(scene.folder), *index, *words) == 0
    said = {Path(one["path"]).name: one for one in jsons(capsys)}
    name = min(scene.stripped)
    assert run("why", str(scene.folder / name), *index, "--json") == 0
    told = jsons(capsys)[0]
    assert told["rung"] == "track"
    assert told["tracks"] == ["walk.gpx"]
    assert same_place(told, said[name])
    moved = track.rename(tmp_path / "elsewhere.gpx")
    assert run("why", str(scene.folder / name), *index, "--json") == 0
    assert same_place(jsons(capsys)[0], said[name])
    assert run("tracks", "--forget", "walk.gpx", *index) == 0
    assert run("why", str(scene.folder / name), *index, "--json") == 0
    spoken = capsys.readouterr()
    assert "walk.gpx" in spoken.err
    assert json.loads(spoken.out)["rung"] == "neighbours"
    assert run("why", str(scene.folder / name), *index, "--track", str(moved), "--json") == 0
    assert json.loads(capsys.readouterr().out)["rung"] == "track"


def test_why_says_in_words_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=8, size=32)
    index = ["--index", str(tmp_path / "index.db")]
    assert run("tag", str(scene.folder), *index, "--model", "none", "--write", "none") == 0
    photo = str(scene.folder / min(scene.stripped))
    capsys.readouterr()
    assert run("why", photo, *index, "--json") == 0
    told = jsons(capsys)[0]
    assert told["where"].endswith("Vienna, Austria")
    spots = [*told["alone"].values(), *told["sources"], *told["candidates"]]
    assert len(spots) > 3
    assert sum(source["share"] for source in told["sources"]) + told["anywhere"] == pytest.approx(1, abs=0.1)
    assert told["pictures_doubted"] == 0
    assert all(spot["where"].endswith("Vienna") for spot in spots)
    assert run("why", photo, *index) == 0
    said = capsys.readouterr().out
    place = r"[^()\n]*Vienna \(48\.2\d+, 16\.3\d+\)"
    assert re.search(r"^[^()\n]*Vienna, Austria, 48\.2\d+, 16\.3\d+: within ", said, re.MULTILINE)
    assert re.search(rf"neighbours alone: {place} within ", said)
    assert re.search(rf"weight \d+%: [^()]*, {place} \(scale ", said)
    assert re.search(r"weight \d+%: anywhere else on Earth", said)


def test_why_says_that_a_photo_names_a_place_that_cannot_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=4, size=32)
    photo = scene.folder / min(scene.stripped)
    fields = piexif.load(exif_of(START, (48.2, 16.3)))
    del fields["GPS"][piexif.GPSIFD.GPSLatitudeRef], fields["GPS"][piexif.GPSIFD.GPSLongitudeRef]
    photo.write_bytes(jpeg(None, size=32))
    piexif.insert(piexif.dump(fields), str(photo))
    index = ["--index", str(tmp_path / "index.db")]
    assert run("tag", str(scene.folder), *index, "--model", "none", "--write", "none") == 0
    capsys.readouterr()
    assert run("why", str(photo), *index, "--json") == 0
    assert "hemisphere" in jsons(capsys)[0]["unreadable_position"]
    assert run("why", str(photo), *index) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "names a place that cannot be read (GPS: " in said
    assert "`tag` leaves it alone" in said
    other = max(scene.stripped)
    assert run("why", str(scene.folder / other), *index) == 0
    assert "cannot be read" not in capsys.readouterr().out
