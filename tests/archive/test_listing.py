import inspect
import os
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geotagger.archive import PassedOver, file_entry, fingerprint, folders, sidecar_files, walk
from geotagger.archive.names import is_left_out_below
from geotagger.errors import ArchiveError
from geotagger.tracks import load_tracks


class Told(list[PassedOver]):
    def __call__(self, left: PassedOver) -> None:
        self.append(left)


def make(path: Path, content: bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def names(archive: Path, **options: object) -> list[str]:
    found = [entry.path for entry in walk([str(archive)], **options)]  # type: ignore[arg-type]
    assert len(found) == len(set(found))
    return sorted(os.path.relpath(path, archive) for path in found)


def test_photos_are_found_by_extension_in_any_case(tmp_path: Path) -> None:
    for name in (
        "a.jpg",
        "b.JPEG",
        "c.HeIc",
        "sub/d.cr2",
        "sub/sub/e.png",
        "two.dots.webp",
        "video.MP4",
        "x.avif",
        "y.dng",
    ):
        make(tmp_path / name)
    for name in ("readme.txt", "sound.mp3", "jpg", "a.jpg.bak", "IMG.CR2.xmp", "notes"):
        make(tmp_path / name)
    assert names(tmp_path) == sorted(
        [
            "a.jpg",
            "b.JPEG",
            "c.HeIc",
            "sub/d.cr2",
            "sub/sub/e.png",
            "two.dots.webp",
            "video.MP4",
            "x.avif",
            "y.dng",
        ]
    )


@pytest.mark.parametrize(
    ("name", "is_film"),
    [
        ("PXL_20240615_100000000.MP", True),
        ("PXL_20240615_100000000.MP~2", True),
        ("IMG_20191231_235959.mp", True),
        ("GS010123.360", True),
        ("VID_20240615_120000_00_001.insv", True),
        ("DSCF0001.MPO", True),
        ("figures.mp", False),
        ("turn.360", False),
        (".20240615.MP", False),
        ("20240615.mp3", False),
    ],
)
def test_films_of_rare_extensions_are_found_and_other_files_that_share_them_are_not(
    tmp_path: Path, name: str, is_film: bool
) -> None:
    (tmp_path / name).write_bytes(b"x")
    assert [os.path.basename(entry.path) for entry in walk([str(tmp_path)])] == [name] * is_film


def test_an_entry_is_what_stat_says(tmp_path: Path) -> None:
    photo = make(tmp_path / "a.jpg", b"12345")
    (entry,) = walk([str(tmp_path)])
    now = photo.stat()
    assert entry == (str(photo), 5, now.st_mtime_ns, now.st_ino, now.st_dev, 0)
    assert file_entry(str(photo)) == entry


@pytest.mark.parametrize(
    "folder",
    [
        ".hidden",
        ".thumbnails",
        ".Trash-1000",
        "@eaDir",
        "$RECYCLE.BIN",
        "#recycle",
        "System Volume Information",
        "lost+found",
        "Catalog Previews.lrdata",
        "Photos Library.photoslibrary",
        "__MACOSX",
    ],
)
def test_hidden_trash_and_other_programs_folders_are_left_out(tmp_path: Path, folder: str) -> None:
    make(tmp_path / folder / "a.jpg")
    make(tmp_path / folder / "deeper" / "b.jpg")
    make(tmp_path / "c.jpg")
    assert names(tmp_path) == ["c.jpg"]
    assert names(tmp_path / folder) == ["a.jpg", "deeper/b.jpg"]  # but not when it is asked for


def test_hidden_files_and_our_temporary_ones_are_left_out(tmp_path: Path) -> None:
    for name in (".a.jpg", "._b.jpg", ".geotagger-123-c.jpg", "d.jpg"):
        make(tmp_path / name)
    assert names(tmp_path) == ["d.jpg"]


def test_a_folder_that_is_called_like_a_photo_is_a_folder(tmp_path: Path) -> None:
    make(tmp_path / "odd.jpg" / "a.jpg")
    assert names(tmp_path) == ["odd.jpg/a.jpg"]


@pytest.mark.parametrize("sidecar", ["IMG.CR2.xmp", "IMG.xmp", "img.XMP", "IMG.cr2.XMP"])
def test_a_sidecars_time_belongs_to_its_photo(tmp_path: Path, sidecar: str) -> None:
    make(tmp_path / "IMG.CR2")
    make(tmp_path / "other.jpg")
    os.utime(make(tmp_path / sidecar), ns=(5, 7_000))
    assert {Path(e.path).name: e.sidecar_mtime_ns for e in walk([str(tmp_path)])} == {
        "IMG.CR2": 7_000,
        "other.jpg": 0,
    }


def test_one_sidecar_may_belong_to_a_raw_and_a_jpeg(tmp_path: Path) -> None:
    make(tmp_path / "IMG.CR2")
    make(tmp_path / "IMG.JPG")
    os.utime(make(tmp_path / "IMG.xmp"), ns=(5, 7_000))
    os.utime(make(tmp_path / "IMG.CR2.xmp"), ns=(5, 9_000))
    times = {Path(e.path).name: e.sidecar_mtime_ns for e in walk([str(tmp_path)])}
    assert times == {"IMG.CR2": 9_000, "IMG.JPG": 7_000}


def test_names_that_are_not_utf8_are_walked(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    os.mkdir(root + b"/\xff\xfe")
    for name in (b"/caf\xe9.jpg", b"/\xff\xfe/a.jpg", "/größe.jpg".encode()):
        with open(root + name, "wb"):
            pass
    found = {os.fsencode(entry.path)[len(root) :] for entry in walk([str(tmp_path)])}
    assert found == {b"/caf\xe9.jpg", b"/\xff\xfe/a.jpg", "/größe.jpg".encode()}


def test_link_loops_end_and_are_told(tmp_path: Path) -> None:
    archive = tmp_path / "archive"
    make(archive / "deep" / "er" / "a.jpg")
    (archive / "deep" / "er" / "up").symlink_to(archive)
    (archive / "deep" / "self").symlink_to(archive / "deep" / "self")
    (archive / "above").symlink_to(tmp_path)
    told = Told()
    assert names(archive, problem=told) == ["deep/er/a.jpg"]
    assert [os.path.basename(left.path) for left in told if left.kind == "link"] == ["above", "up"]


def test_a_loop_outside_the_archive_ends_too(tmp_path: Path) -> None:
    archive, outside = tmp_path / "archive", tmp_path / "outside"
    archive.mkdir()
    make(outside / "x" / "a.jpg")
    (outside / "x" / "back").symlink_to(outside)
    (outside / "x" / "archive").symlink_to(archive)
    (archive / "one").symlink_to(outside)
    (archive / "two").symlink_to(outside)
    assert names(archive) == ["one/x/a.jpg"]


def test_links_out_of_the_archive_are_followed_and_links_inside_are_not(tmp_path: Path) -> None:
    archive, outside = tmp_path / "archive", tmp_path / "outside"
    make(archive / "a.jpg")
    make(archive / "sub" / "b.jpg")
    make(outside / "c.jpg")
    (archive / "linked").symlink_to(outside)
    (archive / "linked.jpg").symlink_to(outside / "c.jpg")
    (archive / "again").symlink_to(archive / "sub")
    (archive / "again.jpg").symlink_to(archive / "a.jpg")
    assert names(archive) == ["a.jpg", "linked.jpg", "linked/c.jpg", "sub/b.jpg"]


def test_a_link_to_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    told = Told()
    assert names(tmp_path, problem=told) == []
    assert [left.reason for left in told] == [
        "a link that leads nowhere (no such file or directory); it was passed over"
    ]


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    make(tmp_path / "a.jpg")
    assert names(tmp_path) == ["a.jpg"]
    told = Told()
    with pytest.raises(ArchiveError):
        list(walk([str(tmp_path / "pipe.jpg")], problem=told))
    assert (told[0].kind, told[0].reason) == ("special", "neither a file nor a folder; it was passed over")


@pytest.mark.ordinary_user
def test_a_folder_without_permission_is_told_and_the_walk_goes_on(tmp_path: Path) -> None:
    make(tmp_path / "closed" / "a.jpg")
    make(tmp_path / "open" / "b.jpg")
    (tmp_path / "closed").chmod(0)
    told = Told()
    try:
        assert names(tmp_path, problem=told) == ["open/b.jpg"]
    finally:
        (tmp_path / "closed").chmod(0o755)
    why = "this folder cannot be read (permission denied); it was passed over"
    assert told == [PassedOver(str(tmp_path / "closed"), why)]


def test_a_folder_that_vanishes_during_the_walk_is_told(tmp_path: Path) -> None:
    make(tmp_path / "a" / "a.jpg")
    make(tmp_path / "b" / "b.jpg")
    told, met = Told(), []
    for folder in folders([str(tmp_path)], problem=told):
        met.append((os.path.basename(folder.path), folder.unreadable))
        if folder.path == str(tmp_path):
            (tmp_path / "b").rename(tmp_path.parent / f"{tmp_path.name}-moved")
    assert met[1:] == [("a", False), ("b", True)]
    assert told == [PassedOver(str(tmp_path / "b"), "this folder vanished while the archive was read")]


def test_an_archive_that_is_not_there_is_an_error_and_one_of_several_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match=r"nothing was changed.*mounted"):
        list(walk([str(tmp_path / "missing")]))
    make(tmp_path / "there" / "a.jpg")
    told = Told()
    found = list(walk([str(tmp_path / "missing"), str(tmp_path / "there")], problem=told))
    assert len(found) == 1
    assert told == [PassedOver(str(tmp_path / "missing"), "no such file or directory")]


def test_paths_inside_one_another_give_each_photo_once(tmp_path: Path) -> None:
    photo = make(tmp_path / "sub" / "a.jpg")
    make(tmp_path / "b.jpg")
    paths = [str(tmp_path / "sub"), str(photo), str(tmp_path), f"{tmp_path}/sub/../sub/", str(photo)]
    assert sorted(entry.path for entry in walk(paths)) == [str(tmp_path / "b.jpg"), str(photo)]


def test_a_file_that_is_named_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    odd = make(tmp_path / "scan0001")
    make(tmp_path / "a.jpg")
    os.utime(make(tmp_path / "scan0001.xmp"), ns=(1, 2_000))
    (folder,) = folders([str(odd)])
    assert not folder.whole
    assert [(name, sidecar) for name, _, _, sidecar in folder.files] == [("scan0001", 2_000)]


def test_a_walk_through_a_link_gives_real_paths(tmp_path: Path) -> None:
    make(tmp_path / "real" / "a.jpg")
    (tmp_path / "link").symlink_to("real")
    assert [e.path for e in walk([str(tmp_path / "link")])] == [str(tmp_path / "real" / "a.jpg")]


def test_excluded_names_and_paths_are_left_out(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.png", "skip/c.jpg", "keep/skip.jpg", "keep/tmp/d.jpg"):
        make(tmp_path / name)
    assert names(tmp_path, exclude=["*.png", "skip", "keep/tmp"]) == ["a.jpg", "keep/skip.jpg"]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.lists(
            st.text("ab.AB é", min_size=1, max_size=4).filter(lambda n: n not in (".", "..")),
            min_size=1,
            max_size=3,
        ),
        max_size=8,
    )
)
def test_a_walk_finds_what_a_plain_walk_finds(
    tmp_path_factory: pytest.TempPathFactory, paths: list[list[str]]
) -> None:
    root = tmp_path_factory.mktemp("tree")
    for parts in paths:
        target = root.joinpath(*parts[:-1], parts[-1] + ".jpg")
        try:
            make(target)
        except OSError:
            continue  # a file stands where a folder would be
    plain = {
        os.path.join(folder, name)
        for folder, _, files in os.walk(root)
        for name in files
        if not any(
            part.startswith(".") for part in os.path.relpath(os.path.join(folder, name), root).split("/")
        )
    }
    assert {entry.path for entry in walk([str(root)])} == plain


