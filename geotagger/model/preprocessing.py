"""How the pixels of a photo become the numbers a network was trained on.

Only values: what a pack's pack.toml says under [input]. The photo room applies them. Every
field may be changed with `dataclasses.replace`, so that habits can be measured against each other.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from geotagger.errors import UsageError

Crop = Literal["centre", "squash"]
Channels = Literal["RGB", "BGR"]
Resampling = Literal["bilinear", "box", "hamming", "bicubic", "lanczos", "bilinear-unfiltered"]


class PreprocessingError(UsageError):
    """`key`: the field of [input] that is wrong."""

    def __init__(self, key: str, what: str) -> None:
        super().__init__(f"{key} {what}")
        self.key = key


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """For an upright sRGB pixel value p in 0…255: `(p / 255 * scale - mean) / std`, channel by channel.

    input_size: edge S of the square input, pixels. crop: `centre` takes the middle square of the
    short side, `squash` the whole picture out of proportion. channels: the order along the first axis
    of the (3, S, S) input; mean and std are in this order. scale: what full brightness becomes.
    resampling: the filter that shrinks the crop to S; all average over the pixels they leave out
    but `bilinear-unfiltered`, which interpolates between four of them as scikit-image did in 2017.

    The defaults are the published notebook's for RN101-5k500
    (multimedia-berkeley/tutorials, predict_geolocation.ipynb): × 256 where × 255 would be right,
    and `skimage.transform.resize`, whose missing filter shows only far above the 500 pixels of
    the photos it was used on.
    """

    input_size: int = 224
    crop: Crop = "centre"
    channels: Channels = "RGB"
    scale: float = 256.0
    mean: tuple[float, float, float] = (123.68, 116.779, 103.939)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    resampling: Resampling = "bilinear"

    def __post_init__(self) -> None:
        _require(
            isinstance(self.input_size, int) and 1 <= self.input_size <= 8192,
            "size",
            f"must be a whole number of pixels from 1 to 8192, not {self.input_size!r}",
        )
        for key, value, choices in (
            ("crop", self.crop, get_args(Crop)),
            ("channels", self.channels, get_args(Channels)),
            ("resampling", self.resampling, get_args(Resampling)),
        ):
            _require(value in choices, key, f"must be one of {', '.join(choices)}, not {value!r}")
        _require(_is_positive(self.scale), "scale", f"must be above 0, not {self.scale!r}")
        for key, values in (("mean", self.mean), ("std", self.std)):
            _require(
                isinstance(values, tuple) and len(values) == 3 and all(map(_is_number, values)),
                key,
                f"must be three numbers, not {values!r}",
            )
        _require(all(map(_is_positive, self.std)), "std", f"must be above 0, not {self.std!r}")


def preprocessing_of(table: Mapping[str, Any]) -> Preprocessing:
    """The values of an [input] table; PreprocessingError says which key is wrong. A missing key is an
    error too: a network fed with the wrong numbers fails silently."""
    keys = ("size", "crop", "channels", "scale", "mean", "std", "resampling")
    for key in keys:
        _require(key in table, key, "is missing")
    for key in table:
        _require(key in keys, key, f"is not known; known are {', '.join(keys)}")
    return Preprocessing(
        input_size=table["size"],
        crop=table["crop"],
        channels=table["channels"],
        scale=table["scale"],
        mean=_tuple(table["mean"]),
        std=_tuple(table["std"]),
        resampling=table["resampling"],
    )


def table_of(preprocessing: Preprocessing) -> dict[str, Any]:
    """The [input] table of pack.toml; the inverse of `preprocessing_of`."""
    return {
        "size": preprocessing.input_size,
        "crop": preprocessing.crop,
        "channels": preprocessing.channels,
        "scale": float(preprocessing.scale),
        "mean": [float(value) for value in preprocessing.mean],
        "std": [float(value) for value in preprocessing.std],
        "resampling": preprocessing.resampling,
    }


def _tuple(values: Any) -> Any:
    return tuple(values) if isinstance(values, list) else values


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_positive(value: object) -> bool:
    return _is_number(value) and value > 0  # type: ignore[operator]


def _require(holds: bool, key: str, what: str) -> None:
    if not holds:
        raise PreprocessingError(key, what)


LIKE = {
    "rn101-5k500": Preprocessing(),
    # torchvision's references for ImageNet
    "imagenet": Preprocessing(scale=1.0, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
    # CLIP (Radford et al. 2021), clip/clip.py
    "clip": Preprocessing(
        scale=1.0,
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
        resampling="bicubic",
    ),
}
"""What families of networks were trained on, by the name that `models import --pixels` takes."""
