"""The corridor of `geotagger tag`: connects the rooms and contains no knowledge of its own.

    survey      which photos are there, what does each say of itself?     reads files
    overlapped  what do the pictures show?                                decodes, runs the network
    outings     where was each taken?                                     in the order of time
    writing     into the photo, safely                                    writes files

The whole run holds the lock of its archive. A request to stop ends it after the photos in hand.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Event

from geotagger import __version__
from geotagger.archive import lock
from geotagger.engine.cores import usable_cores
from geotagger.errors import UsageError
from geotagger.estimate.calibration import KEY as CALIBRATION
from geotagger.estimate.calibration import Calibration, least_confidence
from geotagger.estimate.clock import parse_clocks
from geotagger.estimate.movement import learn_movement
from geotagger.estimate.outing import Options as EstimateOptions
from geotagger.estimate.trackfiles import load_tracks
from geotagger.index import Index, open_index
from geotagger.index.photos import Fixes
from geotagger.index.roots import Root
from geotagger.index.runs import Run, Status
from geotagger.metadata import sweep_temporaries
from geotagger.model.pack import ModelPack
from geotagger.tag.clocks import Clocks, remembered
from geotagger.tag.network import Network, choose_pack
from geotagger.tag.options import TagOptions
from geotagger.tag.outcome import Outcome, Report, Tally
from geotagger.tag.outings import Context, Seen, grouped, settle_outing, wants_a_look
from geotagger.tag.overlap import overlapped
from geotagger.tag.survey import SETTLED, Survey, survey
from geotagger.tag.writing import Job, Writer, is_at_or_below, repair

GROUP_PHOTOS = 512
GROUP_SECONDS = 3.0
"""The index commits, and photos are written, after so many photos or so many seconds."""


@dataclass(frozen=True)
class Listener:
    """Who is told what: `report` of every photo that had to be looked at (with `every`, of all),
    `note` of a line for the owner, `phase` of what begins and how many photos it is about,
    `advance` of photos that are through it. When `stop` is set the run ends soon."""

    report: Report
    note: Callable[[str], None]
    phase: Callable[[str, int], None]
    advance: Callable[[int], None]
    stop: Event
    every: bool = False


def tag(options: TagOptions, index_path: Path | None, listener: Listener) -> Tally:
    """Tags all photos at or below `options.paths`; what became of them.

    Raises UsageError, ModelError, ArchiveBusyError, IndexUnusableError, ArchiveError.
    """
    pack = choose_pack(options.model, listener.note)
    clocks = Clocks(parse_clocks(options.clocks), load_tracks(options.tracks, listener.note))
    paths = [_existing(path) for path in options.paths]
    tally = Tally()
    with (
        lock(_places_held(paths, options), wait=options.wait, waiting=listener.note),
        open_index(index_path, mode="snapshot" if options.dry_run else "write") as index,
    ):
        model_id = None if pack is None else index.photos.model_id(pack.name, pack.version, pack.digest)
        run = index.runs.begin("tag", asdict(options), model_id)
        network = None if pack is None else Network(pack, options, listener.note)
        ended: Status = "failed"
        try:
            for root, below in _by_root(index, paths):
                corridor = _Corridor(
                    index, run, root, below, options, listener, tally, clocks, pack, network, model_id
                )
                corridor.walk()
            ended = "interrupted" if listener.stop.is_set() else "done"
        finally:
            if network is not None:
                network.close()
            index.runs.end(run.id, ended, dict(tally.statuses))
    return tally


@dataclass
class _Corridor:
    """One archive root in one run."""

    index: Index
    run: Run
    root: Root
    below: Sequence[str]
    options: TagOptions
    listener: Listener
    tally: Tally
    clocks: Clocks
    pack: ModelPack | None
    network: Network | None
    model_id: int | None

    def walk(self) -> None:
        if not self.options.dry_run and (repaired := repair(self.index, self.below)):
            self.listener.note(
                f"{self.root.path}: an earlier run was cut off; {repaired} photos were checked"
            )
        self.clocks = replace(self.clocks, told=remembered(self.index, self.root, self.clocks.told))
        self.listener.phase("Reading", 0)
        failed_before = self.tally.statuses["failed"]
        found = survey(
            self.index,
            self.root,
            self.below,
            exclude=self.options.exclude,
            clocks=self.clocks,
            readers=self._readers,
            read_only=self.options.dry_run,
            report=self._report,
            note=self.listener.note,
            advance=self.listener.advance,
            stopped=self.listener.stop.is_set,
        )
        if self.listener.stop.is_set():
            return
        if self._is_settled(found) and not self.listener.every:
            self.tally.unchanged(found.unchanged)
        else:
            self._place(found)
        if not self.listener.stop.is_set():
            self.index.seal(self.root)
            if self.tally.statuses["failed"] == failed_before:
                self._remember_settled()

    def _repair(self) -> None:
        if repaired := repair(self.index, self.below):
            self.listener.note(
                f"{self.root.path}: an earlier run was cut off; {repaired} photos were checked"
            )
        if self.options.writing.sidecar_folder is not None:
            for folder, _, _ in os.walk(self.options.writing.sidecar_folder):
                sweep_temporaries(folder)

    def _place(self, found: Survey) -> None:
        fixes = self.index.photos.fixes(self.root.id)
        context = self._context(found, fixes)
        writer = Writer(
            self.index, self.run.id, self.run.name, self.options.writing, self.root.path, self._report
        )
        self.listener.phase("Placing", found.unchanged + int(found.touched.sum()))
        for outings in self._in_groups(grouped(self._seen(context))):
            jobs: list[Job] = []
            with self.index.batch():
                for outing in outings:
                    jobs += settle_outing(context, outing)
            writer.write(jobs)

    def _context(self, found: Survey, fixes: Fixes) -> Context:
        options = self.options
        stored = self.index.learned.get(self.root.id, CALIBRATION)
        calibration = Calibration.from_dict(stored) if stored else None
        movement = learn_movement(
            fixes.utc, fixes.latitude, fixes.longitude, [fixes.cameras[int(n)] or None for n in fixes.camera]
        )
        min_confidence = options.min_confidence
        if options.precision is not None:
            min_confidence = least_confidence(options.precision, calibration)
        return Context(
            index=self.index,
            run_id=self.run.id,
            options=options,
            survey=found,
            movement=movement if calibration is None else calibration.applied_to(movement),
            fixes=fixes,
            report=self._report,
            in_scope=self._in_scope,
            root_path=self.root.path,
            tracks=self.clocks.tracks,
            min_confidence=min_confidence,
            table=None if self.pack is None else self.pack.cells,
            model_id=self.model_id,
            model=None if self.pack is None else self.pack.name,
            estimating=EstimateOptions(
                within_km=options.within_km,
                certainty=max(options.certainty, min(min_confidence, 0.99)),
                habits=options.habits,
                time_zone=options.time_zone,
                sequence=options.sequence,
            ),
        )

    def _seen(self, context: Context) -> Iterator[Seen]:
        """All photos of the root by time, each with what the network says of it."""
        photos = self.index.photos.in_time(self.root.id, self.model_id)
        if self.network is None:
            seen: Iterable[Seen] = ((known, None) for known in photos)
        else:
            network = self.network
            seen = overlapped(
                photos,
                lambda known: wants_a_look(context, known),
                lambda known: network.read(known.path),
                network.say,
                batch_size=network.batch_size,
                readers=self._readers,
            )
        for one in seen:
            if self.listener.stop.is_set():
                return
            if self._in_scope(one[0].path):
                self.listener.advance(1)
            yield one

    def _in_groups(self, outings: Iterable[list[Seen]]) -> Iterator[list[list[Seen]]]:
        group: list[list[Seen]] = []
        photos, begun = 0, time.monotonic()
        for outing in outings:
            group.append(outing)
            photos += len(outing)
            if photos >= GROUP_PHOTOS or time.monotonic() - begun >= GROUP_SECONDS:
                yield group
                group, photos, begun = [], 0, time.monotonic()
        yield group

    @property
    def _readers(self) -> int:
        return self.options.readers or usable_cores()

    def _report(self, outcome: Outcome) -> None:
        self.tally.add(outcome)
        self.listener.report(outcome)

    def _in_scope(self, path: str) -> bool:
        return is_at_or_below(path, self.below)

    def _settings(self) -> str:
        """What a second run must have in common with the last for it to have nothing to do."""
        chosen = asdict(self.options)
        for irrelevant in ("paths", "batch_size", "readers", "device", "wait", "dry_run"):
            chosen.pop(irrelevant)
        model = None if self.pack is None else self.pack.digest
        chosen["tracks"] = [(track.name, len(track.utc)) for track in self.clocks.tracks.tracks]
        return json.dumps({**chosen, "model": model, "version": __version__}, sort_keys=True, default=str)

    def _is_settled(self, found: Survey) -> bool:
        if found.touched.any() or self.options.again:
            return False
        settled = self.index.learned.get(self.root.id, SETTLED) or {}
        return all(settled.get(place) == self._settings() for place in self.below)

    def _remember_settled(self) -> None:
        settled = self.index.learned.get(self.root.id, SETTLED) or {}
        self.index.learned.put(
            self.root.id, SETTLED, {**settled, **dict.fromkeys(self.below, self._settings())}
        )


def _existing(path: str) -> str:
    if not os.path.lexists(path):
        raise UsageError(f"{path}: there is no such file or folder")
    return os.path.realpath(path)


def _places_held(paths: Sequence[str], options: TagOptions) -> list[str]:
    """What this run alone may work on: the archive, and the folder that its sidecars go to."""
    held = [path if os.path.isdir(path) else os.path.dirname(path) for path in paths]
    beside = options.writing.sidecar_folder
    if beside is not None and not options.dry_run:
        try:
            beside.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{beside}: sidecars cannot go there ({error.strerror})") from error
        held.append(os.path.realpath(beside))
    return held


def _by_root(index: Index, paths: Sequence[str]) -> list[tuple[Root, list[str]]]:
    below: dict[Root, list[str]] = {}
    for path in paths:
        below.setdefault(index.roots.root_for(path), []).append(path)
    return list(below.items())
