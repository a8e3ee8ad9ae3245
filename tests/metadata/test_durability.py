"""What becomes of links, attributes and flags, and that faults leave the photo as it was."""

import errno
import os
import shutil
import stat
import struct
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from geotagger.errors import NotCarriedOverError, WriteError, WriteRefusedError
from geotagger.metadata import (
    abandon,
    commit,
    copying,
    prepare,
    restore,
    settle,
    sidecar_positions,
    sweep_temporaries,
    sync_folders,
)
from geotagger.metadata.read import unreadable_sidecar_position
from geotagger.metadata.sidecar import Sidecars
from geotagger.metadata.takeout import TakeoutRecord, read_takeout
from geotagger.writing import Writing
from tests.metadata.conftest import ESTIMATE, OWNERS

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount or to change flags")


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_mtime_and_mode_survive(plain_jpeg: Path) -> None:
    plain_jpeg.chmod(0o640)
    os.utime(plain_jpeg, ns=(1_500_000_000_123_456_789, 1_400_000_000_987_654_321))
    before = plain_jpeg.stat()
    commit(prepare(str(plain_jpeg), ESTIMATE, Writing("exif")))
    after = plain_jpeg.stat()
    assert after.st_mtime_ns == before.st_mtime_ns
    assert stat.S_IMODE(after.st_mode) == 0o640
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)


def test_extended_attributes_survive(plain_jpeg: Path) -> None:
    try:
        os.setxattr(plain_jpeg, "user.note", b"holiday")
    except OSError:
        pytest.skip("the file system of the temporary folder keeps no extended attributes of users")
    commit(prepare(str(plain_jpeg), ESTIMATE, Writing("exif")))
    assert os.getxattr(plain_jpeg, "user.note") == b"holiday"


def test_access_control_lists_survive(plain_jpeg: Path) -> None:
    entries = [
        (1, 6, 0xFFFFFFFF),
        (2, 4, 12345),
        (4, 4, 0xFFFFFFFF),
        (16, 4, 0xFFFFFFFF),
        (32, 0, 0xFFFFFFFF),
    ]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(plain_jpeg, "system.posix_acl_access", acl)
    except OSError:
        pytest.skip("the file system of the temporary folder keeps no access control lists")
    commit(prepare(str(plain_jpeg), ESTIMATE, Writing("exif")))
    assert os.getxattr(plain_jpeg, "system.posix_acl_access") == acl


def test_a_list_that_the_folder_gives_to_new_files_is_not_taken_on(plain_jpeg: Path) -> None:
    everybody = 2**32 - 1
    entries = [(1, 7, everybody), (2, 7, 12345), (4, 5, everybody), (16, 7, everybody), (32, 5, everybody)]
    acl = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    plain_jpeg.chmod(0o664)
    try:
        os.setxattr(plain_jpeg.parent, "system.posix_acl_default", acl)
    except OSError:
        pytest.skip("the file system of the temporary folder keeps no access control lists")
    commit(prepare(str(plain_jpeg), ESTIMATE, Writing("exif")))
    assert "system.posix_acl_access" not in os.listxattr(plain_jpeg)
    assert stat.S_IMODE(plain_jpeg.stat().st_mode) == 0o664


@as_root
def test_ownership_survives(plain_jpeg: Path) -> None:
    os.chown(plain_jpeg, 1234, 4321)
    commit(prepare(str(plain_jpeg), ESTIMATE, Writing("exif")))
    assert (plain_jpeg.stat().st_uid, plain_jpeg.stat().st_gid) == (1234, 4321)


def test_a_symbolic_link_stays_and_what_it_leads_to_is_written(plain_jpeg: Path, tmp_path: Path) -> None:
    folder = tmp_path / "album"
    folder.mkdir()
    link = folder / "link.jpg"
    link.symlink_to(plain_jpeg)
    prepared = prepare(str(link), ESTIMATE)
    assert prepared.folder == str(plain_jpeg.parent)
    commit(prepared)
    assert link.is_symlink()
    assert b"geotagger estimate" in plain_jpeg.read_bytes()
    assert names(folder) == ["link.jpg"]
    assert restore(prepared.edit).status == "restored"


