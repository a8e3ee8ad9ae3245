"""The corridor of `geotagger tag`: connects the rooms and contains no knowledge of its own.

    survey      which photos are there, what does each say of itself?     reads files
    placing     what do the pictures show, where was each taken?          decodes, runs the network
    writing     into the photo, safely                                    writes files

The whole run holds the lock of its archive. A request to stop ends it after the photos in hand.
What only a run with work to do needs is imported when there is work.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from geotagger import __version__
from geotagger.archive import is_at_or_below, lock
from geotagger.engine.devices import check_engine, parse_devices
from geotagger.errors import UsageError
from geotagger.index import Index, open_index
from geotagger.index.learned import CLOCKS, SETTLED
from geotagger.index.roots import Root
from geotagger.index.runs import Status
from geotagger.tag.listener import Listener
from geotagger.tag.network import Network, choose_pack
from geotagger.tag.options import TagOptions
from geotagger.tag.outcome import RunResult, Tally
from geotagger.tag.profile import Profile
from geotagger.tag.recorded import Recorded
from geotagger.tag.rootrun import Onlooker, RootRun
from geotagger.tag.survey import survey

if TYPE_CHECKING:
    from geotagger.tracks import Track


def tag(
    options: TagOptions, index_path: Path | None, listener: Listener, profile: Profile | None = None
) -> RunResult:
    """Tags all photos at or below `options.paths`; what became of them. `profile` is told where the
    time went.

    Raises UsageError, ModelError, ArchiveBusyError, IndexUnusableError, ArchiveError.
    """
    parse_devices(options.device)
    check_engine(options.engine)
    pack = choose_pack(options.model, listener.note)
    corrections = _clocks(options)
    tracks = _tracks(options, corrections, listener)
    paths = list(dict.fromkeys(_existing(path) for path in options.paths))
    tally, timed = Tally(), profile or Profile()
    with (
        lock(_places_held(paths, options), wait=options.wait, waiting=listener.note),
        open_index(index_path, mode="snapshot" if options.dry_run else "write") as index,
    ):
        model_id = None if pack is None else index.runs.model_id(pack.name, pack.version, pack.digest)
        model = options.model if pack is None else str(pack.folder.absolute())
        run = index.runs.begin("tag", {**asdict(options), "model": model}, model_id)
        onlooker = None
        if pack is not None and model_id is not None:
            onlooker = Onlooker(pack, Network(pack, options, listener.note), model_id)
        ended: Status = "failed"
        try:
            for root, places in by_root(index, paths):
                _walk(
                    RootRun(index, run, root, places, options, listener, tally, timed, onlooker),
                    corrections,
                    tracks,
                )
            if corrections and not listener.stop.is_set():
                _doubt_clocks(index, paths, corrections, tracks, listener)
            if tracks and not listener.stop.is_set():
                _name_unmet_tracks(index, paths, tracks, listener)
            ended = "interrupted" if listener.stop.is_set() else "done"
        finally:
            if onlooker is not None:
                onlooker.network.close()
            index.runs.end(run.id, ended, dict(tally.statuses))
        listener.finish()
    return RunResult(None if options.dry_run else run.id, tally, ended == "done")


def _walk(run: RootRun, corrections: Mapping[str, float], tracks: "Sequence[Track]") -> None:
    """One archive root: brought up to date, then, where there is anything to do, placed."""
    listener, options = run.listener, run.options
    if options.dry_run:
        for line in run.index.runs.lines_on_cut_off():
            listener.note(line)
    else:
        _repair(run)
    recorded = Recorded(run.index, run.root.id, _remembered(run, corrections), tracks)
    if options.writing.sidecar_folder is not None:
        run.index.learned.add_sidecar_folder(run.root.id, str(options.writing.sidecar_folder))
    sidecar_folders = run.index.learned.sidecar_folders(run.root.path)
    for folder in sidecar_folders:
        if not os.path.isdir(folder):
            listener.note(f"{folder}: sidecars of {run.root.path} lay there; without it their photos are new")
    same = _has_same_settings(run, recorded)
    others_chosen = _has_other_settings(run, recorded)
    # until this run is through, whatever cuts it off must leave the next one something to do
    _forget_settled(run)
    failures_before = run.tally.failures
    listener.phase("Reading", 0)
    with run.profile.timed("listing, facts and times"):
        surveyed = survey(run, recorded, sidecar_folders, resolve_all=not same)
    if run.is_stopped or surveyed.away:
        return
    if tracks:
        run.index.tracks.remember(run.root.id, tracks)
    if options.looked and run.onlooker is not None:
        from geotagger.tag.looked import files_of, take_in

        files = files_of(options.looked, run.onlooker.pack)
        listener.note(str(take_in(run.index, run.onlooker.id, run.onlooker.pack, files, run.places)))
    asked = options.again or options.reconsider or listener.every
    if same and not any(surveyed.touched) and not asked:
        run.tally.unchanged(surveyed.unchanged)
    else:
        from geotagger.tag.placing import place_photos

        place_photos(run, recorded, surveyed, rethink=not same, others_chosen=others_chosen)
    if not run.is_stopped:
        run.index.seal(run.root)
        if run.tally.failures == failures_before:
            _remember_settled(run, recorded)


def _repair(run: RootRun) -> None:
    if run.index.journal.pending():
        from geotagger.tag.writing import repair

        if repaired := repair(run.index, run.places, run.report):
            run.listener.note(f"{run.root.path}: an earlier run was cut off; {repaired} photos were checked")


def _settings(run: RootRun, recorded: Recorded) -> str:
    """What a second run must have in common with the last for it to have nothing to do."""
    chosen = asdict(run.options)
    for irrelevant in ("looked", "paths", "batch_size", "readers", "device", "wait", "dry_run", "reconsider"):
        chosen.pop(irrelevant)
    chosen["clocks"] = dict(recorded.corrections)  # those of earlier runs, too
    chosen["tracks"] = recorded.digests
    chosen["model"] = None if run.pack is None else run.pack.digest
    return json.dumps({**chosen, "version": __version__}, sort_keys=True, default=str)


def _has_same_settings(run: RootRun, recorded: Recorded) -> bool:
    """Whether the last run over these places was complete and had these settings."""
    settled = run.index.learned.get(run.root.id, SETTLED) or {}
    return all(settled.get(place) == _settings(run, recorded) for place in run.places)


def _has_other_settings(run: RootRun, recorded: Recorded) -> bool:
    """Whether the last run over one of these places was complete and had other settings."""
    settled = run.index.learned.get(run.root.id, SETTLED) or {}
    settings = _settings(run, recorded)
    return any(settled.get(place, settings) != settings for place in run.places)


def _forget_settled(run: RootRun) -> None:
    settled = run.index.learned.get(run.root.id, SETTLED) or {}
    left = {
        place: how
        for place, how in settled.items()
        if not is_at_or_below(place, run.places)
        and not any(is_at_or_below(asked, [place]) for asked in run.places)
    }
    if left != settled:
        run.index.learned.put(run.root.id, SETTLED, left)


def _remember_settled(run: RootRun, recorded: Recorded) -> None:
    settled = run.index.learned.get(run.root.id, SETTLED) or {}
    done = dict.fromkeys(run.places, _settings(run, recorded))
    run.index.learned.put(run.root.id, SETTLED, {**settled, **done})


def _clocks(options: TagOptions) -> dict[str, float]:
    if not options.clocks:
        return {}
    from geotagger.estimate.corrections import parse_clocks

    return parse_clocks(options.clocks)


def _remembered(run: RootRun, corrections: Mapping[str, float]) -> Mapping[str, float]:
    """The owner's corrections of clocks, of this run and of earlier ones; kept for the next."""
    earlier: dict[str, float] = run.index.learned.get(run.root.id, CLOCKS) or {}
    if not corrections:
        return earlier
    from geotagger.estimate.corrections import joined

    in_force = joined(earlier, corrections)
    run.index.learned.put(run.root.id, CLOCKS, in_force)
    return in_force


