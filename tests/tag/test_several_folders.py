"""Folders that help each other: those named in one command, and those that the owner joined."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Geotagger
from tests.tag.scenes import LATITUDE, LONGITUDE, START, STEP_DEG, jpeg

FIELDS = ("status", "latitude", "longitude", "radius_km", "confidence")


def write(folder: Path, name: str, minutes: float, *, place: bool, camera: str, days: int = 0) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    taken = START + timedelta(days=days, minutes=minutes)
    where = (LATITUDE + minutes * STEP_DEG + 0.2 * days, LONGITUDE) if place else None
    (folder / name).write_bytes(jpeg(taken, where, camera=camera, size=48, shade=int(minutes) % 250))


@pytest.fixture
def both(tmp_path: Path) -> Path:
    """A phone that knows where it is, and a camera that does not, on the same four days."""
    for day in range(4):
        for n in range(6):
            write(tmp_path / "D/Phone", f"p{day}{n}.jpg", 20 * n, place=True, camera="Phone", days=day)
            write(tmp_path / "D/Camera", f"c{day}{n}.jpg", 20 * n + 7, place=False, camera="Camera", days=day)
    return tmp_path / "D"


def places(said: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {Path(one["path"]).name: [one.get(field) for field in FIELDS] for one in said if "path" in one}


def bytes_below(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*.*")}


def test_photos_named_in_one_command_help_each_other(
    geotagger: Geotagger, both: Path, tmp_path: Path
) -> None:
    """As if one folder had been named that holds them, to the last digit."""
    never = ("--write", "none", "--json")
    whole = places(geotagger("tag", both, *never, "--index", tmp_path / "whole.db").records)
    two = geotagger("tag", both / "Phone", both / "Camera", *never, "--index", tmp_path / "two.db").records
    assert places(two) == whole
    assert sum(one[1] is not None for name, one in whole.items() if name.startswith("c")) == 24
    alone = places(geotagger("tag", both / "Camera", *never, "--index", tmp_path / "one.db").records)
    assert all(one[1] is None for one in alone.values())


def test_a_second_run_over_the_same_folders_has_nothing_to_do(geotagger: Geotagger, both: Path) -> None:
    words = "tag", both / "Phone", both / "Camera"
    first = geotagger(*words, "--json").by_name()
    assert sum(one["status"] == "written" for one in first.values()) >= 20
    before = bytes_below(both)
    assert "48 kept: unchanged since the last run" in geotagger(*words).out
    # in the minute of c22.jpg, which it places better
    write(both / "Phone", "new.jpg", 47, place=True, camera="Phone", days=2)
    geotagger(*words)
    after = bytes_below(both)
    assert {name for name in after if before.get(name) != after[name]} == {"new.jpg", "c22.jpg"}
    assert "49 kept: unchanged since the last run" in geotagger(*words).out


def test_joined_archives_help_each_other_in_every_later_run(geotagger: Geotagger, both: Path) -> None:
    """The other one is read, also what nobody tagged before, and left alone."""
    phone, camera = both / "Phone", both / "Camera"
    write(phone, "bare.jpg", 33, place=False, camera="Phone")
    of_phone = bytes_below(phone)
    first = geotagger("tag", camera, "--with-root", phone, "--json").by_name()
    assert {one["status"] for one in first.values()} == {"written"}
    assert set(first) == set(bytes_below(camera))
    assert bytes_below(phone) == of_phone

    write(camera, "later.jpg", 47, place=False, camera="Camera", days=3)
    assert geotagger("tag", camera, "--json").by_name()["later.jpg"]["status"] == "written"
    assert geotagger("tag", phone, "--json").by_name()["bare.jpg"]["status"] == "written"

    said = geotagger("roots", "--json").records
    assert {Path(one["archive"]).name: [Path(p).name for p in one["joined_with"]] for one in said} == {
        "Camera": ["Phone"],
        "Phone": ["Camera"],
    }


def test_a_joined_archive_speaks_while_it_is_not_mounted(geotagger: Geotagger, both: Path) -> None:
    phone, camera = both / "Phone", both / "Camera"
    geotagger("tag", phone)
    geotagger("tag", camera, "--with-root", phone)
    phone.rename(both.parent / "unplugged")
    write(camera, "later.jpg", 47, place=False, camera="Camera", days=3)
    assert geotagger("tag", camera, "--json").by_name()["later.jpg"]["status"] == "written"
    again = geotagger("tag", camera, "--with-root", phone)
    assert f"{phone}: not there; what the index knows of its photos speaks" in again.err
    unknown = geotagger("tag", camera, "--with-root", both / "Typo", code=2)
    assert "there is no such folder" in unknown.err


def test_archives_that_are_not_joined_never_help(geotagger: Geotagger, both: Path) -> None:
    phone, camera = both / "Phone", both / "Camera"
    geotagger("tag", phone)
    assert all(one["status"] != "written" for one in geotagger("tag", camera, "--json").records)
    geotagger("tag", camera, "--with-root", phone)
    written = bytes_below(camera)
    assert "was joined with 1 archive" in geotagger("roots", "--part", phone).err
    write(camera, "later.jpg", 47, place=False, camera="Camera", days=3)
    later = geotagger("tag", camera, "--json").by_name()["later.jpg"]
    assert later["status"] != "written" or later["rung"] == "neighbours"
    assert {name: data for name, data in bytes_below(camera).items() if name in written} == written


def test_why_weighs_with_the_archives_that_helped_and_names_them(geotagger: Geotagger, both: Path) -> None:
    phone, camera = both / "Phone", both / "Camera"
    geotagger("tag", camera, "--with-root", phone)
    place = geotagger("query", "--path", camera / "c12.jpg", "--json").records[0]
    said = geotagger("why", camera / "c12.jpg", "--json").records[0]
    assert said["latitude"] == pytest.approx(place["latitude"], abs=1e-9)
    assert {"p12.jpg", "p13.jpg"} <= {Path(fix["photo"]).name for fix in said["fixes"]}
    assert {Path(fix["archive"]).name for fix in said["fixes"]} == {"Phone"}
    assert f"p12.jpg of {phone}, 7.0 min before" in " ".join(geotagger("why", camera / "c12.jpg").out.split())


def test_evaluate_takes_the_joined_archives_too(geotagger: Geotagger, both: Path) -> None:
    """The photos of a joined archive speak; none of them is hidden."""
    phone, camera = both / "Phone", both / "Camera"
    for day in range(4):
        write(camera, f"g{day}.jpg", 31, place=True, camera="Camera", days=day)
    geotagger("tag", camera, "--with-root", phone)
    said = geotagger("evaluate", camera, "--single", "--seed", "0", "--json").records
    hidden = [one for one in said if "path" in one]
    assert hidden
    assert {Path(one["path"]).parent.name for one in hidden} == {"Camera"}
    assert all(one["radius_km"] < 5 for one in hidden), (
        "the camera's own places are on other days, 20 km away"
    )
