"""The stage `pack`: from weights to a model pack that says how good it is."""

import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import geotagger
from geotagger.cells import CellTable
from geotagger.engine.values import Outputs
from geotagger.errors import TrainingError
from geotagger.model.manifest import Manifest
from geotagger.model.pack import ModelPack, check_free, find_pack, write_pack
from training import accuracy
from training.data import rows
from training.data.shards import ShardSet
from training.fit.frozen import Looks, looking, network_input
from training.fit.runlog import Count, Say
from training.fitting import Trained
from training.pack import evaluate
from training.pack.export import preprocessing_of
from training.stages import TrainingRequest, TrainingRun, address_of_shards

_MEASURED_PHOTOS = 10_000
_AT_ONCE = 64
_TOLD_EVERY_S = 15.0
_CHECKED_PHOTOS = 64
_MOST_APART = 0.02
"""Total variation between GPU and processor: float32 both, so that 0.001 would already be strange."""


def make_pack(
    request: TrainingRequest,
    run: TrainingRun,
    table: CellTable,
    made: Trained,
    out: Path,
    replaced: bool,
    device: str,
    say: Say,
    count: Count | None = None,
) -> tuple[ModelPack, evaluate.AccuracyReport | None]:
    """Write the pack, then measure it the way `tag` will run it, and store what was measured. count: is told
    how far that is."""
    summary = rows.load_summary(request.work)
    preprocessing = made.base.preprocessing if made.base else preprocessing_of(made.recipe)
    training: dict[str, Any] = {
        "source": Path(run.source).name,
        "kind": run.kind,
        "program": f"geotagger {geotagger.__version__}, PyTorch {torch.__version__}",
        "photographers": summary.photographers,
        "listed": summary.kept,
        "photo_licences": summary.licences,
        "recipe": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(made.recipe).items()},
        **made.summary,
    }
    if made.base:
        training["base"] = f"{made.base.name} {made.base.version} (licence: {made.base.licence})"
    manifest = Manifest(
        name=out.name,
        version="1",
        licence=run.licence,
        preprocessing=preprocessing,
        description=f"{made.recipe.network} over {len(table):,} cells, trained on {run.kind}",
        training=training,
    )
    check_free(out, replaced)
    out.parent.mkdir(parents=True, exist_ok=True)
    # measured before it has its name: a pack that is there is a whole one
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".unfinished-") as scratch:
        pack = write_pack(Path(scratch) / out.name, manifest, table, made.writer)
        report = _measure(request, pack, made, device, say, count)
        if replaced and out.exists():
            out.rename(Path(scratch) / "replaced")
        pack.folder.rename(out)
    return find_pack(out), report


def _measure(
    request: TrainingRequest, pack: ModelPack, made: Trained, device: str, say: Say, count: Count | None
) -> evaluate.AccuracyReport | None:
    """Temperature from the validation photos, accuracy from the test photos."""
    address, cache = address_of_shards(request), request.work / "cache"
    sets = {split: ShardSet(address, split, cache=cache) for split in ("val", "test")}
    fit_on = "val" if len(sets["val"]) else "test"
    told_on = "test" if len(sets["test"]) else "val"
    if not len(sets[fit_on]):
        say("no photo was kept apart for validation or testing: the pack's accuracy was not measured")
        return None
    heard: dict[str, tuple[evaluate.Labels, NDArray[np.float32]]] = {}
    with looking(pack, device, made.network) as look:
        for split in {fit_on, told_on}:
            images = sets[split]
            some = np.random.default_rng(0).permutation(len(images))[:_MEASURED_PHOTOS]
            labels = evaluate.Labels(
                f"{split} photos of its own source",
                tuple(str(i) for i in some),
                images.index["latitude"][some].astype(np.float64),
                images.index["longitude"][some].astype(np.float64),
            )
            heard[split] = labels, _outputs(look, images, some, pack, say, count)
    if device.startswith("cuda") and made.network is not None:
        some = np.array([int(i) for i in heard[told_on][0].images[:_CHECKED_PHOTOS]])
        _check_against_the_pack(sets[told_on], some, heard[told_on][1], pack)
    labels, probabilities = heard[fit_on]
    fitted_on = evaluate.ratios_of(Outputs(probabilities, None), pack.cells)
    temperature, before, after = accuracy.fit_temperature(fitted_on, pack.cells, labels.lat, labels.lng)
    photos = len(labels)
    labels, probabilities = heard[told_on]
    report = evaluate.report_of(pack, labels, Outputs(probabilities, None), temperature=temperature)
    evaluate.store(pack, report, temperature, before, after, photos)
    return report


def _outputs(
    look: Looks,
    images: ShardSet,
    some: NDArray[np.integer],
    pack: ModelPack,
    say: Say,
    count: Count | None,
) -> NDArray[np.float32]:
    """Probabilities for some images, float32 (n, classes); progress every few seconds."""
    outputs, last_said = [], time.monotonic()
    for start in range(0, len(some), _AT_ONCE):
        batch = np.stack([network_input(images.jpeg(int(i)), pack) for i in some[start : start + _AT_ONCE]])
        outputs.append(look(batch).probabilities)
        if count:
            count(f"Measuring ({images.split})", start + len(batch), len(some), "")
        elif time.monotonic() - last_said > _TOLD_EVERY_S:
            last_said = time.monotonic()
            say(f"measuring the pack: {start + len(batch):,} of {len(some):,} {images.split} photos")
    return np.concatenate(outputs)


def _check_against_the_pack(
    images: ShardSet, some: NDArray[np.integer], seen: NDArray[np.float32], pack: ModelPack
) -> None:
    """TrainingError unless the written pack gives on the processor what the network gave on its GPU."""
    batch = np.stack([network_input(images.jpeg(int(i)), pack) for i in some])
    with looking(pack, "cpu") as look:
        apart = float(np.abs(look(batch).probabilities - seen[: len(some)]).sum(axis=1).max()) / 2
    if not apart < _MOST_APART:
        raise TrainingError(
            "the pack gives other probabilities on the processor than its network on the GPU (up to "
            f"{apart:.1%} of the mass differ); it was not kept, the checkpoints are: please report this"
        )
