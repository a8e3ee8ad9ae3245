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
from geotagger.tag.network import Network, choose_pack
from geotagger.tag.options import TagOptions
from geotagger.tag.outcome import Tally
from geotagger.tag.profile import Profile
from geotagger.tag.recorded import digests_in_force
from geotagger.tag.stage import Listener, Stage
from geotagger.tag.survey import Watcher, survey

if TYPE_CHECKING:
    from geotagger.tracks import Track


def tag(
    options: TagOptions, index_path: Path | None, listener: Listener, profile: Profile | None = None
) -> Tally:
    """Tags all photos at or below `options.paths`; what became of them. `profile` is told where the
    time went.

    Raises UsageError, ModelError, ArchiveBusyError, IndexUnusableError, ArchiveError.
    """
    parse_devices(options.device)
    check_engine(options.engine)
    pack = choose_pack(options.model, listener.note)
    told = _clocks(options)
    tracks = _tracks(options, told, listener)
    paths = list(dict.fromkeys(_existing(path) for path in options.paths))
    tally, timed = Tally(), profile or Profile()
    with (
        lock(_places_held(paths, options), wait=options.wait, waiting=listener.note),
        open_index(index_path, mode="snapshot" if options.dry_run else "write") as index,
    ):
        model_id = None if pack is None else index.runs.model_id(pack.name, pack.version, pack.digest)
        told_model = options.model if pack is None else str(pack.folder.absolute())
        run = index.runs.begin("tag", {**asdict(options), "model": told_model}, model_id)
        network = None if pack is None else Network(pack, options, listener.note)
        ended: Status = "failed"
        try:
            for root, below in by_root(index, paths):
                stage = Stage(
                    index=index,
                    run=run,
                    root=root,
                    below=below,
                    options=options,
                    listener=listener,
                    tally=tally,
                    told=told,
                    given=tracks,
                    pack=pack,
                    network=network,
                    model_id=model_id,
                    profile=timed,
                )
                _walk(stage)
            if told and not listener.stop.is_set():
                _doubt_clocks(index, paths, told, tracks, listener)
            if tracks and not listener.stop.is_set():
                _name_unmet_tracks(index, paths, tracks, listener)
            ended = "interrupted" if listener.stop.is_set() else "done"
        finally:
            if network is not None:
                network.close()
            index.runs.end(run.id, ended, dict(tally.statuses))
    return tally


def _walk(stage: Stage) -> None:
    """One archive root: brought up to date, then, where there is anything to do, placed."""
    listener, options = stage.listener, stage.options
    if options.dry_run:
        for cut_off in stage.index.runs.cut_off():
            listener.note(
                f"run {cut_off.id} was cut off, {cut_off.unsettled} photos to be settled by undo or tag"
            )
    else:
        _repair(stage)
    stage.told = _remembered(stage)
    if options.writing.sidecar_folder is not None:
        stage.index.learned.add_sidecar_folder(stage.root.id, str(options.writing.sidecar_folder))
    sidecar_folders = stage.index.learned.sidecar_folders(stage.root.path)
    for folder in sidecar_folders:
        if not os.path.isdir(folder):
            listener.note(
                f"{folder}: sidecars of {stage.root.path} lay there; without it their photos are new"
            )
    same = _has_same_settings(stage)
    others_chosen = _has_other_settings(stage)
    # until this run is through, whatever cuts it off must leave the next one something to do
    _forget_settled(stage)
    failures_before = stage.tally.failures
    listener.phase("Reading", 0)
    with stage.profile.timed("listing, facts and times"):
        found = survey(
            stage.index,
            stage.root,
            stage.below,
            exclude=options.exclude,
            sidecar_folders=sidecar_folders,
            clocks=lambda: stage.clocks,
            readers=stage.readers,
            read_only=options.dry_run,
            resolve_all=not same,
            watcher=Watcher(
                stage.report, listener.note, listener.advance, listener.expect, listener.stop.is_set
            ),
        )
    if listener.stop.is_set() or found.away:
        return
    if stage.given:
        stage.index.tracks.remember(stage.root.id, stage.given)
    if options.looked and stage.pack is not None and stage.model_id is not None:
        from geotagger.tag.looked import files_of, take_in

        files = files_of(options.looked, stage.pack)
        merged = take_in(stage.index, stage.model_id, stage.pack, files, stage.below)
        listener.note(str(merged))
    asked = options.again or options.reconsider or listener.every
    if same and not any(found.touched) and not asked:
        stage.tally.unchanged(found.unchanged)
    else:
        from geotagger.tag.placing import place_photos

        place_photos(stage, found, rethink=not same, others_chosen=others_chosen)
    if not listener.stop.is_set():
        stage.index.seal(stage.root)
        if stage.tally.failures == failures_before:
            _remember_settled(stage)


