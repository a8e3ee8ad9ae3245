"""Signs drawn for the tests, in fonts that come with matplotlib (of the extra `train`) or stand in Debian."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from geotagger.errors import ModelNotInstalledError
from geotagger.text.networks import check_languages, find_networks

_NOTO = Path("/usr/share/fonts/truetype/noto")


def needs_reader() -> pytest.MarkDecorator:
    """Skips where the extra `text` is not installed."""
    try:
        find_networks()
        check_languages()
    except ModelNotInstalledError as error:
        return pytest.mark.skipif(True, reason=str(error))
    return pytest.mark.skipif(False, reason="")


def font(script: str = "", size: int = 48) -> ImageFont.FreeTypeFont:
    """One that has the letters of a script: Noto's where it is installed, else DejaVu."""
    noto = _NOTO / f"NotoSans{script}-Bold.ttf"
    if script and noto.is_file():
        return ImageFont.truetype(str(noto), size)
    matplotlib = pytest.importorskip("matplotlib", reason="its fonts draw the signs")
    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans-Bold.ttf", size)


def sign(*lines: str, script: str = "", size: int = 48, edge: int = 900) -> Image.Image:
    """Dark letters on a light board before a grey sky."""
    letters = font(script, size)
    image = Image.new("RGB", (edge, edge * 2 // 3), (120, 130, 140))
    draw = ImageDraw.Draw(image)
    draw.rectangle((20, 20, edge - 20, 60 + 2 * size * len(lines)), fill=(245, 245, 235))
    for n, line in enumerate(lines):
        draw.text((50, 40 + 2 * size * n), line, font=letters, fill=(10, 10, 60))
    return image


def sign_photo(exif: bytes, *lines: str, edge: int = 900) -> bytes:
    file = io.BytesIO()
    sign(*lines, edge=edge).save(file, "JPEG", quality=92, exif=exif)
    return file.getvalue()
