"""What the index knows: how much is placed and why the rest is not, the evidence behind one place, and what
the owner told of clocks, tracks and archives that belong together, with the ways to forget it."""

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from geotagger.api.asking import open_for_reading
from geotagger.api.runs import heard
from geotagger.api.values import Paths, StrPath, check_radius, index_file, path_of, several
from geotagger.errors import UsageError
from geotagger.index import Index, open_index
from geotagger.index.roots import Root
from geotagger.index.summary import ArchiveSummary, summarise
from geotagger.index.tracks import RememberedTrack
from geotagger.tag.listener import Listener, Progress
from geotagger.tag.why import Why

Tell = Callable[[Progress], None]
Kinds = Collection[str] | Callable[[Sequence[str]], Collection[str]]


@dataclass(frozen=True, slots=True)
class ClockCorrection:
    """What was told of a camera's clock: `shift_s` seconds are added to it, in one archive."""

    archive: str
    camera: str
    shift_s: float


@dataclass(frozen=True, slots=True)
class TrackInIndex:
    """A recorded track that later runs on an archive remember: the points of it near photos in time, so many.
    `digest`: of the file's content. `first_utc`, `last_utc`: the span of the whole file, POSIX seconds.
    `added`: when it was told, ISO 8601."""

    archive: str
    name: str
    path: str
    digest: str
    first_utc: float
    last_utc: float
    points: int
    added: str


@dataclass(frozen=True, slots=True)
class Archive:
    """A root that was given to `tag`. `joined_with`: the archives whose photos help to place its own."""

    path: str
    photos: int
    is_mounted: bool
    joined_with: tuple[str, ...]


def status(paths: Paths = (), *, index: StrPath | Index | None = None) -> ArchiveSummary:
    """How many photos have a place, from what, and what the others lack: of those at or below `paths`, or of
    all. A guess that is less certain than 0.8 and stands in no photo is not counted as a place.

    `index`: the file of an index, or one that is open; unless told, the user's own. Nothing is changed.
    Raises IndexUnusableError, also where there is no index yet.
    """
    below = [os.path.realpath(path) for path in several(paths)]
    with open_for_reading(index) as opened:
        return summarise(opened.store, below)


def why(
    photo: StrPath,
    *,
    kinds: Kinds | None = None,
    model: StrPath | None = None,
    within_km: float | None = None,
    tracks: Paths = (),
    index: StrPath | Index | None = None,
    progress: Tell | None = None,
) -> Why:
    """What each kind of evidence says of a photo's place, and how it is weighed, from the index.

    Weighed with the options, tracks and kinds of evidence of the run that placed the photo; `kinds` are
    others, or a function that makes them of those of the run, and `model`, `within_km` and `tracks` are as in
    `tag`. A `model` that is named looks at pictures, unless `kinds` leaves them out. `index` is as in
    `status`; `progress` is given lines for the owner. Nothing is changed.

    Raises UsageError for a photo that the index does not know, ModelError, SourceError, IndexUnusableError.
    """
    from geotagger.tag.why import why as weighed_again

    if within_km is not None:
        check_radius("within_km", within_km)
    named = None if model is None else path_of(model)

    def choose(of_run: Sequence[str]) -> tuple[tuple[str, ...], str | None]:
        if kinds is None:
            return heard([*of_run, *(() if named is None else ("pictures",))], named)
        return heard(kinds(of_run) if callable(kinds) else kinds, named)

    listener = Listener(progress)
    with open_for_reading(index) as opened:
        record = opened.photos.find(os.path.realpath(path_of(photo)))
        if record is None:
            raise UsageError(f"{path_of(photo)}: the index does not know it; tag its folder first")
        files = [Path(track) for track in several(tracks)]
        answer = weighed_again(
            opened, record, listener.note, within_km=within_km, tracks=files, choose=choose
        )
    listener.finish()
    return answer


def clocks(*, index: StrPath | Index | None = None) -> list[ClockCorrection]:
    """The corrections of cameras' clocks that `tag` was given and later runs remember. `index` and errors are
    as in `status`."""
    with open_for_reading(index) as opened:
        return [
            ClockCorrection(root.path, camera, shift_s)
            for root in opened.roots.all()
            for camera, shift_s in _clocks_of(opened, root).items()
        ]


