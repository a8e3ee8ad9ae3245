import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geotagger.errors import UnreadablePhotoError
from geotagger.photo.decode import decode
from geotagger.photo.facts import container_of, read_facts
from geotagger.photo.isobmff import _AFTER_MIRROR, _AFTER_QUARTER_TURN
from geotagger.photo.pixels import read_photo, read_pixels, read_pixels_here
from geotagger.photo.prepare import _upright
from geotagger.photo.source import HEAD_BYTES, PhotoSourceFile

from .pictures import Recipe, is_upright, jpeg, noise, quarters


def with_index(main: bytes, preview: bytes, kind: int = 0x010002) -> bytes:
    """A JPEG with a multi-picture index (CIPA DC-007) and a second picture behind it."""
    entry_bytes = 16

    def index(offset: int) -> bytes:
        entries = struct.pack("<IIIHH", 0x20030000, len(main), 0, 0, 0)
        entries += struct.pack("<IIIHH", kind, len(preview), offset, 0, 0)
        ifd = struct.pack("<H", 1) + struct.pack("<HHII", 0xB002, 7, 2 * entry_bytes, 26) + b"\0\0\0\0"
        block = b"II*\0" + struct.pack("<I", 8) + ifd + entries
        return b"\xff\xe2" + struct.pack(">H", len(block) + 6) + b"MPF\0" + block

    block_start = 2 + 4 + 4
    whole = main[:2] + index(0) + main[2:]
    return main[:2] + index(len(whole) - block_start) + main[2:] + preview


def dng(preview: bytes, orientation: int = 1) -> bytes:
    """A DNG as cameras write it: IFD0 a preview in a JPEG strip, the mosaic in a SubIFD."""
    raw = np.zeros((600, 800), dtype=np.uint16).tobytes()
    tags0 = 9
    ifd0 = 8
    sub = ifd0 + 2 + 12 * tags0 + 4
    tags1 = 9
    data = sub + 2 + 12 * tags1 + 4
    make = b"Maker\0"
    places = {"make": data, "preview": data + len(make), "raw": data + len(make) + len(preview)}

    def entry(tag: int, kind: int, count: int, value: int) -> bytes:
        short = struct.pack("<HH", value, 0) if kind == 3 and count == 1 else struct.pack("<I", value)
        return struct.pack("<HHI", tag, kind, count) + short

    first = [
        entry(0x00FE, 4, 1, 1),
        entry(0x0103, 3, 1, 7),
        entry(0x010F, 2, len(make), places["make"]),
        entry(0x0110, 2, 4, int.from_bytes(b"X1\0\0", "little")),
        entry(0x0111, 4, 1, places["preview"]),
        entry(0x0112, 3, 1, orientation),
        entry(0x0117, 4, 1, len(preview)),
        entry(0x014A, 4, 1, sub),
        entry(0xC612, 1, 4, 0x00000401),
    ]
    second = [
        entry(0x00FE, 4, 1, 0),
        entry(0x0100, 4, 1, 800),
        entry(0x0101, 4, 1, 600),
        entry(0x0102, 3, 1, 16),
        entry(0x0103, 3, 1, 1),
        entry(0x0106, 3, 1, 32803),
        entry(0x0111, 4, 1, places["raw"]),
        entry(0x0115, 3, 1, 1),
        entry(0x0117, 4, 1, len(raw)),
    ]
    head = b"II*\0" + struct.pack("<I", ifd0)
    head += struct.pack("<H", tags0) + b"".join(first) + b"\0\0\0\0"
    head += struct.pack("<H", tags1) + b"".join(second) + b"\0\0\0\0"
    return head + make + preview + raw


def raf(preview: bytes) -> bytes:
    head = b"FUJIFILMCCD-RAW 0201FF383501".ljust(84, b"\0") + struct.pack(">II", 148, len(preview))
    return head.ljust(148, b"\0") + preview


