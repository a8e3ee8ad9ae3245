"""Looking at pictures on a Ray cluster: photos in, answers out, by Ray Data.

Photos are decoded by tasks of a core each, networks are actors with a GPU each (where the cluster has none,
with a core, on which they decode, too); which node does what, retries, and what waits where are Ray's.
Answers come back to the process that asked, which writes the rows. It joins the cluster that it runs in, or
the one that RAY_ADDRESS names, and starts one of this machine where there is none. Every node needs
geotagger, the photos and the pack at the same paths. Nothing is told to Ray's makers, and no dashboard is
opened.
"""

import functools
import logging
import os
from collections.abc import Iterator
from itertools import islice
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from geotagger.archive import FileEntry
from geotagger.errors import EngineError, PhotoError, UnreadablePhotoError, UsageError
from geotagger.look.columns import reason_of
from geotagger.look.photos import LeftAloneError, LookOptions, PhotoLooker, looker_of
from geotagger.look.rows import Look, Shape, rows_of_table, table_of
from geotagger.look.shares import Share

if TYPE_CHECKING:
    from geotagger.model.pack import ModelPack

ROUND = 100_000
"""Photos that are handed to Ray at a time: the driver remembers their names."""

BATCH = 64
_DECODED = 16
_BLOCK = 256


def seen_on_ray(
    entries: Iterator[FileEntry],
    pack: "ModelPack",
    options: LookOptions,
    stop: Event,
) -> Iterator[tuple[FileEntry, Look | PhotoError]]:
    """The photos in whatever order they are through. UsageError without Ray, EngineError where the cluster
    fails for good."""
    ray = _joined()
    shape = Shape.of(pack)
    has_gpus = options.device != "cpu" and ray.cluster_resources().get("GPU", 0) >= 1
    try:
        while some := list(islice(entries, ROUND)):
            for number, answer in _round(ray, some, str(pack.folder.absolute()), options, shape, has_gpus):
                yield some[number], answer
                if stop.is_set():
                    return
    finally:
        ray.shutdown()


def _joined() -> Any:
    address = os.environ.get("RAY_ADDRESS", "")
    if address.startswith("ray://"):
        raise UsageError(
            f"RAY_ADDRESS={address}: run it inside the cluster, as by `ray job submit` (docs/look.md)"
        )
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its words to its maker go to standard error
    try:
        import ray
        import ray.data
    except ImportError:
        raise UsageError(
            "--on ray needs Ray: `pip install '.[cluster]'` in the checkout of geotagger, Python 3.11 or 3.12"
        ) from None
    try:
        ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    except Exception as error:
        raise EngineError(
            f"--on ray: no cluster can be joined ({reason_of(error)}); one that asks for a token is joined "
            "with RAY_AUTH_MODE=token (docs/look.md)"
        ) from None
    logging.getLogger("ray").setLevel(logging.ERROR)
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    return ray


def _round(
    ray: Any, some: list[FileEntry], folder: str, options: LookOptions, shape: Shape, has_gpus: bool
) -> Iterator[tuple[int, Look | PhotoError]]:
    items = [{"number": n, "path": os.fsencode(entry.path)} for n, entry in enumerate(some)]
    needs: dict[str, Any] = {"num_gpus": 1} if has_gpus else {"num_cpus": 1}
    actors = max(1, int(ray.cluster_resources().get("GPU" if has_gpus else "CPU", 1)))
    blocks = max(1, -(-len(items) // _BLOCK))
    seen = (
        ray.data.from_items(items, override_num_blocks=blocks)
        .map_batches(
            functools.partial(_decoded, folder=folder, options=options),
            batch_size=_DECODED,
            batch_format="pyarrow",
            num_cpus=1,
        )
        .map_batches(
            _Looks,
            fn_constructor_args=(folder, options, "cuda:0" if has_gpus else "cpu"),
            batch_size=options.batch_size or BATCH,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(min_size=1, max_size=actors),
            **needs,
        )
    )
    try:
        for table in seen.iter_batches(batch_size=_BLOCK, batch_format="pyarrow"):
            numbers = table.column("number").to_pylist()
            for number, row in zip(
                numbers, rows_of_table(table, shape, "a row from the cluster"), strict=True
            ):
                yield number, _answer(some[number].path, row)
    except ray.exceptions.RayError as error:
        raise EngineError(
            f"--on ray: the cluster failed ({reason_of(error)}); what was finished is kept"
        ) from None


def _answer(path: str, row: Look) -> Look | PhotoError:
    if row.error is None:
        return row
    if row.error == _LEFT_ALONE:
        return LeftAloneError(path, _LEFT_ALONE)
    return UnreadablePhotoError(path, row.error)


_UNNAMED = b"-"
"""What is sent back goes by its number."""
_LEFT_ALONE = "is not to be looked at"


@functools.cache
def _reader(folder: str, options: LookOptions) -> PhotoLooker:
    return looker_of(folder, options, Share("cpu", 1), lambda _: None)


def _decoded(table: Any, folder: str, options: LookOptions) -> Any:
    """With the pixels of each photo, or why there are none."""
    import pyarrow

    looker = _reader(folder, options)
    pixels: list[bytes | None] = []
    errors: list[str | None] = []
    for path in table.column("path").to_pylist():
        try:
            pixels.append(looker.read(os.fsdecode(path)).tobytes())
            errors.append(None)
        except PhotoError as error:
            pixels.append(None)
            errors.append(_LEFT_ALONE if isinstance(error, LeftAloneError) else error.reason)
    table = table.append_column("pixels", pyarrow.array(pixels, pyarrow.large_binary()))
    return table.append_column("problem", pyarrow.array(errors, pyarrow.string()))


class _Looks:
    """An actor: a network on one GPU, or on one core."""

    def __init__(self, folder: str, options: LookOptions, device: str) -> None:
        self._looker = looker_of(folder, options, Share(device, 1), lambda _: None)

    def __call__(self, table: Any) -> Any:
        pixels, problems = table.column("pixels").to_pylist(), table.column("problem").to_pylist()
        shape, kind = self._looker.pixels
        batch = [np.frombuffer(one, kind).reshape(shape) for one in pixels if one is not None]
        said = iter(self._looker.say(np.stack(batch)) if batch else ())
        rows = [
            Look.unseen(_UNNAMED, 0, 0, problem) if one is None else next(said).of(_UNNAMED, 0, 0)
            for one, problem in zip(pixels, problems, strict=True)
        ]
        return table_of(rows).append_column("number", table.column("number"))
