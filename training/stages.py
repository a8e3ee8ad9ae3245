"""The corridor of `geotagger train`: list and cells → shards → fit → pack.

Every stage keeps its result in the work folder and does nothing when it is there already; each can run
alone. Connects the modules and holds no knowledge of its own.

    work/photos.parquet  photos.json     the list of photos, split by photographer
    work/cells.csv       cells.png       the partition
    work/shards/                         the images
    work/checkpoints/    log.csv         the training; work/head.npz for a head-only one
    work/run.json                        recipe, source and licence, as stored with the pack
"""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from geotagger.cells import CellTable
from geotagger.errors import ModelNotInstalledError, TrainingError, UsageError
from geotagger.model.cells_csv import read_cells, write_cells
from geotagger.model.pack import ModelPack, find_pack, installed_packs
from geotagger.partition import classes_of, level_counts, partition
from training.data import remote, rows, shards
from training.data.shard_writer import write_shards
from training.data.sources import PhotoSource, index_source, open_source
from training.fit.recipe import TIMM, Recipe, chosen, is_for_timm, preset, recipe_of
from training.fit.runlog import Say

_ROOM_TO_CROP = 256 / 224
"""Short side of the stored images over the network's input, as the presets have it."""


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """What the user asked for. source None with `from_index`. changes: of the preset, None where
    not given. shards: an address of shards to train on in place of work/shards."""

    source: str | None
    work: Path
    preset: str | None = None
    changes: dict[str, Any] = field(default_factory=dict)
    from_index: bool = False
    index: Path | None = None
    min_accuracy: int = 1
    exclude: tuple[Path, ...] = ()
    shares: rows.Shares = field(default_factory=rows.Shares)
    fetch: str = ""
    licence: str = ""
    shards: str = ""


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """What was decided for this work folder; stored in run.json and in the pack."""

    recipe: Recipe
    source: str
    kind: str
    base: str
    list_digest: str
    licence: str


def list_photos(request: TrainingRequest, has_gpu: bool, say: Say) -> tuple[TrainingRun, rows.RowsSummary]:
    """The list of photos and the recipe for them, from work where they are already there."""
    source = _source(request, say)
    key = _key(request, source)
    work = request.work
    key_before = _read_json(work / "photos.key")
    if key_before == key and not source.changes and (work / "photos.parquet").exists():
        summary = rows.load_summary(work)
        say(f"list of photos: {_summary_line(summary)} (kept)")
    else:
        dropped: Counter[str] = Counter()
        summary = rows.prepare(
            source.batches(dropped),
            work,
            dropped=dropped,
            shares=request.shares,
            excluded=rows.excluded_ids(request.exclude),
            expected_rows=source.expected_rows,
            name=source.name,
        )
        _write_json(work / "photos.key", key)
        say(f"list of photos: {_summary_line(summary)}")
    recipe = _recipe(request, summary.kept["train"], has_gpu)
    digest = _digest_of(work / "photos.parquet")
    licence = request.licence or _licence(source, summary)
    run = TrainingRun(recipe, source.name, source.kind, request.fetch or source.base, digest, licence)
    _write_json(work / "run.json", asdict(run))
    return run, summary


def load_run(work: Path) -> TrainingRun:
    """What an earlier stage decided; TrainingError when none ran here."""
    values = _read_json(work / "run.json")
    if values is None:
        raise TrainingError(
            f"{work}: no stage has run here yet; begin with `geotagger train cells SOURCE --work {work}`"
        )
    return TrainingRun(**{**values, "recipe": recipe_of(values["recipe"])})


