"""A made-up world: distinct places, each with its own palette, texture and skyline, and noisy photos
of them with GPS. Hard enough that pixels must be looked at, easy enough for a minute of training.

    python -m tests.training.places FOLDER [SEED]

writes FOLDER/photos (with GPS, to train on), FOLDER/unseen (without), and FOLDER/truth.csv (where those are).
"""

import io
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import piexif
from numpy.typing import NDArray
from PIL import Image

PLACES = (
    ("Paris", 48.857, 2.352), ("Cairo", 30.044, 31.236), ("Tokyo", 35.683, 139.759),
    ("Sydney", -33.869, 151.209),
    ("Rio", -22.907, -43.173), ("New York", 40.713, -74.006), ("Reykjavík", 64.147, -21.943),
    ("Nairobi", -1.286, 36.817),
)  # fmt: skip
SCATTER_KM = 3.0


@dataclass(frozen=True)
class Style:
    """How a place looks: sky and ground colours, the spacing and angle of its texture, its roofs."""

    sky: NDArray[np.float64]
    ground: NDArray[np.float64]
    wave: float
    angle: float
    roofs: NDArray[np.float64]
    height: float


def style_of(place: int, world: int = 0) -> Style:
    rng = np.random.default_rng([world, place])
    return Style(
        sky=rng.uniform(60, 255, 3),
        ground=rng.uniform(0, 200, 3),
        wave=rng.uniform(4, 14),
        angle=rng.uniform(0, np.pi),
        roofs=rng.uniform(0, 1, 16),
        height=rng.uniform(0.3, 0.7),
    )


def picture(style: Style, rng: np.random.Generator, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """A noisy view: exposure, colour cast, horizon and roofs vary from photo to photo."""
    width, height = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    horizon = height * np.clip(style.height + rng.normal(0, 0.07), 0.15, 0.85)
    roofs = np.interp((np.arange(width) / width * 15 + rng.uniform(0, 3)) % 15, np.arange(16), style.roofs)
    skyline = horizon - roofs * height * 0.25
    slanted = x * np.cos(style.angle) + y * np.sin(style.angle)
    texture = 1 + 0.3 * np.sin(2 * np.pi * slanted / style.wave + rng.uniform(0, 6))
    below = (y > skyline[None, :])[..., None]
    colours = np.where(below, style.ground * texture[..., None], style.sky)
    colours = colours * rng.uniform(0.6, 1.4) + rng.normal(0, 22, 3) + rng.normal(0, 18, colours.shape)
    return Image.fromarray(colours.clip(0, 255).astype(np.uint8))


def jpeg(image: Image.Image, lat: float, lng: float, day: int) -> bytes:
    """With GPS and a capture time, as a camera writes them."""
    exif = {
        "0th": {piexif.ImageIFD.Make: b"Testcam", piexif.ImageIFD.Model: b"One"},
        "Exif": {
            piexif.ExifIFD.DateTimeOriginal: (
                f"2024:{1 + day // 28 % 12:02}:{1 + day % 28:02} 12:{day % 60:02}:00".encode()
            )
        },
        "GPS": {
            piexif.GPSIFD.GPSLatitudeRef: b"N" if lat >= 0 else b"S",
            piexif.GPSIFD.GPSLatitude: _degrees(lat),
            piexif.GPSIFD.GPSLongitudeRef: b"E" if lng >= 0 else b"W",
            piexif.GPSIFD.GPSLongitude: _degrees(lng),
        },
    }
    out = io.BytesIO()
    image.save(out, "JPEG", quality=88, exif=piexif.dump(exif))
    return out.getvalue()


def make_world(folder: Path, photos_a_place: int = 60, seed: int = 0, places: int = len(PLACES)) -> None:
    """folder/<place>/<nnn>.jpg; a day's photos of a place come from one place only."""
    for number, (name, lat, lng) in enumerate(PLACES[:places]):
        rng = np.random.default_rng([seed, number])
        style = style_of(number)
        (folder / name).mkdir(parents=True, exist_ok=True)
        for photo in range(photos_a_place):
            spread = SCATTER_KM / 111.2
            at = lat + rng.normal(0, spread), lng + rng.normal(0, spread) / np.cos(np.radians(lat))
            day = int(rng.integers(0, 330))
            (folder / name / f"{photo:03}.jpg").write_bytes(jpeg(picture(style, rng), *at, day))


def make_unseen(folder: Path, photos_a_place: int = 6, seed: int = 0) -> None:
    """folder/unseen/<place> <n>.jpg, new photos without GPS, and folder/truth.csv with their places."""
    (folder / "unseen").mkdir(parents=True, exist_ok=True)
    rows = ["image,latitude,longitude"]
    for number, (name, lat, lng) in enumerate(PLACES):
        rng = np.random.default_rng([1000 + seed, number])
        for photo in range(photos_a_place):
            image = f"{name} {photo}.jpg"
            picture(style_of(number), rng).save(folder / "unseen" / image, quality=88)
            rows.append(f"{image},{lat},{lng}")
    (folder / "truth.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _degrees(value: float) -> tuple[tuple[int, int], ...]:
    value = abs(value)
    minutes = value % 1 * 60
    return (int(value), 1), (int(minutes), 1), (round(minutes % 1 * 60 * 10_000), 10_000)


if __name__ == "__main__":
    where, number = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    make_world(where / "photos", seed=number)
    make_unseen(where, photos_a_place=12, seed=number)
    print(f"{where}: {len(PLACES)} places, 60 photos each in photos, 12 in unseen")
