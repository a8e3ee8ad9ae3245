"""Tracks, clocks and calibrated precision, from the command line."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from geotagger.estimate.movement import Movement
from geotagger.estimate.timeline import PhotoRecord
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.values import Fix, FixSeries
from geotagger.geo import distance_km
from geotagger.index import open_index
from geotagger.index.learned import MOVEMENT
from geotagger.tag.evidence import weighing
from geotagger.tag.options import TagOptions
from tests.commands import Geotagger
from tests.tag.scenes import LATITUDE, LONGITUDE, START, STEP_DEG, jpeg, walk_through_town


def gpx(path: Path, minutes: int, *, shift: timedelta = timedelta()) -> Path:
    """The track of the walk through town: a point a minute, UTC (the photos are at +02:00)."""
    points = "".join(
        f'<trkpt lat="{LATITUDE + n * STEP_DEG / 4}" lon="{LONGITUDE}">'
        f"<time>{(START - timedelta(hours=2) + timedelta(minutes=n) + shift).isoformat()}Z</time></trkpt>"
        for n in range(minutes)
    )
    path.write_text(
        '<gpx version="1.1" creator="test" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>'
        f"{points}</trkseg></trk></gpx>"
    )
    return path


def test_a_track_places_an_archive_that_has_no_fix_at_all(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", without_gps=1, photos=12)
    for name in scene.truth:  # every photo of the scene, stripped
        n = int(name[4:8])
        (scene.folder / name).write_bytes(jpeg(START + timedelta(minutes=4 * n), shade=n))
    track = gpx(tmp_path / "walk.gpx", 50)
    said = geotagger("tag", scene.folder, "--track", track, "--json").by_name()
    for name, (latitude, longitude) in scene.truth.items():
        record = said[name]
        assert (record["status"], record["rung"]) == ("written", "track")
        away = distance_km(record["latitude"], record["longitude"], latitude, longitude)
        assert away < max(record["radius_km"], 0.05)


def test_a_track_given_later_improves_what_neighbours_said(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=12, without_gps=3)
    first = geotagger("tag", scene.folder, "--json").by_name()
    assert {first[name]["rung"] for name in scene.stripped} == {"neighbours"}
    track = gpx(tmp_path / "walk.gpx", 50)
    second = geotagger("tag", scene.folder, "--track", track, "--json").by_name()
    assert {(second[n]["status"], second[n]["rung"]) for n in scene.stripped} == {("written", "track")}
    geotagger("undo", "2", "--yes")
    geotagger("tracks", "--forget", track)
    third = geotagger("tag", scene.folder, "--json").by_name()
    assert {third[name]["rung"] for name in scene.stripped} == {"neighbours"}


def test_a_clock_told_once_is_remembered(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=12, without_gps=0)
    late = scene.folder / "late.jpg"
    late.write_bytes(jpeg(START + timedelta(minutes=20, hours=1), camera="Slow Clock"))
    said = geotagger("tag", scene.folder, "--clock", "Slow Clock=-1h", "--write", "none", "--json").by_name()
    at_20_minutes = scene.truth["IMG_0005.jpg"]
    assert distance_km(said["late.jpg"]["latitude"], said["late.jpg"]["longitude"], *at_20_minutes) < 0.05
    again = geotagger("tag", scene.folder, "--write", "none", "--json").by_name()
    assert again["late.jpg"]["latitude"] == said["late.jpg"]["latitude"]
    assert "say for example" in geotagger("tag", scene.folder, "--clock", "nonsense", code=2).err


def test_a_precision_that_was_calibrated_is_kept(geotagger: Geotagger, tmp_path: Path) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=40, without_gps=0)
    (scene.folder / "one.jpg").write_bytes(jpeg(START + timedelta(minutes=30)))
    geotagger("evaluate", scene.folder, "--calibrate", "--seed", "0")
    said = geotagger("tag", scene.folder, "--precision", "0.5", "--write", "none", "--json").by_name()
    assert said["one.jpg"]["status"] == "indexed"


def test_a_precision_and_a_confidence_are_not_asked_for_together(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=4)
    both = ("--precision", "0.9", "--min-confidence", "0.8")
    assert "not both" in geotagger("tag", scene.folder, *both, code=2).err
    geotagger.environment["GEOTAGGER_MIN_CONFIDENCE"] = "0.8"
    geotagger("tag", scene.folder, *both[:2])


@pytest.mark.parametrize("content", ["", "<gpx><trk>", "<gpx/>", "not xml at all"])
def test_a_track_that_cannot_be_read_is_named(geotagger: Geotagger, tmp_path: Path, content: str) -> None:
    scene = walk_through_town(tmp_path / "photos", photos=4)
    bad = tmp_path / "bad.gpx"
    bad.write_text(content)
    assert "bad.gpx" in geotagger("tag", scene.folder, "--track", bad, code=1).err


def test_what_the_owner_told_without_writing_helps_other_days_too(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    """Not only its own outing: how the archive moves is learned from it, and a day later it is a fix."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for day in range(4):
        (folder / f"{day}.jpg").write_bytes(jpeg(START + timedelta(days=day), shade=day))
    geotagger("tag", folder, "--write", "none")
    for day in (0, 2):
        geotagger("place", f"{LATITUDE},{LONGITUDE}", folder / f"{day}.jpg", "--write", "none")
    said = geotagger("tag", folder, "--write", "none", "--json").by_name()
    for name in ("1.jpg", "3.jpg"):
        assert said[name]["rung"] == "neighbours"
        assert distance_km(said[name]["latitude"], said[name]["longitude"], LATITUDE, LONGITUDE) < 1


def test_a_sidecar_of_another_program_is_a_fix_for_other_days(geotagger: Geotagger, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for day in range(2):
        (folder / f"{day}.jpg").write_bytes(jpeg(START + timedelta(days=day), shade=day))
    (folder / "0.jpg.xmp").write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="48,12.492N"'
        ' exif:GPSLongitude="16,22.428E"/></rdf:RDF></x:xmpmeta>'
    )
    said = geotagger("tag", folder, "--write", "none", "--json").by_name()
    assert said["0.jpg"]["rung"] == "sidecar"
    assert said["1.jpg"]["rung"] == "neighbours"
    assert distance_km(said["1.jpg"]["latitude"], said["1.jpg"]["longitude"], LATITUDE, LONGITUDE) < 1


@pytest.mark.parametrize(
    ("name", "value"), [("motion", {"hour_km": "x"}), ("lat", [1.0]), ("zone_trust", 2.0), ("draws", [])]
)
def test_a_movement_that_was_not_learned_is_learned_anew(tmp_path: Path, name: str, value: object) -> None:
    fixes = FixSeries.of(
        PhotoRecord(n, 1.7e9 + 3600 * n, place=Fix(50 + 0.01 * n, 7.0, 0.01, "camera")) for n in range(2)
    )
    (tmp_path / "photos").mkdir()
    with open_index(tmp_path / "index.db") as index:
        root = index.roots.root_for(str(tmp_path / "photos"))

        def learned() -> tuple[Movement, dict[str, Any]]:
            evidence = weighing(index, [root.id], fixes, TagOptions((str(tmp_path),)), Tracks(), None)
            return evidence.movement, index.learned.get(root.id, MOVEMENT)

        movement, row = learned()
        index.learned.put(root.id, MOVEMENT, {**row, "movement": {**row["movement"], name: value}})
        again, row_again = learned()
        assert again.to_dict() == movement.to_dict()
        assert row_again == row