def test_a_file_with_several_names_gets_a_sidecar(plain_jpeg: Path, tmp_path: Path) -> None:
    other = tmp_path / "other-name.jpg"
    os.link(plain_jpeg, other)
    with pytest.raises(WriteRefusedError, match="hard links"):
        prepare(str(plain_jpeg), ESTIMATE, Writing("exif"))
    prepared = prepare(str(plain_jpeg), ESTIMATE)
    assert prepared.edit.kind == "sidecar"
    commit(prepared)
    assert plain_jpeg.samefile(other)


@as_root
@pytest.mark.parametrize("flag", ["i", "a"])
def test_an_immutable_photo_is_left_alone(plain_jpeg: Path, flag: str) -> None:
    before = plain_jpeg.read_bytes()
    if subprocess.run(["chattr", f"+{flag}", plain_jpeg], capture_output=True, check=False).returncode:
        pytest.skip("no such flags here")
    try:
        with pytest.raises(WriteRefusedError, match="immutable"):
            prepare(str(plain_jpeg), ESTIMATE, Writing("exif"))
        assert prepare(str(plain_jpeg), ESTIMATE).edit.kind == "sidecar"
    finally:
        subprocess.run(["chattr", f"-{flag}", plain_jpeg], check=True)
    assert plain_jpeg.read_bytes() == before


def test_a_read_only_file_in_a_writable_folder_is_replaced_and_stays_read_only(plain_jpeg: Path) -> None:
    plain_jpeg.chmod(0o444)
    commit(prepare(str(plain_jpeg), ESTIMATE, Writing("exif")))
    assert stat.S_IMODE(plain_jpeg.stat().st_mode) == 0o444


