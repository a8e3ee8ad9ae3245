"""The corridor of `geotagger tag`: connects the rooms and contains no knowledge of its own.

    survey      which photos are there, what does each say of itself?     reads files
    placing     what do the pictures show, where was each taken?          decodes, runs the network
    writing     into the photo, safely                                    writes files

The whole run holds the lock of its archive. A request to stop ends it after the photos in hand.
What only a run with work to do needs is imported when there is work.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from geotagger.archive import is_along, is_at_or_below, lock
from geotagger.archive.names import check_is_there
from geotagger.engine.devices import check_engine, parse_devices
from geotagger.errors import StoppedError, UsageError
from geotagger.future import is_clock_lost
from geotagger.index import Index, open_index
from geotagger.index.learned import CLOCKS, SETTLED
from geotagger.index.roots import Root
from geotagger.index.runs import Status
from geotagger.tag.listener import Listener
from geotagger.tag.network import Network, choose_pack
from geotagger.tag.options import TagOptions, with_reference_by_pack
from geotagger.tag.outcome import RunResult, Tally
from geotagger.tag.profile import Profile
from geotagger.tag.recorded import Recorded, told_clocks
from geotagger.tag.rootrun import Onlooker, RootRun
from geotagger.tag.settled import (
    forget_settled,
    has_settled,
    has_settled_otherwise,
    remember_settled,
    settings_of,
)
from geotagger.tag.survey import Survey, survey

if TYPE_CHECKING:
    from geotagger.model.pack import ModelPack
    from geotagger.tag.kept_features import KeptFeatures
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
    if "text" in options.kinds:
        from geotagger.tag.texts import check_reader

        check_reader()
    pack = choose_pack(options.model, listener.note)
    options = with_reference_by_pack(options, pack)
    corrections = _clocks(options)
    paths = list(dict.fromkeys(_existing(path) for path in options.paths))
    tally, timed = Tally(), profile or Profile()
    with (
        lock(_places_held(paths, options), wait=options.wait, waiting=listener.note),
        open_index(index_path, mode="snapshot" if options.dry_run else "write") as index,
    ):
        if is_clock_lost():
            listener.note(
                "this machine's clock shows a time before this geotagger was made: until it is right, dates "
                "in the future are not told from others, and runs have wrong dates"
            )
        tracks = _tracks(index, paths, options, corrections, listener)
        model_id = None if pack is None else index.runs.model_id(pack.name, pack.version, pack.digest)
        model = options.model if pack is None else str(pack.folder.absolute())
        run = index.runs.begin("tag", {**asdict(options), "model": model}, model_id)
        onlooker = None
        if pack is not None and model_id is not None:
            network = Network(pack, options, listener.note, listener.stop, profile=timed)
            kept = partial(_kept_features, index, options, pack, listener)
            onlooker = Onlooker(pack, network, model_id, kept)
        ended: Status = "failed"
        try:
            folders = _join(index, paths, options, listener)
            by_roots = by_root(index, paths)
            roots = [root for root, _ in by_roots]
            company = index.roots.company_of([root.id for root in roots])
            runs = [
                RootRun(index, run, [root], places, company, options, listener, tally, timed, onlooker)
                for root, places in by_roots
            ]
            unheard = replace(runs[0], listener=Listener(stop=listener.stop), tally=Tally())
            helping = [
                replace(unheard, roots=[root], places=below) for root, below in by_root(index, folders)
            ]
            _walk(runs, helping, corrections, tracks)
            if corrections and not listener.stop.is_set():
                _doubt_clocks(index, roots, corrections, tracks, listener)
            if tracks and not listener.stop.is_set():
                _name_unmet_tracks(index, roots, tracks, listener)
            ended = "interrupted" if listener.stop.is_set() else "done"
        except StoppedError as error:
            listener.note(str(error))
            ended = "interrupted"
        finally:
            if onlooker is not None:
                onlooker.network.close()
            index.runs.end(run.id, ended, dict(tally.statuses))
        listener.finish()
    return RunResult(None if options.dry_run else run.id, tally, ended == "done")


def _walk(
    runs: Sequence[RootRun],
    helping: Sequence[RootRun],
    corrections: Mapping[str, float],
    tracks: "Sequence[Track]",
) -> None:
    """The roots of a run, which help each other: each brought up to date, then, where there is anything to
    do, all placed together. `helping`: those of `--with-root`, which are only read."""
    whole = replace(
        runs[0],
        roots=[root for run in runs for root in run.roots],
        places=[place for run in runs for place in run.places],
    )
    _settle_what_was_cut_off(whole)
    recorded = Recorded(whole.index, whole.company, _remembered(whole, corrections), tracks)
    settings = settings_of(whole, recorded)
    same, others_chosen = has_settled(whole, settings), has_settled_otherwise(whole, settings)
    # until this run is through, whatever cuts it off must leave the next one something to do
    forget_settled(whole)
    failures_before = whole.tally.failures
    whole.listener.phase("Reading", 0)
    with whole.profile.timed("listing, facts and times"):
        surveys = [_surveyed(run) for run in runs]
        read_along = [_read_along(run, whole.listener) for run in helping]
        here = [run for run, survey_result in zip(runs, surveys, strict=True) if not survey_result.away]
        if whole.is_stopped or not here:
            return
        surveyed = _joined_surveys(surveys)
        for survey_result in read_along:
            surveyed.touch(survey_result.touched_ids)
        if not same or any(surveyed.touched):
            _set_times([*here, *helping], recorded, surveyed)
    for run in here:
        if tracks:
            run.index.tracks.remember(run.root.id, tracks)
    whole_run = whole
    whole = replace(
        whole,
        roots=[root for run in here for root in run.roots],
        places=[place for run in here for place in run.places],
    )
    options = whole.options
    if options.looked and whole.onlooker is not None:
        from geotagger.tag.looked import files_of, take_in

        files = files_of(options.looked, whole.onlooker.pack)
        onlooker = whole.onlooker
        looks = take_in(
            whole.index,
            onlooker.id,
            onlooker.pack,
            files,
            whole.places,
            features=options.reference
            or options.dry_run,  # a dry run keeps nothing, and weighs it all the same
            kept=onlooker.kept,
        )
        onlooker.network.features = looks.features
        whole.listener.note(str(looks))
    every = options.again or options.reconsider or whole.listener.every
    if same and not any(surveyed.touched) and not every:
        whole.tally.unchanged(surveyed.unchanged)
    else:
        from geotagger.tag.placing import place_photos

        place_photos(whole, recorded, surveyed, rethink=not same, others_chosen=others_chosen)
    if not whole.is_stopped:
        for root in whole.roots:
            whole.index.seal(root)
        if whole.tally.failures == failures_before:
            # anew: what was read along may have changed what others know
            remember_settled(whole, settings_of(whole_run, recorded))


def _kept_features(
    index: Index, options: TagOptions, pack: "ModelPack", listener: Listener
) -> "KeptFeatures | None":
    from geotagger.tag.kept_features import kept_features

    return kept_features(index, options, pack, listener.note)


def _settle_what_was_cut_off(run: RootRun) -> None:
    if run.options.dry_run:
        for line in run.index.runs.lines_on_cut_off():
            run.listener.note(line)
    elif run.index.journal.pending():
        from geotagger.tag.writing import repair

        if repaired := repair(run.index, run.places, run.report):
            named = ", ".join(root.path for root in run.roots)
            run.listener.note(f"{named}: an earlier run was cut off; {repaired} photos were checked")


def _surveyed(run: RootRun) -> Survey:
    sidecar_folders = run.index.learned.sidecar_folders(run.root.path)
    named = run.options.writing.sidecar_folder
    if named is not None:
        run.index.learned.add_sidecar_folder(run.root.id, str(named))
    for folder in sidecar_folders:
        if not os.path.isdir(folder):
            run.listener.note(
                f"{folder}: sidecars of {run.root.path} lay there; without it their photos are new"
            )
    if named is not None:
        sidecar_folders = list(dict.fromkeys([*sidecar_folders, str(named)]))
    return survey(run, sidecar_folders)


def _read_along(run: RootRun, listener: Listener) -> Survey:
    """A folder that only helps: what is new in it is recorded, and left for a run of its own to place."""
    settled = run.index.learned.get(run.root.id, SETTLED)
    forget_settled(run)
    failures_before = run.tally.failures
    survey_result = survey(run, run.index.learned.sidecar_folders(run.root.path))
    if settled and not any(survey_result.touched) and not run.is_stopped:
        run.index.learned.put(run.root.id, SETTLED, settled)
    if failed := run.tally.failures - failures_before:
        photos = f"{failed} photo" + ("" if failed == 1 else "s")
        listener.note(
            f"{', '.join(run.places)}: {photos} could not be read; what cannot be read does not help"
        )
    return survey_result


def _joined_surveys(surveys: Sequence[Survey]) -> Survey:
    joined = Survey()
    for one in surveys:
        if not one.away:
            joined.add(one)
    return joined


def _set_times(runs: Sequence[RootRun], recorded: Recorded, surveyed: Survey) -> None:
    from geotagger.tag.clocks import set_times

    run, roots = runs[0], list(dict.fromkeys(root for one in runs for root in one.roots))
    for photo_ids in set_times(run.index, roots, run.company, recorded.clocks, run.listener.note):
        surveyed.touch(photo_ids)


def _join(index: Index, paths: Sequence[str], options: TagOptions, listener: Listener) -> list[str]:
    """Joins what is worked on with the archives of `--with-root`, for this and every later run; the folders
    of these that are there, and are not worked on themselves."""
    folders, away = [], []
    for folder in options.with_roots:
        real = os.path.realpath(folder)
        if os.path.isdir(real):
            folders.append(real)
            continue
        joined = next((root for root in index.roots.all() if root.path == real), None)
        if joined is None:
            raise UsageError(f"--with-root {folder}: there is no such folder, and the index knows none")
        listener.note(f"{folder}: not there; what the index knows of its photos speaks")
        away.append(joined)
    # only together: a folder above others takes their roots over
    others = [*away, *(root for root, _ in by_root(index, [*paths, *folders]))]
    for root, _ in by_root(index, paths) if options.with_roots else ():
        for other in others:
            index.roots.join(root, other)
    return [folder for folder in dict.fromkeys(folders) if not is_at_or_below(folder, paths)]


def _clocks(options: TagOptions) -> dict[str, float]:
    if not options.clocks:
        return {}
    from geotagger.estimate.corrections import parse_clocks

    return parse_clocks(options.clocks)


def _remembered(run: RootRun, corrections: Mapping[str, float]) -> Mapping[str, float]:
    """The owner's corrections of clocks, of this run and of earlier ones; kept for the next."""
    from geotagger.estimate.corrections import joined

    in_force = joined(told_clocks(run.index, run.company), corrections)
    for root_id in run.root_ids if corrections else ():
        run.index.learned.put(root_id, CLOCKS, joined(told_clocks(run.index, [root_id]), corrections))
    return in_force


