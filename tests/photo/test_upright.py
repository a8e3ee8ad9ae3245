"""Whole pictures, upright."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from geotagger.errors import UnreadablePhotoError
from geotagger.photo.upright import read_upright


def _flag(width: int, height: int) -> Image.Image:
    """Red above, blue below, a white corner at the upper left."""
    image = Image.new("RGB", (width, height), (200, 20, 20))
    image.paste((20, 20, 200), (0, height // 2, width, height))
    image.paste((255, 255, 255), (0, 0, width // 4, height // 4))
    return image


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_as_its_exif_says(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "photo.jpg"
    _flag(320, 200).save(path, quality=95, exif=exif)
    with Image.open(path) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored), dtype=np.int16)
    seen = np.asarray(read_upright(path, 1600), dtype=np.int16)
    assert seen.shape == expected.shape
    assert np.abs(seen - expected).mean() < 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF"])
def test_it_is_no_larger_than_asked_and_keeps_its_shape(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "photo"
    _flag(1200, 480).save(path, kind)
    image = read_upright(path, 600)
    assert image.size == (600, 240)
    colours = np.asarray(image)[[20, 20, 220], [20, 500, 300]]
    assert np.abs(colours.astype(int) - [[255, 255, 255], [200, 20, 20], [20, 20, 200]]).max() < 25


def test_what_is_no_whole_picture_is_refused(tmp_path: Path) -> None:
    file = io.BytesIO()
    Image.effect_noise((600, 400), 50).convert("RGB").save(file, "JPEG")
    path = tmp_path / "half.jpg"
    path.write_bytes(file.getvalue()[: len(file.getvalue()) // 2])
    with pytest.raises(UnreadablePhotoError):
        read_upright(path, 600)
