"""One photo as `look` sees it: whether it is to be looked at, its pixels, and the row for it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

import numpy as np

from geotagger.engine.deferred import DeferredEngine
from geotagger.errors import PhotoError
from geotagger.look.overlap import Pixels
from geotagger.look.rows import Look, looks
from geotagger.look.shares import Share
from geotagger.photo.facts import read_facts
from geotagger.photo.formats import NOT_LOOKED_AT
from geotagger.photo.pixels import read_unscaled, unforeseen_faults_of
from geotagger.photo.prepare import is_eight_bit
from geotagger.photo.values import Facts

if TYPE_CHECKING:
    from geotagger.model.pack import ModelPack


@dataclass(frozen=True, slots=True)
class LookOptions:
    """part of parts, from 1. all: photos that know where they were taken, too. all_images: screenshots,
    scans and graphics, too. features: keep them, for `tag --with reference`. readers: photos decoded at a
    time, None for one a core. look_processes: see `shares_of`. on_ray: on a cluster (`on_ray.py`)."""

    part: int = 1
    parts: int = 1
    all: bool = False
    all_images: bool = False
    exclude: tuple[str, ...] = ()
    device: str = "auto"
    variant: str | None = None
    batch_size: int | None = None
    readers: int | None = None
    features: bool = False
    look_processes: int | None = None
    on_ray: bool = False


class LeftAloneError(PhotoError):
    """A photo that is not to be looked at."""


def looker_of(folder: str, options: LookOptions, share: Share, note: Callable[[str], None]) -> "PhotoLooker":
    """In another process, with its share of this machine."""
    from geotagger.model.pack import load_pack

    return PhotoLooker(
        load_pack(Path(folder)), replace(options, device=share.device), note, cores=share.cores
    )


class PhotoLooker:
    """A Looker that gives rows without names. The engine is opened by the first photo."""

    def __init__(
        self,
        pack: "ModelPack",
        options: LookOptions,
        note: Callable[[str], None],
        stop: Event | None = None,
        cores: int | None = None,
    ) -> None:
        self._pack, self._options = pack, options
        self._deferred = DeferredEngine(
            pack,
            options.device,
            options.batch_size,
            variant=options.variant,
            threads=cores,
            stop=stop,
            note=note,
        )

    @property
    def pixels(self) -> tuple[tuple[int, int, int], type[np.float32 | np.uint8]]:
        """The shape of what `read` gives, and its kind of numbers."""
        edge, is_bytes = self._pack.preprocessing.input_size, is_eight_bit(self._pack.preprocessing)
        return (3, edge, edge), np.uint8 if is_bytes else np.float32

    def batch_size(self) -> int:
        return self._deferred.engine.batch_size

    def lanes(self) -> int:
        return self._deferred.engine.lanes

    def read(self, path: str) -> Pixels:
        with unforeseen_faults_of(path):
            facts = read_facts(path)
            if _is_left_alone(facts, self._options):
                raise LeftAloneError(path, "is not to be looked at")
            return read_unscaled(path, self._pack.preprocessing, facts)

    def say(self, batch: Pixels) -> list[Look]:
        return looks(self._deferred.engine.run(batch), features=self._options.features)

    def leave(self) -> None:
        """Nobody wants to hear more of it."""
        self._deferred.leave()

    def close(self) -> None:
        self._deferred.close()


def _is_left_alone(facts: Facts, options: LookOptions) -> bool:
    """What `tag` would not have looked at: no photograph, or a place that a camera recorded."""
    if facts.format in NOT_LOOKED_AT or (facts.not_a_photo and not options.all_images):
        return True
    is_estimate = facts.fix is not None and facts.fix.mark is not None and facts.fix.mark.is_estimate
    return facts.fix is not None and not is_estimate and not options.all
