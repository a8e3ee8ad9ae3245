"""The command `tracks`: the recorded tracks that the index remembers."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geotagger.cli.asking import open_to_ask
from geotagger.cli.common import IndexOption, JsonOption, emit, ends_cleanly, printable, say
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.index.tracks import RememberedTrack


@ends_cleanly
def tracks(
    forget: Annotated[
        str | None,
        typer.Option(
            "--forget", metavar="TRACK", help="Forget a track: its name, its file, or the folder it lay in."
        ),
    ] = None,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the tracks that `tag --track` was given, which later runs remember, or forget one.

    Kept are the points near photos in time, not the whole track. What a track that is forgotten has placed
    stays in the photos; `forget` and `undo` take it out.

    Example: `geotagger tracks --forget holiday.gpx`
    """
    if forget is not None:
        _forget(forget, index)
        return
    with open_to_ask(index) as opened:
        if opened is None:
            return
        archives = {root.id: root.path for root in opened.roots.all()}
        remembered = opened.tracks.listed()
    for track in remembered:
        if as_json:
            emit(
                {
                    "archive": archives[track.root_id],
                    "name": track.name,
                    "file": track.path,
                    "digest": track.digest,
                    "first": _moment(track.first_utc),
                    "last": _moment(track.last_utc),
                    "points": track.points,
                    "added": track.added,
                }
            )
        else:
            span = f"{_moment(track.first_utc)}\t{_moment(track.last_utc)}\t{track.points} points"
            print(f"{span}\t{printable(track.path)}\t{printable(archives[track.root_id])}")
    if not remembered:
        say("no track is remembered")


def _moment(utc: float) -> str:
    return datetime.fromtimestamp(utc, UTC).isoformat(timespec="seconds")


def _forget(named: str, index: Path | None) -> None:
    from geotagger.archive import lock
    from geotagger.index import open_index
    from geotagger.index.learned import SETTLED

    with open_index(index) as opened:
        concerned = [track for track in opened.tracks.listed() if _is_meant(track, named)]
        if not concerned:
            raise UsageError(f"no track {named} is remembered; `geotagger tracks` lists them")
        roots = [root for root in opened.roots.all() if root.id in {track.root_id for track in concerned}]
        with lock([root.path for root in roots if os.path.isdir(root.path)], wait=True, waiting=say):
            opened.tracks.forget(concerned)
            for root in roots:
                opened.learned.forget(root.id, SETTLED)


def _is_meant(track: "RememberedTrack", named: str) -> bool:
    from geotagger.archive import is_at_or_below

    return named in (track.name, track.digest) or is_at_or_below(track.path, [os.path.abspath(named)])


def register(app: typer.Typer) -> None:
    app.command()(tracks)
