"""Checkpoints: the whole state of a training at one step, on disk.

A checkpoint is written beside the others, synced, and only then takes its name; the last two are
kept. So a crash or a full disk at any moment leaves the last good one. (A disk that lies about
having stored data, or that dies, is beyond any program.) Knows nothing of what the state means.
"""

import os
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from geotagger.errors import TrainingError

_NAME = re.compile(r"step-(\d{9})\.pt")
KEPT = 2
_FULL_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Identity:
    """What a checkpoint must share with the run that goes on from it. mode: "fast" or
    "deterministic"; "" goes on from either."""

    network: str
    classes: int
    cells: str
    recipe: str
    mode: str = "deterministic"


def save(folder: Path, step: int, identity: Identity, state: dict[str, Any]) -> Path:
    """Write a checkpoint durably and remove all but the last two."""
    folder.mkdir(parents=True, exist_ok=True)
    path, unfinished = folder / f"step-{step:09d}.pt", folder / "unfinished.pt"
    try:
        with unfinished.open("wb") as file:
            torch.save({"identity": asdict(identity), "step": step, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        _sync_folder(folder)
    except (OSError, RuntimeError) as error:
        # torch tells a short write in words of its own
        is_full = shutil.disk_usage(folder).free < _FULL_BYTES
        unfinished.unlink(missing_ok=True)
        last = _steps(folder)
        kept = f"the one of step {last[-1]:,} is whole and kept" if last else "there was none before it"
        reason = (
            "the disk is full" if is_full else getattr(error, "strerror", None) or str(error).splitlines()[0]
        )
        raise TrainingError(
            f"{folder}: the checkpoint of step {step:,} could not be written ({reason}); {kept}; "
            "free some space and run again"
        ) from error
    for old in _steps(folder)[:-KEPT]:
        (folder / f"step-{old:09d}.pt").unlink()
    return path


def load_latest(folder: Path, identity: Identity) -> dict[str, Any] | None:
    """The newest whole checkpoint, None when there is none.

    Raises TrainingError for a checkpoint of another network, partition or recipe.
    """
    for step in reversed(_steps(folder)):
        path = folder / f"step-{step:09d}.pt"
        try:
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except Exception:  # cut or damaged: torch tells it by errors of many kinds
            continue
        _compare(path, Identity(**state["identity"]), identity)
        return state
    return None


def load_weights(path: Path, network: str, classes: int | None = None) -> dict[str, torch.Tensor]:
    """The averaged weights of one checkpoint file, to start another training from."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        saved = Identity(**state["identity"])
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such checkpoint") from None
    except Exception as error:
        raise TrainingError(
            f"{path}: not a checkpoint of geotagger, or cut ({type(error).__name__})"
        ) from None
    if saved.network != network:
        raise TrainingError(
            f"{path}: is a checkpoint of {saved.network}, not of {network}; add --network {saved.network}"
        )
    weights: dict[str, torch.Tensor] = state["ema"] or state["model"]
    if classes is not None and saved.classes != classes:
        weights = {
            name: value for name, value in weights.items() if not name.startswith(("heads.", "parents"))
        }
    return weights


def _compare(path: Path, saved: Identity, wanted: Identity) -> None:
    for name, wording in (("network", "of the network"), ("classes", "with"), ("cells", "over the cells"),
                       ("recipe", "of the recipe"), ("mode", "of the mode")):  # fmt: skip
        there, here = getattr(saved, name), getattr(wanted, name)
        if name == "mode" and not here:
            continue
        if there != here and name == "mode":
            flag = "add --deterministic" if there == "deterministic" else "leave --deterministic out"
            raise TrainingError(
                f"{path}: a checkpoint of a {there} training, where this one is {here}: going on would give "
                f"weights that nobody can make again; {flag}, or delete {path.parent} to start anew"
            )
        if there != here:
            unit = " classes" if name == "classes" else ""
            raise TrainingError(
                f"{path}: a checkpoint {wording} {there}{unit}, where this training has {here}{unit}; "
                f"choose another --out or --work folder, or delete {path.parent} to start anew"
            )


def _steps(folder: Path) -> list[int]:
    names = [_NAME.fullmatch(path.name) for path in folder.iterdir()] if folder.is_dir() else []
    return sorted(int(name[1]) for name in names if name)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
