"""What each way of decoding costs, and what it does to the network's answer.

    python -m benchmarks.decode PHOTOS [--pack PACK] [--count 200]

Speed: JPEGs of 12 and 24 megapixels (the largest photo below PHOTOS, resized and saved at quality 90)
and the largest HEIC there, one thread, milliseconds of processor
time, the best of a few runs. Effect: `--count` real
photos through PACK with each trick, against full decode and the same resampling: mean absolute shift of the
input in grey values, mean total variation of the probabilities, share with the same top class.
"""

import argparse
import importlib.util
import io
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from geotagger.archive.listing import walk
from geotagger.errors import UnreadablePhotoError
from geotagger.model.preprocessing import Preprocessing
from geotagger.photo import prepare
from geotagger.photo.facts import read_facts
from geotagger.photo.pixels import read_pixels

Pixels = NDArray[np.float32]
EDGE = 224


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--pack", type=Path)
    parser.add_argument("--count", type=int, default=200)
    given = parser.parse_args()
    facts = {}
    for entry in walk([str(given.photos)]):
        try:
            read = read_facts(entry.path)
        except UnreadablePhotoError:
            continue
        if read.not_a_photo is None:
            facts[entry.path] = read
    jpegs = [path for path in facts if facts[path].format == "jpeg"]
    largest = max(jpegs, key=lambda path: facts[path].width * facts[path].height)
    print("| picture | way | ms | × full |\n|---|---|---|---|")
    for megapixels, size in ((12, (4000, 3000)), (24, (6000, 4000))):
        with Image.open(largest) as image:
            out = io.BytesIO()
            image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(out, "JPEG", quality=90)
            preview = io.BytesIO()
            edge = 1080 * size[0] // size[1]
            image.convert("RGB").resize((edge, 1080), Image.Resampling.BOX).save(preview, "JPEG", quality=85)
        ways = ways_of(out.getvalue())
        ways[f"its preview of {edge}×1080, 1/2"] = ways_of(preview.getvalue())["Pillow, 1/2"]
        tell(f"JPEG {megapixels} MP, {len(out.getvalue()) / 1e6:.1f} MB", ways)
    heics = [p for p in facts if facts[p].format == "heic"]
    if heics:
        path = max(heics, key=lambda p: _has_thumbnail(p) * facts[p].width * facts[p].height)
        name = f"HEIC {facts[path].width * facts[path].height / 1e6:.0f} MP"
        tell(
            name,
            {
                "full": lambda: read_pixels(path, Preprocessing(), previews="none"),
                "thumbnail": lambda: read_pixels(path, Preprocessing(), previews="any"),
            },
        )
    if given.pack:
        effects(given.pack, sorted(jpegs)[:: max(1, len(jpegs) // given.count)])


def _has_thumbnail(path: str) -> bool:
    recipe = Preprocessing()
    return not np.array_equal(
        read_pixels(path, recipe, previews="any"), read_pixels(path, recipe, previews="none")
    )


def ways_of(data: bytes) -> dict[str, Callable[[], object]]:
    """Every way to a 224-pixel square that this machine has, from bytes in memory."""

    def pillow(scale: int) -> Callable[[], object]:
        def run() -> object:
            image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
            if scale > 1:
                image.draft("RGB", (image.width // scale, image.height // scale))
            return image.resize((EDGE, EDGE), Image.Resampling.BILINEAR)

        return run

    ways: dict[str, Callable[[], object]] = {"Pillow, full": pillow(1)}
    ways.update({f"Pillow, 1/{scale}": pillow(scale) for scale in (2, 4, 8)})
    if importlib.util.find_spec("simplejpeg"):
        simplejpeg = importlib.import_module("simplejpeg")
        ways["simplejpeg, full"] = lambda: simplejpeg.decode_jpeg(data)
        ways["simplejpeg, scaled"] = lambda: simplejpeg.decode_jpeg(
            data, min_height=2 * EDGE, min_width=2 * EDGE, min_factor=1
        )
    if importlib.util.find_spec("cv2"):
        cv2 = importlib.import_module("cv2")
        cv2.setNumThreads(1)
        raw = np.frombuffer(data, np.uint8)
        ways["OpenCV, full"] = lambda: cv2.imdecode(raw, cv2.IMREAD_COLOR)
        ways["OpenCV, 1/4"] = lambda: cv2.imdecode(raw, cv2.IMREAD_REDUCED_COLOR_4)
        ways["OpenCV, 1/8"] = lambda: cv2.imdecode(raw, cv2.IMREAD_REDUCED_COLOR_8)
    return ways


def tell(picture: str, ways: dict[str, Callable[[], object]]) -> None:
    first = None
    for name, run in ways.items():
        seconds = min(_timed(run) for _ in range(5))
        first = first or seconds
        print(f"| {picture} | {name} | {seconds * 1000:.1f} | {first / seconds:.1f} |")


def _timed(run: Callable[[], object]) -> float:
    begun = time.process_time()
    run()
    return time.process_time() - begun


def effects(folder: Path, paths: list[str]) -> None:
    """Each trick against a full decode of the main picture."""
    from geotagger.engine.opening import open_engine
    from geotagger.model.pack import load_pack

    pack = load_pack(folder)
    recipe, engine = pack.preprocessing, open_engine(pack, "cpu", variant="fp32")
    tricks: dict[str, Callable[[str], Pixels]] = {
        "DCT-scaled, twice the input": lambda p: _with_headroom(p, recipe, 2),
        "DCT-scaled, just the input": lambda p: _with_headroom(p, recipe, 1),
        "no filter": lambda p: read_pixels(p, replace(recipe, resampling="bilinear-unfiltered")),
        "bicubic filter": lambda p: read_pixels(p, replace(recipe, resampling="bicubic")),
        "× 255 for × 256": lambda p: read_pixels(p, replace(recipe, scale=255.0)),
        "squash for centre": lambda p: read_pixels(p, replace(recipe, crop="squash")),
        "a phone's HEIC thumbnail": lambda p: _by_thumbnail(p, recipe),
    }
    kept, inputs = [], []
    for path in paths:
        try:
            inputs.append(_with_headroom(path, recipe, 10_000))
            kept.append(path)
        except UnreadablePhotoError:
            pass
    plain = np.stack(inputs)
    reference = engine.run(plain).probabilities
    print(f"\n{len(kept)} photos, {pack.name}\n")
    print("| trick | shift of the input | variation of probability | same top class |\n|---|---|---|---|")
    for name, read in tricks.items():
        changed = np.stack([read(path) for path in kept])
        probabilities = engine.run(changed).probabilities
        variation = np.abs(probabilities - reference).sum(axis=1).mean() / 2
        same = (probabilities.argmax(axis=1) == reference.argmax(axis=1)).mean()
        print(f"| {name} | {np.abs(changed - plain).mean():.2f} | {variation:.4f} | {same:.1%} |")


def _with_headroom(path: str, recipe: Preprocessing, headroom: int) -> Pixels:
    before = prepare.DECODE_HEADROOM
    prepare.DECODE_HEADROOM = headroom
    try:
        return read_pixels(path, recipe, previews="none")
    finally:
        prepare.DECODE_HEADROOM = before


def _by_thumbnail(path: str, recipe: Preprocessing) -> Pixels:
    """What a phone's HEIC thumbnail of 320×240 at quality 70 would give a network of 224 pixels, made
    here, in proportion for networks of other sizes."""
    edge = round(recipe.input_size * 240 / 224)
    with Image.open(path) as opened:
        image: Any = opened.convert("RGB")
        box = (10_000, edge) if image.width >= image.height else (edge, 10_000)
        image.thumbnail(box, Image.Resampling.BOX)
        out = io.BytesIO()
        image.save(out, "JPEG", quality=70, exif=opened.getexif())
    with tempfile.TemporaryDirectory() as folder:
        small = Path(folder) / "thumbnail.jpg"
        small.write_bytes(out.getvalue())
        return read_pixels(small, recipe)


if __name__ == "__main__":
    main()