def _doubt_clocks(
    index: Index,
    paths: Sequence[str],
    corrections: Mapping[str, float],
    tracks: "Sequence[Track]",
    listener: Listener,
) -> None:
    from geotagger.estimate.corrections import doubts

    cameras = [camera for root, _ in by_root(index, paths) for camera in index.photos.cameras(root.id)]
    of_tracks = {track.name.casefold() for track in tracks}
    for line in doubts([name for name in corrections if name.casefold() not in of_tracks], cameras):
        listener.note(line)


def _name_unmet_tracks(
    index: Index, paths: Sequence[str], tracks: "Sequence[Track]", listener: Listener
) -> None:
    import numpy as np

    from geotagger.tag.unmet import lines_on_unmet

    photos = np.sort(np.concatenate([index.tracks.photo_times(root.id) for root, _ in by_root(index, paths)]))
    for line in lines_on_unmet(tracks, photos):
        listener.note(line)


def _tracks(options: TagOptions, corrections: Mapping[str, float], listener: Listener) -> "Sequence[Track]":
    if not options.tracks:
        return ()
    from geotagger.tracks import load_tracks

    return load_tracks(options.tracks, listener.note, corrections)


def _existing(path: str) -> str:
    if not os.path.lexists(path):
        raise UsageError(f"{path}: there is no such file or folder")
    real = os.path.realpath(path)
    if real == os.path.dirname(real):
        raise UsageError(f"{path}: this is the root of the file system; name the folders of your photos")
    return real


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
    return list(dict.fromkeys(held))


def by_root(index: Index, paths: Sequence[str]) -> list[tuple[Root, list[str]]]:
    """The roots and what of each was asked for."""
    for path in paths:
        index.roots.root_for(path)
    # only now: a later path may be a folder above an earlier one, and have taken its root over
    below: dict[Root, list[str]] = {}
    for path in paths:
        below.setdefault(index.roots.root_for(path), []).append(path)
    return list(below.items())
