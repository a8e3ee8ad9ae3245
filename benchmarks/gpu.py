"""Everything that only a GPU shows, once over, on random data: a line a figure, FAILED where a part fails.

    python -m benchmarks.gpu [--device cuda] [--parts machine,commands,…] [--seconds 4] [--stop 380] [--tiny]

Each part stands alone; no new one begins after --stop seconds. Beside each figure of ours stands a bare one
of the same run: a network's forward pass, and its compiled training step, without our loop and data.
`--device cpu --tiny` goes over the script itself. Needs PyTorch; to look on a GPU, ONNX Runtime for CUDA.
"""

import argparse
import csv
import io
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from geotagger.cells import CellTable
from geotagger.engine.opening import open_engine
from geotagger.geo import unit_vectors
from geotagger.model.manifest import Manifest as PackManifest
from geotagger.model.pack import ModelPack, find_pack, write_pack
from geotagger.partition import Thresholds, partition
from geotagger.photo.levels import levels_of, looked_up
from training.data.shard_writer import write_shards
from training.data.shards import ShardManifest, ShardSet
from training.fit.checkpoint import Identity
from training.fit.frozen import looking
from training.fit.loop import Labelled, TrainingSettings, fit
from training.fit.networks import build
from training.fit.objectives import Objective, class_vectors
from training.fit.recipe import Recipe, preset
from training.fit.runlog import quiet
from training.pack.export import network_writer, preprocessing_of

OUR_CLASSES = 15_527


@dataclass
class Bench:
    """What all parts share. rows: what was told."""

    device: str
    seconds: float
    tiny: bool
    folder: Path
    rows: list[tuple[str, str]] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    bare_step: float = 0.0
    bare_forward: float = 0.0

    @property
    def on_gpu(self) -> bool:
        return self.device.startswith("cuda")

    @property
    def network(self) -> str:
        return "resnet10" if self.tiny else "resnet101"

    @property
    def edge(self) -> int:
        return 64 if self.tiny else 224

    @property
    def batch(self) -> int:
        return 8 if self.tiny else 256

    @property
    def classes(self) -> int:
        return 200 if self.tiny else OUR_CLASSES

    def tell(self, what: str, value: str) -> None:
        self.rows.append((what, value))
        print(f"{time.monotonic() - self.began:6.0f} s | {what} | {value}", flush=True)

    def rate(self, step: Callable[[], object], images: int) -> float:
        """Images a second: after three steps, for `seconds`."""
        for _ in range(0 if self.tiny else 3):
            step()
        self.wait()
        begun, steps = time.perf_counter(), 0
        while time.perf_counter() - begun < self.seconds:
            for _ in range(1 if self.tiny else 5):
                step()
                steps += 1
            self.wait()
        return steps * images / (time.perf_counter() - begun)

    def wait(self) -> None:
        if self.on_gpu:
            torch.cuda.synchronize()

    def recipe(self, **changes: Any) -> Recipe:
        ours = {
            "network": self.network, "input_size": self.edge, "batch": self.batch,
            "micro_batch": self.batch, "tau_km": 25.0, "compiled": self.on_gpu,
            "precision": "bf16" if self.on_gpu else "fp32",
        }  # fmt: skip
        return preset("own", **(ours | changes))


def machine(bench: Bench) -> None:
    import onnxruntime

    card = torch.cuda.get_device_name() if bench.on_gpu else "CPU"
    cores = len(os.sched_getaffinity(0))
    bench.tell(
        "machine", f"{card}, {cores} cores, PyTorch {torch.__version__}, Python {sys.version.split()[0]}"
    )
    bench.tell(
        "ONNX Runtime", f"{onnxruntime.__version__}, {', '.join(onnxruntime.get_available_providers())}"
    )


