"""Looking at pictures on the card: ONNX Runtime, `look`, and `tag` with processes that look."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.gpu.bench import Bench
from benchmarks.gpu.networks import random_pack
from geotagger.engine.opening import open_engine
from geotagger.look.photos import LookOptions, PhotoLooker
from geotagger.model.pack import ModelPack
from geotagger.photo.levels import levels_of, looked_up
from training.fit.frozen import looking

_CUDA = {"device_id": "0", "cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
_FP32: dict[str, dict[str, str]] = {
    "fp32": {},
    "fp32, TF32": {"use_tf32": "1"},
    "fp32, NHWC": {"prefer_nhwc": "1"},
}
_FP16: dict[str, dict[str, str]] = {
    "fp16": {},
    "fp16, NHWC": {"prefer_nhwc": "1"},
    "fp16, exhaustive search": {"cudnn_conv_algo_search": "EXHAUSTIVE"},
}


def engine(bench: Bench) -> None:
    """A pack of the published shape on ONNX Runtime: speed, and whether it says what the processor says."""
    pack = random_pack(bench)
    rng = np.random.default_rng(0)
    photos = rng.normal(0, 1, (64, 3, bench.edge, bench.edge)).astype(np.float32)
    plain = open_engine(pack, "cpu").run(photos[:8]).probabilities
    begun = time.monotonic()
    opened = open_engine(pack, bench.device)
    took, where = time.monotonic() - begun, ", ".join(opened.devices)
    name = f"{opened.name} on {where}, batch {opened.batch_size}, {opened.lanes} lanes"
    bench.tell("engine", f"{name}, opened in {took:.1f} s, notes {opened.notes}")
    bench.tell(
        "  mass that differs from the processor's",
        f"{_apart(opened.run(photos[:8]).probabilities, plain):.1e}",
    )
    alone, together = opened.run(photos[:1]).probabilities, opened.run(photos).probabilities[:1]
    bench.tell("  the same bits alone and in a batch", str(bool(np.array_equal(alone, together))))
    call = np.concatenate([photos] * max(1, opened.batch_size // len(photos)))
    bench.tell("  one call at a time", f"{bench.rate(lambda: opened.run(call), len(call)):,.0f} photos/s")
    with ThreadPoolExecutor(opened.lanes) as pool:
        calls = [call] * opened.lanes
        speed = bench.rate(lambda: list(pool.map(opened.run, calls)), sum(map(len, calls)))
    bench.tell("  all lanes at once", f"{speed:,.0f} photos/s")
    pixels = rng.integers(0, 256, call.shape, dtype=np.uint8)
    eight = open_engine(pack, bench.device, opened.batch_size, eight_bit=True)
    wanted = opened.run(looked_up(pixels, levels_of(pack.preprocessing))).probabilities
    same = np.array_equal(eight.run(pixels).probabilities, wanted)
    with ThreadPoolExecutor(eight.lanes) as pool:
        lanes = [pixels] * eight.lanes
        speed = bench.rate(lambda: list(pool.map(eight.run, lanes)), sum(map(len, lanes)))
    bench.tell("  the same of 8-bit pixels", f"{speed:,.0f} photos/s, the same bits: {bool(same)}")
    with looking(pack, bench.device) as look:
        apart = _apart(look(photos[:8]).probabilities, plain)
        speed = bench.rate(lambda: look(call), len(call))
    bench.tell("  PyTorch fp32, the pack rebuilt", f"{speed:,.0f} photos/s, mass that differs {apart:.1e}")
    if bench.on_gpu:
        _sessions(bench, pack, call, plain)


def _sessions(bench: Bench, pack: ModelPack, call: NDArray[np.float32], plain: Any) -> None:
    """ONNX Runtime itself, with each option; and what an engine by PyTorch would bring over the fastest."""
    import onnxruntime

    from geotagger.engine.quantise import quantise

    half = pack.folder / "model.fp16.onnx"
    quantise(pack.onnx_path, half, "fp16", call[:64])
    best = 0.0
    for what, options in (_FP32 | _FP16).items():
        path = half if what in _FP16 else pack.onnx_path
        providers = [("CUDAExecutionProvider", _CUDA | options)]
        session = onnxruntime.InferenceSession(str(path), providers=providers)
        with ThreadPoolExecutor(2) as pool:
            both = lambda s=session: list(pool.map(lambda c: s.run(None, {"data": c}), [call] * 2))  # noqa: E731
            speed = bench.rate(both, 2 * len(call))
        apart = _apart(session.run(["probabilities"], {"data": call})[0][:8], plain)
        best = max(best, speed)
        bench.tell(f"  {what}, two calls at once", f"{speed:,.0f} photos/s, mass that differs {apart:.1e}")
        if what == "fp16":
            binding = session.io_binding()
            binding.bind_ortvalue_input("data", onnxruntime.OrtValue.ortvalue_from_numpy(call, "cuda", 0))
            for output in session.get_outputs():
                binding.bind_output(output.name, "cuda")
            speed = bench.rate(lambda s=session, b=binding: s.run_with_iobinding(b), len(call))
            bench.tell("  fp16, input and output left on the card", f"{speed:,.0f} photos/s")
    if bench.bare_forward:
        ratio = f"{bench.bare_forward / best:.2f} × ONNX Runtime's fastest (1.3 would ask for one)"
        bench.tell("  an engine by PyTorch, bf16 and compiled, could give", ratio)


def _apart(one: Any, other: Any) -> float:
    return float(np.abs(one - other).sum(axis=1).max() / 2)


def look_apart(bench: Bench) -> None:
    """`look` beside what bounds it, of the same run: what the cores decode, and the bare forward pass. What
    it takes to start is told apart, by a look at eight photos. Two processes share the card as several
    cards would have one each."""
    few = bench.folder / "eight photos"
    for megapixels, photos in _photos(bench):
        paths = sorted(str(path) for path in photos.iterdir())
        decoded = _decoding(bench, paths)
        bench.tell(f"decoding alone, {megapixels} megapixels, all cores", f"{decoded:,.0f} photos/s")
        few.mkdir(exist_ok=True)
        for path in paths[:8]:
            (few / Path(path).name).write_bytes(Path(path).read_bytes())
        best = 0.0
        for processes in (1, 2):
            start = _look_seconds(bench, few, f"eight {megapixels}", processes)
            seconds = _look_seconds(bench, photos, megapixels, processes)
            speed = (len(paths) - 8) / (seconds - start) if seconds > start else 0.0
            best = max(best, speed)
            bench.tell(
                f"look, {megapixels} megapixels, {len(paths):,} photos, {processes} processes",
                (f"{speed:,.0f} photos/s" if speed else "over before it began")
                + f", started in {start:.1f} s",
            )
        reached = best / min(decoded, bench.bare_forward) if bench.bare_forward and best else None
        bench.aim(f"look at {megapixels} megapixels, over min(bare forward pass, decoding)", reached, 0.9)


def _look_seconds(bench: Bench, photos: Path, name: str, processes: int) -> float:
    rows = bench.folder / f"rows {name} {processes}"
    return _geotagger(bench, "look", photos, "--out", rows, "--look-processes", processes)[0]


def _decoding(bench: Bench, paths: list[str]) -> float:
    looker = PhotoLooker(random_pack(bench), LookOptions(), lambda _: None, threading.Event())
    with ThreadPoolExecutor(bench.cores) as pool:
        begun = time.monotonic()
        count = sum(1 for _ in pool.map(looker.read, paths[: 20 if bench.tiny else 2000]))
        return count / (time.monotonic() - begun)


def tagging(bench: Bench) -> None:
    """`tag` over photos of 0.3 and 12 megapixels, with a pack of the published shape: in the run itself, and
    by two processes that only look."""
    for megapixels, photos in _photos(bench):
        seen = []
        for processes in (1, 2):
            seconds, output, complaints = _geotagger(
                bench, "tag", photos, "--index", bench.folder / f"{megapixels} {processes}.db",
                "--write", "none", "--json", "--profile", "--look-processes", processes,
            )  # fmt: skip
            rows = [json.loads(line) for line in output]
            seen.append({row["path"]: row.get("cell") for row in rows if "path" in row})
            bench.tell(
                f"tag, {megapixels} megapixels, {processes} looking: {seconds:.1f} s",
                " / ".join(complaints[-9:]),
            )
        same = f"{seen[0] == seen[1]}, of {len(seen[0]):,} photos"
        bench.tell(f"tag, {megapixels} megapixels, the same cells either way", same)


def _geotagger(
    bench: Bench, command: str, photos: Path, *words: object
) -> tuple[float, list[str], list[str]]:
    model = ("--model", random_pack(bench).folder, "--device", bench.device)
    return bench.call("geotagger", command, photos, *model, *words)


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
        for number in range(1, 20 if bench.tiny else count):
            (photos / f"{number}.jpg").write_bytes(whole)
    return folders
