"""The networks: ResNet-10/18/50/101 v1.5 and v2, GoogLeNet, and any timm name when timm is installed.

Every one is a `Classifier`: a backbone that turns pixels float32 (n, 3, S, S) into features (n, d),
a head of one linear layer, and more heads for coarser cells where wanted. The v2 ResNets are the published
symbol layer by layer, `bn_data` included, under its own names. Knows nothing of cells or files.
"""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from geotagger.errors import UsageError
from training.fit import timm_networks
from training.fit.recipe import TIMM

_EPS, _MOMENTUM = 2e-5, 0.1  # the published symbol: eps 2e-05, momentum 0.9 in MXNet's sense


class Classifier(nn.Module):
    """`heads[0]` are the classes; the others their ancestors, coarser one by one. `parents[k]`
    gives for each class its row in head k+1."""

    def __init__(self, backbone: nn.Module, width: int, classes: int, parents: Sequence[Tensor] = ()) -> None:
        super().__init__()
        self.backbone, self.width, self.classes = backbone, width, classes
        self.heads = nn.ModuleList(
            [nn.Linear(width, n) for n in (classes, *(int(p.max()) + 1 for p in parents))]
        )
        for head in self.heads:
            nn.init.normal_(cast(nn.Linear, head).weight, std=0.01)
            nn.init.zeros_(cast(nn.Linear, head).bias)
        for level, rows in enumerate(parents):
            self.register_buffer(f"parents{level}", rows.long())

    def forward(self, data: Tensor) -> list[Tensor]:
        """The logits of every head."""
        features = self.backbone(data)
        return [head(features) for head in self.heads]

    def combined(self, logits: Sequence[Tensor]) -> Tensor:
        """One logit a class, (n, classes): where there are coarser heads, the product of the
        probabilities down the hierarchy (ISN's f*, Müller-Budack et al. 2018, section 3.3)."""
        if len(logits) == 1:
            return logits[0]
        total = logits[0].log_softmax(1)
        for level, coarse in enumerate(logits[1:]):
            total = total + coarse.log_softmax(1)[:, cast(Tensor, getattr(self, f"parents{level}"))]
        return total


def build(
    name: str,
    classes: int,
    parents: Sequence[Tensor] = (),
    input_size: int = 224,
    *,
    start: str = "",
    drop_path: float = 0.0,
) -> Classifier:
    """The network of that name with fresh weights (from torch's generator). input_size: pixels, which only
    some of timm's networks need to know. start and drop_path: of timm's networks, see `timm_networks`."""
    if name in _BACKBONES:
        backbone, width = _BACKBONES[name]()
    elif name.startswith(TIMM):
        backbone, width = timm_networks.backbone(name, input_size, start, drop_path)
    else:
        raise UsageError(f"network {name!r} is not known; known are {', '.join(_BACKBONES)} and timm/NAME")
    return Classifier(backbone, width, classes, parents)


