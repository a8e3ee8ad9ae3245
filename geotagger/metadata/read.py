"""Reading positions: of a photo's sidecar, and of the XMP inside it."""

import contextlib
import os
from collections.abc import Sequence
from datetime import datetime

from geotagger.archive import takeout_files
from geotagger.metadata import sidecar, xmp
from geotagger.metadata.containers import layout_of
from geotagger.metadata.layout import RefusedError
from geotagger.metadata.rdf import XmpError
from geotagger.metadata.sidecar import Sidecars
from geotagger.metadata.source import ByteSource
from geotagger.metadata.takeout import TakeoutRecord, read_takeout
from geotagger.metadata.values import FoundPosition
from geotagger.photo.values import CaptureTime, NamedPlace


def sidecar_positions(path: str, sidecar_folders: Sequence[str] = ()) -> list[FoundPosition]:
    """The positions that a photo's sidecars hold, beside it and in these folders, or failing that the
    one in the XMP of the photo itself; last that of a Google Takeout, below what the owner's programs wrote.

    `mark` tells ours from others'. What cannot be read holds none.
    """
    positions = []
    for folder in (None, *sidecar_folders):
        existing = Sidecars(folder=folder).existing(path)
        if existing is not None and (position := sidecar.position_in(existing)) is not None:
            positions.append(position)
    if not positions and (embedded := _embedded_position(path)) is not None:
        positions.append(embedded)
    takeout = takeout_record(path).position
    return positions if takeout is None else [*positions, takeout]


def sidecar_names(path: str, sidecar_folders: Sequence[str] = ()) -> NamedPlace:
    """The place that the photo's sidecars name in words, the first that does."""
    for folder in (None, *sidecar_folders):
        existing = Sidecars(folder=folder).existing(path)
        if existing is not None and (named := sidecar.named_place_in(existing)):
            return named
    return NamedPlace()


def sidecar_time(
    path: str, sidecar_folders: Sequence[str], names_camera: bool, now: datetime
) -> CaptureTime | None:
    """When the photo's sidecars say that it was taken, the first that does. `names_camera`: whether the photo
    names one. `now` bounds the future."""
    for folder in (None, *sidecar_folders):
        existing = Sidecars(folder=folder).existing(path)
        if (
            existing is not None
            and (taken := sidecar.capture_time_in(existing, names_camera, now)) is not None
        ):
            return taken
    return None


def takeout_record(path: str) -> TakeoutRecord:
    """What the JSON file of a Google Takeout beside the photo says of it."""
    records = map(read_takeout, takeout_files(path))
    return next((record for record in records if record != TakeoutRecord()), TakeoutRecord())


def unreadable_sidecar_position(path: str, sidecar_folders: Sequence[str] = ()) -> str | None:
    """Why a position that a sidecar of the photo names, somebody's word, cannot be read; None when none of
    them names such a one."""
    for folder in (None, *sidecar_folders):
        existing = Sidecars(folder=folder).existing(path)
        if existing is not None and (why := sidecar.unreadable_position_in(existing)) is not None:
            return f"{os.path.basename(existing)}: {why}"
    return None


def _embedded_position(path: str) -> FoundPosition | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        for packet in layout_of(ByteSource(descriptor), path).packets:
            with contextlib.suppress(XmpError):
                position = xmp.position_of(packet)
                if position is not None:
                    return position
    except (OSError, RefusedError):
        pass
    finally:
        os.close(descriptor)
    return None