def _repair(stage: Stage) -> None:
    if stage.index.journal.pending():
        from geotagger.tag.writing import repair

        if repaired := repair(stage.index, stage.below, stage.report):
            stage.listener.note(
                f"{stage.root.path}: an earlier run was cut off; {repaired} photos were checked"
            )


def _settings(stage: Stage) -> str:
    """What a second run must have in common with the last for it to have nothing to do."""
    chosen = asdict(stage.options)
    for irrelevant in ("looked", "paths", "batch_size", "readers", "device", "wait", "dry_run", "reconsider"):
        chosen.pop(irrelevant)
    chosen["clocks"] = dict(stage.told)  # those of earlier runs, too
    chosen["tracks"] = digests_in_force(stage.index, stage.root.id, stage.given)
    chosen["model"] = None if stage.pack is None else stage.pack.digest
    return json.dumps({**chosen, "version": __version__}, sort_keys=True, default=str)


def _has_same_settings(stage: Stage) -> bool:
    """Whether the last run over these places was complete and had these settings."""
    settled = stage.index.learned.get(stage.root.id, SETTLED) or {}
    return all(settled.get(place) == _settings(stage) for place in stage.below)


def _has_other_settings(stage: Stage) -> bool:
    """Whether the last run over one of these places was complete and had other settings."""
    settled = stage.index.learned.get(stage.root.id, SETTLED) or {}
    return any(settled.get(place, _settings(stage)) != _settings(stage) for place in stage.below)


def _forget_settled(stage: Stage) -> None:
    settled = stage.index.learned.get(stage.root.id, SETTLED) or {}
    left = {
        place: how
        for place, how in settled.items()
        if not is_at_or_below(place, stage.below)
        and not any(is_at_or_below(asked, [place]) for asked in stage.below)
    }
    if left != settled:
        stage.index.learned.put(stage.root.id, SETTLED, left)


def _remember_settled(stage: Stage) -> None:
    settled = stage.index.learned.get(stage.root.id, SETTLED) or {}
    done = dict.fromkeys(stage.below, _settings(stage))
    stage.index.learned.put(stage.root.id, SETTLED, {**settled, **done})


def _clocks(options: TagOptions) -> dict[str, float]:
    if not options.clocks:
        return {}
    from geotagger.estimate.corrections import parse_clocks

    return parse_clocks(options.clocks)


def _remembered(stage: Stage) -> dict[str, float]:
    """The owner's corrections of clocks, of this run and of earlier ones; kept for the next."""
    kept: dict[str, float] = stage.index.learned.get(stage.root.id, CLOCKS) or {}
    if stage.told:
        from geotagger.estimate.corrections import joined

        kept = joined(kept, stage.told)
        stage.index.learned.put(stage.root.id, CLOCKS, kept)
    return kept


def _doubt_clocks(
    index: Index,
    paths: Sequence[str],
    told: Mapping[str, float],
    tracks: "Sequence[Track]",
    listener: Listener,
) -> None:
    from geotagger.estimate.corrections import doubts

    cameras = [camera for root, _ in by_root(index, paths) for camera in index.photos.cameras(root.id)]
    of_tracks = {track.name.casefold() for track in tracks}
    for line in doubts([name for name in told if name.casefold() not in of_tracks], cameras):
        listener.note(line)


def _name_unmet_tracks(
    index: Index, paths: Sequence[str], tracks: "Sequence[Track]", listener: Listener
) -> None:
    import numpy as np

    from geotagger.tag.unmet import lines_on_unmet

    photos = np.sort(np.concatenate([index.tracks.photo_times(root.id) for root, _ in by_root(index, paths)]))
    for line in lines_on_unmet(tracks, photos):
        listener.note(line)


def _tracks(options: TagOptions, told: Mapping[str, float], listener: Listener) -> "Sequence[Track]":
    if not options.tracks:
        return ()
    from geotagger.tracks import load_tracks

    return load_tracks(options.tracks, listener.note, told)


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