class ResNetV2(nn.Module):
    """The pre-activation ResNet of MXNet's example `symbol_resnet.py` (He et al. 2016b), which the
    published RN101-5k500 is. Module names are the symbol's: parameter `x.weight` is `x_weight`."""

    def __init__(self, units: Sequence[int], widths: Sequence[int], bottleneck: bool) -> None:
        super().__init__()
        self.units = tuple(units)
        self.bn_data = _norm(3)
        self.bn_data.weight.data.fill_(1.0)
        self.bn_data.weight.requires_grad_(False)  # fix_gamma
        self.conv0 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn0 = _norm(64)
        width = 64
        for stage, (count, wide) in enumerate(zip(units, widths, strict=True), start=1):
            for unit in range(1, count + 1):
                stride = 2 if unit == 1 and stage > 1 else 1
                self._add_unit(f"stage{stage}_unit{unit}", width, wide, stride, unit == 1, bottleneck)
                width = wide
        self.bn1 = _norm(width)
        _initialise(self)

    def _add_unit(
        self, name: str, width: int, wide: int, stride: int, projected: bool, bottleneck: bool
    ) -> None:
        inner = wide // 4 if bottleneck else wide
        if bottleneck:
            shapes = [(width, inner, 1, 1), (inner, inner, 3, stride), (inner, wide, 1, 1)]
        else:
            shapes = [(width, wide, 3, stride), (wide, wide, 3, 1)]
        for i, (a, b, kernel, step) in enumerate(shapes, start=1):
            self.add_module(f"{name}_bn{i}", _norm(a))
            self.add_module(f"{name}_conv{i}", nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False))
        if projected:
            self.add_module(f"{name}_sc", nn.Conv2d(width, wide, 1, stride, bias=False))

    def forward(self, data: Tensor) -> Tensor:
        x = F.relu(self.bn0(self.conv0(self.bn_data(data))))
        x = F.max_pool2d(x, 3, 2, 1)
        for stage, count in enumerate(self.units, start=1):
            for unit in range(1, count + 1):
                x = self._unit(f"stage{stage}_unit{unit}", x)
        return F.relu(self.bn1(x)).mean((2, 3))

    def _unit(self, name: str, x: Tensor) -> Tensor:
        layers = dict(self.named_children())
        shortcut, i = x, 1
        while f"{name}_conv{i}" in layers:
            x = F.relu(layers[f"{name}_bn{i}"](x))
            if i == 1 and f"{name}_sc" in layers:
                shortcut = layers[f"{name}_sc"](x)
            x = layers[f"{name}_conv{i}"](x)
            i += 1
        return x + shortcut


class ResNetV1(nn.Module):
    """He et al. 2016a with the stride in the 3×3 convolution (v1.5, as NVIDIA and torchvision have it)."""

    def __init__(self, units: Sequence[int], widths: Sequence[int], bottleneck: bool) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True)
        )
        width, stages = 64, []
        for stage, (count, wide) in enumerate(zip(units, widths, strict=True)):
            for unit in range(count):
                stages.append(_UnitV1(width, wide, 2 if unit == 0 and stage else 1, bottleneck))
                width = wide
        self.stages = nn.Sequential(*stages)
        _initialise(self)
        for block in stages:
            nn.init.zeros_(cast(nn.BatchNorm2d, block.main[-1]).weight)  # Goyal et al. 2017, section 5.1

    def forward(self, data: Tensor) -> Tensor:
        return cast(Tensor, self.stages(F.max_pool2d(self.stem(data), 3, 2, 1)).mean((2, 3)))


class _UnitV1(nn.Module):
    def __init__(self, width: int, wide: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        inner = wide // 4
        if bottleneck:
            shapes = [(width, inner, 1, 1), (inner, inner, 3, stride), (inner, wide, 1, 1)]
        else:
            shapes = [(width, wide, 3, stride), (wide, wide, 3, 1)]
        layers: list[nn.Module] = []
        for a, b, kernel, step in shapes:
            layers += [
                nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False),
                nn.BatchNorm2d(b),
                nn.ReLU(inplace=True),
            ]
        self.main = nn.Sequential(*layers[:-1])
        self.shortcut: nn.Module = nn.Identity()
        if width != wide or stride > 1:
            self.shortcut = nn.Sequential(nn.Conv2d(width, wide, 1, stride, bias=False), nn.BatchNorm2d(wide))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.main(x) + self.shortcut(x))


