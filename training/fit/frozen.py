"""A network that only looks, on the device it was trained on: a GPU by PyTorch, which is there whenever
training is, while ONNX Runtime for GPUs need not be; a processor by ONNX Runtime, as `tag` runs it.

Takes a pack and what its network wants to see, gives probabilities and features.
"""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from geotagger.engine.opening import open_engine
from geotagger.engine.values import Outputs
from geotagger.errors import TrainingError
from geotagger.model.pack import ModelPack
from geotagger.photo.decode import Picture
from geotagger.photo.prepare import prepare
from training.fit.from_pack import classifier_of
from training.fit.networks import Classifier

FloatArray = NDArray[np.float32]
Looks = Callable[[FloatArray], Outputs]
_AT_ONCE = 64
"""On a GPU: enough to fill it, and few enough for a small one."""


@contextmanager
def looking(pack: ModelPack, device: str, network: Classifier | None = None) -> Iterator[Looks]:
    """What gives the outputs for float32 (n, 3, S, S). network: the pack's, where it is at hand; else it is
    rebuilt from the pack, and where that cannot be, ONNX Runtime on the processor looks."""
    if device.startswith("cuda"):
        try:
            network = network or classifier_of(pack)
        except TrainingError:
            network = None
        if network is not None:
            yield _by_torch(network.to(device).eval(), device)
            return
    engine = open_engine(pack, "cpu")
    try:
        yield engine.run
    finally:
        engine.close()


def network_input(jpeg: bytes, pack: ModelPack) -> FloatArray:
    """A stored image as the pack's network wants it, float32 (3, S, S)."""
    with Image.open(io.BytesIO(jpeg)) as image:
        upright = image.convert("RGB")
    return prepare(Picture(upright), upright.size, 1, pack.preprocessing)


def _by_torch(network: Classifier, device: str) -> Looks:
    @torch.inference_mode()
    def look(batch: FloatArray) -> Outputs:
        probabilities: list[torch.Tensor] = []
        features: list[torch.Tensor] = []
        for part in torch.split(torch.from_numpy(batch), _AT_ONCE):
            features.append(network.backbone(part.to(device)))
            logits = [head(features[-1]) for head in network.heads]
            probabilities.append(network.combined(logits).float().softmax(1))
        return Outputs(torch.cat(probabilities).cpu().numpy(), torch.cat(features).float().cpu().numpy())

    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    return look
