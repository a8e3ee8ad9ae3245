"""What docs/writing.md says of file systems, on real ones: images made and mounted for the test.

They need root, loop devices and the mkfs of each; FAT comes through FUSE, by a driver that does not
always give back what it was told to write. Where one is missing, the test says so and is skipped.
"""

import contextlib
import os
import re
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geotagger.errors import WriteError
from geotagger.metadata import (
    TEMPORARY_PREFIX,
    commit,
    prepare,
    restore,
    sidecar_positions,
    sync_folders,
)
from geotagger.metadata.sidecar import Sidecars
from geotagger.metadata.xmp import new_packet
from geotagger.writing import WriteMode, Writing
from tests.metadata.conftest import ESTIMATE, OWNERS

MEGABYTE = 1 << 20
MAKERS = {
    "ext4": ["mkfs.ext4", "-q", "-F"],
    "ext4 without a journal": ["mkfs.ext4", "-q", "-F", "-O", "^has_journal"],
    "xfs": ["mkfs.xfs", "-q", "-f", "-m", "reflink=1"],
    "xfs, ignoring case": ["mkfs.xfs", "-q", "-f", "-n", "version=ci"],
    "ext4, ignoring case": ["mkfs.ext4", "-q", "-F", "-O", "casefold", "-E", "encoding=utf8"],
    "btrfs": ["mkfs.btrfs", "-q", "-f"],
    "FAT": ["mkfs.vfat", "-F", "16"],
    "vfat": ["mkfs.vfat", "-F", "32"],
    "exFAT": ["mkfs.exfat"],
}
WITHOUT_RIGHTS = ("vfat", "exFAT")
"""Here no file has an owner or rights of its own."""
KINDS = [kind for kind in MAKERS if kind not in ("FAT", *WITHOUT_RIGHTS)]
IGNORING_CASE = ("xfs, ignoring case", "ext4, ignoring case")

Mount = Callable[..., Path]


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mount]:
    """Makes and mounts an image of a kind; all are unmounted afterwards."""
    places: list[Path] = []
    devices: list[str] = []

    def mount(kind: str) -> Path:
        if os.geteuid() != 0:
            pytest.skip("needs root to mount")
        command = MAKERS[kind]
        mounting = ["fusefat", "-o", "rw+"] if kind == "FAT" else ["mount", "-o", "loop"]
        for program in (command[0], mounting[0]):
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed")
        image, place = tmp_path / f"image{len(places)}", tmp_path / f"mount{len(places)}"
        place.mkdir()
        with image.open("wb") as file:
            file.truncate((64 if kind == "FAT" else 320) * MEGABYTE)
        made = _run(*command, str(image))
        if made.returncode:
            pytest.skip(f"cannot make {kind}: {made.stderr.strip()}")
        run = _run(*mounting, str(image), str(place))
        if run.returncode and kind == "exFAT" and shutil.which("mount.exfat-fuse"):
            devices.append(_run("losetup", "--find", "--show", str(image)).stdout.strip())
            run = _run("mount.exfat-fuse", devices[-1], str(place))
        if run.returncode or not settled(place):
            pytest.skip(f"cannot mount {kind} here: {run.stderr.strip()}")
        places.append(place)
        if kind != "ext4, ignoring case":
            return place
        (folder := place / "folder").mkdir()
        if (marked := _run("chattr", "+F", str(folder))).returncode:
            pytest.skip(f"chattr cannot make a folder ignore case: {marked.stderr.strip()}")
        return folder

    yield mount
    for place in places:
        _run("umount", str(place))
    for device in devices:
        _run("losetup", "--detach", device)


def _run(*command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def settled(place: Path) -> bool:
    """Whether something is mounted there, which a FUSE program may take a moment for."""
    for _ in range(50):
        if place.is_mount():
            return True
        time.sleep(0.05)
    return False


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name != "lost+found")


