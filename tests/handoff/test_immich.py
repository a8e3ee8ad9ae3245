"""Places for Immich, against a server on the loopback address."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Geotagger
from tests.handoff.server import KEY, OWNER, PARTNER, Library, immich
from tests.tag.scenes import Scene, walk_through_town


@pytest.fixture
def scene(geotagger: Geotagger, tmp_path: Path) -> Scene:
    geotagger.environment["GEOTAGGER_IMMICH_KEY"] = KEY
    return walk_through_town(tmp_path / "photos", 8)


@pytest.fixture
def library() -> Iterator[Library]:
    with immich(Library()) as library:
        yield library


def test_a_photo_is_known_by_the_bytes_from_before_our_write(
    geotagger: Geotagger, scene: Scene, library: Library
) -> None:
    uploaded = {
        name: library.upload(scene.folder / name, f"/upload/{name}") for name in sorted(scene.stripped)
    }
    geotagger("tag", scene.folder, "--model", "none")
    told = geotagger("handoff", "immich", library.address, scene.folder, "--json").by_name()
    assert {name for name, one in told.items() if one["status"] == "planned"} == set(uploaded)
    assert all("dry run" in told[name]["reason"] and "checksum" in told[name]["reason"] for name in uploaded)
    assert library.given() == []
    geotagger("handoff", "immich", library.address, "--apply")
    for name, number in uploaded.items():
        assert library.place_of(number) == pytest.approx(
            (told[name]["latitude"], told[name]["longitude"]), abs=1e-6
        )


def test_a_photo_is_known_by_its_path_as_immich_calls_it(
    geotagger: Geotagger, scene: Scene, library: Library, tmp_path: Path
) -> None:
    other = tmp_path / "other.jpg"
    other.write_bytes(b"bytes that nobody has")
    number = library.upload(other, "/mnt/photos/IMG_0001.jpg")
    geotagger("tag", scene.folder, "--model", "none")
    arguments = (
        "handoff",
        "immich",
        library.address,
        "--as",
        f"{scene.folder}=/mnt/photos",
        "--apply",
        "--json",
    )
    told = geotagger(*arguments).by_name()
    assert told["IMG_0001.jpg"]["status"] == "written"
    assert "path" in told["IMG_0001.jpg"]["reason"]
    assert library.place_of(number)[0] is not None


def test_what_has_a_place_there_is_left_and_equal_places_go_in_one_call(
    geotagger: Geotagger, scene: Scene, library: Library
) -> None:
    names = sorted(scene.stripped)
    geotagger("place", "48.5,16.5", *(scene.folder / name for name in names))
    numbers = [library.upload(scene.folder / name, f"/upload/{name}") for name in names[:-1]]
    placed = library.upload(scene.folder / names[-1], "/upload/last", (1.0, 2.0))
    told = geotagger("handoff", "immich", library.address, "--apply", "--json").by_name()
    assert told[names[-1]]["status"] == "kept"
    assert library.place_of(placed) == (1.0, 2.0)
    assert library.given() == [{"ids": numbers, "latitude": 48.5, "longitude": 16.5}]


def test_undo_takes_away_what_was_given_and_nobody_changed(
    geotagger: Geotagger, scene: Scene, library: Library
) -> None:
    names = sorted(scene.stripped)
    numbers = {name: library.upload(scene.folder / name, f"/upload/{name}") for name in names}
    geotagger("tag", scene.folder, "--model", "none")
    geotagger("handoff", "immich", library.address, "--apply")
    library.assets[numbers[names[0]]]["exifInfo"] = {"latitude": 10.0, "longitude": 20.0}
    told = geotagger("handoff", "immich", library.address, "--undo", "--json").by_name()
    assert {name: one["status"] for name, one in told.items()} == {
        name: "kept" if name == names[0] else "restored" for name in names
    }
    assert all("0,0" in told[name]["reason"] for name in names[1:])
    assert library.place_of(numbers[names[0]]) == (10.0, 20.0)
    assert all(library.place_of(numbers[name]) == (None, None) for name in names[1:])
    assert "left to take back" in geotagger("handoff", "immich", library.address, "--undo", code=2).err


def test_what_a_partner_shares_is_left_and_what_is_archived_is_given(
    geotagger: Geotagger, scene: Scene, library: Library
) -> None:
    first, second, *_ = sorted(scene.stripped)
    shared = library.upload(scene.folder / first, "/partner/first", owner=PARTNER)
    own = library.upload(scene.folder / first, "/own/first")
    archived = library.upload(scene.folder / second, "/own/second", visibility="archive")
    geotagger("place", "48.5,16.5", scene.folder / first, scene.folder / second)
    geotagger("handoff", "immich", library.address, "--apply")
    assert library.given() == [{"ids": [own, archived], "latitude": 48.5, "longitude": 16.5}]
    assert library.place_of(shared) == (None, None)


def test_an_asset_that_immich_refuses_costs_itself_alone(
    geotagger: Geotagger, scene: Scene, library: Library
) -> None:
    """A key that may not ask whose it is cannot tell a partner's assets from its owner's."""
    library.may_read_users = False
    names = sorted(scene.stripped)
    geotagger("place", "48.5,16.5", *(scene.folder / name for name in names))
    for name in names:
        library.upload(scene.folder / name, f"/upload/{name}", owner=PARTNER if name == names[1] else OWNER)
    said = geotagger("handoff", "immich", library.address, "--apply", "--json", code=1)
    assert {name: one["status"] for name, one in said.by_name().items() if name in names} == {
        name: "failed" if name == names[1] else "written" for name in names
    }
    assert "somebody else's" in said.by_name()[names[1]]["reason"]
    calls = len(library.given())
    assert calls > 1
    assert f"places given: {len(names) - 1}, in calls: {calls};" in said.err
    library.assets.popitem()
    told = geotagger("handoff", "immich", library.address, "--undo", "--json").by_name()
    assert told[names[-1]]["status"] == "kept"
    assert "not have it any more" in told[names[-1]]["reason"]
    assert "left to take back" in geotagger("handoff", "immich", library.address, "--undo", code=2).err


def test_what_was_given_before_the_server_refused_can_be_taken_back(
    geotagger: Geotagger, scene: Scene, library: Library
) -> None:
    for name in sorted(scene.stripped):
        library.upload(scene.folder / name, f"/upload/{name}")
    geotagger("tag", scene.folder, "--model", "none")
    library.refuses_after = 2
    said = geotagger("handoff", "immich", library.address, "--apply", code=1)
    assert "it refused (500)" in said.err
    library.refuses_after = None
    told = geotagger("handoff", "immich", library.address, "--undo", "--json").records
    assert len(told) == 2
    assert all(library.place_of(number) == (None, None) for number in library.assets)


def test_a_wrong_key_address_or_answer_is_one_line(
    geotagger: Geotagger, scene: Scene, library: Library, tmp_path: Path
) -> None:
    geotagger("tag", scene.folder, "--model", "none")
    wrong = tmp_path / "key"
    wrong.write_text("another\n")
    said = geotagger("handoff", "immich", library.address, "--key-file", wrong, code=1)
    assert "does not know this key" in said.err
    assert "another" not in said.err
    assert "cannot be reached" in geotagger("handoff", "immich", "http://127.0.0.1:9", code=1).err
    for address in ("ftp://x", "nas:2283", "http://user:secret@nas"):
        assert "wanted is the address" in geotagger("handoff", "immich", address, code=2).err
    del geotagger.environment["GEOTAGGER_IMMICH_KEY"]
    assert "an API key is wanted" in geotagger("handoff", "immich", library.address, code=2).err
    assert (
        "--as x"
        in geotagger("handoff", "immich", library.address, "--as", "x", "--key-file", wrong, code=2).err
    )


def test_photoprism_and_memories_are_told_what_they_will_see(geotagger: Geotagger, scene: Scene) -> None:
    geotagger("tag", scene.folder, "--model", "none", "--write", "sidecar")
    for manager, command, status, also in (
        ("photoprism", "photoprism index --force", "written", ", and 4 more in sidecars, by releases"),
        ("memories", "occ memories:index --force", "skipped", ", once it looks"),
    ):
        said = geotagger("handoff", manager, scene.folder, "--json")
        told = said.by_name()
        assert all(told[name]["status"] == status for name in scene.stripped)
        assert all("a sidecar" in told[name]["reason"] for name in scene.stripped)
        assert all(told[name]["status"] == "written" for name in told.keys() - scene.stripped)
        assert f"reads 4 of 8 places{also}" in said.err
        assert command in said.err
    geotagger("undo", "--yes")
    geotagger("tag", scene.folder, "--model", "none")
    assert "reads 8 of 8 places" in geotagger("handoff", "memories", scene.folder).err
