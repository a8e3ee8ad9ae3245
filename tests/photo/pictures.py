"""Small pictures and EXIF blocks for the tests of this room, made on the spot."""

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import piexif
from PIL import Image

from geotagger.photo.prepare import Pixels


class Recipe:
    """A Preprocessing that leaves pixel values as they are: 0…255, RGB, no mean."""

    input_size = 32
    crop = "centre"
    channels = "RGB"
    scale = 255.0
    mean = (0.0, 0.0, 0.0)
    std = (1.0, 1.0, 1.0)
    resampling = "bilinear"

    def __init__(self, **changes: Any) -> None:
        for name, value in changes.items():
            setattr(self, name, value)


def quarters(width: int = 96, height: int = 96, mode: str = "RGB") -> Image.Image:
    """Red, green, blue and grey quarters: every turn of it looks different."""
    image = Image.new("RGB", (width, height))
    w, h = width // 2, height // 2
    for box, colour in (
        ((0, 0, w, h), (230, 20, 20)),
        ((w, 0, width, h), (20, 230, 20)),
        ((0, h, w, height), (20, 20, 230)),
        ((w, h, width, height), (90, 90, 90)),
    ):
        image.paste(colour, box)
    return image.convert(mode)


def is_upright(pixels: Pixels) -> bool:
    """Whether the four corners show what `quarters` painted there, within a few grey values."""
    s = pixels.shape[1]
    at = [(s // 8, s // 8), (s // 8, -s // 8), (-s // 8, s // 8), (-s // 8, -s // 8)]
    seen = np.array([pixels[:, y, x] for y, x in at])
    return bool(np.abs(seen - [(230, 20, 20), (20, 230, 20), (20, 20, 230), (90, 90, 90)]).max() < 14)


def jpeg(image: Image.Image, exif: bytes | None = None, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(
        out, "JPEG", **({"quality": 95, "subsampling": 0} | options), **({"exif": exif} if exif else {})
    )
    return out.getvalue()


def exif(
    zeroth: dict[int, Any] | None = None,
    exif: dict[int, Any] | None = None,
    gps: dict[int, Any] | None = None,
) -> bytes:
    return bytes(piexif.dump({"0th": zeroth or {}, "Exif": exif or {}, "GPS": gps or {}}))


def with_exif(tmp_path: Path, block: bytes, name: str = "a.jpg") -> Path:
    path = tmp_path / name
    path.write_bytes(jpeg(quarters(), block))
    return path


def dms(degrees: float) -> tuple[tuple[int, int], ...]:
    return ((round(abs(degrees) * 1_000_000), 1_000_000), (0, 1), (0, 1))


def place(latitude: float, longitude: float, **more: Any) -> dict[int, Any]:
    """A GPS directory."""
    return {
        1: b"S" if latitude < 0 else b"N",
        2: dms(latitude),
        3: b"W" if longitude < 0 else b"E",
        4: dms(longitude),
        **{int(k.lstrip("t"), 16): v for k, v in more.items()},
    }


def tiff_block(entries: list[tuple[int, int, int, bytes]], next_ifd: int = 0, order: str = "<") -> bytes:
    """A TIFF block of one directory: (tag, type, count, four bytes of value)."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    body = struct.pack(order + "H", len(entries))
    for tag, kind, count, value in entries:
        body += struct.pack(order + "HHI", tag, kind, count) + value
    return head + body + struct.pack(order + "I", next_ifd)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    """Smooth random colours, like a photograph far out of focus."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
