"""Images at training size: made from photos, and cropped for the network.

`training_jpeg` turns any photo's bytes into a small upright JPEG; `training_crop` and
`evaluation_crop` turn that into the uint8 pixels a network is fed. Decoding whole photos for `tag`
is the photo room's work; this is the light path for hundreds of small images a second.
"""

import io
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from geotagger.errors import UnreadablePhotoError
from geotagger.photo.decode import rgb

Pixels = NDArray[np.uint8]

QUALITY = 90
_AREA = (0.35, 1.0)
_RATIO = (3 / 4, 4 / 3)


@lru_cache(maxsize=1)
def _know_heif() -> None:
    import pi_heif  # type: ignore[import-untyped]

    pi_heif.register_heif_opener()


def training_jpeg(photo: bytes, short_side: int, name: str = "an image") -> bytes:
    """An upright RGB JPEG whose short side is `short_side` pixels, or as it was when smaller. `name`: what to
    call the photo when something is wrong with it.

    Raises UnreadablePhotoError with the reason for what cannot be decoded whole.
    """
    _know_heif()
    try:
        with Image.open(io.BytesIO(photo)) as image:
            shrink = short_side / min(image.size)
            if shrink < 1:
                # JPEG can be decoded at 1/2, 1/4, 1/8; twice the wanted size keeps the filter honest
                image.draft("RGB", (int(image.width * shrink * 2), int(image.height * shrink * 2)))
            upright = ImageOps.exif_transpose(image)
            small = rgb(upright)
            shrink = short_side / min(small.size)
            if shrink < 1:
                wanted = (
                    max(short_side, round(small.width * shrink)),
                    max(short_side, round(small.height * shrink)),
                )
                small = small.resize(wanted, Image.Resampling.BILINEAR, reducing_gap=2.0)
            out = io.BytesIO()
            small.save(out, "JPEG", quality=QUALITY)
            return out.getvalue()
    except Exception as error:
        # decoders meet broken files with errors of every kind (struct, zlib, SyntaxError, …)
        raise UnreadablePhotoError(name, f"{type(error).__name__}: {error}") from error


def training_crop(
    jpeg: bytes,
    size: int,
    rng: np.random.Generator,
    resampling: str = "bilinear",
    augment: Callable[[Image.Image, int], Image.Image] | None = None,
) -> Pixels:
    """A random part, stretched to (size, size, 3) and mirrored half of the time: 35–100 % of the
    area, sides 3:4 to 4:3 (Inception's augmentation, Szegedy et al. 2015, section 6). resampling: the name
    of a filter of Pillow's. augment: changes the picture, by a seed."""
    image = _decoded(jpeg)
    area = image.width * image.height * rng.uniform(*_AREA)
    ratio = np.exp(rng.uniform(*np.log(_RATIO)))
    w = min(image.width, np.sqrt(area * ratio))
    h = min(image.height, np.sqrt(area / ratio))
    x, y = rng.uniform(0, image.width - w), rng.uniform(0, image.height - h)
    part = image.resize((size, size), _filter(resampling), box=(x, y, x + w, y + h))
    is_mirrored = rng.random() < 0.5
    if augment is not None:
        part = augment(part, int(rng.integers(1 << 63)))
    pixels = np.asarray(part)
    return pixels[:, ::-1] if is_mirrored else pixels


def evaluation_crop(jpeg: bytes, size: int, resampling: str = "bilinear") -> Pixels:
    """The middle square of the short side at (size, size, 3): what `tag` will show the network."""
    image = _decoded(jpeg)
    side = min(image.size)
    x, y = (image.width - side) / 2, (image.height - side) / 2
    box = (x, y, x + side, y + side)
    return np.asarray(image.resize((size, size), _filter(resampling), box=box))


def _filter(resampling: str) -> Image.Resampling:
    return Image.Resampling[resampling.upper()]


def _decoded(jpeg: bytes) -> Image.Image:
    with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
        return image.convert("RGB")
