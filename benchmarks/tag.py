"""The whole command against what people would use instead, in one run on the same cores.

    python -m benchmarks.tag PACK PHOTOS [--count 2000] [--rounds 3]
                             [--mxnet-python PYTHON --mxnet-prefix PREFIX]

Copies photos from the folder PHOTOS, again and again under new names, until there are `--count`,
without their GPS, and in each round times, one after the other:

    bare       the engine alone, on pixels that lie in memory: what the hardware gives
    tag        `geotagger tag --write none`, the whole command in a process of its own
    notebook   the published notebook's way: one photo at a time, full decode, MXNet
               (a Python that has MXNet and NumPy, Pillow and scikit-image; left out without)
    torch      a PyTorch DataLoader with two workers and the same weights (left out without torch)

and prints photos per second, the peak memory of `tag`, and the ratios, each the median of rounds.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geotagger.engine.opening import open_engine
from geotagger.model.pack import ModelPack, find_pack

Pixels = NDArray[np.float32]

NOTEBOOK = """
import sys, time, json
import numpy as np
np.bool = bool
import mxnet as mx
from PIL import Image
prefix, epoch, *paths = sys.argv[1:]
symbol, args, aux = mx.model.load_checkpoint(prefix, int(epoch))
module = mx.mod.Module(symbol=symbol, context=mx.cpu(), label_names=None)
module.bind([("data", (1, 3, 224, 224))], for_training=False)
module.set_params(args, aux, allow_missing=True)
mean = np.array([123.68, 116.779, 103.939], dtype=np.float32)[:, None, None]
def look(path):
    picture = Image.open(path).convert("RGB")
    edge = min(picture.size)
    left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
    picture = picture.crop((left, top, left + edge, top + edge)).resize((224, 224), Image.BILINEAR)
    pixels = np.asarray(picture, dtype=np.float32).transpose(2, 0, 1) / 255 * 256 - mean
    module.forward(mx.io.DataBatch([mx.nd.array(pixels[None])], []), is_train=False)
    return module.get_outputs()[0].asnumpy().argmax()
look(paths[0])
began = time.perf_counter()
for path in paths:
    look(path)