@as_root
def test_somebody_elses_photo_is_left_alone(plain_jpeg: Path) -> None:
    """In a folder that both may write to; the new file could not be given its owner."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        photo = Path(folder) / "photo.jpg"
        shutil.copyfile(plain_jpeg, photo)
        child = os.fork()
        if child == 0:
            os.setgid(65534)
            os.setuid(65534)
            try:
                prepare(str(photo), ESTIMATE)
            except NotCarriedOverError as error:
                os._exit(0 if "its owner" in str(error) else 1)
            os._exit(2)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        assert names(Path(folder)) == ["photo.jpg"]
        assert photo.read_bytes() == plain_jpeg.read_bytes()


def test_a_fifo_named_like_a_photo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(WriteError, match="not a regular file"):
        prepare(str(tmp_path / "pipe.jpg"), ESTIMATE)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_what_is_named_like_a_sidecar_and_is_no_file_is_neither_waited_for_nor_read(plain_jpeg: Path) -> None:
    sidecar, takeout = plain_jpeg.with_suffix(".xmp"), Path(f"{plain_jpeg}.json")
    makers: tuple[Callable[[Path], None], ...] = (
        os.mkfifo,
        os.mkdir,
        lambda path: os.symlink("/dev/zero", path),
    )
    for make in makers:
        for path in (sidecar, takeout):
            make(path)
        assert sidecar_positions(str(plain_jpeg)) == []
        assert unreadable_sidecar_position(str(plain_jpeg)) is None
        assert read_takeout(str(takeout)) == TakeoutRecord()
        assert Sidecars(style="stem").path(str(plain_jpeg)) == str(sidecar)
        for path in (sidecar, takeout):
            path.rmdir() if path.is_dir() else path.unlink()


def test_a_photo_changed_between_prepare_and_commit_is_left_as_it_is(plain_jpeg: Path) -> None:
    prepared = prepare(str(plain_jpeg), ESTIMATE)
    plain_jpeg.write_bytes(b"edited by somebody else")
    with pytest.raises(WriteError, match="meanwhile"):
        commit(prepared)
    assert plain_jpeg.read_bytes() == b"edited by somebody else"
    assert names(plain_jpeg.parent) == ["plain.jpg"]


def test_an_abandoned_write_leaves_nothing(plain_jpeg: Path) -> None:
    before = plain_jpeg.read_bytes()
    abandon(prepare(str(plain_jpeg), ESTIMATE))
    assert plain_jpeg.read_bytes() == before
    assert names(plain_jpeg.parent) == ["plain.jpg"]


def test_sweeping_takes_only_our_temporaries(tmp_path: Path) -> None:
    for name in (".geotagger-0a1b.tmp", ".geotagger-notes.txt", "a.geotagger-1.tmp", "photo.jpg"):
        (tmp_path / name).touch()
    assert sweep_temporaries(str(tmp_path)) == [".geotagger-0a1b.tmp"]
    assert len(names(tmp_path)) == 3


@pytest.mark.parametrize("copier", ["_in_kernel", "_by_sendfile", "_by_hand"])
def test_every_way_of_copying_gives_the_same_file(
    plain_jpeg: Path, monkeypatch: pytest.MonkeyPatch, copier: str
) -> None:
    if not hasattr(copying, copier):
        pytest.skip("not on this system")
    monkeypatch.setattr(copying, "_LARGE", 1)
    data = plain_jpeg.read_bytes() + bytes(range(256)) * 4000
    plain_jpeg.write_bytes(data)
    monkeypatch.setattr(copying, "_copiers", (getattr(copying, copier), copying._by_hand))
    prepared = prepare(str(plain_jpeg), OWNERS, Writing("exif"))
    commit(prepared)
    assert plain_jpeg.read_bytes().endswith(data[20:])
    assert restore(prepared.edit).status == "restored"
    assert plain_jpeg.read_bytes() == data


def test_file_systems_without_kernel_copying_are_served(
    plain_jpeg: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EXDEV, "not here")

    monkeypatch.setattr(copying, "_LARGE", 1)
    monkeypatch.setattr(os, "copy_file_range", refuse)
    monkeypatch.setattr(os, "sendfile", refuse)
    monkeypatch.setattr(os, "listxattr", lambda _: (_ for _ in ()).throw(OSError(errno.ENOTSUP, "none")))
    commit(prepare(str(plain_jpeg), ESTIMATE, Writing("exif")))
    assert b"geotagger estimate" in plain_jpeg.read_bytes()


FAULTS = [
    ("open", errno.EACCES), ("open", errno.EROFS), ("pwrite", errno.ENOSPC), ("pwrite", errno.EIO),
    ("copy_file_range", errno.ENOSPC), ("copy_file_range", errno.EIO), ("preadv", errno.EIO),
    ("fsync", errno.EIO), ("fsync", errno.ENOSPC), ("utime", errno.EIO), ("pread", errno.EIO),
    ("fstat", errno.ESTALE),
]  # fmt: skip


@pytest.mark.parametrize(("call", "number"), FAULTS)
def test_a_fault_leaves_the_photo_and_no_litter(
    plain_jpeg: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    before = plain_jpeg.read_bytes()
    monkeypatch.setattr(copying, "_LARGE", 1)
    for occurrence in range(1, 6):
        with monkeypatch.context() as patch:
            fail_at(patch, call, number, occurrence)
            told = ""
            try:
                abandon(prepare(str(plain_jpeg), ESTIMATE, Writing("exif")))
            except WriteError as error:
                told = str(error)
            assert not told or (str(plain_jpeg) in told and "\n" not in told)
        assert plain_jpeg.read_bytes() == before
        assert names(plain_jpeg.parent) == ["plain.jpg"]


def fail_at(patch: pytest.MonkeyPatch, call: str, number: int, occurrence: int) -> None:
    """Makes the n-th such call of `os` fail."""
    real: Callable[..., Any] = getattr(os, call)
    count = 0

    def failing(*arguments: Any, **options: Any) -> Any:
        nonlocal count
        count += 1
        if count == occurrence:
            raise OSError(number, os.strerror(number))
        return real(*arguments, **options)

    patch.setattr(os, call, failing)


def test_a_rename_that_fails_leaves_the_photo(plain_jpeg: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = plain_jpeg.read_bytes()
    prepared = prepare(str(plain_jpeg), ESTIMATE)
    fail_at(monkeypatch, "replace", errno.EROFS, 1)
    with pytest.raises(WriteError, match="read-only"):
        commit(prepared)
    assert plain_jpeg.read_bytes() == before
    assert names(plain_jpeg.parent) == ["plain.jpg"]


def test_a_rename_that_was_done_although_its_answer_was_lost_counts_as_done(
    plain_jpeg: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As NFS may have it: the request is sent again and finds nothing left to be renamed."""
    prepared = prepare(str(plain_jpeg), ESTIMATE)
    real = os.replace

    def answer_lost(*arguments: str) -> None:
        real(*arguments)
        raise OSError(errno.ENOENT, "No such file")

    monkeypatch.setattr(os, "replace", answer_lost)
    commit(prepared)
    assert settle(prepared.edit) == "new"
    assert names(plain_jpeg.parent) == ["plain.jpg"]


