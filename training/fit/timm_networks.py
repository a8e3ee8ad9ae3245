"""Networks of timm, with the weights that timm publishes, those of a safetensors file, or fresh ones; and
torchvision's RandAugment.

Takes a name as timm has it, with or without a tag. Gives the backbone and what its makers fed it. The only
module that knows these two libraries; what is wrong with an installation or a wish is told in one line.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from PIL import Image
from torch import nn

from geotagger.errors import TrainingError, UsageError
from training.fit.recipe import AS_PUBLISHED, TIMM, WEIGHT_FILES, Filter

_FILTERS: tuple[Filter, ...] = ("bilinear", "bicubic", "lanczos")
_OTHERWISE: Filter = "bicubic"


@dataclass(frozen=True, slots=True)
class ExpectedInput:
    """What the published weights were trained on: edge of the square in pixels, mean and standard deviation
    of pixels 0…255, the filter that shrinks. licence: of those weights, "" where timm does not say."""

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    resampling: Filter
    licence: str


def expected_input(network: str) -> ExpectedInput:
    """network: "timm/NAME". UsageError where there is no timm, or no such network."""
    config = _library(network).get_pretrained_cfg(network.removeprefix(TIMM))
    m0, m1, m2 = (255.0 * value for value in config.mean)
    s0, s1, s2 = (255.0 * value for value in config.std)
    resampling = next((name for name in _FILTERS if name == config.interpolation), _OTHERWISE)
    return ExpectedInput(
        int(config.input_size[-1]), (m0, m1, m2), (s0, s1, s2), resampling, config.license or ""
    )


def backbone(network: str, input_size: int, start: str = "", drop_path: float = 0.0) -> tuple[nn.Module, int]:
    """The network without its head, and how many features it gives. start: "" for fresh weights (from torch's
    generator), `AS_PUBLISHED`, or a safetensors file. drop_path: the share of its residual branches that a
    picture in training skips, in the last layer (Huang et al. 2016)."""
    timm = _library(network)
    name = network.removeprefix(TIMM)
    config = timm.get_pretrained_cfg(name)
    wishes: dict[str, Any] = {"num_classes": 0}
    if config.fixed_input_size:  # transformers are made for one size of image
        wishes["img_size"] = input_size
    if drop_path:
        wishes["drop_path_rate"] = drop_path
    is_of_file = bool(start) and start != AS_PUBLISHED

    def make(source: dict[str, Any] | None = None) -> nn.Module:
        # what is given, not a copy of it that timm once fetched
        own = (
            {"pretrained_cfg_overlay": {"hf_hub_id": None, "url": "", "custom_load": False} | source}
            if source
            else {}
        )
        return cast(nn.Module, timm.create_model(name, pretrained=bool(start), **wishes, **own))

    made = _made(network, start, lambda: make({"file": start} if is_of_file else None), drop_path)
    if is_of_file:
        others = {
            key: value * 2 + 1 if value.is_floating_point() else value
            for key, value in timm.models.load_state_dict(start).items()
        }
        _check_all_read(network, start, made, make({"state_dict": others}))
    try:
        with torch.no_grad():
            features = made.eval()(torch.zeros(1, 3, input_size, input_size))
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:
        raise _cannot_see(network, input_size, error) from None
    if features.ndim != 2:
        raise UsageError(f"{network}: gives no features of a picture as a whole; choose another network")
    return made.train(), int(features.shape[1])


def _made(network: str, start: str, make: Callable[[], nn.Module], drop_path: float) -> nn.Module:
    if start and start != AS_PUBLISHED and not Path(start).is_file():
        raise TrainingError(f"{start}: no such file")
    try:
        return make()
    except TypeError as error:
        if drop_path:
            raise UsageError(
                f"{network} cannot be made so ({_in_line(error)}); leave --drop-path out"
            ) from None
        raise _cannot_see(network, 0, error) from None
    except (AssertionError, ValueError) as error:
        if not start:
            raise _cannot_see(network, 0, error) from None
        raise _no_weights(network, start, error) from None
    except Exception as error:  # the network, the hub's client and safetensors have errors of many kinds
        raise _no_weights(network, start, error) from None


def _check_all_read(network: str, start: str, made: nn.Module, other: nn.Module) -> None:
    """TrainingError where the file lacks weights: timm leaves those as they began and says nothing. other:
    the network as it is when all that the file holds is changed; what is the same in it was not read."""
    others = other.state_dict()
    numbers = {key: value for key, value in made.state_dict().items() if value.is_floating_point()}
    if unread := [key for key, value in numbers.items() if torch.equal(value, others[key])]:
        raise TrainingError(
            f"{start}: is not of {network}: it lacks {len(unread)} of {len(numbers)} weights, "
            f"such as {unread[0]}"
        )


def _no_weights(network: str, start: str, error: Exception) -> Exception:
    reason = _in_line(error)
    if not start:
        return UsageError(f"{network} cannot be made: {reason}")
    if start == AS_PUBLISHED:
        return TrainingError(
            f"{network}: the weights that timm publishes could not be had ({reason}); "
            f"where they lie in a file, name it: --from FILE{WEIGHT_FILES}"
        )
    return TrainingError(f"{start}: holds no whole weights of {network} ({reason})")


def _cannot_see(network: str, input_size: int, error: Exception) -> UsageError:
    pixels = f" of {input_size} pixels" if input_size else ""
    return UsageError(f"{network} cannot see images{pixels} ({_in_line(error)}); choose another --input-size")


def _in_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _library(network: str) -> Any:
    """timm, where it knows that network."""
    name = network.removeprefix(TIMM)
    timm = _loaded(
        "timm",
        f"{network} needs timm, which is not installed here: `pip install '.[backbones]'` in the checkout",
    )
    try:
        is_known = timm.is_model(name) and timm.get_pretrained_cfg(name) is not None
    except RuntimeError:  # a tag that is none
        is_known = False
    if not is_known:
        raise UsageError(f"{network}: timm {timm.__version__} knows no such network")
    return timm


def randomly_augmented(magnitude: int, image: Image.Image, seed: int) -> Image.Image:
    """Two operations of RandAugment (Cubuk et al. 2020), as torchvision has it; the seed alone decides."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return cast(Image.Image, transforms().RandAugment(num_ops=2, magnitude=magnitude)(image))


def transforms() -> Any:
    """torchvision's transforms of pictures; UsageError where it is not there."""
    return _loaded(
        "torchvision.transforms.v2",
        "--randaugment needs torchvision, which is not installed here: "
        "`pip install '.[backbones]'` in the checkout",
    )


def _loaded(module: str, advice: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        if error.name and error.name.partition(".")[0] not in ("timm", "torchvision"):
            raise UsageError(f"{module} cannot be loaded here ({_in_line(error)})") from None
        raise UsageError(advice) from None
    except RuntimeError as error:  # torchvision's wheel for another torch
        raise UsageError(
            f"{module} cannot be loaded here ({_in_line(error)}); reinstall torchvision for this torch"
        ) from None