print(json.dumps(time.perf_counter() - began))
"""


def main() -> None:
    arguments = _parser().parse_args()
    pack = find_pack(arguments.pack)
    with tempfile.TemporaryDirectory(prefix="geotagger-benchmark-") as place:
        folder = Path(place) / "photos"
        paths = _photos(Path(arguments.photos), folder, arguments.count)
        ways: dict[str, Callable[[], float]] = {
            "bare": lambda: _bare(pack, arguments.count),
            "tag": lambda: _tag(pack, folder, Path(place)),
        }
        if arguments.mxnet_python:
            few = paths[: max(1, arguments.count // 4)]  # it is slow; a quarter of the photos tells its speed
            ways["notebook"] = lambda: _notebook(arguments, few) * len(paths) / len(few)
        if _has_torch():
            ways["torch"] = lambda: _torch(pack, paths)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(arguments.rounds):
            for name, run in ways.items():
                seconds[name].append(run())
    _print(seconds, arguments.count)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tag", description=__doc__)
    parser.add_argument("pack")
    parser.add_argument("photos")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mxnet-python")
    parser.add_argument("--mxnet-prefix", help="path of the checkpoint without -symbol.json")
    parser.add_argument("--mxnet-epoch", default="12")
    return parser


def _photos(source: Path, folder: Path, count: int) -> list[Path]:
    """Copies of the JPEGs in `source` without EXIF, so that each must be looked at."""
    from PIL import Image

    pictures = sorted(p for p in source.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg"))
    if not pictures:
        raise SystemExit(f"{source}: no JPEG is there")
    folder.mkdir()
    stripped: list[bytes] = []
    for picture in pictures[:count]:
        target = folder / "one.jpg"
        with Image.open(picture) as image:
            image.save(target, "JPEG", quality="keep" if image.format == "JPEG" else 90, exif=b"")
        stripped.append(target.read_bytes())
        target.unlink()
    paths = []
    for n in range(count):
        path = folder / f"IMG_{n:06d}.jpg"
        path.write_bytes(stripped[n % len(stripped)])
        paths.append(path)
    return paths


def _bare(pack: ModelPack, count: int) -> float:
    engine = open_engine(pack, "cpu")
    edge = pack.preprocessing.input_size
    pixels = np.random.default_rng(0).normal(0, 50, (engine.batch_size, 3, edge, edge)).astype(np.float32)
    engine.run(pixels)
    began = time.perf_counter()
    for _ in range(0, count, engine.batch_size):
        engine.run(pixels)
    seconds = time.perf_counter() - began
    engine.close()
    return seconds


def _tag(pack: ModelPack, folder: Path, place: Path) -> float:
    index = place / "index.db"
    for part in place.glob("index.db*"):
        part.unlink()
    command = [sys.executable, "-m", "geotagger", "tag", str(folder), "--write", "none", "--quiet"]
    began = time.perf_counter()
    subprocess.run([*command, "--model", str(pack.folder), "--index", str(index)], check=True)
    return time.perf_counter() - began


def _notebook(arguments: argparse.Namespace, paths: list[Path]) -> float:
    command = [arguments.mxnet_python, "-c", NOTEBOOK, arguments.mxnet_prefix, arguments.mxnet_epoch]
    done = subprocess.run([*command, *map(str, paths)], check=True, stdout=subprocess.PIPE, text=True)
    return float(json.loads(done.stdout.splitlines()[-1]))


def _has_torch() -> bool:
    from importlib.util import find_spec

    return find_spec("torch") is not None


def _torch(pack: ModelPack, paths: list[Path]) -> float:
    import torch
    from torch.utils.data import DataLoader, Dataset

    from training.from_pack import classifier_of

    class Photos(Dataset[torch.Tensor]):
        def __len__(self) -> int:
            return len(paths)

        def __getitem__(self, n: int) -> torch.Tensor:
            return torch.from_numpy(_decoded_whole(paths[n], pack))

    network = classifier_of(pack).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    began = time.perf_counter()
    with torch.inference_mode():
        for batch in DataLoader(Photos(), batch_size=8, num_workers=2):
            network(batch.contiguous(memory_format=torch.channels_last))
    return time.perf_counter() - began


def _decoded_whole(path: Path, pack: ModelPack) -> Pixels:
    """As most pipelines do it: every pixel decoded, then cut and shrunk."""
    from PIL import Image

    wanted = pack.preprocessing
    with Image.open(path) as image:
        picture = image.convert("RGB")
    edge = min(picture.size)
    left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
    box = (left, top, left + edge, top + edge)
    small = picture.resize((wanted.input_size, wanted.input_size), Image.Resampling.BILINEAR, box)
    pixels = np.asarray(small, dtype=np.float32) / 255 * wanted.scale
    normal = (pixels - np.float32(wanted.mean)) / np.float32(wanted.std)
    return np.ascontiguousarray(normal.transpose(2, 0, 1), dtype=np.float32)


def _print(seconds: dict[str, list[float]], count: int) -> None:
    speed = {name: [count / one for one in times] for name, times in seconds.items()}
    print(f"{count} photos, {os.cpu_count()} cores; medians of {len(seconds['tag'])} rounds")
    print(f"{'way':10} {'photos/s':>9} {'least':>7} {'most':>7}   tag is × as fast")
    for name, per_second in speed.items():
        ratio = statistics.median(t / p for t, p in zip(speed["tag"], per_second, strict=True))
        print(
            f"{name:10} {statistics.median(per_second):9.2f} {min(per_second):7.2f} {max(per_second):7.2f}"
            f"   {ratio:6.2f}"
        )
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"peak memory of the largest child process: {peak:.0f} MiB")


if __name__ == "__main__":
    main()
