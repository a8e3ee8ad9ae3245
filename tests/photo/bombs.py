"""Small or sparse files that ask for far more than their size, and honest files that are large: each a
function that writes one into a folder and gives its path. Nothing here takes long, or room on the disk."""

import io
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

HOLE = 3 << 30
"""The length of a file that is nearly all hole: it takes a few kilobytes of the disk."""

_SIZE = (20_000, 12_000)


def sparse(path: Path, head: bytes, size: int = HOLE) -> Path:
    with path.open("wb") as file:
        file.write(head)
        file.truncate(size)
    return path


def sparse_of_every_format(folder: Path) -> Iterator[Path]:
    """Three gigabytes each: a picture or a header, and then nothing."""
    small = Image.new("RGB", (64, 48), (90, 120, 30))
    for name in ("jpeg", "png", "webp", "tiff", "avif"):
        out = io.BytesIO()
        small.save(out, name)
        yield sparse(folder / f"hole.{name}", out.getvalue())
    for name, head in HEADS.items():
        yield sparse(folder / f"hole.{name}", head)


def box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


HEADS = {
    "heic": box(b"ftyp", b"heic\0\0\0\0heicmif1"),
    "gif": b"GIF89a\x40\0\x30\0\0\0\0",
    "bmp": b"BM" + b"\0" * 12 + struct.pack("<Iii", 40, 64, 48),
    "psd": b"8BPS\0\1" + b"\0" * 6 + struct.pack(">HIIHH", 3, 48, 64, 8, 3) + struct.pack(">II", 0, 3 << 29),
    "jp2": b"\0\0\0\x0cjP  \r\n\x87\n" + box(b"jp2h", box(b"ihdr", struct.pack(">II", 48, 64))),
    "jxl": b"\xff\x0a\x7f\x00\x00\x00\x00\x00",
    "mp4": box(b"ftyp", b"isom\0\0\0\0isom"),
    "cr3": box(b"ftyp", b"crx \0\0\0\0crx "),
    "cr2": b"II*\0\x10\0\0\0CR\2\0" + b"\0" * 4 + struct.pack("<HHHIHH", 1, 0x100, 3, 1, 64, 0) + b"\0" * 4,
    "raf": b"FUJIFILMCCD-RAW "
    + b"\0" * 68
    + struct.pack(">II", 200, 1 << 30)
    + b"\0" * 108
    + b"\xff\xd8\xff",
}