def forget_clock(camera: str, *, index: StrPath | None = None, progress: Tell | None = None) -> None:
    """Forgets what was told of a camera's clock, in all archives. The next `tag` reads the times anew and
    thinks over what it has not written into photos.

    Waits for runs on the archives concerned, and says so to `progress`. Raises UsageError where nothing is
    remembered of the camera, IndexUnusableError.
    """
    from geotagger.index.learned import CLOCKS

    def is_meant(name: str) -> bool:
        return name.casefold() == camera.casefold()

    with open_index(index_file(index)) as opened:
        concerned = [root for root in opened.roots.all() if any(map(is_meant, _clocks_of(opened, root)))]
        if not concerned:
            raise UsageError(f"nothing is remembered of {camera}")

        def forget() -> None:
            for root in concerned:
                # read again: a run that was waited for may have been told of others
                corrections = _clocks_of(opened, root).items()
                left = {name: shift for name, shift in corrections if not is_meant(name)}
                opened.learned.put(root.id, CLOCKS, left)

        _change(opened, concerned, forget, progress)


def tracks(*, index: StrPath | Index | None = None) -> list[TrackInIndex]:
    """The recorded tracks that `tag` was given and later runs remember. `index` and errors are as in
    `status`."""
    with open_for_reading(index) as opened:
        archives = {root.id: root.path for root in opened.roots.all()}
        return [
            TrackInIndex(
                archives[track.root_id],
                track.name,
                track.path,
                track.digest,
                track.first_utc,
                track.last_utc,
                track.points,
                track.added,
            )
            for track in opened.tracks.listed()
            if _is_of(opened, track, archives)
        ]


def _is_of(opened: Index, track: RememberedTrack, archives: Collection[int]) -> bool:
    """Whether its archive is one of these: where that row is damaged, the track is passed over."""
    if track.root_id in archives:
        return True
    opened.store.damage.pass_over(f"row {track.root_id} of roots, which the track {track.name} belongs to,")
    return False


def forget_track(track: StrPath, *, index: StrPath | None = None, progress: Tell | None = None) -> None:
    """Forgets a track by its name, its digest, its file, or the folder that it lay in. What it has placed
    stays in the photos; `forget` and `undo` take it out.

    Waits for runs on the archives concerned, and says so to `progress`. Raises UsageError where no such track
    is remembered, IndexUnusableError.
    """
    from geotagger.archive import is_at_or_below

    named = path_of(track)
    with open_index(index_file(index)) as opened:
        concerned = [
            one
            for one in opened.tracks.listed()
            if named in (one.name, one.digest) or is_at_or_below(one.path, [os.path.abspath(named)])
        ]
        if not concerned:
            raise UsageError(f"no track {named} is remembered")
        ids = {one.root_id for one in concerned}
        roots = [root for root in opened.roots.all() if root.id in ids]
        _change(opened, roots, lambda: opened.tracks.forget(concerned), progress)


def roots(*, index: StrPath | Index | None = None) -> list[Archive]:
    """The archives that the index knows, and which of them help each other. `index` and errors are as in
    `status`."""
    with open_for_reading(index) as opened:
        paths = {root.id: root.path for root in opened.roots.all()}
        return [
            Archive(
                path,
                opened.photos.count(root_id),
                os.path.isdir(path),
                tuple(paths[other] for other in opened.roots.company_of([root_id])[1:]),
            )
            for root_id, path in paths.items()
        ]


def part_root(archive: StrPath, *, index: StrPath | None = None) -> int:
    """From now on this archive helps no other one; with how many it was joined. What it helped to place stays
    in the photos. Raises UsageError for what is no archive of the index, IndexUnusableError."""
    with open_index(index_file(index)) as opened:
        path = os.path.realpath(path_of(archive))
        root = next((one for one in opened.roots.all() if one.path == path), None)
        if root is None:
            raise UsageError(f"{path_of(archive)} is no archive of the index")
        return opened.roots.part(root)


def _clocks_of(opened: Index, root: Root) -> dict[str, float]:
    from geotagger.index.learned import CLOCKS

    return opened.learned.get(root.id, CLOCKS) or {}


def _change(opened: Index, roots: Sequence[Root], change: Callable[[], None], progress: Tell | None) -> None:
    """Makes a change while no run is at work on these archives; their next run looks at all photos again."""
    from geotagger.archive import lock
    from geotagger.index.learned import SETTLED

    listener = Listener(progress)
    there = [root.path for root in roots if os.path.isdir(root.path)]
    with lock(there, wait=True, waiting=listener.note):
        change()
        for root in roots:
            opened.learned.forget(root.id, SETTLED)