def commands(bench: Bench) -> None:
    """The commands that a person types, on this device, over the made-up world of the tests."""
    device = "cuda" if bench.on_gpu else "cpu"
    world = bench.folder / "try"

    def call(name: str, *words: object) -> None:
        begun = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", *map(str, words)], capture_output=True, text=True, timeout=150, check=False
        )
        lines = [line for line in (done.stdout + "\n" + done.stderr).splitlines() if line.strip()]
        ending = " / ".join(lines[-2:])[-300:]
        bench.tell(f"{name}: exit code {done.returncode}, {time.monotonic() - begun:.1f} s", ending)

    call("a made-up world", "tests.training.places", world)
    photos, base = world / "photos", world / "model"
    call("train", "geotagger", "train", photos, "--out", base, "--device", device, "--epochs", "8")
    words = ("--out", world / "head", "--head-only", "--from", base, "--device", device)
    call("train --head-only", "geotagger", "train", photos, *words)
    small = ("--network", "resnet18", "--batch", 64, "--input-size", 64, "--short-side", 72, "--epochs", 2)
    words = ("--out", world / "second", "--device", device, "--preset", "own", *small)
    if not bench.on_gpu:
        words = (*words, "--precision", "fp32", "--no-compile")
    words = ("--network", "timm/resnet18", "--randaugment", 9, "--drop-path", 0.1, "--epochs", 2)
    call(
        "train timm/resnet18",
        "geotagger",
        "train",
        photos,
        "--out",
        world / "timm",
        "--device",
        device,
        *words,
    )
    torchrun = ("torch.distributed.run", "--nproc-per-node", 1, "-m")
    call("torchrun", *torchrun, "geotagger", "train", photos, *words)
    for where in ("auto", device):
        words = ("--device", where, "--index", world / f"{where}.db", "--dry-run", "--profile")
        call(f"tag --device {where}", "geotagger", "tag", world / "unseen", "--model", base, *words)


def bare(bench: Bench) -> None:
    """timm's network, where timm is there, without anything of ours around it."""
    for trains in (True, False):
        try:
            import timm

            network, whose = timm.create_model(bench.network, num_classes=bench.classes), "timm's"
        except (ImportError, RuntimeError):
            network, whose = build(bench.network, bench.classes), "our"
        network = network.to(bench.device, memory_format=torch.channels_last).train(trains)
        if bench.on_gpu:
            network.compile()
        data = torch.randn(bench.batch, 3, bench.edge, bench.edge, device=bench.device)
        data = data.contiguous(memory_format=torch.channels_last)
        step = _training_step(bench, network, data) if trains else _looking_step(bench, network, data)
        speed = bench.rate(step, bench.batch)
        what = "training step" if trains else "forward pass"
        bench.tell(
            f"bare {what}: {whose} {bench.network}, bf16, compiled, batch {bench.batch}",
            f"{speed:,.0f} images/s",
        )
        if trains:
            bench.bare_step = speed
        else:
            bench.bare_forward = speed


def _training_step(bench: Bench, network: Any, data: torch.Tensor) -> Callable[[], None]:
    classes = torch.randint(bench.classes, (len(data),), device=bench.device)
    optimizer = torch.optim.SGD(network.parameters(), 0.01, momentum=0.9, nesterov=True)

    def step() -> None:
        with torch.autocast(bench.device.split(":")[0], torch.bfloat16, enabled=bench.on_gpu):
            scores = network(data)
        scores = scores[0] if isinstance(scores, list) else scores
        torch.autograd.backward(torch.nn.functional.cross_entropy(scores.float(), classes))
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    return step


def _looking_step(bench: Bench, network: Any, data: torch.Tensor) -> Callable[[], None]:
    @torch.inference_mode()
    def step() -> None:
        with torch.autocast(bench.device.split(":")[0], torch.bfloat16, enabled=bench.on_gpu):
            network(data)

    return step


