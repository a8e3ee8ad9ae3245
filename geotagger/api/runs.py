"""What changes an archive: `tag` and `place`, and the ways back, `undo` and `forget`."""

import os
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from geotagger.api.values import (
    Paths,
    StrPath,
    check_counts,
    check_radius,
    checked,
    index_file,
    path_of,
    several,
    words,
)
from geotagger.errors import UsageError
from geotagger.estimate.kinds.table import BY_DEFAULT, KINDS
from geotagger.tag.listener import Listener, Progress
from geotagger.tag.options import TagOptions
from geotagger.tag.outcome import Outcome, RunResult, Tally, UndoResult
from geotagger.writing import Writing

if TYPE_CHECKING:
    from geotagger.index.journal import Chosen
    from geotagger.index.runs import Run
    from geotagger.tag.profile import Profile

ProgressCallback = Callable[[Progress], None]
_USUAL = TagOptions(paths=())
_NO_MODEL = "none"


def tag(
    paths: Paths,
    *,
    dry_run: bool = False,
    writing: Writing = Writing(),
    min_confidence: float = _USUAL.min_confidence,
    precision: float | None = None,
    within_km: float = _USUAL.within_km,
    tracks: Paths = (),
    clocks: str | Iterable[str] = (),
    kinds: Collection[str] | None = None,
    reference_by_pack: bool | None = None,
    model: StrPath | None = None,
    looked: Paths = (),
    again: bool = False,
    reconsider: bool = False,
    all_images: bool = False,
    exclude: str | Iterable[str] = (),
    with_roots: Paths = (),
    engine: str = _USUAL.engine,
    device: str = _USUAL.device,
    variant: str | None = None,
    batch_size: int | None = None,
    readers: int | None = None,
    processes: int = 0,
    look_processes: int | None = None,
    index: StrPath | None = None,
    wait: bool = False,
    progress: ProgressCallback | None = None,
    stop: Event | None = None,
    every: bool = False,
    count: bool = False,
    profile: "Profile | None" = None,
) -> RunResult:
    """Estimates where the photos at or below `paths` were taken, and writes it into them.

    What is written when: photos that have a position of their own are never changed; an estimate that is at
    least `min_confidence` certain (or as certain as `precision` asks for, by what `evaluate` learned) goes
    where `writing` says; all others are kept in the index alone. A group of 64 photos is finished beside the
    old ones, entered into the journal of the index, and only then takes their names, so a crash loses nothing
    and `undo` brings back the exact bytes. With `dry_run` nothing is written, not even the index, and the
    statuses are "planned".

    `within_km`: the largest error radius. `tracks`: files or folders of recorded tracks, `clocks`:
    corrections such as "Canon EOS 5D=+1h03m"; both are remembered for later runs. `kinds`: the kinds of
    evidence to listen to, as `geotagger tag --help` names them; unless told, all that are by default, and
    with `reference_by_pack`, which goes by whether they are told, "reference" where the model's pack is for
    it. `model`: an installed model's name, a pack's folder, or "none". `looked`: folders of what `geotagger
    look` saw. `with_roots`: other archives whose photos help from now on. `processes`: how many processes
    read files where there are very many new ones; a program that asks for any must start its work under `if
    __name__ == "__main__"`, as `multiprocessing` wants it. `again`, `reconsider`, `all_images`, `exclude`,
    `engine`, `device`, `variant`, `batch_size`, `readers`, `look_processes`: as the command's options.
    `index`: the file of the index, the user's own unless told.

    The archive is locked meanwhile: ArchiveBusyError where another run holds it, or with `wait` when it is
    free. `progress` is called in the calling thread with where the run stands, what became of each photo that
    was looked at (with `every`, of all) and lines for the owner; what it raises ends the run, and what was
    finished is kept. `count` counts the photos ahead, for a total while files are read. Setting `stop` ends
    the run after the photos in hand. `profile` is told where the time went.

    Raises UsageError, ModelError, SourceError, ArchiveBusyError, ArchiveError, IndexUnusableError; what is
    wrong with single photos is in their outcomes.
    """
    _check_share("min_confidence", min_confidence)
    if precision is not None:
        _check_share("precision", precision)
    check_radius("within_km", within_km)
    check_counts(batch_size=batch_size, readers=readers, look_processes=look_processes)
    chosen = several(paths)
    if not chosen:
        raise UsageError("no path was given; say which folders or photos")
    for folder in several(looked):
        if not os.path.isdir(folder):
            raise UsageError(f"{folder}: there is no such folder of looked-at photos")
    kinds_heard, model_heard = heard(kinds, None if model is None else path_of(model))
    options = TagOptions(
        paths=chosen,
        model=model_heard,
        engine=engine,
        device=device,
        variant=variant,
        batch_size=batch_size,
        readers=readers,
        within_km=within_km,
        min_confidence=min_confidence,
        precision=precision,
        tracks=tuple(map(Path, several(tracks))),
        clocks=words(clocks),
        kinds=kinds_heard,
        looked=tuple(map(Path, several(looked))),
        writing=checked(writing),
        again=again,
        reconsider=reconsider,
        all_images=all_images,
        dry_run=dry_run,
        exclude=words(exclude),
        with_roots=several(with_roots),
        processes=processes,
        look_processes=look_processes,
        wait=wait,
        reference_by_pack=kinds is None if reference_by_pack is None else reference_by_pack,
    )
    from geotagger.tag import corridor

    listener = Listener(progress, stop, every=every, counts=count)
    return corridor.tag(options, index_file(index), listener, profile)