def _doubt_clocks(
    index: Index,
    roots: Sequence[Root],
    corrections: Mapping[str, float],
    tracks: "Sequence[Track]",
    listener: Listener,
) -> None:
    from geotagger.estimate.corrections import doubts

    cameras = [camera for root in roots for camera in index.photos.cameras(root.id)]
    of_tracks = {track.name.casefold() for track in tracks}
    for line in doubts([name for name in corrections if name.casefold() not in of_tracks], cameras):
        listener.note(line)


def _name_unmet_tracks(
    index: Index, roots: Sequence[Root], tracks: "Sequence[Track]", listener: Listener
) -> None:
    import numpy as np

    from geotagger.tag.unmet import lines_on_unmet

    photos = np.sort(np.concatenate([index.tracks.photo_times(root.id) for root in roots]))
    for line in lines_on_unmet(tracks, photos):
        listener.note(line)


def _tracks(
    index: Index,
    paths: Sequence[str],
    options: TagOptions,
    corrections: Mapping[str, float],
    listener: Listener,
) -> "Sequence[Track]":
    """With the clocks of their receivers set right, as the owner says now or said before."""
    if not options.tracks:
        return ()
    from geotagger.estimate.corrections import joined
    from geotagger.tracks import load_tracks

    company = index.roots.company_of([root.id for root in index.roots.all() if is_along(root.path, paths)])
    return load_tracks(options.tracks, listener.note, joined(told_clocks(index, company), corrections))


def _existing(path: str) -> str:
    check_is_there(path)
    real = os.path.realpath(path)
    if real == os.path.dirname(real):
        raise UsageError(f"{path}: this is the root of the file system; name the folders of your photos")
    return real


def _places_held(paths: Sequence[str], options: TagOptions) -> list[str]:
    """What this run alone may work on: the archive, and the folder that its sidecars go to."""
    folders = [path if os.path.isdir(path) else os.path.dirname(path) for path in paths]
    folders += [os.path.realpath(folder) for folder in options.with_roots if os.path.isdir(folder)]
    beside = options.writing.sidecar_folder
    if beside is not None and not options.dry_run:
        try:
            beside.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"{beside}: sidecars cannot go there ({error.strerror})") from error
        folders.append(os.path.realpath(beside))
    return list(dict.fromkeys(folders))


def by_root(index: Index, paths: Sequence[str]) -> list[tuple[Root, list[str]]]:
    """The roots and what of each was asked for."""
    for path in paths:
        index.roots.root_for(path)
    # only now: a later path may be a folder above an earlier one, and have taken its root over
    below: dict[Root, list[str]] = {}
    for path in paths:
        below.setdefault(index.roots.root_for(path), []).append(path)
    return list(below.items())
