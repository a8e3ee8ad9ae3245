"""The command `tracks`: the recorded tracks that the index remembers."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from geotagger.cli.asking import open_to_ask
from geotagger.cli.common import (
    IndexOption,
    JsonOption,
    emit,
    ends_cleanly,
    pointing_to,
    printable,
    say,
    say_notes,
)


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
    from geotagger.api import remembered

    if forget is not None:
        with pointing_to("`geotagger tracks` lists them"):
            remembered.forget_track(forget, index=index, progress=say_notes)
        return
    with open_to_ask(index) as opened:
        if opened is None:
            return
        listed = remembered.tracks(index=opened)
    for track in listed:
        if as_json:
            emit(
                {
                    "archive": track.archive,
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
            print(f"{span}\t{printable(track.path)}\t{printable(track.archive)}")
    if not listed:
        say("no track is remembered")


def _moment(utc: float) -> str:
    return datetime.fromtimestamp(utc, UTC).isoformat(timespec="seconds")


def register(app: typer.Typer) -> None:
    app.command()(tracks)
