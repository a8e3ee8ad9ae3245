"""The whole command against what people would use instead, in one run on the same cores.

    python -m benchmarks.tag PACK PHOTOS [--variant int8] [--count 2000] [--rounds 3]
                             [--mxnet-python PYTHON --mxnet-prefix PREFIX] [--no-torch]

Takes JPEGs from the folder PHOTOS, a third of them of 6 megapixels and more, a third of 1 to 6 and a
third smaller, again and again under new names and without metadata, until there are `--count`. In each
round it times, one after the other:

    bare       the engine alone, on pixels that lie in memory: what the hardware gives
    tag        `geotagger tag --write none`, the whole command in a process of its own
    start      the same over 8 photos: what a run costs before it is under way
    notebook   the published notebook's way: one photo at a time, full decode, MXNet
               (a Python that has MXNet and scikit-image; left out without), over an eighth of the photos
    torch      a PyTorch DataLoader with two workers and the same weights in float32, over an eighth

and prints photos per second and their ratios, each the median of rounds, and the peak memory of `tag`.
On a processor decoding takes the network's own cores, so the bound is printed too: what one photo
costs the cores in the network and in decoding, each measured alone.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geotagger.engine.cores import usable_cores
from geotagger.engine.opening import open_engine
from geotagger.errors import UnreadablePhotoError
from geotagger.model.pack import ModelPack, find_pack
from geotagger.photo.pixels import read_photo, read_pixels

Pixels = NDArray[np.float32]

NOTEBOOK = """
import sys, time, json
import numpy as np
np.bool = bool
import mxnet as mx
from skimage import io, transform
prefix, epoch, listing = sys.argv[1:]
paths = open(listing).read().splitlines()
symbol, args, aux = mx.model.load_checkpoint(prefix, int(epoch))
module = mx.mod.Module(symbol=symbol, context=mx.cpu(), label_names=None)
module.bind([("data", (1, 3, 224, 224))], for_training=False)
module.set_params(args, aux, allow_missing=True)
mean = np.array([123.68, 116.779, 103.939])[:, None, None]
def look(path):
    picture = io.imread(path)
    edge = min(picture.shape[:2])
    top, left = (picture.shape[0] - edge) // 2, (picture.shape[1] - edge) // 2
    picture = picture[top : top + edge, left : left + edge]
    # the scikit-image of the notebook's days had no filter against aliasing, which would cost more
    small = transform.resize(picture, (224, 224), anti_aliasing=False)
    pixels = np.asarray(small).transpose(2, 0, 1) * 256 - mean
    module.forward(mx.io.DataBatch([mx.nd.array(pixels[None])], []), is_train=False)
    return module.get_outputs()[0].asnumpy().argmax()
look(paths[0])
began = time.perf_counter()
for path in paths:
    look(path)
print(json.dumps(time.perf_counter() - began))
"""

BANDS_MP = (6.0, 1.0, 0.0)
"""The least megapixels of large, middling and small photos."""

FEW = 8
"""Photos of a run that hardly does more than start."""


class Used(NamedTuple):
    """What a run took of the machine."""

    processor_s: float
    peak_mib: float


def main() -> None:
    arguments = _parser().parse_args()
    pack = find_pack(arguments.pack)
    with tempfile.TemporaryDirectory(prefix="geotagger-benchmark-") as scratch:
        place = Path(scratch)
        paths = _photos(pack, Path(arguments.photos), place / "photos", arguments.count)
        _photos(pack, Path(arguments.photos), place / "few", FEW)
        slow = paths[: max(1, len(paths) // 8)]
        used: list[Used] = []
        ways: dict[str, Callable[[], float]] = {
            "bare": lambda: _bare(pack, arguments.variant) * len(paths),
            "tag": lambda: _tag(pack, arguments.variant, place / "photos", used),
            "start": lambda: _tag(pack, arguments.variant, place / "few", []),
        }
        if arguments.mxnet_python:
            ways["notebook"] = lambda: _notebook(arguments, slow, place) * len(paths) / len(slow)
        if arguments.torch and find_spec("torch") is not None:
            ways["torch"] = lambda: _torch(pack, slow) * len(paths) / len(slow)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(arguments.rounds):
            for name, run in ways.items():
                seconds[name].append(run())
        _print(seconds, len(paths), used)
        _print_bound(pack, arguments.variant, slow, len(paths) / statistics.median(seconds["tag"]))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tag", description=__doc__)
    parser.add_argument("pack")
    parser.add_argument("photos")
    parser.add_argument("--variant", help="of the pack: fp32, int8, …; what tag takes unasked without")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mxnet-python")
    parser.add_argument("--mxnet-prefix", help="path of the checkpoint without -symbol.json")
    parser.add_argument("--mxnet-epoch", default="12")
    parser.add_argument("--no-torch", dest="torch", action="store_false")
    return parser


def _photos(pack: ModelPack, source: Path, folder: Path, count: int) -> list[Path]:
    """So many copies of the readable JPEGs in `source`, large, middling and small by turns, without
    metadata, so that each must be looked at."""
    bands: list[list[bytes]] = [[] for _ in BANDS_MP]
    folder.mkdir()
    trial = folder / "trial.jpg"
    for picture in sorted(p for p in source.rglob("*") if p.suffix.lower() in (".jpg", ".jpeg")):
        trial.write_bytes(_without_metadata(picture.read_bytes()))
        try:
            facts, _ = read_photo(trial, pack.preprocessing)
        except UnreadablePhotoError:
            continue
        megapixels = facts.width * facts.height / 1e6
        if not facts.not_a_photo and min(facts.width, facts.height) >= pack.preprocessing.input_size:
            size = next(n for n, least in enumerate(BANDS_MP) if megapixels >= least)
            bands[size].append(trial.read_bytes())
    trial.unlink(missing_ok=True)
    bands = [band for band in bands if band]
    if not bands:
        raise SystemExit(f"{source}: no readable JPEG is there")
    paths = []
    for n in range(count):
        band = bands[n % len(bands)]
        path = folder / f"IMG_{n:06d}.jpg"
        path.write_bytes(band[n // len(bands) % len(band)])
        paths.append(path)
    sizes = " + ".join(str(len(band)) for band in bands)
    mb = sum(path.stat().st_size for path in paths) / count / 1e6
    print(f"{count} photos in {folder.name}, of {sizes} different ones, {mb:.2f} MB each in the mean")
    return paths


def _without_metadata(data: bytes) -> bytes:
    """A JPEG without its APP1 and APP2 segments; the picture's own bytes stay."""
    kept, at = [data[:2]], 2
    while data[at : at + 1] == b"\xff" and data[at + 1] != 0xDA:
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if data[at + 1] not in (0xE1, 0xE2):
            kept.append(data[at:end])
        at = end
    return b"".join([*kept, data[at:]])


