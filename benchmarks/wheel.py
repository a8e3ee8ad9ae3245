"""GeoCLIP's heads, scale and gallery out of its wheel (`pip download geoclip==1.3.0 --no-deps`), in PyTorch,
without the package's own code: the reference that the packs made of its ONNX files are held against.

Its large tower is not in the wheel, so pictures are simulated: what it would see of a place is the place's
own embedding, so much of it as the skill says, and noise.
"""

import csv
import io
import math
import zipfile
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

FloatArray = NDArray[np.float64]
Single = NDArray[np.float32]

_INSIDE = "geoclip/model/"
_SCALE_KM = 66.50336
_EQUAL_EARTH = (1.340264, -0.081106, 0.000893, 0.003796)
"""Šavrič, Patterson & Jenny 2018, "The Equal Earth map projection"."""
_AT_ONCE = 2000


class _Capsule(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.frequencies = nn.Parameter(torch.zeros(256, 2), requires_grad=False)
        widths = (512, 1024, 1024, 1024)
        layers: list[nn.Module] = []
        for into, out in pairwise(widths):
            layers += [nn.Linear(into, out), nn.ReLU()]
        self.layers, self.head = nn.Sequential(*layers), nn.Linear(1024, 512)

    def forward(self, places: Tensor) -> Tensor:
        angle = 2 * math.pi * places @ self.frequencies.T
        seen: Tensor = self.head(self.layers(torch.cat((torch.cos(angle), torch.sin(angle)), dim=-1)))
        return seen


class LocationEncoder(nn.Module):
    """Degrees (n, 2) → (n, 512), not yet of length 1: three random Fourier capsules on an Equal Earth map."""

    def __init__(self) -> None:
        super().__init__()
        self.capsules = nn.ModuleList(_Capsule() for _ in range(3))

    def forward(self, degrees: Tensor) -> Tensor:
        a1, a2, a3, a4 = _EQUAL_EARTH
        latitude, longitude = (degrees * (math.pi / 180)).unbind(dim=1)
        t = torch.asin(math.sqrt(3) / 2 * torch.sin(latitude))
        slope = 3 * (9 * a4 * t**8 + 7 * a3 * t**6 + 3 * a2 * t**2 + a1)
        x = 2 * math.sqrt(3) * longitude * torch.cos(t) / slope
        y = a4 * t**9 + a3 * t**7 + a2 * t**3 + a1 * t
        places = torch.stack((x, y), dim=1) * _SCALE_KM / 180
        return torch.stack([capsule(places) for capsule in self.capsules]).sum(dim=0)


@dataclass(frozen=True, eq=False)
class Wheel:
    """What the wheel holds. lat, lng: the gallery, degrees float64 (100000,). scale: what cosines are
    multiplied with. mlp: 768 numbers of the tower → 512."""

    lat: FloatArray
    lng: FloatArray
    scale: float
    mlp: nn.Module
    encoder: LocationEncoder

    def embed(self, lat: FloatArray, lng: FloatArray) -> Single:
        """Directions, float32 (n, 512)."""
        places = torch.tensor(np.stack([lat, lng], axis=1), dtype=torch.float32)
        with torch.no_grad():
            parts = [
                functional.normalize(self.encoder(places[n : n + _AT_ONCE]), dim=1)
                for n in range(0, len(places), _AT_ONCE)
            ]
        return np.asarray(torch.cat(parts).numpy(), dtype=np.float32)

    def seen(self, lat: FloatArray, lng: FloatArray, skill: float, seed: int) -> Single:
        """Features of pictures taken there: skill · E(truth) and noise, float32 (n, 512) of length 1."""
        noise = np.random.default_rng(seed).standard_normal((len(lat), 512))
        noise /= np.linalg.norm(noise, axis=1, keepdims=True)
        seen = skill * self.embed(lat, lng) + math.sqrt(1 - skill**2) * noise
        return np.asarray(seen / np.linalg.norm(seen, axis=1, keepdims=True), dtype=np.float32)


def open_wheel(path: Path) -> Wheel:
    with zipfile.ZipFile(path) as wheel:

        def weights(name: str) -> dict[str, Tensor]:
            stored = io.BytesIO(wheel.read(f"{_INSIDE}weights/{name}.pth"))
            return torch.load(stored, map_location="cpu", weights_only=True)  # type: ignore[no-any-return]

        rows = list(csv.reader(io.TextIOWrapper(wheel.open(f"{_INSIDE}gps_gallery/coordinates_100K.csv"))))
        lat, lng = np.array([[float(row[0]), float(row[1])] for row in rows[1:]]).T
        mlp = nn.Sequential(nn.Linear(768, 768), nn.ReLU(), nn.Linear(768, 512))
        mlp.load_state_dict(weights("image_encoder_mlp_weights"))
        encoder = LocationEncoder()
        encoder.load_state_dict(
            {_name(key): value for key, value in weights("location_encoder_weights").items()}
        )
        scale = weights("logit_scale_weights")
    exponent = scale if isinstance(scale, Tensor) else next(iter(scale.values()))
    return Wheel(lat.copy(), lng.copy(), float(exponent.exp()), mlp.eval(), encoder.eval())


def _name(key: str) -> str:
    """`LocEnc1.capsule.3.weight` → `capsules.1.layers.2.weight`: the first of the published layers are the
    frequencies."""
    which, part, *rest = key.removeprefix("LocEnc").split(".")
    if part == "head":
        return f"capsules.{which}.head.{rest[-1]}"
    if rest[0] == "0":
        return f"capsules.{which}.frequencies"
    return f"capsules.{which}.layers.{int(rest[0]) - 1}.{rest[-1]}"
