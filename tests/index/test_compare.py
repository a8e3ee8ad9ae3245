import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geotagger.archive import file_entry, fingerprint, folders, walk
from geotagger.index import Index, open_index
from geotagger.index.compare import Comparison
from geotagger.index.photos import Record
from geotagger.index.roots import Root

from .conftest import FACTS, make_photo


def compared(index: Index, root: Root, **options: object) -> tuple[Comparison, dict[str, str]]:
    comparison = index.compare(root, folders([root.path]), **options)  # type: ignore[arg-type]
    return comparison, {os.path.relpath(change.entry.path, root.path): change.kind for change in comparison}


def test_all_photos_of_an_unknown_archive_are_new(index: Index, archive: Path) -> None:
    comparison, changes = compared(index, index.roots.root_for(str(archive)))
    assert Counter(changes.values()) == {"new": 6}
    assert (comparison.unchanged, comparison.gone) == (0, 0)


@pytest.mark.parametrize("sealed", [False, True])
def test_an_unchanged_archive_has_no_changes(index: Index, recorded: Root, sealed: bool) -> None:
    if sealed:
        index.seal(recorded)
    for _ in range(3):
        comparison, changes = compared(index, recorded)
        assert changes == {}
        assert (comparison.unchanged, comparison.gone, comparison.moved) == (6, 0, 0)


def test_a_sealed_folder_is_not_looked_at_file_by_file(index: Index, recorded: Root) -> None:
    index.seal(recorded)
    seen: list[str] = []
    index.store.connection.set_trace_callback(seen.append)
    compared(index, recorded)
    index.store.connection.set_trace_callback(None)
    assert not any("from photos where folder_id" in statement for statement in seen)


@pytest.mark.parametrize("sealed", [False, True])
def test_changed_photos_and_sidecars_are_noticed(
    index: Index, recorded: Root, archive: Path, sealed: bool
) -> None:
    if sealed:
        index.seal(recorded)
    make_photo(archive / "a.jpg", size=999)
    os.utime(archive / "2023" / "b.jpg", ns=(1, 1))
    (archive / "2024" / "e.cr2.xmp").write_text("<x/>")
    (archive / "2024" / "d.xmp").write_text("<x/>")
    comparison, changes = compared(index, recorded)
    assert changes == {
        "a.jpg": "changed",
        "2023/b.jpg": "changed",
        "2024/e.cr2": "sidecar",
        "2024/d.jpg": "sidecar",
    }
    assert comparison.unchanged == 2


def test_our_own_write_is_no_change(index: Index, recorded: Root, archive: Path) -> None:
    index.seal(recorded)
    path = str(make_photo(archive / "a.jpg", size=999))
    known = index.photos.find(path)
    assert known is not None
    index.photos.rewritten(known.id, file_entry(path), fingerprint(path))
    assert compared(index, recorded)[1] == {}


@pytest.mark.parametrize("sealed", [False, True])
def test_deleted_photos_are_noticed_and_known_again_when_they_return(
    index: Index, recorded: Root, archive: Path, sealed: bool
) -> None:
    if sealed:
        index.seal(recorded)
    for name in ("2023/b.jpg", "2024"):
        (archive / name).rename(archive.parent / Path(name).name)
    comparison, changes = compared(index, recorded)
    assert (changes, comparison.gone, comparison.unchanged) == ({}, 4, 2)
    assert len(list(index.photos.in_time(recorded.id))) == 2
    again, _ = compared(index, recorded)
    assert again.gone == 0  # told once
    for name in ("2023/b.jpg", "2024"):
        (archive.parent / Path(name).name).rename(archive / name)
    comparison, changes = compared(index, recorded)
    assert (changes, comparison.returned, comparison.unchanged) == ({}, 4, 6)
    assert len(list(index.photos.in_time(recorded.id))) == 6


@pytest.mark.parametrize("sealed", [False, True])
def test_a_moved_photo_keeps_its_record(index: Index, recorded: Root, archive: Path, sealed: bool) -> None:
    if sealed:
        index.seal(recorded)
    before = index.photos.find(str(archive / "2024" / "d.jpg"))
    (archive / "a later folder").mkdir()
    (archive / "2024" / "d.jpg").rename(archive / "a later folder" / "renamed.jpg")
    (archive / "2023").rename(archive / "0 an earlier folder")
    comparison, changes = compared(index, recorded)
    assert changes == {
        "a later folder/renamed.jpg": "moved",
        "0 an earlier folder/b.jpg": "moved",
        "0 an earlier folder/c.heic": "moved",
    }
    assert (comparison.moved, comparison.gone) == (3, 0)
    after = index.photos.find(str(archive / "a later folder" / "renamed.jpg"))
    assert before is not None
    assert after is not None
    assert after.id == before.id
    assert compared(index, recorded)[1] == {}