def png(path: Path, width: int, height: int, depth: int, colour: int, *extra: bytes) -> Path:
    """A PNG of zeros, made row by row; `extra` are chunks before the picture."""
    samples = {0: 1, 2: 3, 4: 2, 6: 4}[colour]
    packer, row = zlib.compressobj(9), b"\0" * (1 + width * samples * depth // 8)
    data = b"".join(packer.compress(row * 64) for _ in range(height // 64)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height // 64 * 64, depth, colour, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + b"".join(extra)
        + _chunk(b"IDAT", data)
        + _chunk(b"IEND", b"")
    )
    return path


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_16_bit_rgba(folder: Path) -> Path:
    return png(folder / "rgba16.png", 16_384, 16_384, 16, 6)


def png_16_bit_grey(folder: Path) -> Path:
    return png(folder / "grey16.png", 16_384, 16_384, 16, 0)


def png_rgba(folder: Path) -> Path:
    return png(folder / "rgba.png", 16_384, 16_384, 8, 6)


def png_of_long_chunks(folder: Path) -> Path:
    """Two thousand EXIF chunks of 15 MB, all hole."""
    path = folder / "chunks.png"
    png(path, 64, 64, 8, 2)
    data = path.read_bytes()
    with path.open("wb") as file:
        file.write(data[:33])
        for _ in range(300):
            file.write(struct.pack(">I", 15 << 20) + b"eXIf")
            file.seek(15 << 20, 1)
            file.write(b"\0\0\0\0")
        file.write(data[33:])
    return path


def png_of_one_long_chunk(folder: Path) -> Path:
    path = folder / "long.png"
    data = png(path, 64, 64, 8, 2).read_bytes()
    with path.open("wb") as file:
        file.write(data[:33] + struct.pack(">I", 0x7FFFFF00) + b"eXIf")
        file.seek(0x7FFFFF00, 1)
        file.write(b"\0\0\0\0" + data[33:])
    return path


def webp_of_one_long_chunk(folder: Path) -> Path:
    out = io.BytesIO()
    Image.new("RGB", (64, 48)).save(out, "webp", exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0")
    data, long = out.getvalue(), 3 << 30
    at = data.index(b"EXIF")
    path = folder / "long.webp"
    with path.open("wb") as file:
        file.write(
            data[:4] + struct.pack("<I", at + 8 + long - 8) + data[8 : at + 4] + struct.pack("<I", long)
        )
        file.truncate(at + 8 + long)
    return path


def webp_canvas(folder: Path) -> Path:
    path = folder / "canvas.webp"
    Image.new("RGB", (16_000, 16_000), (3, 90, 3)).save(path, "webp", lossless=True, method=0, quality=0)
    return path


def tiff(folder: Path, name: str, **options: object) -> Path:
    path = folder / name
    Image.new("RGB", _SIZE, (3, 90, 3)).save(path, "tiff", **options)
    return path


def tiff_one_strip(folder: Path) -> Path:
    """Deflated, all of it one strip."""
    return tiff(
        folder, "strip.tif", compression="tiff_adobe_deflate", tiffinfo={278: _SIZE[1]}, strip_size=1 << 30
    )


def tiff_long_tag(folder: Path) -> Path:
    """An opaque tag of three gigabytes of hole."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48)).save(out, "tiff", tiffinfo={0x8649: b"abcdefgh"})
    data = bytearray(out.getvalue())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    for n in range(count):
        at = first + 2 + 12 * n
        if struct.unpack_from("<H", data, at) == (0x8649,):
            struct.pack_into("<HII", data, at + 2, 1, 3 << 30, 1 << 20)
    return sparse(folder / "tag.tif", bytes(data), (3 << 30) + (2 << 20))


def tiff_floats(folder: Path) -> Path:
    path = folder / "floats.tif"
    Image.new("F", (12_000, 12_000), 0.5).save(path, "tiff", compression="tiff_adobe_deflate")
    return path


def jpeg_grey_foot(folder: Path) -> Path:
    """240 megapixels whose scan data ends early, an end marker behind it."""
    out = io.BytesIO()
    Image.new("RGB", (16_000, 16_000), (30, 90, 200)).save(out, "jpeg", quality=50)
    data = out.getvalue()
    path = folder / "foot.jpg"
    path.write_bytes(data[: len(data) // 2] + b"\xff\xd9")
    return path


def jpeg_progressive(folder: Path) -> Path:
    path = folder / "progressive.jpg"
    Image.new("RGB", (16_000, 16_000), (30, 90, 200)).save(
        path, "jpeg", quality=50, progressive=True, subsampling=0
    )
    return path


def jpeg_many_scans(folder: Path) -> Path:
    """16 megapixels in two thousand scans: each repeats the last."""
    out = io.BytesIO()
    Image.new("RGB", (4_000, 4_000), (30, 90, 200)).save(out, "jpeg", quality=50, progressive=True)
    data = out.getvalue()
    last = data.rindex(b"\xff\xda")
    path = folder / "scans.jpg"
    path.write_bytes(data[:-2] + data[last:-2] * 2_000 + b"\xff\xd9")
    return path


def jpeg_one_component_a_scan(folder: Path) -> Path:
    """Baseline, but each colour in a scan of its own: libjpeg holds all coefficients."""
    out = io.BytesIO()
    Image.new("RGB", (16_000, 16_000), (30, 90, 200)).save(out, "jpeg", quality=50, subsampling=0)
    return _no_picture(folder, out.getvalue())


def _no_picture(folder: Path, data: bytes) -> Path:
    """The scan header rewritten to name one component only; the picture is wrong, the memory is not."""
    at = data.index(b"\xff\xda")
    path = folder / "separate.jpg"
    path.write_bytes(
        data[:at]
        + b"\xff\xda\0\x08\1\1\0\0\x3f\0"
        + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    )
    return path


def jpeg_exif_of_long_texts(folder: Path) -> Path:
    """64 KB of EXIF whose five thousand texts each reach over all of it."""
    entries = b"".join(struct.pack("<HHII", 0x1000 + n, 2, 60_000, 8) for n in range(5_000))
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 5_000) + entries + b"\0" * 4
    out = io.BytesIO()
    Image.new("RGB", (64, 48)).save(out, "jpeg", exif=b"Exif\0\0" + block)
    path = folder / "texts.jpg"
    path.write_bytes(out.getvalue())
    return path


def gif(folder: Path) -> Path:
    path = folder / "large.gif"
    Image.new("P", (16_000, 16_000)).save(path, "gif")
    return path


def two_frames(folder: Path) -> Path:
    """A small JPEG with a second frame header that tells of four gigapixels."""
    out = io.BytesIO()
    Image.new("RGB", (64, 48)).save(out, "jpeg")
    data = out.getvalue()
    at = data.index(b"\xff\xc0")
    frame = bytearray(data[at : at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")])
    frame[5:9] = struct.pack(">HH", 65_500, 65_500)
    path = folder / "frames.jpg"
    path.write_bytes(data[:at] + bytes(frame) + data[at:])
    return path


def heic_that_lies(real: bytes) -> bytes:
    """A HEIC whose every `ispe` tells of 64 by 48 pixels."""
    data = bytearray(real)
    at = data.find(b"ispe")
    while at >= 0:
        data[at + 8 : at + 16] = struct.pack(">II", 64, 48)
        at = data.find(b"ispe", at + 4)
    return bytes(data)


def jpeg_of_200_megapixels(folder: Path) -> Path:
    path = folder / "200.jpg"
    Image.linear_gradient("L").resize((16_384, 12_288)).convert("RGB").save(path, "jpeg", quality=85)
    return path


def panorama_of_16_bits(folder: Path) -> Path:
    """24,000 by 6,016 pixels of three times sixteen bits."""
    return png(folder / "panorama.png", 24_000, 6_016, 16, 2)


def tiff_of_a_gigabyte(folder: Path) -> Path:
    """20,000 by 17,500 pixels, not compressed, all of them hole: they are black."""
    entries = [(256, 4, 20_000), (257, 4, 17_500), (258, 3, 8), (262, 3, 2), (273, 4, 4096), (277, 3, 3)]
    entries += [(278, 4, 17_500), (279, 4, 20_000 * 17_500 * 3)]
    table = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(entries)) + table + b"\0" * 4
    head = head.replace(struct.pack("<HHII", 258, 3, 1, 8), struct.pack("<HHII", 258, 3, 3, 3000))
    return sparse(
        folder / "gigabyte.tif",
        head.ljust(3000, b"\0") + struct.pack("<HHH", 8, 8, 8),
        4096 + 20_000 * 17_500 * 3,
    )


SERVED = (jpeg_of_200_megapixels, panorama_of_16_bits, tiff_of_a_gigabyte)

BOMBS: tuple[Callable[[Path], Path], ...] = (
    png_16_bit_rgba,
    png_16_bit_grey,
    png_rgba,
    png_of_long_chunks,
    png_of_one_long_chunk,
    webp_of_one_long_chunk,
    webp_canvas,
    tiff_one_strip,
    tiff_long_tag,
    tiff_floats,
    jpeg_grey_foot,
    jpeg_progressive,
    jpeg_many_scans,
    jpeg_one_component_a_scan,
    jpeg_exif_of_long_texts,
    gif,
    two_frames,
)
