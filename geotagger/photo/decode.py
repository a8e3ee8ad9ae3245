"""From the bytes of a photo to a picture in memory, as stored, before it is turned upright.

Each format has its own decoder, called directly: never what the name suggests, never one we do
not mean. Colour profiles are not applied (the published networks were trained without). A picture
that is not whole is refused: half a picture would be placed with full confidence.
"""

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
import pi_heif  # type: ignore[import-untyped]
from numpy.typing import NDArray
from PIL import (
    AvifImagePlugin,
    Image,
    ImageFile,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from geotagger.errors import TooLargeToSeeError, UnreadablePhotoError
from geotagger.photo.containers import Container
from geotagger.photo.formats import NAMES, NOT_LOOKED_AT
from geotagger.photo.jpeg import JpegHead, read_jpeg_head
from geotagger.photo.source import PhotoSourceFile
from geotagger.photo.strips import read_by_strips
from geotagger.photo.whole import load_jpeg, load_whole_jpeg

MAX_BYTES = (1 << 30) - (96 << 20)
"""Of a picture as it is stored and the RGB made of it: a gigabyte, less what decoders need besides."""

MAX_PIXELS = MAX_BYTES // 4
"""The most pixels decoded at full size, four bytes each. Larger ones are decoded at a smaller scale where
their format allows that."""

MOST_HERE = 1 << 28
"""Bytes that a picture may take to be decoded in this process."""

_LARGEST_FILE_HERE = 1 << 26

_LARGEST_READ_WHOLE = 1 << 28
"""Of a format whose decoder wants all of the file at once."""

_ONE_AT_A_TIME_PIXELS = 1 << 26
"""Pictures above this are decoded one after the other, however many threads ask."""

_STRIP_PIXELS = 1 << 22

_USUAL_SCANS = 32
"""A progressive JPEG of common encoders has six to twelve."""

_WEBP_BYTES = 20
"""A pixel of a WebP: two canvases of its decoder, their copy and ours, and the RGB of it."""

_IN_MEMORY_BYTES = 1 << 26

# One photo a thread is the parallelism here; the decoders' own would only fight it.
pi_heif.options.DECODE_THREADS = 1
AvifImagePlugin.DEFAULT_MAX_THREADS = 1
# Pillow warns about odd metadata; what matters of it is in the facts, and the rest is noise.
warnings.filterwarnings("ignore", module=r"PIL\.")

_large = threading.Lock()


def may_be_decoded_here(source: PhotoSourceFile, container: Container, edge: int | None) -> bool:
    """Whether this process can decode it within a quarter of what one file may take, by headers that cannot
    lie about it. What libheif, libavif, LibRaw and the readers of TIFF take is in their own hands."""
    if container.format in NOT_LOOKED_AT:
        return True  # and it will be refused
    head = container.jpeg_head
    if source.size > _LARGEST_FILE_HERE:
        return False
    pixels = container.width * container.height
    if head is not None:
        scale = _jpeg_scale(container, edge)
        if head.in_scans and source.read_all().count(b"\xff\xda", head.scan_offset) > _USUAL_SCANS:
            return False
        return _jpeg_bytes(head, scale) <= MOST_HERE
    if container.format == "webp":
        return pixels * _WEBP_BYTES <= MOST_HERE
    return container.format == "png" and pixels * 9 <= MOST_HERE


def _jpeg_scale(container: Container, edge: int | None) -> int:
    return 1 if edge is None else _scale_within(min(container.width, container.height) // edge)


def _jpeg_bytes(head: JpegHead, scale: int) -> int:
    """What decoding takes: the picture, and the coefficients of all of it where it comes in scans."""
    coefficients = 2 * head.samples if head.in_scans else 0
    return int(head.width * head.height * (4 / scale**2 + coefficients))


@dataclass(frozen=True, slots=True)
class Picture:
    """An RGB image of 8 bits a channel. `scale`: how many original pixels an edge of one of its
    pixels spans. `turned`: the decoder has already turned it upright."""

    image: Image.Image
    scale: int = 1
    turned: bool = False


def decode(
    source: PhotoSourceFile, container: Container, edge: int | None, edge_if_large: int | None = None
) -> Picture:
    """The main picture of an image file that is not RAW. A JPEG is decoded at the smallest DCT scale whose
    both edges keep at least `edge` pixels; None asks for full size, but what is too large for that is
    scaled to keep `edge_if_large`, unless that is None, too."""
    head = container.jpeg_head
    with _decoder_errors(source, container.format):
        if head is not None:
            scale = _jpeg_scale(container, edge)
            if _jpeg_bytes(head, scale) > MAX_BYTES:
                scale = _jpeg_scale(container, edge or edge_if_large)
            if _jpeg_bytes(head, scale) > MAX_BYTES:
                raise _too_large(source, container.width, container.height)
            with _room_for(head.width * head.height // scale**2):
                return Picture(rgb(_decode_jpeg(source, head, scale)), scale)
        with _room_for(container.width * container.height):
            if container.format == "heic":
                return Picture(rgb(_decode_heic(source)), turned=True)
            with source.open_file() as file:
                return _decode_by_pillow(source, container, file, edge or edge_if_large)


def _decode_by_pillow(
    source: PhotoSourceFile, container: Container, file: BinaryIO, edge: int | None
) -> Picture:
    """`edge` is only heeded for pictures too large to be converted whole."""
    pixels = container.width * container.height
    if container.format == "tiff" and 4 * pixels > MOST_HERE:
        tiff = TiffImagePlugin.TiffImageFile(file)
        scale = 1 if edge is None else _scale_within(min(tiff.size) // edge)
        if 4 * pixels / scale**2 <= MAX_BYTES and (picture := read_by_strips(tiff, file, scale, rgb)):
            return Picture(picture, scale)
        file.seek(0)
    if pixels * (_WEBP_BYTES if container.format == "webp" else _least_bytes(container)) > MAX_BYTES:
        raise _too_large(source, container.width, container.height)
    image = _PILLOW[container.format](file)
    _check_size(image, container)
    scale = _scale_to_convert(source, image, edge)
    image.load()
    # Pillow turns a TIFF upright as it loads, and nothing else
    return Picture(_converted(image, scale), scale, turned=container.format == "tiff")


def _least_bytes(container: Container) -> int:
    """Of a pixel, as Pillow stores it: a byte where that is all that a palette or a bilevel picture has."""
    return 1 if container.traits & {"palette", "bilevel"} else 2


def decode_jpeg_bytes(data: bytes, edge: int | None) -> Image.Image:
    """An embedded JPEG, scaled like `decode` does. Raises what Pillow raises."""
    head = read_jpeg_head(data)
    scale = _scale_within(min(head.width, head.height) // edge) if edge else 1
    if _jpeg_bytes(head, scale) > MAX_BYTES:
        raise ValueError("too many pixels")
    return rgb(load_whole_jpeg(data, head.scan_offset, scale))


def decode_heic_bytes(data: bytes) -> Image.Image:
    """A HEIC in memory, turned upright by its own properties. Raises what libheif raises."""
    return rgb(pi_heif.open_heif(data).to_pillow())


def _scale_within(room: int) -> int:
    """The DCT scale that Pillow offers, as a divisor, where `room` is the largest that may be."""
    return next((scale for scale in (8, 4, 2) if room >= scale), 1)


def _decode_jpeg(source: PhotoSourceFile, head: JpegHead, scale: int) -> Image.Image:
    if source.size <= _IN_MEMORY_BYTES:
        return load_whole_jpeg(source.read_all(), head.scan_offset, scale)
    with source.open_file() as file:
        return load_jpeg(file, scale)


def _decode_heic(source: PhotoSourceFile) -> Image.Image:
    if source.size > _LARGEST_READ_WHOLE:
        raise MemoryError
    image: Image.Image = pi_heif.open_heif(source.read_all(), convert_hdr_to_8bit=True).to_pillow()
    return image


def _check_size(image: Image.Image, container: Container) -> None:
    """The decoder must see the size that the limits were checked against."""
    if image.width * image.height > max(container.width * container.height, 1 << 20):
        raise ValueError("the picture is larger than its header says")


def _scale_to_convert(source: PhotoSourceFile, image: Image.Image, edge: int | None) -> int:
    """By how much a large picture that is not RGB is reduced as it is converted, strip by strip, so that both
    never stand in memory at full size. Numbers of 32 bits are converted by the largest of all of them."""
    pixels = image.width * image.height
    if pixels <= _ONE_AT_A_TIME_PIXELS or image.mode == "RGB":
        return 1
    scale = _scale_within(min(image.size) // edge) if edge is not None else 1
    stored = 1 if image.mode in ("1", "L", "P") else 2 if image.mode.startswith("I;16") else 4
    if image.mode in ("I", "F") or pixels * (stored + 4 / scale**2) > MAX_BYTES:
        raise _too_large(source, image.width, image.height)
    return scale


def _converted(image: Image.Image, scale: int) -> Image.Image:
    width, height = image.size
    if width * height <= _ONE_AT_A_TIME_PIXELS or image.mode == "RGB":
        return rgb(image)
    whole = Image.new("RGB", (-(-width // scale), -(-height // scale)))
    rows = scale * max(1, _STRIP_PIXELS // (width * scale))
    for top in range(0, height, rows):
        strip = rgb(image.crop((0, top, width, min(height, top + rows))))
        whole.paste(strip.reduce(scale), (0, top // scale))
    return whole


def _too_large(source: PhotoSourceFile, width: int, height: int) -> TooLargeToSeeError:
    what = f"{width}×{height} pixels are too many to decode"
    return TooLargeToSeeError(source.path, what, "left untouched")


def rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB. Transparency lies on white; 16-bit values lose their low byte; Adobe's inverted
    CMYK was put right by the decoder; LAB goes through littleCMS."""
    mode = image.mode
    if mode == "RGB":
        return image
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        upright = image.convert("RGBA")
        white = Image.new("RGB", image.size, (255, 255, 255))
        white.paste(upright, mask=upright.getchannel("A"))
        return white
    if mode in ("I", "F") or mode.startswith("I;16"):
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
    return image.convert("RGB")


def _eight_bits(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Grey values of more than 8 bits by what they can hold: floats in 0…1, else 8, 16 or 32 bits."""
    floats = np.nan_to_num(values.astype(np.float32), posinf=0.0, neginf=0.0)
    top = float(floats.max(initial=0.0))
    if values.dtype.kind == "f" and top <= 1.0:
        full = 1.0
    elif values.dtype.itemsize == 2 or 255 < top < 65536:
        full = 65535.0
    else:
        full = 255.0 if top <= 255 else top
    eight: NDArray[np.uint8] = np.clip(floats * (255.0 / full) + 0.5, 0, 255).astype(np.uint8)
    return eight


@contextmanager
def _room_for(pixels: int) -> Iterator[None]:
    if pixels <= _ONE_AT_A_TIME_PIXELS:
        yield
    else:
        with _large:
            yield


@contextmanager
def _decoder_errors(source: PhotoSourceFile, kind: str) -> Iterator[None]:
    """Decoders fed with arbitrary bytes raise nearly anything; the user needs one sentence."""
    try:
        yield
    except UnreadablePhotoError:
        raise
    except MemoryError:
        what = f"too large to decode in the memory there is ({NAMES[kind]})"
        raise TooLargeToSeeError(source.path, what, "left untouched") from None
    except Exception as error:
        if any(word in str(error).lower() for word in _OF_MEMORY):
            what = f"too large to decode ({NAMES[kind]}: {' '.join(str(error).split())[:120]})"
            raise TooLargeToSeeError(source.path, what, "left untouched") from None
        raise source.refusal(f"{decoder_complaint(error, kind)}") from None


_OF_MEMORY = ("memory", "decoder error -9", "security limit", "decompression bomb")
"""What decoders say of a picture that they refuse for its size."""


def decoder_complaint(error: Exception, kind: str) -> str:
    """What a decoder's exception means to the owner of the photo."""
    said = " ".join(str(error).split())[:120]
    early = ("truncat", "end of", "eof", "unrecognized data", "not enough", "incomplete", "premature")
    if any(word in said.lower() for word in early):
        return f"truncated {NAMES[kind]} ({said})"
    return f"damaged {NAMES[kind]} ({said or type(error).__name__})"


_PILLOW: dict[str, Callable[[BinaryIO], ImageFile.ImageFile]] = {
    "png": PngImagePlugin.PngImageFile,
    "webp": WebPImagePlugin.WebPImageFile,
    "avif": AvifImagePlugin.AvifImageFile,
    "tiff": TiffImagePlugin.TiffImageFile,
}