def test_a_fingerprint_changes_with_the_head_and_the_size(tmp_path: Path) -> None:
    one = fingerprint(str(make(tmp_path / "a", b"x" * 100_000)))
    assert len(one) == 16
    assert fingerprint(str(make(tmp_path / "b", b"x" * 100_000))) == one
    assert fingerprint(str(make(tmp_path / "c", b"y" + b"x" * 99_999))) != one
    assert fingerprint(str(make(tmp_path / "d", b"x" * 100_001))) != one


def test_a_file_is_left_out_when_a_walk_would_pass_over_it(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.png", "skip/c.jpg", "keep/skip.jpg", "keep/tmp/d.jpg", "keep/tmp/deep/e.jpg"):
        make(tmp_path / name)
    patterns = ["*.png", "skip", "keep/tmp"]
    left = [e.path for e in walk([str(tmp_path)]) if not is_left_out_below(e.path, [str(tmp_path)], patterns)]
    assert [os.path.relpath(path, tmp_path) for path in left] == names(tmp_path, exclude=patterns)
    assert not is_left_out_below(str(tmp_path / "b.png"), [str(tmp_path / "b.png")], patterns)


def test_a_link_to_a_folder_is_no_sidecar(tmp_path: Path) -> None:
    make(tmp_path / "a.xmp")
    (tmp_path / "folder").mkdir()
    (tmp_path / "b.xmp").symlink_to(tmp_path / "folder")
    (tmp_path / "c.xmp").symlink_to("c.xmp")
    assert [os.path.basename(path) for path in sidecar_files([str(tmp_path)])] == ["a.xmp", "c.xmp"]


def test_folders_may_lie_deeper_in_one_another_than_python_calls_itself(tmp_path: Path) -> None:
    """Of a Python that may call itself a hundred times more; usually it is a thousand."""
    deep = make(tmp_path / Path(*"d" * 200) / "a.jpg")
    make(deep.with_name("a.xmp"))
    make(deep.with_name("a.gpx"), b"<gpx>")
    limit, problems = sys.getrecursionlimit(), list[str]()
    sys.setrecursionlimit(len(inspect.stack(0)) + 100)
    try:
        photos = [entry.path for entry in walk([str(tmp_path)])]
        sidecars = list(sidecar_files([str(tmp_path)]))
        load_tracks([tmp_path], problems.append)
    finally:
        sys.setrecursionlimit(limit)
    assert photos == [str(deep)]
    assert sidecars == [str(deep.with_name("a.xmp"))]
    assert problems[0].startswith(str(deep.with_name("a.gpx")))