def test_a_photo_renamed_on_its_way_to_another_disk_is_known_by_its_fingerprint(
    index: Index, archive: Path
) -> None:
    root = index.roots.root_for(str(archive))
    index.photos.record(
        root, [Record(entry, FACTS, fingerprint=fingerprint(entry.path)) for entry in walk([str(archive)])]
    )
    for name, content in (("new name.jpg", None), ("other.jpg", b"x" * 100)):
        copy = archive / name
        copy.write_bytes(content or (archive / "a.jpg").read_bytes())  # another inode, as on another disk
        os.utime(copy, (1_700_000_000, 1_700_000_000))
    (archive / "a.jpg").unlink()
    _, changes = compared(index, root)
    assert changes == {"new name.jpg": "moved", "other.jpg": "new"}


def test_a_copy_is_a_photo_of_its_own(index: Index, recorded: Root, archive: Path) -> None:
    (archive / "copy").mkdir()
    copy = archive / "copy" / "a.jpg"
    copy.write_bytes((archive / "a.jpg").read_bytes())
    os.utime(copy, (1_700_000_000, 1_700_000_000))
    assert compared(index, recorded)[1] == {"copy/a.jpg": "new"}


def test_two_copies_cannot_both_be_the_photo_that_moved(index: Index, recorded: Root, archive: Path) -> None:
    for name in ("x", "y"):
        make_photo(archive / name / "a.jpg", size=100, mtime_s=1_700_000_000)
    make_photo(archive / "x" / "A.jpg", size=100, mtime_s=1_700_000_000)
    (archive / "a.jpg").unlink()
    _, changes = compared(index, recorded)
    assert Counter(changes.values()) == {"moved": 1, "new": 2}


def test_an_archive_that_seems_unplugged_keeps_its_records(
    index: Index, recorded: Root, archive: Path
) -> None:
    archive.rename(archive.parent / "elsewhere")
    archive.mkdir()
    told: list[str] = []
    comparison, _ = compared(index, recorded, problem=lambda left: told.append(left.reason))
    assert comparison.gone == 0
    assert "mounted" in told[0]


@pytest.mark.ordinary_user
def test_photos_of_a_folder_that_cannot_be_read_are_not_taken_for_deleted(
    index: Index, recorded: Root, archive: Path
) -> None:
    (archive / "2024").chmod(0)
    try:
        comparison, changes = compared(index, recorded)
    finally:
        (archive / "2024").chmod(0o755)
    assert (changes, comparison.gone) == ({}, 0)


def test_what_was_excluded_is_not_taken_for_deleted(index: Index, recorded: Root) -> None:
    comparison = index.compare(recorded, folders([recorded.path], exclude=["2024", "*.heic"]))
    assert list(comparison) == []
    assert comparison.gone == 0


def test_a_walk_of_one_folder_says_nothing_of_the_others(index: Index, recorded: Root, archive: Path) -> None:
    (archive / "2023" / "b.jpg").unlink()
    (archive / "2024" / "d.jpg").unlink()
    below = str(archive / "2024")
    comparison = index.compare(recorded, folders([below]), below=[below])
    assert list(comparison) == []
    assert (comparison.gone, comparison.unchanged) == (1, 2)


def test_single_files_say_nothing_of_their_folder(index: Index, recorded: Root, archive: Path) -> None:
    (archive / "2024" / "d.jpg").unlink()
    one = str(archive / "2024" / "e.cr2")
    comparison = index.compare(recorded, folders([one]), below=[one])
    assert list(comparison) == []
    assert (comparison.gone, comparison.unchanged) == (0, 1)


operations = st.lists(
    st.tuples(st.sampled_from(["add", "change", "delete", "sidecar", "seal", "move"]), st.integers(0, 5)),
    max_size=10,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(operations, min_size=1, max_size=4))
def test_whatever_happens_between_runs_the_index_ends_as_the_disk_is(
    tmp_path_factory: pytest.TempPathFactory, history: list[list[tuple[str, int]]]
) -> None:
    archive = tmp_path_factory.mktemp("history") / "archive"
    clock = 1_700_000_000
    make_photo(archive / "always.jpg")
    with open_index(Path("unused"), mode="snapshot") as index:
        root = index.roots.root_for(str(archive))
        for steps in history:
            for what, number in steps:
                clock += 1
                path = archive / f"{number % 2}" / f"{number}.jpg"
                if what in ("add", "change"):
                    make_photo(path, size=number + 1, mtime_s=clock)
                elif what == "delete":
                    path.unlink(missing_ok=True)
                elif what == "sidecar" and path.parent.exists():
                    path.with_suffix(".xmp").write_text("x")
                    os.utime(path.with_suffix(".xmp"), (clock, clock))
                elif what == "move" and path.exists():
                    make_photo(archive / "moved" / "keep.jpg").unlink()
                    path.rename(archive / "moved" / f"{clock}.jpg")
                elif what == "seal":
                    index.seal(root)
            comparison = index.compare(root, folders([root.path]))
            index.photos.record(root, [Record(change.entry, FACTS) for change in comparison])
            known = {k.path: (k.size, k.mtime_ns, k.sidecar_mtime_ns) for k in index.photos.in_time(root.id)}
            there = {e.path: (e.size, e.mtime_ns, e.sidecar_mtime_ns) for e in walk([root.path])}
            assert known == there
            again = index.compare(root, folders([root.path]))
            assert list(again) == []
            assert (again.unchanged, again.gone) == (len(there), 0)
