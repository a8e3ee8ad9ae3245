"""The stage `pack`: from weights to a model pack that says how good it is."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import geotagger
from geotagger.cells import CellTable
from geotagger.engine.opening import open_engine
from geotagger.model.manifest import Manifest
from geotagger.model.pack import ModelPack, find_pack, write_pack
from training import accuracy
from training.data import rows
from training.data.shards import ShardSet
from training.fit.head import network_input
from training.fit.runlog import Say
from training.fitting import Trained
from training.pack import evaluate
from training.pack.export import preprocessing_of
from training.stages import Asked, Run, address_of_shards

_MEASURED_PHOTOS = 10_000


def make_pack(
    asked: Asked, run: Run, table: CellTable, made: Trained, out: Path, replaced: bool, device: str, say: Say
) -> tuple[ModelPack, evaluate.Report | None]:
    """Write the pack, then measure it the way `tag` will run it, and store what was measured."""
    summary = rows.load_summary(asked.work)
    preprocessing = made.base.preprocessing if made.base else preprocessing_of(made.recipe)
    training: dict[str, Any] = {
        "source": Path(run.source).name,
        "kind": run.kind,
        "program": f"geotagger {geotagger.__version__}, PyTorch {torch.__version__}",
        "photographers": summary.photographers,
        "listed": summary.kept,
        "photo_licences": summary.licences,
        "recipe": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(made.recipe).items()},
        **made.told,
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
    pack = write_pack(out, manifest, table, made.writer, replace=replaced)
    report = _measure(asked, pack, device, say)
    return (find_pack(out), report) if report else (pack, None)


def _measure(asked: Asked, pack: ModelPack, device: str, say: Say) -> evaluate.Report | None:
    """Temperature from the validation photos, accuracy from the test photos."""
    address, cache = address_of_shards(asked), asked.work / "cache"
    sets = {split: ShardSet(address, split, cache=cache) for split in ("val", "test")}
    fit_on = "val" if len(sets["val"]) else "test"
    told_on = "test" if len(sets["test"]) else "val"
    if not len(sets[fit_on]):
        say("no photo was kept apart for validation or testing: the pack's accuracy was not measured")
        return None
    engine_device = "cuda" if device.startswith("cuda") else "cpu"
    engine = open_engine(pack, engine_device)
    heard: dict[str, tuple[evaluate.Labels, NDArray[np.float32]]] = {}
    for split in {fit_on, told_on}:
        found = sets[split]
        some = np.random.default_rng(0).permutation(len(found))[:_MEASURED_PHOTOS]
        outputs = []
        for start in range(0, len(some), 64):
            batch = np.stack([network_input(found.jpeg(int(i)), pack) for i in some[start : start + 64]])
            outputs.append(engine.run(batch).probabilities)
        labels = evaluate.Labels(
            f"{split} photos of its own source",
            tuple(str(i) for i in some),
            found.index["latitude"][some].astype(np.float64),
            found.index["longitude"][some].astype(np.float64),
        )
        heard[split] = labels, np.concatenate(outputs)
    engine.close()
    labels, probabilities = heard[fit_on]
    classes = pack.cells.classes_of(labels.lat, labels.lng)
    temperature, before, after = accuracy.fit_temperature(probabilities, classes)
    labels, probabilities = heard[told_on]
    report = evaluate.report_of(pack, labels, probabilities, temperature=temperature)
    evaluate.store(pack, report, temperature, before, after, len(classes))
    return report
