"""The commands `handoff immich`, `handoff photoprism` and `handoff memories`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from geotagger.archive.names import check_is_there
from geotagger.cli.common import IndexOption, JsonOption, emit, ends_cleanly, photo_record, printable, say
from geotagger.errors import UsageError
from geotagger.small_files import read_small

if TYPE_CHECKING:
    from geotagger.handoff.giving import GivenPlace
    from geotagger.handoff.others import Manager

_KEY = "GEOTAGGER_IMMICH_KEY"

PathsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="PATH", help="Folders of photos, or photos. [default: all]")
]


@ends_cleanly
def immich(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="The server, as in http://nas:2283.")],
    paths: PathsArgument = None,
    key_file: Annotated[
        Path | None,
        typer.Option("--key-file", metavar="FILE", help=f"Holds the API key. [default: the variable {_KEY}]"),
    ] = None,
    called: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            metavar="HERE=THERE",
            help="How Immich calls a folder: --as ~/Photos=/mnt/photos; repeatable. Other photos are known "
            "by their bytes.",
        ),
    ] = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Give the places; without it they are only listed.")
    ] = False,
    undo: Annotated[
        bool, typer.Option("--undo", help="Take back what the newest handoff to this server gave.")
    ] = False,
    index: IndexOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give Immich the places of photos that have none there.

    A dry run unless `--apply` is said. A photo is known by its path or by the bytes that were uploaded.
    What has a place in Immich is left alone. `--undo` takes away what was given, where nobody changed it
    since.

    Example: `geotagger handoff immich http://nas:2283 ~/Photos --key-file ~/.immich-key --apply`
    """
    from geotagger.handoff.giving import give, take_back
    from geotagger.handoff.immich import Immich
    from geotagger.handoff.matching import plan
    from geotagger.index import open_index

    server = Immich(address, _key_of(key_file))
    prefixes = [_prefix(text) for text in called or ()]
    if server.is_in_the_clear:
        say(f"{address}: http, so the key goes over the network as it is")
    failed = 0

    def tell(given: "GivenPlace") -> None:
        nonlocal failed
        failed += given.status == "failed"
        _show(as_json, given.path, given.status, given.reason, given.latitude, given.longitude)

    say(f"{server.address}: Immich {server.version()}")
    with open_index(index, mode="write" if apply or undo else "read") as opened:
        if undo:
            say(f"places taken away again: {take_back(opened, server, None, tell)}")
            raise typer.Exit(1 if failed else 0)
        offer = plan(opened, server.assets(), _there(paths), prefixes)
        for left in offer.left:
            _show(as_json, left.path, "kept", left.reason)
        if apply and offer.gifts:
            done = give(opened, server, offer, tell)
            say(f"run {done.run}: places given: {done.given}, in calls: {done.calls}; --undo takes them back")
            raise typer.Exit(1 if failed else 0)
    for gift in offer.gifts:
        reason = f"dry run: would be given, known by its {gift.how}"
        _show(as_json, gift.path, "planned", reason, gift.latitude, gift.longitude)
    say(f"dry run: places to be given: {len(offer.gifts)}, photos left: {len(offer.left)}; --apply does it")


@ends_cleanly
def photoprism(paths: PathsArgument = None, index: IndexOption = None, as_json: JsonOption = False) -> None:
    """Say which places PhotoPrism will read, which it will not and why, and the command that makes it.

    PhotoPrism reads places out of the photos' own files, and since June 2026 out of sidecars; nothing is
    changed here.

    Example: `geotagger handoff photoprism ~/Photos`
    """
    from geotagger.handoff.others import PHOTOPRISM

    _tell_what_is_seen(PHOTOPRISM, paths, index, as_json)


@ends_cleanly
def memories(paths: PathsArgument = None, index: IndexOption = None, as_json: JsonOption = False) -> None:
    """Say which places Nextcloud's Memories will read, which it will not and why, and the commands that
    make it.

    Memories reads places out of the photos' own files; nothing is changed here.

    Example: `geotagger handoff memories ~/Photos`
    """
    from geotagger.handoff.others import MEMORIES

    _tell_what_is_seen(MEMORIES, paths, index, as_json)


def _tell_what_is_seen(
    manager: "Manager", paths: list[str] | None, index: Path | None, as_json: bool
) -> None:
    from geotagger.handoff.others import seen_by
    from geotagger.index import open_index

    below = _there(paths)
    with open_index(index, mode="read") as opened:
        photos = seen_by(opened, manager, below)
    for photo in photos:
        status = "written" if photo.is_seen_by_newer else "skipped"
        if as_json or not photo.is_seen:
            _show(as_json, photo.path, status, photo.reason, photo.latitude, photo.longitude)
    seen = sum(photo.is_seen for photo in photos)
    newer = sum(photo.is_seen_by_newer for photo in photos) - seen
    also = f", and {newer} more in sidecars, by {manager.sidecars}" if newer else ""
    commands = " && ".join(manager.commands)
    say(f"{manager.name} reads {seen} of {len(photos)} places{also}, once it looks: {commands}")


def _show(
    as_json: bool,
    path: str,
    status: str,
    reason: str,
    latitude: float | None = None,
    longitude: float | None = None,
) -> None:
    if as_json:
        place: dict[str, Any] = {"latitude": latitude, "longitude": longitude}
        emit(photo_record(path, status, reason, **place))
    else:
        where = "" if latitude is None or longitude is None else f" {latitude:.5f}, {longitude:.5f}"
        print(f"{printable(path)}:{where} {status}: {reason}")


_LONGEST_KEY = 4096


def _key_of(file: Path | None) -> str:
    if file is None:
        key = os.environ.get(_KEY, "").strip()
    else:
        try:
            key = read_small(file, _LONGEST_KEY).decode("utf-8").strip()
        except (OSError, ValueError) as error:
            raise UsageError(f"--key-file {file}: cannot be read ({error})") from None
    if not key or not key.isascii() or not key.isprintable():
        raise UsageError(f"an API key is wanted (Immich: Account Settings, API Keys): --key-file, or {_KEY}")
    return key


def _there(paths: list[str] | None) -> list[str]:
    """The paths with their links resolved. UsageError where one is not there."""
    for path in paths or ():
        check_is_there(path)
    return [os.path.realpath(path) for path in paths or ()]


def _prefix(text: str) -> tuple[str, str]:
    here, equals, remote = text.partition("=")
    if not equals or not here or not remote.startswith("/"):
        raise UsageError(f"--as {text}: wanted is HERE=THERE, as in ~/Photos=/mnt/photos")
    return os.path.realpath(os.path.expanduser(here)), remote


def register(app: typer.Typer) -> None:
    group = typer.Typer(no_args_is_help=True, help="Hand places over to photo managers.")
    for command in (immich, photoprism, memories):
        group.command()(command)
    app.add_typer(group, name="handoff")