def cr3(preview: bytes) -> bytes:
    def box(kind: bytes, payload: bytes) -> bytes:
        return struct.pack(">I4s", len(payload) + 8, kind) + payload

    def ifd(*entries: bytes) -> bytes:
        return b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + b"".join(entries) + b"\0\0\0\0"

    image = ifd(
        struct.pack("<HHIHH", 0x0100, 3, 1, 6000, 0),
        struct.pack("<HHIHH", 0x0101, 3, 1, 4000, 0),
        struct.pack("<HHI4s", 0x010F, 2, 4, b"Can\0"),
    )
    text = b"2021:05:06 07:08:09\0"
    taken = ifd(struct.pack("<HHII", 0x9003, 2, len(text), 26)) + text
    values = struct.pack("<6I", 48, 1, 30, 1, 0, 1)
    gps = ifd(
        struct.pack("<HHI4s", 1, 2, 2, b"N\0\0\0"),
        struct.pack("<HHII", 2, 5, 3, 62),
        struct.pack("<HHI4s", 3, 2, 2, b"E\0\0\0"),
        struct.pack("<HHII", 4, 5, 3, 62),
    )
    canon = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    canon += box(b"CMT1", image) + box(b"CMT2", taken) + box(b"CMT4", gps + values)
    header = struct.pack(">IHHHHI", 0, 1, 640, 480, 1, len(preview))
    uuid = bytes.fromhex("eaf42b5e1c984b88b9fbb7dc406e4d16") + b"\0" * 8 + box(b"PRVW", header + preview)
    return box(b"ftyp", b"crx \0\0\0\x01crx isom") + box(b"moov", box(b"uuid", canon)) + box(b"uuid", uuid)


@pytest.mark.parametrize(
    ("make", "kind"), [(dng, "dng"), (raf, "raf"), (cr3, "cr3")], ids=["dng", "raf", "cr3"]
)
def test_a_raw_is_seen_through_its_preview(tmp_path: Path, make: object, kind: str) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(make(jpeg(quarters(640, 480))))  # type: ignore[operator]
    facts, pixels = read_photo(path, Recipe())
    assert facts.format == kind
    assert facts.not_a_photo is None
    assert is_upright(pixels)


def test_a_cr3_has_its_facts_in_canons_boxes(tmp_path: Path) -> None:
    path = tmp_path / "a.cr3"
    path.write_bytes(cr3(jpeg(quarters(640, 480))))
    facts = read_facts(path)
    assert (facts.width, facts.height, facts.camera) == (6000, 4000, "Can")
    assert facts.taken is not None
    assert facts.taken.local.year == 2021
    assert facts.fix is not None
    assert facts.fix.latitude == pytest.approx(48.5)


def test_a_raw_preview_is_turned_unless_it_is_upright_already(tmp_path: Path) -> None:
    upright = quarters(480, 640)
    path = tmp_path / "a.dng"
    path.write_bytes(dng(jpeg(upright.transpose(Image.Transpose.ROTATE_90)), orientation=6))
    assert is_upright(read_pixels(path, Recipe()))
    path.write_bytes(dng(jpeg(upright), orientation=6))
    assert is_upright(read_pixels(path, Recipe()))


def test_a_raw_without_a_preview_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "a.dng"
    path.write_bytes(dng(b"no jpeg")[:400])
    with pytest.raises(UnreadablePhotoError, match=r"a\.dng"):
        read_pixels(path, Recipe())


def test_a_large_thumbnail_stands_for_its_jpeg(tmp_path: Path) -> None:
    main = jpeg(noise(1600, 1200))
    path = tmp_path / "a.jpg"
    path.write_bytes(with_index(main, jpeg(quarters(640, 480))))
    assert is_upright(read_pixels(path, Recipe()))
    assert not is_upright(read_pixels(path, Recipe(), previews="none"))


@pytest.mark.parametrize(
    ("preview", "kind"),
    [
        (jpeg(quarters(640, 360)), 0x010002),  # letterboxed
        (jpeg(quarters(56, 42)), 0x010002),  # too small
        (jpeg(quarters(640, 480)), 0x000000),  # a gain map
        (jpeg(quarters(640, 480)), 0x020002),  # a disparity image
        (jpeg(quarters(640, 480))[:2000], 0x010002),  # damaged
        (b"nothing of the kind", 0x010002),
    ],
    ids=["other shape", "small", "gain map", "disparity", "damaged", "no jpeg"],
)
def test_what_is_no_faithful_preview_is_passed_over(tmp_path: Path, preview: bytes, kind: int) -> None:
    main = jpeg(noise(1600, 1200))
    plain, path = tmp_path / "plain.jpg", tmp_path / "a.jpg"
    plain.write_bytes(main)
    path.write_bytes(with_index(main, preview, kind))
    assert np.array_equal(read_pixels(path, Recipe()), read_pixels(plain, Recipe()))


