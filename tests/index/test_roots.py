import os
import shutil
from pathlib import Path

import pytest

from geotagger.archive import folders, walk
from geotagger.index import Index
from geotagger.index.roots import Root

from .conftest import make_photo, record_all


def test_a_known_root_serves_its_folders_and_files(index: Index, recorded: Root, archive: Path) -> None:
    for path in (archive, archive / "2024" / "deep", archive / "a.jpg", archive / "2023" / ".." / "2024"):
        assert index.roots.root_for(str(path)) == recorded
    assert index.roots.root_for(f"{archive}-2").id != recorded.id


def test_a_link_to_an_archive_is_the_archive(index: Index, recorded: Root, archive: Path) -> None:
    link = archive.parent / "link"
    link.symlink_to(archive)
    assert index.roots.root_for(str(link)) == recorded


def test_a_file_alone_makes_its_folder_a_root(index: Index, archive: Path) -> None:
    assert index.roots.root_for(str(archive / "2024" / "d.jpg")).path == str(archive / "2024")


@pytest.mark.parametrize("name", [b"parent", b"parent \xff", "Größe".encode()])
def test_a_parent_takes_over_what_is_known_of_its_children(
    index: Index, archive: Path, tmp_path: Path, name: bytes
) -> None:
    parent = os.fsdecode(os.fsencode(tmp_path) + b"/" + name)
    child, other = os.path.join(parent, "x", "one"), os.path.join(parent, "two")
    shutil.copytree(archive, child)
    make_photo(Path(os.fsdecode(os.fsencode(child) + b"/caf\xe9.jpg")))
    make_photo(Path(other) / "z.jpg")
    first = record_all(index, Path(child))
    second = record_all(index, Path(other))
    index.learned.put(first.id, "movement", {"km": 5})
    index.learned.put(second.id, "movement", {"km": 7})
    index.learned.put(first.id, "clocks", {"Canon": 1.0})
    index.learned.put(second.id, "clocks", {"Canon": 2.0, "Nikon": 3.0})
    index.learned.add_sidecar_folder(second.id, "/sidecars")
    before = {known.path: known.id for known in index.photos.in_time(first.id)}
    root = index.roots.root_for(parent)
    assert index.roots.all() == [root]
    after = {known.path: known.id for known in index.photos.in_time(root.id)}
    assert before.items() <= after.items()
    assert len(after) == 8
    # what was learned is the larger one's, what the owner told of either holds for both
    assert index.learned.get(root.id, "movement") == {"km": 5}
    assert index.learned.get(root.id, "clocks") == {"Canon": 1.0, "Nikon": 3.0}
    assert index.learned.sidecar_folders(child) == ["/sidecars"]
    comparison = index.compare(root, folders([parent]))
    assert list(comparison) == []
    assert (comparison.unchanged, comparison.gone) == (8, 0)
    assert {known.path for known in index.photos.in_time(root.id)} == {e.path for e in walk([parent])}


def test_a_file_beside_archives_leaves_them_as_they_are(index: Index, tmp_path: Path) -> None:
    for name in ("alice", "bob"):
        (tmp_path / name).mkdir()
    alice, bob = (index.roots.root_for(str(tmp_path / name)) for name in ("alice", "bob"))
    (tmp_path / "beside.jpg").touch()
    above = index.roots.root_for(str(tmp_path / "beside.jpg"))
    assert index.roots.all() == [alice, bob, above]
    assert index.roots.root_for(str(tmp_path / "alice" / "a.jpg")) == alice
    assert index.roots.root_for(str(tmp_path / "bob")) == bob
    assert index.roots.root_for(str(tmp_path)) == above
    assert index.roots.all() == [above]


def test_an_archive_on_another_mount_keeps_its_records(index: Index, recorded: Root, archive: Path) -> None:
    before = {known.id for known in index.photos.in_time(recorded.id)}
    new = archive.parent / "mnt" / "disk"
    new.parent.mkdir()
    archive.rename(new)
    root = index.roots.root_for(str(new))
    assert root == Root(recorded.id, str(new))
    comparison = index.compare(root, folders([str(new)]))
    assert list(comparison) == []
    assert comparison.unchanged == 6
    assert {known.id for known in index.photos.in_time(root.id)} == before


def test_asking_for_a_part_of_an_archive_on_another_mount_finds_the_archive(
    index: Index, recorded: Root, archive: Path
) -> None:
    new = archive.parent / "mnt" / "disk"
    new.parent.mkdir()
    archive.rename(new)
    assert index.roots.root_for(str(new / "2024" / "deep")) == Root(recorded.id, str(new))


def test_asking_for_more_than_an_archive_on_another_mount_takes_its_records_over(
    index: Index, recorded: Root, archive: Path
) -> None:
    before = {known.id for known in index.photos.in_time(recorded.id)}
    mount = archive.parent / "mnt"
    mount.mkdir()
    make_photo(mount / "more.jpg")
    archive.rename(mount / archive.name)
    root = index.roots.root_for(str(mount))
    assert index.roots.all() == [root]
    assert {known.id for known in index.photos.in_time(root.id)} == before
    comparison = index.compare(root, folders([str(mount)]))
    assert [change.kind for change in comparison] == ["new"]
    assert comparison.unchanged == 6


def test_an_empty_mount_point_counts_as_gone(index: Index, recorded: Root, archive: Path) -> None:
    new = archive.parent / "mnt"
    archive.rename(new)
    archive.mkdir()
    assert index.roots.root_for(str(new)).id == recorded.id


def test_a_copy_of_an_archive_that_is_still_there_is_another_one(
    index: Index, recorded: Root, archive: Path
) -> None:
    copy = archive.parent / "copy"
    shutil.copytree(archive, copy)
    assert index.roots.root_for(str(copy)).id != recorded.id


def test_an_archive_that_only_resembles_is_another_one(index: Index, recorded: Root, archive: Path) -> None:
    new = archive.parent / "new"
    archive.rename(new)
    make_photo(new / "a.jpg", size=5)  # one of six differs: less than nine in ten are alike
    assert index.roots.root_for(str(new)).id != recorded.id


def test_what_was_learned_is_kept_by_root_and_key(index: Index, recorded: Root) -> None:
    assert index.learned.get(recorded.id, "clocks") is None
    index.learned.put(recorded.id, "clocks", {"Canon": 3600.0})
    index.learned.put(recorded.id, "clocks", {"Canon": 7200.0})
    assert index.learned.get(recorded.id, "clocks") == {"Canon": 7200.0}
    index.learned.forget(recorded.id, "clocks")
    assert index.learned.get(recorded.id, "clocks") is None
