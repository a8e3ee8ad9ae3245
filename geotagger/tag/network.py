"""A model pack as the corridor uses it: pixels in, posteriors out, opened when first needed.

Runtimes and decoders are imported with the engine: a run that has nothing to look at, the
common case in an archive that was done yesterday, loads neither them nor weights.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from geotagger.engine.cores import usable_cores
from geotagger.engine.deferred import DeferredEngine
from geotagger.errors import PhotoError
from geotagger.look.shares import Share, shares_of
from geotagger.tag.options import TagOptions
from geotagger.tag.profile import Profile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from geotagger.engine.values import Engine
    from geotagger.estimate.reference import References
    from geotagger.estimate.values import Alike, Posterior
    from geotagger.index.photos import IndexedPhoto
    from geotagger.look.overlap import Pixels
    from geotagger.look.processes import LookProcesses
    from geotagger.model.pack import ModelPack
    from geotagger.tag.looked import LookedFeatures


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
        *,
        profile: Profile | None = None,
        cores: int | None = None,
    ) -> None:
        self._pack, self._options, self._note = pack, options, note
        self._stop = stop
        self._profile = profile or Profile()
        self.references: References | None = None
        self.features: LookedFeatures | None = None
        self._deferred = DeferredEngine(
            pack,
            options.device,
            options.batch_size,
            engine=options.engine,
            variant=options.variant,
            threads=cores,
            stop=stop,
            note=note,
        )

    @cached_property
    def processes(self) -> "LookProcesses[PictureEvidence] | None":
        """Those that look for this one: one a GPU where there are several; None where it looks itself."""
        options, device = self._options, self._options.device
        if device == "auto" and options.engine not in ("auto", "onnxruntime"):
            device = "cpu"
        shares = shares_of(device, options.look_processes)
        if not shares:
            return None
        from geotagger.look.processes import LookProcesses

        return LookProcesses(
            partial(_network_apart, str(self._pack.folder), options),
            shares,
            self,
            self._note,
            self._add_seconds,
            self._stop or Event(),
            readers=options.readers,
            goes_without=options.device == "auto",
        )

    def _add_seconds(self, reading_s: float, network_s: float) -> None:
        self._profile.add("reading and decoding", reading_s, self._options.readers or usable_cores())
        processes = self.processes
        self._profile.add("network", network_s, processes.sizes[1] if processes else 1)

    def seen(
        self,
        photos: "Iterable[IndexedPhoto]",
        wanted: "Callable[[IndexedPhoto], bool]",
        readers: int,
        idle: Callable[[], None],
    ) -> "Iterator[tuple[IndexedPhoto, PictureEvidence | PhotoError | None]]":
        """Every photo, in the order given, with what is said of it, or None where it was not wanted. What was
        taken in from rows is not looked at again."""

        def is_kept(photo: "IndexedPhoto") -> bool:
            return self.features is not None and photo.posterior is not None and photo.id in self.features

        looked_at = self._looked_at(photos, lambda photo: wanted(photo) and not is_kept(photo), readers, idle)
        for photo, said in looked_at:
            if said is None and is_kept(photo) and wanted(photo):
                assert self.features is not None
                assert photo.posterior is not None
                yield photo, self.compared([PictureEvidence(photo.posterior, self.features[photo.id])])[0]
            else:
                yield photo, said

    def _looked_at(
        self,
        photos: "Iterable[IndexedPhoto]",
        wanted: "Callable[[IndexedPhoto], bool]",
        readers: int,
        idle: Callable[[], None],
    ) -> "Iterator[tuple[IndexedPhoto, PictureEvidence | PhotoError | None]]":
        if self.processes is not None:
            from geotagger.look.processes import seen_by_processes

            for photo, said in seen_by_processes(
                photos, wanted, lambda photo: photo.path, self.processes, idle
            ):
                yield photo, self.compared([said])[0] if isinstance(said, PictureEvidence) else said
            return
        from geotagger.look.overlap import overlapped

        def read(photo: "IndexedPhoto") -> "Pixels":
            with self._profile.timed("reading and decoding", readers):
                return self.read(photo.path)

        def say(batch: "Pixels") -> list[PictureEvidence]:
            with self._profile.timed("network", self.lanes()):
                return self.say(batch)

        yield from overlapped(
            photos,
            wanted,
            read,
            say,
            batch_size=self.batch_size,
            lanes=self.lanes,
            readers=readers,
            idle=idle,
            let_go=self.leave,
        )

    def batch_size(self) -> int:
        return self._deferred.engine.batch_size

    def lanes(self) -> int:
        return self._deferred.engine.lanes

    def read(self, path: str) -> "Pixels":
        from geotagger.photo.pixels import read_unscaled, unforeseen_faults_of

        with unforeseen_faults_of(path):
            return read_unscaled(path, self._pack.preprocessing)

    def say(self, batch: "Pixels") -> "list[PictureEvidence]":
        """What is to be known of each photo of a batch, (n, 3, S, S) as `read` gives them."""
        from geotagger.estimate.visual import posteriors

        outputs = self._deferred.engine.run(batch)
        clouds = posteriors(
            outputs.probabilities,
            self._pack.cells,
            self._pack.temperature,
            outputs.points,
            outputs.point_probabilities,
        )
        # as they are kept, so that a photo says the same now and later
        seen = None if outputs.features is None else outputs.features.astype("float16").astype("float32")
        features = [None] * len(clouds) if seen is None else list(seen)
        return self.compared([PictureEvidence(*one) for one in zip(clouds, features, strict=True)])

    def compared(self, said: "list[PictureEvidence]") -> "list[PictureEvidence]":
        """With what is alike among the owner's photos, where these are the reference."""
        features = [one.features for one in said if one.features is not None]
        if self.references is None or len(features) < len(said):
            return said
        import numpy as np

        from geotagger.estimate.reference import alike

        likeness = alike(self.references, np.stack(features))
        return [replace(one, alike=what) for one, what in zip(said, likeness, strict=True)]

    def leave(self) -> None:
        """Nobody wants to hear more of it."""
        self._deferred.leave()

    def close(self) -> None:
        self._deferred.close()
        if self._deferred.is_open:
            self._remember_rate(self._deferred.engine)
        if self.__dict__.get("processes") is not None:
            self.__dict__["processes"].close()

    def _remember_rate(self, engine: "Engine") -> None:
        """For `models list`, and for whoever pulls the model again."""
        from geotagger.engine.speed import remember_rate

        if engine.rate is not None:
            remember_rate(self._pack.name, engine.name.rsplit(" ", 1)[-1], engine.rate)


def _network_apart(folder: str, options: TagOptions, share: Share, note: Callable[[str], None]) -> Network:
    """In a process that looks for another."""
    from geotagger.model.pack import load_pack

    options = replace(options, device=share.device, look_processes=1)
    return Network(load_pack(Path(folder)), options, note, cores=share.cores)