def _bare(pack: ModelPack, variant: str | None) -> float:
    """Seconds a photo."""
    engine = open_engine(pack, "cpu", variant=variant)
    edge = pack.preprocessing.input_size
    at_once = 8 * engine.batch_size * engine.lanes
    pixels = np.random.default_rng(0).normal(0, 50, (at_once, 3, edge, edge)).astype(np.float32)
    engine.run(pixels)
    rounds, began = 0, time.perf_counter()
    while time.perf_counter() - began < 10:
        engine.run(pixels)
        rounds += 1
    seconds = time.perf_counter() - began
    engine.close()
    return seconds / rounds / at_once


def _tag(pack: ModelPack, variant: str | None, folder: Path, used: list[Used]) -> float:
    index = folder.parent / "index.db"
    for part in folder.parent.glob("index.db*"):
        part.unlink()
    command = [sys.executable, "-m", "geotagger", "tag", str(folder), "--write", "none", "--quiet"]
    command += ["--model", str(pack.folder), "--index", str(index)]
    command += ["--variant", variant] if variant else []
    began = time.perf_counter()
    running = subprocess.Popen(command)
    _, status, usage = os.wait4(running.pid, 0)
    running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode:
        raise SystemExit(f"geotagger tag ended with {running.returncode}")
    used.append(Used(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024))
    return time.perf_counter() - began


def _notebook(arguments: argparse.Namespace, paths: list[Path], place: Path) -> float:
    listing = place / "listing"
    listing.write_text("\n".join(map(str, paths)))
    command = [arguments.mxnet_python, "-W", "ignore", "-c", NOTEBOOK]
    command += [arguments.mxnet_prefix, arguments.mxnet_epoch, str(listing)]
    # said outright, since MXNet takes only half of the processors for cores
    environment = {**os.environ, "OMP_NUM_THREADS": str(usable_cores())}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return float(json.loads(done.stdout.splitlines()[-1]))


def _torch(pack: ModelPack, paths: list[Path]) -> float:
    import torch
    from torch.utils.data import DataLoader, Dataset

    from training.fit.from_pack import classifier_of

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
    normal = (pixels - np.asarray(wanted.mean, np.float32)) / np.asarray(wanted.std, np.float32)
    return np.ascontiguousarray(normal.transpose(2, 0, 1), dtype=np.float32)


def _print(seconds: dict[str, list[float]], count: int, used: list[Used]) -> None:
    start = statistics.median(seconds.pop("start"))
    under_way = [t - start for t in seconds["tag"]]
    speed = {name: [count / one for one in times] for name, times in seconds.items()}
    speed["tag, under way"] = [(count - FEW) / max(one, 1e-9) for one in under_way]
    print(f"{usable_cores()} cores; medians of {len(seconds['tag'])} rounds; tag starts in {start:.1f} s")
    print(f"{'way':15} {'photos/s':>9} {'least':>7} {'most':>7}   tag is × as fast")
    for name, per_second in speed.items():
        ratio = statistics.median(t / p for t, p in zip(speed["tag"], per_second, strict=True))
        print(
            f"{name:15} {statistics.median(per_second):9.2f} {min(per_second):7.2f} {max(per_second):7.2f}"
            f"   {ratio:6.2f}"
        )
    least, most = min(one.processor_s for one in used), max(one.peak_mib for one in used)
    print(f"tag, all in all: {least * 1000 / count:.1f} ms of one core a photo, {most:.0f} MiB at the most")


def _print_bound(pack: ModelPack, variant: str | None, paths: list[Path], rate: float) -> None:
    """What the cores could do if nothing but network and decoding took their time."""
    engine = open_engine(pack, "cpu", variant=variant, threads=1)
    some = np.stack([read_pixels(path, pack.preprocessing) for path in paths[:32]])
    network = _processor_ms(lambda: engine.run(some)) / len(some)
    decoding = _processor_ms(lambda: [read_pixels(path, pack.preprocessing) for path in paths]) / len(paths)
    bound = usable_cores() * 1000 / (network + decoding)
    print(f"{engine.name}: {network:.1f} ms of one core a photo; decoding: {decoding:.1f}")
    print(f"bound: {bound:.1f} photos/s, of which tag gives {rate / bound:.2f}")
    engine.close()


def _processor_ms(run: Callable[[], object]) -> float:
    """The least of three."""
    run()
    spent = []
    for _ in range(3):
        began = time.process_time()
        run()
        spent.append((time.process_time() - began) * 1000)
    return min(spent)


if __name__ == "__main__":
    main()