def test_folders_that_cannot_be_synced_are_passed_over_but_disk_errors_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        fail_at(patch, "fsync", errno.EINVAL, 1)
        sync_folders([str(tmp_path)])
    fail_at(monkeypatch, "fsync", errno.EIO, 1)
    with pytest.raises(
        WriteError, match="written, but the disk reports an error and cannot confirm it"
    ) as told:
        sync_folders([str(tmp_path), str(tmp_path)])
    assert "as it was" not in str(told.value)


def test_each_folder_is_synced_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced = []
    monkeypatch.setattr(os, "fsync", synced.append)
    sync_folders([str(tmp_path)] * 50)
    assert len(synced) == 1


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a tmpfs with options; unmounted afterwards, also when it is gone already."""
    places: list[Path] = []

    def mount(options: str) -> Path:
        place = tmp_path / f"mount{len(places)}"
        place.mkdir()
        run = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)],
            capture_output=True,
            text=True,
            check=False,
        )
        if run.returncode:
            pytest.skip(f"this kernel mounts no tmpfs with {options}: {run.stderr.splitlines()[0]}")
        places.append(place)
        return place

    yield mount
    for place in places:
        subprocess.run(["umount", "-l", str(place)], capture_output=True, check=False)


@as_root
def test_a_full_disk_leaves_the_photo(plain_jpeg: Path, mounted: Callable[[str], Path]) -> None:
    place = mounted("size=64k")
    photo = place / "photo.jpg"
    shutil.copyfile(plain_jpeg, photo)
    (place / "filler").write_bytes(bytes(40_000 - plain_jpeg.stat().st_size))
    photo.write_bytes(plain_jpeg.read_bytes() + bytes(16_000))
    before = photo.read_bytes()
    with pytest.raises(WriteError, match="the disk is full"):
        prepare(str(photo), ESTIMATE)
    assert photo.read_bytes() == before
    assert names(place) == ["filler", "photo.jpg"]


@as_root
def test_a_read_only_file_system_gets_its_sidecar_elsewhere(
    plain_jpeg: Path, mounted: Callable[[str], Path], tmp_path: Path
) -> None:
    place = mounted("size=1m")
    shutil.copyfile(plain_jpeg, place / "photo.jpg")
    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
    with pytest.raises(WriteError, match="read-only"):
        prepare(str(place / "photo.jpg"), ESTIMATE)
    prepared = prepare(str(place / "photo.jpg"), ESTIMATE, Writing(sidecar_folder=tmp_path / "sidecars"))
    commit(prepared)
    assert [p.name for p in (tmp_path / "sidecars").rglob("*.xmp")] == ["photo.jpg.xmp"]


@as_root
def test_a_mount_that_vanishes_between_the_steps_is_an_error_of_ours(
    plain_jpeg: Path, mounted: Callable[[str], Path]
) -> None:
    place = mounted("size=1m")
    shutil.copyfile(plain_jpeg, place / "photo.jpg")
    prepared = prepare(str(place / "photo.jpg"), ESTIMATE)
    subprocess.run(["umount", "-l", str(place)], check=True)
    with pytest.raises(WriteError, match="photo"):
        commit(prepared)
    with pytest.raises(WriteError, match="gone"):
        prepare(str(place / "photo.jpg"), ESTIMATE)


@as_root
def test_tmpfs_and_a_case_insensitive_folder_are_written(
    plain_jpeg: Path, mounted: Callable[[str], Path]
) -> None:
    place = mounted("size=1m,casefold")
    folder = place / "Photos"
    folder.mkdir()
    if subprocess.run(["chattr", "+F", str(folder)], capture_output=True, check=False).returncode:
        pytest.skip("this kernel has no case-insensitive folders")
    shutil.copyfile(plain_jpeg, folder / "IMG_1.JPG")
    commit(prepare(str(folder / "img_1.jpg"), ESTIMATE, Writing("sidecar")))
    commit(prepare(str(folder / "IMG_1.JPG"), OWNERS, Writing("sidecar")))
    commit(prepare(str(folder / "img_1.jpg"), ESTIMATE, Writing("exif")))
    assert len(names(folder)) == 2