class GoogLeNet(nn.Module):
    """Inception v1 (Szegedy et al. 2015) without the two auxiliary classifiers and with batch
    normalisation in place of local response normalisation, as it is trained today."""

    _MIXED = (  # 1×1; 3×3 reduce, 3×3; 5×5 reduce, 5×5; pool projection
        (192, 64, 96, 128, 16, 32, 32), (256, 128, 128, 192, 32, 96, 64), (480, 192, 96, 208, 16, 48, 64),
        (512, 160, 112, 224, 24, 64, 64), (512, 128, 128, 256, 24, 64, 64), (512, 112, 144, 288, 32, 64, 64),
        (528, 256, 160, 320, 32, 128, 128), (832, 256, 160, 320, 32, 128, 128),
        (832, 384, 192, 384, 48, 128, 128),
    )  # fmt: skip
    _POOLED_BEFORE = (2, 7)

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _conv(3, 64, 7, 2), nn.MaxPool2d(3, 2, ceil_mode=True),
            _conv(64, 64, 1), _conv(64, 192, 3), nn.MaxPool2d(3, 2, ceil_mode=True),
        )  # fmt: skip
        self.mixed = nn.ModuleList([_Mixed(*shape) for shape in self._MIXED])
        self.dropout = nn.Dropout(0.4)
        _initialise(self)

    def forward(self, data: Tensor) -> Tensor:
        x = self.stem(data)
        for i, mixed in enumerate(self.mixed):
            if i in self._POOLED_BEFORE:
                x = F.max_pool2d(x, 3, 2, ceil_mode=True)
            x = mixed(x)
        return cast(Tensor, self.dropout(x.mean((2, 3))))


class _Mixed(nn.Module):
    def __init__(self, width: int, one: int, r3: int, three: int, r5: int, five: int, pooled: int) -> None:
        super().__init__()
        self.one = _conv(width, one, 1)
        self.three = nn.Sequential(_conv(width, r3, 1), _conv(r3, three, 3))
        self.five = nn.Sequential(_conv(width, r5, 1), _conv(r5, five, 5))
        self.pooled = nn.Sequential(nn.MaxPool2d(3, 1, 1), _conv(width, pooled, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pooled(x)], 1)


def _conv(a: int, b: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(a, b, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(b), nn.ReLU(inplace=True)
    )


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=_EPS, momentum=_MOMENTUM)


def _initialise(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def _resnet_v1(units: Sequence[int], bottleneck: bool) -> tuple[nn.Module, int]:
    widths = (256, 512, 1024, 2048) if bottleneck else (64, 128, 256, 512)
    return ResNetV1(units, widths, bottleneck), widths[-1]


def _resnet_v2(units: Sequence[int], bottleneck: bool) -> tuple[nn.Module, int]:
    widths = (256, 512, 1024, 2048) if bottleneck else (64, 128, 256, 512)
    return ResNetV2(units, widths, bottleneck), widths[-1]


_BACKBONES: dict[str, Callable[[], tuple[nn.Module, int]]] = {
    "resnet10": lambda: _resnet_v1((1, 1, 1, 1), False),
    "resnet18": lambda: _resnet_v1((2, 2, 2, 2), False),
    "resnet50": lambda: _resnet_v1((3, 4, 6, 3), True),
    "resnet101": lambda: _resnet_v1((3, 4, 23, 3), True),
    "resnet10-v2": lambda: _resnet_v2((1, 1, 1, 1), False),
    "resnet18-v2": lambda: _resnet_v2((2, 2, 2, 2), False),
    "resnet50-v2": lambda: _resnet_v2((3, 4, 6, 3), True),
    "resnet101-v2": lambda: _resnet_v2((3, 4, 23, 3), True),
    "googlenet": lambda: (GoogLeNet(), 1024),
}
NAMES = tuple(_BACKBONES)

_PUBLISHED_BATCH_NORM = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_var",
}


def published_name(key: str) -> str | None:
    """The published symbol's name for a weight of a `Classifier` over a v2 ResNet, None for what it
    has no name for."""
    layer, _, what = key.rpartition(".")
    if layer == "heads.0":
        return f"fc1_{what}"
    layer = layer.removeprefix("backbone.")
    if what == "num_batches_tracked" or key.startswith("heads"):
        return None
    is_norm = layer.rsplit("_", 1)[-1].startswith("bn") or layer == "bn_data"
    return f"{layer}_{_PUBLISHED_BATCH_NORM[what] if is_norm else what}"