def make_cells(work: Path, run: TrainingRun, say: Say, draw: bool = True) -> CellTable:
    """The partition of the training photos, with a picture of it on a map of the world unless not wanted."""
    from training.pack.plots import picture_of_cells

    lat, lng = rows.places(work, "train")
    thresholds = run.recipe.thresholds(len(lat))
    key = {"list": run.list_digest, **asdict(thresholds)}
    path = work / "cells.csv"
    if path.exists() and _read_json(work / "cells.key") == key:
        table = read_cells(path)
        say(f"cells: {len(table):,} (kept)")
        return table
    table = partition(lat, lng, thresholds)
    if not len(table):
        advice = (
            "lower --t2, or leave --t1 and --t2 out to let the number of photos decide"
            if run.recipe.t1
            else "more photos of a place are needed"
        )
        raise TrainingError(
            f"no cell is left: none holds {thresholds.t2:,} of the {len(lat):,} training photos "
            f"(t1 {thresholds.t1:,}); {advice}"
        )
    if len(table) < 2:
        assert table.photos is not None
        raise TrainingError(
            f"one cell holds all {table.photos.sum():,} photos left of {len(lat):,} training photos "
            f"(t1 {thresholds.t1:,}, t2 {thresholds.t2:,}, max level {thresholds.max_level}): "
            "there is nothing to tell apart; lower --t1 or --t2"
        )
    write_cells(path, table)
    is_drawn = draw and picture_of_cells(table, work / "cells.png")
    picture = f"; see {work / 'cells.png'}" if is_drawn else ""
    _write_json(work / "cells.key", key)
    assert table.photos is not None
    by_level = ", ".join(f"{level}: {count:,}" for level, count in level_counts(table).items())
    say(
        f"cells: {len(table):,} of t1 {thresholds.t1:,}, t2 {thresholds.t2:,} hold {table.photos.sum():,} of "
        f"{len(lat):,} photos (level: cells {by_level}){picture}"
    )
    return table


def make_shards(work: Path, run: TrainingRun, threads: int, say: Say) -> shards.ShardManifest:
    """The images of the list at training size."""
    plan = shards.ShardManifest(run.list_digest, run.recipe.short_side, shards.ROWS_A_SHARD)
    folder = work / "shards"
    if (folder / shards.MANIFEST).exists():
        made = shards.read_manifest(str(folder))
        whole = all(
            (folder / s.name).exists() and (folder / s.name).stat().st_size == s.bytes for s in made.shards
        )
        if whole and replace(made, shards=()) == plan:
            say(f"shards: {len(made.shards):,} with {sum(s.samples for s in made.shards):,} images (kept)")
            return made
    made = write_shards(
        folder,
        {split: rows.listed(work, split) for split in rows.SPLITS},
        plan,
        fetch=_fetch_below(run.base),
        threads=threads,
        report=lambda s: say(
            f"{s.name}: {s.samples:,} images"
            + (f", {sum(s.skipped.values()):,} left out" if s.skipped else "")
        ),
    )
    left_out = ", ".join(f"{n:,} {reason}" for reason, n in made.skipped.items())
    note = f"; left out: {left_out} (named in {folder / 'missing.csv'})" if left_out else ""
    say(f"shards: {len(made.shards):,} with {sum(s.samples for s in made.shards):,} images{note}")
    if not made.samples("train"):
        raise TrainingError(
            f"none of the images could be had{note}; is {run.base or run.source} the right place?"
        )
    return made


def check_size(shard_set: shards.ShardSet, recipe: Recipe) -> None:
    """TrainingError for images that would be enlarged: a network that learned from blurred ones sees sharp
    ones later."""
    stored, size = shard_set.manifest.short_side, recipe.input_size
    if stored < size:
        raise TrainingError(
            f"{shard_set.address}: its images have {stored} pixels on their short side, where the network "
            f"sees {size}; make shards with --short-side {round(size * _ROOM_TO_CROP)}"
        )


def labelled(address: str, split: str, table: CellTable, cache: Path) -> Any:
    """The samples of a split with their classes."""
    import torch

    from geotagger.geo import unit_vectors
    from training.fit.loop import Labelled

    shard_set = shards.ShardSet(address, split, cache=cache)
    lat, lng = shard_set.index["latitude"].astype(np.float64), shard_set.index["longitude"].astype(np.float64)
    classes = classes_of(table, lat, lng)
    return Labelled(
        shard_set,
        np.flatnonzero(classes >= 0),
        torch.from_numpy(classes.astype(np.int64)),
        torch.from_numpy(unit_vectors(lat, lng).astype(np.float32)),
    )


def address_of_shards(request: TrainingRequest) -> str:
    return request.shards or str(request.work / "shards")


