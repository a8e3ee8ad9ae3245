"""`look`: the pictures' part of a run, in parts, for several machines."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Event

from geotagger.api.values import StrPath, check_counts, path_of, words
from geotagger.errors import ModelError, UsageError
from geotagger.look.looking import LookTally
from geotagger.look.looking import look as looked_at
from geotagger.look.photos import LookOptions
from geotagger.tag.listener import Listener, Progress


def look(
    archive: StrPath,
    out: StrPath,
    *,
    model: StrPath | None = None,
    part: int = 1,
    parts: int = 1,
    every: bool = False,
    all_images: bool = False,
    exclude: str | Iterable[str] = (),
    device: str = "auto",
    variant: str | None = None,
    batch_size: int | None = None,
    readers: int | None = None,
    features: bool = False,
    look_processes: int | None = None,
    on_ray: bool = False,
    progress: Callable[[Progress], None] | None = None,
    stop: Event | None = None,
) -> LookTally:
    """Looks at the pictures below `archive` and keeps in the folder `out` what the network says of each, for
    `tag(..., looked=out)`.

    Writes nothing into photos and knows no index, so each machine of a cluster can do its `part` of `parts`,
    counted from 1; what lies in `out` already is not looked at again. `every`: photos that know where they
    were taken, too. `features`: keep them, for `tag` with the kind "reference". `on_ray`: on the
    cluster that this process is in, or that RAY_ADDRESS names. The others are as in `tag`.
    `progress` is told how many photos of the part were listed, and lines for the owner; setting `stop` ends
    it soon, and what was done is kept.

    Raises UsageError, ModelError, ArchiveError, SourceError where files of another model lie in `out`.
    """
    from geotagger.engine.devices import parse_devices
    from geotagger.tag.network import choose_pack

    if not 1 <= part <= parts:
        raise UsageError(f"part {part} of {parts}: parts are counted from 1")
    if not os.path.isdir(path_of(archive)):
        raise UsageError(f"{path_of(archive)}: there is no such folder")
    check_counts(batch_size=batch_size, readers=readers, look_processes=look_processes)
    parse_devices(device)
    listener = Listener(progress, stop)
    pack = choose_pack(None if model is None else path_of(model), listener.note)
    if pack is None:
        error = UsageError if model == "none" else ModelError
        raise error("a model looks at pictures, so one is to be named or installed")
    options = LookOptions(
        part=part,
        parts=parts,
        all=every,
        all_images=all_images,
        exclude=words(exclude),
        device=device,
        variant=variant,
        batch_size=batch_size,
        readers=readers,
        features=features,
        look_processes=look_processes,
        on_ray=on_ray,
    )
    listener.phase("Looking", 0)
    so_far = 0

    def advance(now: LookTally) -> None:
        nonlocal so_far
        listener.advance(now.listed - so_far)
        so_far = now.listed

    target = Path(path_of(out))
    done = looked_at(
        path_of(archive), pack, target, options, note=listener.note, advance=advance, stop=listener.stop
    )
    listener.finish()
    return done