def large_tiff(path: Path) -> Path:
    """A few megabytes without compression, written to the disk."""
    noise = np.random.default_rng(3).integers(0, 255, (1200, 1200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    subprocess.run(["sync", "-f", str(path)], check=True)
    return path


def shared_bytes(path: Path) -> int:
    """How many bytes of a file's blocks another file has too, by the file system's own map of them."""
    if shutil.which("filefrag") is None:
        pytest.skip("filefrag is not installed")
    told = subprocess.run(["filefrag", "-b4096", "-v", str(path)], capture_output=True, text=True, check=True)
    extents = re.findall(r"^ *\d+: .*?: +(\d+):.*", told.stdout, re.MULTILINE)
    lines = [line for line in told.stdout.splitlines() if re.match(r" *\d+:", line)]
    assert len(extents) == len(lines)
    return sum(4096 * int(n) for n, line in zip(extents, lines, strict=True) if "shared" in line)


@pytest.mark.parametrize("kind", KINDS)
def test_a_photo_is_written_and_undone_exactly(kind: str, mounted: Mount, plain_jpeg: Path) -> None:
    photo = mounted(kind) / "IMG_1.JPG"
    shutil.copyfile(plain_jpeg, photo)
    os.utime(photo, (1_600_000_001, 1_600_000_001.5))
    old, before = photo.read_bytes(), photo.stat()
    prepared = prepare(str(photo), ESTIMATE)
    assert prepared.edit.kind == "exif"
    commit(prepared)
    sync_folders([prepared.folder])
    assert b"geotagger estimate" in photo.read_bytes()
    assert photo.stat().st_mtime_ns == before.st_mtime_ns
    assert photo.stat().st_mode == before.st_mode
    assert restore(prepared.edit).status == "restored"
    assert photo.read_bytes() == old
    assert photo.stat().st_mtime_ns == before.st_mtime_ns
    assert names(photo.parent) == ["IMG_1.JPG"]


@pytest.mark.parametrize("kind", WITHOUT_RIGHTS)
@pytest.mark.parametrize("mode", ["exif", "sidecar"])
def test_where_files_have_no_rights_a_photo_is_written_and_undone_exactly(
    kind: str, mode: WriteMode, mounted: Mount, plain_jpeg: Path
) -> None:
    folder = mounted(kind)
    photo = folder / "IMG_1.JPG"
    shutil.copyfile(plain_jpeg, photo)
    old = photo.read_bytes()
    prepared = prepare(str(photo), ESTIMATE, Writing(mode))
    commit(prepared)
    sync_folders([prepared.folder])
    (position,) = sidecar_positions(str(photo)) if mode == "sidecar" else [ESTIMATE]
    assert position.latitude == pytest.approx(ESTIMATE.latitude)
    assert (photo.read_bytes() == old) == (mode == "sidecar")
    assert restore(prepared.edit).status == "restored"
    assert photo.read_bytes() == old
    assert names(folder) == ["IMG_1.JPG"]


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_attributes_lists_and_times_survive(kind: str, mounted: Mount, plain_jpeg: Path) -> None:
    photo = mounted(kind) / "photo.jpg"
    shutil.copyfile(plain_jpeg, photo)
    acl = b"\2\0\0\0" + b"".join(
        tag.to_bytes(2, "little") + may.to_bytes(2, "little") + who.to_bytes(4, "little")
        for tag, may, who in (
            (1, 6, 2**32 - 1), (2, 4, 12345), (4, 4, 2**32 - 1), (16, 4, 2**32 - 1), (32, 0, 2**32 - 1),
        )
    )  # fmt: skip
    os.setxattr(photo, "user.note", b"holiday")
    os.setxattr(photo, "system.posix_acl_access", acl)
    os.chown(photo, 1234, 4321)
    os.utime(photo, ns=(1_500_000_000_123_456_789, 1_400_000_000_987_654_321))
    before = photo.stat()
    commit(prepare(str(photo), ESTIMATE))
    after = photo.stat()
    assert os.getxattr(photo, "user.note") == b"holiday"
    assert os.getxattr(photo, "system.posix_acl_access") == acl
    assert (after.st_uid, after.st_gid, after.st_mode) == (1234, 4321, before.st_mode)
    assert after.st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize("kind", ["xfs", "btrfs"])
def test_a_file_that_is_only_appended_to_shares_its_blocks(kind: str, mounted: Mount) -> None:
    photo = large_tiff(mounted(kind) / "scan.tif")
    old = photo.read_bytes()
    prepared = prepare(str(photo), ESTIMATE)
    size = photo.stat().st_size
    assert shared_bytes(Path(prepared.temporary.path)) > 0.9 * size
    commit(prepared)
    assert photo.read_bytes()[8:size] == old[8:]
    assert restore(prepared.edit).status == "restored"
    assert photo.read_bytes() == old


def test_where_blocks_cannot_be_shared_the_bytes_are_copied(mounted: Mount) -> None:
    photo = large_tiff(mounted("ext4") / "scan.tif")
    old = photo.read_bytes()
    prepared = prepare(str(photo), ESTIMATE)
    assert shared_bytes(Path(prepared.temporary.path)) == 0
    commit(prepared)
    assert restore(prepared.edit).status == "restored"
    assert photo.read_bytes() == old


@pytest.mark.parametrize("kind", [*IGNORING_CASE, *WITHOUT_RIGHTS])
def test_where_case_is_ignored_a_sidecar_is_not_doubled_and_keeps_its_spelling(
    kind: str, mounted: Mount, plain_jpeg: Path
) -> None:
    folder = mounted(kind)
    shutil.copyfile(plain_jpeg, folder / "IMG_1.JPG")
    commit(prepare(str(folder / "IMG_1.JPG"), ESTIMATE, Writing("sidecar", sidecar_style="stem")))
    (folder / "IMG_1.xmp").rename(folder / "Img_1.XMP")
    commit(prepare(str(folder / "img_1.jpg"), OWNERS, Writing("sidecar")))
    assert names(folder) == ["IMG_1.JPG", "Img_1.XMP"]


@pytest.mark.parametrize("kind", [*IGNORING_CASE, *WITHOUT_RIGHTS])
def test_where_case_is_ignored_two_spellings_are_one_photo(
    kind: str, mounted: Mount, plain_jpeg: Path
) -> None:
    folder = mounted(kind)
    shutil.copyfile(plain_jpeg, folder / "IMG_1.JPG")
    one = prepare(str(folder / "img_1.jpg"), ESTIMATE)
    other = prepare(str(folder / "IMG_1.JPG"), ESTIMATE)
    commit(one)
    with pytest.raises(WriteError, match="meanwhile"):
        commit(other)
    (name,) = names(folder)
    # the driver of exFAT that goes through FUSE gives the file the spelling by which it was called
    assert name in (("IMG_1.JPG", "img_1.jpg") if kind == "exFAT" else ("IMG_1.JPG",))
    assert restore(one.edit).status == "restored"
    assert (folder / "IMG_1.JPG").read_bytes() == plain_jpeg.read_bytes()


def test_on_fat_a_sidecar_is_found_however_it_is_spelt(mounted: Mount, plain_jpeg: Path) -> None:
    folder = mounted("FAT")
    shutil.copyfile(plain_jpeg, folder / "IMG_1.JPG")
    (folder / "Img_1.XMP").write_bytes(new_packet(OWNERS))
    if not (folder / "img_1.xmp").exists():
        pytest.skip("this driver tells capitals from small letters")
    assert Sidecars().path(str(folder / "img_1.jpg")) == str(folder / "Img_1.XMP")
    (found,) = sidecar_positions(str(folder / "IMG_1.JPG"))
    assert found.latitude == pytest.approx(OWNERS.latitude)


@pytest.mark.parametrize("mode", ["exif", "sidecar"])
def test_on_fat_a_photo_is_written_exactly_or_left_exactly(
    mounted: Mount, plain_jpeg: Path, mode: WriteMode
) -> None:
    """What a driver gives back differently is not put in place of a photo."""
    folder = mounted("FAT")
    for number in range(12):
        photo = folder / f"IMG_{number}.JPG"
        photo.write_bytes(plain_jpeg.read_bytes() + bytes(9000 * number))
        versions = [photo.read_bytes()]
        with contextlib.suppress(WriteError):
            prepared = prepare(str(photo), ESTIMATE, Writing(mode, durable=False))
            commit(prepared)
            versions.append(photo.read_bytes())
            restore(prepared.edit, durable=False)
            versions.pop()
        assert photo.read_bytes() in versions
    assert not [name for name in names(folder) if name.startswith(TEMPORARY_PREFIX)]


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_a_full_disk_leaves_the_photo_and_no_litter(kind: str, mounted: Mount, plain_jpeg: Path) -> None:
    folder = mounted(kind)
    photo = folder / "photo.jpg"
    photo.write_bytes(plain_jpeg.read_bytes() + bytes(4 * MEGABYTE))
    fill(folder / "filler")
    before = photo.read_bytes()
    with pytest.raises(WriteError, match="the disk is full"):
        prepare(str(photo), ESTIMATE)
    assert photo.read_bytes() == before
    assert names(folder) == ["filler", "photo.jpg"]
    (folder / "filler").unlink()
    subprocess.run(["sync", "-f", str(folder)], check=True)
    commit(prepare(str(photo), ESTIMATE))


def fill(path: Path) -> None:
    """Takes all the room there is but less than a photo's."""
    block = os.urandom(MEGABYTE)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(descriptor, block)
            os.fsync(descriptor)
    os.close(descriptor)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
def test_a_disk_that_turned_read_only_is_named(kind: str, mounted: Mount, plain_jpeg: Path) -> None:
    folder = mounted(kind)
    shutil.copyfile(plain_jpeg, folder / "photo.jpg")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    with pytest.raises(WriteError, match="read-only"):
        prepare(str(folder / "photo.jpg"), ESTIMATE)
    assert stat.S_ISREG((folder / "photo.jpg").stat().st_mode)
    assert names(folder) == ["photo.jpg"]