def _source(request: TrainingRequest, say: Say) -> PhotoSource:
    if request.from_index:
        return index_source(request.index)
    if request.source is None:
        raise UsageError("name a SOURCE (a folder of photos, a list, YFCC100M metadata) or add --from-index")
    source = open_source(
        request.source,
        min_accuracy=request.min_accuracy,
        problem=lambda left: say(f"{left}; left out"),
    )
    if source.kind.startswith("YFCC100M") and not request.fetch:
        say(
            "YFCC100M metadata names images on Flickr or below data/images; "
            "--fetch ADDRESS says where they lie"
        )
    return source


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _recipe(request: TrainingRequest, photos: int, has_gpu: bool) -> Recipe:
    name = request.preset or ("head" if request.changes.get("head_only") else chosen(photos, has_gpu))
    changes = {key: value for key, value in request.changes.items() if value is not None}
    start = str(changes.get("start", ""))
    if start and "network" not in changes and not start.endswith(".pt") and not is_for_timm(start):
        changes["network"] = "pack"
    if os.path.isfile(start):
        changes["start_digest"] = _digest_of(Path(start))
    recipe = preset(name, **changes)
    if recipe.network == "pack" and not recipe.start:
        raise UsageError(f"preset {name} trains on from a model: name it with --from PACK")
    if recipe.head_only and not recipe.start:
        raise UsageError("--head-only leaves the network's weights as they are: name them with --from")
    if recipe.network == "pack":
        return _with_input_of_pack(recipe, changes)
    return _with_its_input(recipe, changes) if recipe.network.startswith(TIMM) else recipe


def base_pack(recipe: Recipe) -> ModelPack:
    """The pack to train on from; "installed" takes the only one there is."""
    name = recipe.start
    if name == "installed":
        folders = installed_packs()
        if len(folders) != 1:
            raise ModelNotInstalledError(
                f"{len(folders)} models are installed; name the one to train on from with --from, "
                "or get one with `geotagger models pull rn101-5k500`"
            )
        name = str(folders[0])
    pack = find_pack(name)
    if pack.preprocessing.channels != "RGB":
        raise TrainingError(
            f"{pack.folder}: takes {pack.preprocessing.channels}; only RGB packs can be trained on"
        )
    return pack


def _with_input_of_pack(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """Pictures as large as the pack's network sees them, with room to crop."""
    size = base_pack(recipe).preprocessing.input_size
    if changes.get("input_size", size) != size:
        raise UsageError(
            f"--input-size {changes['input_size']}: the network of {recipe.start} sees {size} pixels"
        )
    return replace(recipe, input_size=size, short_side=_short_side(recipe, size, changes))


def _short_side(recipe: Recipe, size: int, changes: dict[str, Any]) -> int:
    """Of the stored images, for a network that sees `size` pixels."""
    return (
        recipe.short_side if "short_side" in changes else max(recipe.short_side, round(size * _ROOM_TO_CROP))
    )


def _with_its_input(recipe: Recipe, changes: dict[str, Any]) -> Recipe:
    """Pictures as the makers of a network of timm fed it; also their size, where it begins with their
    weights."""
    from training.fit.timm_networks import expected_input

    expected = expected_input(recipe.network)
    size = recipe.input_size
    if is_for_timm(recipe.start) and "input_size" not in changes:
        size = expected.size
    return replace(
        recipe,
        input_size=size,
        short_side=_short_side(recipe, size, changes),
        mean=expected.mean,
        std=expected.std,
        resampling=expected.resampling,
    )


def _fetch_below(base: str) -> Callable[[str], bytes]:
    return lambda address: remote.read(remote.joined(base, address))


def _licence(source: PhotoSource, summary: rows.RowsSummary) -> str:
    if source.kind.startswith("YFCC100M"):
        return f"made from photos under {len(summary.licences)} Creative Commons licences, see [training]"
    return "made from private photos, none stated"


def _key(request: TrainingRequest, source: PhotoSource) -> dict[str, Any]:
    """What decides the list of photos. Of a folder only the name is looked at, so that a second
    run starts at once; photos added later are found with a new work folder."""
    stamp = None
    path = Path(request.source) if request.source else None
    if path is not None and path.is_file():
        stamp = [path.stat().st_size, path.stat().st_mtime_ns]
    excluded = [
        hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "" for file in request.exclude
    ]
    return {
        "source": str(path.absolute()) if path else str(request.index),
        "kind": source.kind,
        "stamp": stamp,
        "min_accuracy": request.min_accuracy,
        "exclude": excluded,
        "shares": asdict(request.shares),
    }


def _summary_line(summary: rows.RowsSummary) -> str:
    kept = ", ".join(f"{n:,} {split}" for split, n in summary.kept.items())
    dropped = ", ".join(f"{n:,} {reason}" for reason, n in summary.dropped.items())
    return f"{summary.read:,} read, {kept}" + (f"; left out: {dropped}" if dropped else "")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=1))
