"""Small archives made on the spot: a person walks through a town and takes pictures."""

import io
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import piexif
from PIL import Image

START = datetime(2024, 5, 17, 9, 0, 0)
LATITUDE, LONGITUDE = 48.2082, 16.3738
STEP_DEG = 0.0005
"""About fifty metres north between two photos."""


@dataclass(frozen=True)
class Scene:
    """`truth`: where each photo was taken, by file name. `stripped`: those without GPS."""

    folder: Path
    truth: dict[str, tuple[float, float]]
    stripped: frozenset[str]


def walk_through_town(
    folder: Path,
    photos: int = 24,
    *,
    minutes: float = 4,
    without_gps: int = 2,
    size: int = 96,
    start: datetime = START,
) -> Scene:
    """Photos a few minutes apart along a street; every `without_gps`-th lacks its position."""
    folder.mkdir(parents=True, exist_ok=True)
    truth, stripped = {}, set()
    for n in range(photos):
        name = f"IMG_{n:04d}.jpg"
        place = (LATITUDE + n * STEP_DEG, LONGITUDE)
        lacks = without_gps > 0 and n % without_gps == 1
        taken = start + timedelta(minutes=minutes * n)
        (folder / name).write_bytes(jpeg(taken, None if lacks else place, shade=(7 * n) % 256, size=size))
        os.utime(folder / name, (1_700_000_000 + n, 1_700_000_000 + n))
        truth[name] = place
        if lacks:
            stripped.add(name)
    return Scene(folder, truth, frozenset(stripped))


def jpeg(
    taken: datetime | None,
    place: tuple[float, float] | None = None,
    *,
    shade: int = 128,
    size: int = 96,
    camera: str = "Scene One",
) -> bytes:
    """A photo with the EXIF that a phone writes."""
    image = Image.effect_noise((size, size * 3 // 4), 40).convert("RGB")
    image = Image.blend(image, Image.new("RGB", image.size, (shade, 255 - shade, 90)), 0.7)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85, exif=exif_of(taken, place, camera))
    return file.getvalue()


def exif_of(
    taken: datetime | None, place: tuple[float, float] | None = None, camera: str = "Scene One"
) -> bytes:
    """What a phone writes of itself, of the moment at UTC+2, and of the place if it knows it."""
    exif: dict[str, dict[int, object]] = {
        "0th": {piexif.ImageIFD.Make: b"Testmaker", piexif.ImageIFD.Model: camera.encode()},
        "Exif": {piexif.ExifIFD.ExposureTime: (1, 200)},
        "GPS": {},
    }
    if taken is not None:
        exif["Exif"][piexif.ExifIFD.DateTimeOriginal] = taken.strftime("%Y:%m:%d %H:%M:%S").encode()
        exif["Exif"][piexif.ExifIFD.OffsetTimeOriginal] = b"+02:00"
    if place is not None:
        exif["GPS"] = {
            piexif.GPSIFD.GPSLatitudeRef: b"N" if place[0] >= 0 else b"S",
            piexif.GPSIFD.GPSLatitude: _degrees(place[0]),
            piexif.GPSIFD.GPSLongitudeRef: b"E" if place[1] >= 0 else b"W",
            piexif.GPSIFD.GPSLongitude: _degrees(place[1]),
        }
    return bytes(piexif.dump(exif))


def _degrees(value: float) -> list[tuple[int, int]]:
    return [(round(abs(value) * 1_000_000), 1_000_000), (0, 1), (0, 1)]


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