def place(
    paths: Paths,
    latitude: float,
    longitude: float,
    *,
    radius_km: float | None = None,
    writing: Writing = Writing(),
    index: StrPath | None = None,
    wait: bool = False,
    progress: ProgressCallback | None = None,
) -> RunResult:
    """Gives photos a place that their owner knows: it stands above every estimate, and `tag` never replaces
    it. `paths` are photos, not folders. `radius_km`: how exactly the place is meant, 100 m unless told.

    A position of a camera or of another program is kept unless `writing.overwrite`. The index, the lock,
    `wait` and `progress` are as in `tag`; the next `tag` lets neighbours in time follow.

    Raises UsageError for what is no place, ArchiveBusyError, ArchiveError, IndexUnusableError.
    """
    from geotagger.coordinates import is_believable, is_place

    if not is_place(latitude, longitude):
        raise UsageError(f"{latitude}, {longitude} is not a place on the Earth")
    if not is_believable(latitude, longitude):
        raise UsageError("0,0 is what cameras write that do not know where they are; nobody believes it")
    from geotagger.tag.place import MANUAL_ERROR_KM, Placing
    from geotagger.tag.place import place as placed

    error_km = MANUAL_ERROR_KM if radius_km is None else radius_km
    check_radius("radius_km", error_km)
    placing = Placing(latitude, longitude, checked(writing), error_km)
    return placed(placing, several(paths), index_file(index), Listener(progress), wait=wait)


def undo(
    run: int | str | None = None,
    *,
    only: Paths | frozenset[str] = (),
    dry_run: bool = False,
    agree: "Callable[[Run], bool] | None" = None,
    index: StrPath | None = None,
    wait: bool = False,
    progress: ProgressCallback | None = None,
) -> UndoResult:
    """Puts back the exact bytes that a run changed: the run of that number or name, or the newest that wrote.

    `only`: these photos, or those below these folders; a frozenset means just these photos. A photo that
    another program changed since loses only the position that the run wrote, or is left alone, with the
    reason in its outcome. With `dry_run` nothing is changed. `agree` is asked about the run before a photo
    is touched; where it says False nothing is done and the result has no run.

    Raises UsageError where there is nothing to undo, ArchiveBusyError, ArchiveError where the photos are not
    there now, IndexUnusableError.
    """
    from geotagger.index import index_exists, open_index
    from geotagger.tag import undo as undoing
    from geotagger.tag import undoable

    file, listener, repaired = index_file(index), Listener(progress), Tally()
    if not index_exists(file):
        raise UsageError(
            "there is nothing to undo: nothing has been tagged yet, or the index is another file"
        )

    def settled(outcome: Outcome) -> None:
        repaired.add(outcome)
        listener.report(outcome)

    chosen_paths: Chosen = only if isinstance(only, frozenset) else several(only)
    with open_index(file, mode="read" if dry_run else "write") as opened:
        if dry_run:
            lines = opened.runs.lines_on_cut_off()
        else:
            lines = undoable.settle_cut_off(opened, settled, wait=wait)
        for line in lines:
            listener.note(line)
        chosen = undoable.run_to_undo(opened, None if run is None else str(run), wait=wait and not dry_run)
        if agree is not None and not agree(chosen):
            return UndoResult(None, Tally(), repaired, 0)
        listener.phase("Undoing", opened.journal.photos_of(chosen.id, chosen_paths))

        def passed(outcome: Outcome) -> None:
            listener.report(outcome)
            listener.advance(1)

        if dry_run:
            tally = undoing.foresee_undo(opened, chosen, chosen_paths, passed)
        else:
            tally = undoing.undo(opened, chosen, chosen_paths, passed, wait=wait)
        forgotten = opened.journal.forgotten_of(chosen.id, chosen_paths)
    return UndoResult(chosen.id, tally, repaired, forgotten)


def forget(
    paths: Paths,
    *,
    sidecar_folder: StrPath | None = None,
    dry_run: bool = False,
    index: StrPath | None = None,
    wait: bool = False,
    progress: ProgressCallback | None = None,
) -> RunResult:
    """Takes every estimate that geotagger ever wrote out of the photos and sidecars at or below `paths`.

    By the marks in the files, so also where no index knows them; it cannot be undone. Places of cameras, of
    other programs and of the owner stay. `sidecar_folder`: look for sidecars there, too.

    Raises UsageError, ArchiveBusyError, ArchiveError, IndexUnusableError.
    """
    from geotagger.tag.undo import forget_estimates

    chosen = several(paths)
    if not chosen:
        raise UsageError("no path was given; say which folders or photos")
    tally = forget_estimates(
        chosen,
        index_file(index),
        Listener(progress).report,
        sidecar_folder=None if sidecar_folder is None else Path(os.path.realpath(path_of(sidecar_folder))),
        wait=wait,
        dry_run=dry_run,
    )
    return RunResult(None, tally)


def heard(kinds: Collection[str] | None, model: str | None) -> tuple[tuple[str, ...], str | None]:
    """The kinds of evidence in the order of the table, and the model that goes with them: no model looks at
    pictures that nobody listens to."""
    names = [kind.name for kind in KINDS]
    wanted = set(BY_DEFAULT if kinds is None else words(kinds))
    if unknown := sorted(wanted - set(names)):
        raise UsageError(f"{unknown[0]}: there is no such kind of evidence; there are: {', '.join(names)}")
    if model == _NO_MODEL:
        wanted.discard("pictures")
    heard = tuple(name for name in names if name in wanted)
    return heard, model if "pictures" in heard else _NO_MODEL


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise UsageError(f"{name} is {value}; 0 to 1 is wanted")
