"""A model pack as the corridor uses it: pixels in, posteriors out, opened when first needed.

Runtimes and decoders are imported with the engine: a run that has nothing to look at, the
common case in an archive that was done yesterday, loads neither them nor weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from threading import Event
from typing import TYPE_CHECKING

from geotagger.errors import PhotoError, UnreadablePhotoError
from geotagger.tag.options import TagOptions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from geotagger.engine.values import Engine
    from geotagger.estimate.reference import References
    from geotagger.estimate.values import Alike, Posterior
    from geotagger.model.pack import ModelPack
    from geotagger.tag.overlap import Pixels


def choose_pack(name: str | None, note: Callable[[str], None]) -> "ModelPack | None":
    """The pack called for: by name or folder, none, or, where nothing was said, the newest of those
    installed. Raises ModelNotInstalledError for a name that is not there."""
    if name == "none":
        return None
    from geotagger.model.pack import find_pack, installed_packs, load_pack

    if name is not None:
        return find_pack(name)
    installed = [load_pack(folder) for folder in installed_packs()]
    if not installed:
        note(_how_to_get_one())
        return None
    chosen = max(installed, key=lambda pack: pack.manifest.created)
    if len(installed) > 1:
        note(
            f"{len(installed)} models are installed; using {chosen.folder.name}, the newest (--model chooses)"
        )
    return chosen


def _how_to_get_one() -> str:
    """A line that names the recommended model, with what it costs to fetch."""
    from geotagger.model.catalogue import recommended

    none_here, best = "no model is installed, so pictures are not looked at", recommended()
    if best is None:
        return none_here
    size = best.download_bytes(None) / 1e6
    return f"{none_here}; `geotagger models pull {best.name}` fetches one ({size:.0f} MB)"


@dataclass(frozen=True, slots=True)
class PictureEvidence:
    """What was made of one picture. `features`, float32 (d,): what the network's last layer sees, None
    where it tells none. `alike` is None unless the owner's photos are the reference."""

    posterior: "Posterior"
    features: "NDArray[np.float32] | None" = None
    alike: "Alike | None" = None


class Network:
    """Looks at pixels for one run. The engine is opened by the first photo that needs it."""

    def __init__(
        self,
        pack: "ModelPack",
        options: TagOptions,
        note: Callable[[str], None],
        stop: Event | None = None,
    ) -> None:
        self._pack, self._options, self._note, self._stop = pack, options, note, stop
        self.references: References | None = None
        self._notes_told = 0

    @cached_property
    def _engine(self) -> "Engine":
        from geotagger.engine.opening import open_engine

        options = self._options
        engine = open_engine(
            self._pack,
            options.device,
            options.batch_size,
            engine=options.engine,
            variant=options.variant,
            stop=self._stop,
            note=self._note,
        )
        self._tell(engine)
        return engine

    def _tell(self, engine: "Engine") -> None:
        """The engine's notes that were not told yet: some come while it runs."""
        for note in engine.notes[self._notes_told :]:
            self._note(note)
        self._notes_told = len(engine.notes)

    def batch_size(self) -> int:
        return self._engine.batch_size

    def lanes(self) -> int:
        return self._engine.lanes

    def read(self, path: str) -> "Pixels":
        from geotagger.photo.pixels import read_pixels

        try:
            return read_pixels(path, self._pack.preprocessing)
        except PhotoError:
            raise
        except Exception as error:
            # a mistake of ours on a file nobody foresaw costs that photo its pixels, not the run
            why = f"it cannot be looked at ({type(error).__name__}: {error})"
            raise UnreadablePhotoError(path, why, "left untouched") from error

    def say(self, batch: "Pixels") -> "list[PictureEvidence]":
        """What is to be known of each photo of a batch, float32 (n, 3, S, S)."""
        from geotagger.estimate.reference import alike
        from geotagger.estimate.visual import posteriors

        outputs = self._engine.run(batch)
        clouds = posteriors(
            outputs.probabilities,
            self._pack.cells,
            self._pack.temperature,
            outputs.points,
            outputs.point_probabilities,
        )
        if outputs.features is None:
            return [PictureEvidence(posterior) for posterior in clouds]
        seen = list(outputs.features)
        if self.references is None:
            return [PictureEvidence(*one) for one in zip(clouds, seen, strict=True)]
        return [
            PictureEvidence(*one)
            for one in zip(clouds, seen, alike(self.references, outputs.features), strict=True)
        ]

    def features(self, batch: "Pixels") -> "list[NDArray[np.float32]]":
        """What the network's last layer sees of each photo of a batch, float32 (d,)."""
        outputs = self._engine.run(batch)
        return [] if outputs.features is None else list(outputs.features)

    def leave(self) -> None:
        """Nobody wants to hear more of it."""
        if "_engine" in self.__dict__:
            self._engine.leave()

    def close(self) -> None:
        if "_engine" in self.__dict__:
            self._tell(self._engine)
            self._engine.close()
            self._remember_rate(self._engine)

    def _remember_rate(self, engine: "Engine") -> None:
        """For `models list`, and for whoever pulls the model again."""
        from geotagger.engine.speed import remember_rate

        if engine.rate is not None:
            remember_rate(self._pack.name, engine.name.rsplit(" ", 1)[-1], engine.rate)