def engine(bench: Bench) -> None:
    """A pack of the published shape on ONNX Runtime: speed, and whether it says what the processor says."""
    pack = _pack(bench)
    rng = np.random.default_rng(0)
    photos = rng.normal(0, 1, (64, 3, bench.edge, bench.edge)).astype(np.float32)
    plain = open_engine(pack, "cpu").run(photos[:8]).probabilities
    begun = time.monotonic()
    opened = open_engine(pack, bench.device)
    took, where = time.monotonic() - begun, ", ".join(opened.devices)
    name = f"{opened.name} on {where}, batch {opened.batch_size}, {opened.lanes} lanes"
    bench.tell("engine", f"{name}, opened in {took:.1f} s, notes {opened.notes}")
    apart = float(np.abs(opened.run(photos[:8]).probabilities - plain).sum(axis=1).max() / 2)
    bench.tell("  mass that differs from the processor's", f"{apart:.1e}")
    alone, together = opened.run(photos[:1]).probabilities, opened.run(photos).probabilities[:1]
    bench.tell("  the same bits alone and in a batch", str(bool(np.array_equal(alone, together))))
    calls = [np.concatenate([photos] * max(1, opened.batch_size // len(photos)))] * opened.lanes
    with ThreadPoolExecutor(opened.lanes) as pool:
        speed = bench.rate(lambda: list(pool.map(opened.run, calls)), sum(len(call) for call in calls))
    bench.tell("  all lanes at once", f"{speed:,.0f} photos/s")
    levels = levels_of(pack.preprocessing)
    pixels = rng.integers(0, 256, calls[0].shape, dtype=np.uint8)
    eight = open_engine(pack, bench.device, opened.batch_size, eight_bit=True)
    same = np.array_equal(
        eight.run(pixels).probabilities, opened.run(looked_up(pixels, levels)).probabilities
    )
    with ThreadPoolExecutor(eight.lanes) as pool:
        speed = bench.rate(
            lambda: list(pool.map(eight.run, [pixels] * eight.lanes)), eight.lanes * len(pixels)
        )
    bench.tell("  the same of 8-bit pixels", f"{speed:,.0f} photos/s, the same bits: {bool(same)}")
    if not bench.on_gpu:
        return
    import onnxruntime

    from geotagger.engine.quantise import quantise

    half = pack.folder / "model.fp16.onnx"
    quantise(pack.onnx_path, half, "fp16", photos)
    base = {"device_id": "0", "cudnn_conv_algo_search": "HEURISTIC"}
    for what, path, options in (
        ("fp32, TF32", pack.onnx_path, {}),
        ("fp32, NHWC", pack.onnx_path, {"use_tf32": "0", "prefer_nhwc": "1"}),
        ("fp16", half, {}),
        ("fp16, NHWC", half, {"prefer_nhwc": "1"}),
    ):
        session = onnxruntime.InferenceSession(
            str(path), providers=[("CUDAExecutionProvider", base | options)]
        )
        with ThreadPoolExecutor(2) as pool:
            both = lambda s=session: list(pool.map(lambda call: s.run(None, {"data": call}), calls[:2]))  # noqa: E731
            speed = bench.rate(both, 2 * len(calls[0]))
        seen = session.run(["probabilities"], {"data": calls[0]})[0][:8]
        apart = float(np.abs(seen - plain).sum(axis=1).max() / 2)
        bench.tell(f"  {what}, two calls at once", f"{speed:,.0f} photos/s, mass that differs {apart:.1e}")
    with looking(pack, bench.device) as look:
        apart = float(np.abs(look(photos[:8]).probabilities - plain).sum(axis=1).max() / 2)
        speed = bench.rate(lambda: look(calls[0]), len(calls[0]))
    bench.tell("  PyTorch fp32, the pack rebuilt", f"{speed:,.0f} photos/s, mass that differs {apart:.1e}")


def _pack(bench: Bench) -> ModelPack:
    if (bench.folder / "pack").exists():
        return find_pack(str(bench.folder / "pack"))
    rng = np.random.default_rng(1)
    lat, lng = rng.uniform(-60, 60, 40 * bench.classes), rng.uniform(-180, 180, 40 * bench.classes)
    table = partition(lat, lng, Thresholds(40, 1))
    recipe = bench.recipe(network=f"{bench.network}-v2")
    manifest = PackManifest(name="check", version="1", licence="none", preprocessing=preprocessing_of(recipe))
    return write_pack(
        bench.folder / "pack", manifest, table, network_writer(build(recipe.network, len(table)), bench.edge)
    )


def training(bench: Bench) -> None:
    """Our loop from shards, beside the bare step."""
    _train(bench, "fast")


def repeatable(bench: Bench) -> None:
    """The same where equal seeds give equal bits."""
    _train(bench, "deterministic")


def _train(bench: Bench, mode: str) -> None:
    labelled, table = _labelled(bench, epochs_long=100)
    steps = 12 if bench.tiny else max(30, int(bench.seconds * 4000 / bench.batch))
    recipe = bench.recipe(epochs=steps * bench.batch / len(labelled.samples))
    workers = 0 if bench.tiny else max(2, len(os.sched_getaffinity(0)) - 1)
    settings = TrainingSettings(bench.device, workers, deterministic=mode == "deterministic", log_seconds=2)
    _fit(bench, recipe, labelled, table, settings, mode)
    with (bench.folder / mode / "log.csv").open() as file:
        last = list(csv.DictReader(file))[-1]
    speed, waited = float(last["images_per_s"]), float(last["waited_for_data"])
    share = f" = {speed / bench.bare_step:.0%} of the bare step" if bench.bare_step else ""
    rate = f"{speed:,.0f} images/s{share}, waited for data {waited:.0%}"
    bench.tell(f"training from shards, {mode}", rate)


def _fit(
    bench: Bench, recipe: Recipe, labelled: Labelled, table: CellTable, settings: TrainingSettings, name: str
) -> torch.nn.Module:
    torch.manual_seed(recipe.seed)
    network, objective = build(recipe.network, len(table)), Objective([class_vectors(table)], [], 25.0)
    identity = Identity("check", len(table), "", "", settings.mode)
    return fit(
        network, objective, labelled, None, recipe, settings, identity, bench.folder / name, quiet
    ).network


def _labelled(bench: Bench, epochs_long: int) -> tuple[Labelled, CellTable]:
    """Random images, each `epochs_long` times in an epoch, so that no epoch ends while time is taken."""
    rng, count = np.random.default_rng(2), 256 if bench.tiny else 4096

    def fetch(number: str) -> bytes:
        pixels = np.random.default_rng(int(number)).integers(0, 256, (32, 42, 3), dtype=np.uint8)
        out = io.BytesIO()
        Image.fromarray(pixels).resize((341, 256), Image.Resampling.BICUBIC).save(out, "JPEG", quality=90)
        return out.getvalue()

    rows = ({"key": str(n), "address": str(n), "latitude": float(rng.uniform(-60, 60)),
             "longitude": float(rng.uniform(-180, 180)), "user": "", "licence": "", "credit": ""}
            for n in range(count))  # fmt: skip
    write_shards(bench.folder / "shards", {"train": rows}, ShardManifest("check", 256, 1024), fetch=fetch)
    shards = ShardSet(str(bench.folder / "shards"), "train")
    lat, lng = shards.index["latitude"].astype(float), shards.index["longitude"].astype(float)
    few = partition(lat, lng, Thresholds(4, 1))
    repeated = np.minimum(np.arange(bench.classes), len(few) - 1)
    table = CellTable(few.ids[repeated], few.lat[repeated], few.lng[repeated])
    classes = torch.from_numpy(np.maximum(few.classes_of(lat, lng), 0).astype(np.int64) % bench.classes)
    truth = torch.from_numpy(unit_vectors(lat, lng).astype(np.float32))
    return Labelled(shards, np.tile(np.arange(count), epochs_long), classes, truth), table


def packing(bench: Bench) -> None:
    """From photos to a measured pack, by the stages themselves."""
    from tests.training.places import make_world
    from training import fitting, stages
    from training.packing import make_pack

    make_world(bench.folder / "world", photos_a_place=40)
    small = {"network": "resnet10", "epochs": 1.0}
    changes = small if bench.tiny else {"network": "resnet18", "epochs": 10.0}
    for name, more in (("whole", {}), ("head", {"head_only": True, "start": str(bench.folder / "whole")})):
        begun = time.monotonic()
        chosen = "head" if more else "try"
        request = stages.TrainingRequest(
            str(bench.folder / "world"), bench.folder / f"{name}.work", preset=chosen, changes=more or changes
        )
        run, _ = stages.list_photos(request, bench.on_gpu, quiet)
        table = stages.make_cells(request.work, run, quiet)
        stages.make_shards(request.work, run, 4, quiet)
        made = fitting.train(request, run, table, TrainingSettings(bench.device), quiet)
        _, report = make_pack(request, run, table, made, bench.folder / name, False, bench.device, quiet)
        assert report is not None
        percent = next(iter(report.scores.values())).percent
        took = time.monotonic() - begun
        bench.tell(f"{name}: trained, packed, measured on {bench.device} in {took:.1f} s", f"{percent}")


def memory(bench: Bench) -> None:
    """What is told when a batch does not fit."""
    labelled, table = _labelled(bench, epochs_long=20)
    size = 16_384 if bench.on_gpu else bench.batch
    recipe = bench.recipe(batch=size, micro_batch=size, compiled=False, epochs=size / len(labelled.samples))
    try:
        _fit(bench, recipe, labelled, table, TrainingSettings(bench.device), "memory")
        bench.tell(f"micro-batch {size}", "fits")
    except Exception as error:
        bench.tell(f"micro-batch {size}", str(error))


def seeds(bench: Bench) -> None:
    """Equal seeds, equal bits, where --deterministic asks for it."""
    labelled, table = _labelled(bench, epochs_long=1)
    recipe = bench.recipe(compiled=False, epochs=4 * bench.batch / len(labelled.samples))
    weights = []
    for name in ("one", "other"):
        network = _fit(
            bench, recipe, labelled, table, TrainingSettings(bench.device, deterministic=True), name
        )
        weights.append(torch.cat([p.detach().flatten() for p in network.parameters()]))
    bench.tell("--deterministic: equal seeds, equal bits", str(bool(torch.equal(*weights))))


def tagging(bench: Bench) -> None:
    """`tag` over photos of 0.3 and 12 megapixels, with a pack of the published shape: in the run itself, and
    by two processes that only look, which share the card as several cards would have one each."""
    for megapixels, photos in _photos(bench):
        for processes in (1, 2):
            words = ("--index", bench.folder / f"{megapixels} {processes}.db", "--write", "none", "--profile",
                     "--look-processes", processes)  # fmt: skip
            code, _, complaints = _geotagger(bench, "tag", photos, *words)
            bench.tell(
                f"tag, {megapixels} megapixels, {processes} looking: exit code {code}",
                " / ".join(complaints[-9:]),
            )


def look_apart(bench: Bench) -> None:
    """`look` beside what bounds it, of the same run: what the cores decode, and the bare forward pass. Aim:
    0.9 of the lower one. What it takes to start is told apart, by a look at eight photos."""
    few = bench.folder / "eight photos"
    for megapixels, photos in _photos(bench):
        paths = sorted(str(path) for path in photos.iterdir())
        decoded = _decoding(bench, paths)
        bench.tell(f"decoding alone, {megapixels} megapixels, all cores", f"{decoded:,.0f} photos/s")
        few.mkdir(exist_ok=True)
        for path in paths[:8]:
            (few / Path(path).name).write_bytes(Path(path).read_bytes())
        start, _ = _look_seconds(bench, few, f"eight {megapixels}")
        seconds, said = _look_seconds(bench, photos, megapixels)
        speed = (len(paths) - 8) / max(seconds - start, 1e-9)
        bound = min(filter(None, (decoded, bench.bare_forward)))
        bench.tell(
            f"look, {megapixels} megapixels, {len(paths):,} photos, started in {start:.1f} s",
            f"{speed:,.0f} photos/s = {speed / bound:.0%} of its bound / {said}",
        )


def _look_seconds(bench: Bench, photos: Path, name: str) -> tuple[float, str]:
    begun = time.monotonic()
    code, _, complaints = _geotagger(bench, "look", photos, "--out", bench.folder / f"rows {name}")
    return time.monotonic() - begun, f"exit code {code}: {complaints[-1] if complaints else ''}"


def _decoding(bench: Bench, paths: list[str]) -> float:
    from geotagger.look.photos import LookOptions, PhotoLooker

    looker = PhotoLooker(_pack(bench), LookOptions(), lambda _: None, threading.Event())
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        begun = time.monotonic()
        count = sum(1 for _ in pool.map(looker.read, paths[: 20 if bench.tiny else 2000]))
        return count / (time.monotonic() - begun)


def _geotagger(bench: Bench, command: str, photos: Path, *words: object) -> tuple[int, list[str], list[str]]:
    done = subprocess.run(
        [sys.executable, "-m", "geotagger", command, str(photos), "--model", str(_pack(bench).folder),
         "--device", bench.device, *map(str, words)],
        capture_output=True, text=True, check=False, timeout=200,
    )  # fmt: skip
    return done.returncode, done.stdout.splitlines(), done.stderr.splitlines()


def _photos(bench: Bench) -> list[tuple[str, Path]]:
    """Folders of equal photos, by their megapixels."""
    folders = []
    for megapixels, size, count in (("0.3", (640, 480), 4000), ("12", (4000, 3000), 480)):
        photos = bench.folder / f"photos {megapixels}"
        folders.append((megapixels, photos))
        if photos.exists():
            continue
        photos.mkdir()
        pixels = np.random.default_rng(3).integers(0, 256, (size[1] // 16, size[0] // 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC).save(photos / "0.jpg", quality=90)
        whole = (photos / "0.jpg").read_bytes()
        for number in range(1, 40 if bench.tiny else count):
            (photos / f"{number}.jpg").write_bytes(whole)
    return folders


PARTS = (machine, bare, training, packing, look_apart, tagging, memory, seeds, repeatable, engine, commands)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--parts", default=",".join(part.__name__ for part in PARTS))
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--stop", type=float, default=380)
    parser.add_argument("--tiny", action="store_true")
    arguments = parser.parse_args()
    device = "cuda:0" if arguments.device == "cuda" else arguments.device
    if device.startswith("cuda") and not torch.cuda.is_available():
        parser.error("PyTorch sees no NVIDIA GPU here; --device cpu --tiny goes over the script itself")
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(device, 1 if arguments.tiny else arguments.seconds, arguments.tiny, Path(folder))
        has_failed = False
        for part in PARTS:
            if part.__name__ not in arguments.parts.split(","):
                continue
            if time.monotonic() - bench.began > arguments.stop:
                bench.tell(part.__name__, "left out: out of time")
                continue
            try:
                part(bench)
            except Exception as error:
                has_failed = True
                bench.tell(part.__name__, f"FAILED {type(error).__name__}: {str(error).splitlines()[:1]}")
                traceback.print_exc(limit=-4)
        print(json.dumps(bench.rows))
    sys.exit(has_failed)


if __name__ == "__main__":
    main()