def test_unfiltered_resampling_wants_the_very_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(with_index(jpeg(noise(1600, 1200)), jpeg(quarters(640, 480))))
    assert not is_upright(read_pixels(path, Recipe(resampling="bilinear-unfiltered")))


def test_the_thumbnail_of_a_phone_shows_what_its_heic_shows(shared_data: Path) -> None:
    path = shared_data / "photos/exif-samples/heic/mobile/iphone_13_pro_max.HEIC"
    recipe = Recipe(input_size=64)
    full, thumb = read_pixels(path, recipe, previews="none"), read_pixels(path, recipe)
    scant = Recipe(input_size=224)
    assert np.array_equal(read_pixels(path, scant), read_pixels(path, scant, previews="none"))
    assert not np.array_equal(read_pixels(path, scant), read_pixels(path, scant, previews="any"))
    assert not np.array_equal(full, thumb)
    assert np.abs(full - thumb).mean() < 6  # grey values; two strangers differ by 60
    large = Recipe(input_size=256)
    assert np.array_equal(read_pixels(path, large, previews="any"), read_pixels(path, large))


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each read of a file brought."""
    counts: list[int] = []
    read = PhotoSourceFile._pread

    def counted(source: PhotoSourceFile, offset: int, length: int) -> bytes:
        data = read(source, offset, length)
        counts.append(len(data))
        return data

    monkeypatch.setattr(PhotoSourceFile, "_pread", counted)
    return counts


def test_of_a_multi_picture_jpeg_only_the_preview_is_read(tmp_path: Path, bytes_read: list[int]) -> None:
    preview = jpeg(quarters(640, 480))
    path = tmp_path / "a.jpg"
    path.write_bytes(with_index(jpeg(noise(1600, 1200)), preview))
    assert path.stat().st_size > 4 * HEAD_BYTES
    read_photo(path, Recipe())
    assert sum(bytes_read) == HEAD_BYTES + len(preview)


def _look_here(path: Path, recipe: Recipe, bytes_read: list[int]) -> None:
    """In this process, where the bytes are counted."""
    facts = read_facts(path)
    bytes_read.clear()
    read_pixels_here(str(path), (facts.format, facts.width, facts.height), recipe, "faithful")


@pytest.mark.parametrize("make", [raf, cr3], ids=["raf", "cr3"])
def test_of_a_raw_only_the_preview_is_read(
    tmp_path: Path, bytes_read: list[int], make: Callable[[bytes], bytes]
) -> None:
    preview = jpeg(noise(640, 480))
    path = tmp_path / "a.raw"
    path.write_bytes(make(preview) + bytes(100 * HEAD_BYTES))
    _look_here(path, Recipe(), bytes_read)
    assert len(preview) <= sum(bytes_read) <= len(preview) + 4 * HEAD_BYTES


def test_of_a_heic_only_the_thumbnail_is_read(shared_data: Path, bytes_read: list[int]) -> None:
    path = shared_data / "photos/exif-samples/heic/mobile/iphone_13_pro_max.HEIC"
    _look_here(path, Recipe(input_size=64), bytes_read)
    assert sum(bytes_read) < path.stat().st_size / 10
    _look_here(path, Recipe(input_size=224), bytes_read)
    assert sum(bytes_read) >= path.stat().st_size


def test_turns_of_heif_compose_like_turns_of_pictures() -> None:
    picture = np.arange(16).reshape(4, 4, 1)
    for orientation in range(1, 9):
        shown = _upright(picture, orientation)
        turned = np.rot90(shown)  # anticlockwise
        assert np.array_equal(_upright(picture, _AFTER_QUARTER_TURN[orientation]), turned)
        for axis in (0, 1):  # imir 0 mirrors top to bottom, 1 left to right
            assert np.array_equal(_upright(picture, _AFTER_MIRROR[axis][orientation]), np.flip(shown, axis))


def test_a_heif_is_turned_once_though_its_exif_repeats_the_turn(shared_data: Path) -> None:
    path = shared_data / "photos/exif-samples/heic/mobile/iphone_13_pro_max.HEIC"
    facts = read_facts(path)
    assert (facts.width, facts.height, facts.orientation) == (4032, 3024, 6)
    with PhotoSourceFile(path) as source:
        picture = decode(source, container_of(source), None)
    assert picture.turned
    assert picture.image.size == (3024, 4032)
