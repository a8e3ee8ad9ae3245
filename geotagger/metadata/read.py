"""Reading positions: of a photo's sidecar, and of the XMP inside it."""

import contextlib
import os

from geotagger.metadata import sidecar, xmp
from geotagger.metadata.containers import layout_of
from geotagger.metadata.layout import RefusedError
from geotagger.metadata.rdf import XmpError
from geotagger.metadata.sidecar import Sidecars
from geotagger.metadata.source import Source
from geotagger.metadata.values import FoundPosition, SidecarStyle


def sidecar_position(
    path: str,
    *,
    sidecar_style: SidecarStyle = "full",
    sidecar_folder: str | None = None,
    sidecar_root: str | None = None,
) -> FoundPosition | None:
    """The position that a photo's sidecar holds, or failing that the XMP in the photo itself.

    `mark` tells ours from others'. None when there is none or it cannot be read.
    """
    existing = Sidecars(sidecar_style, sidecar_folder, sidecar_root).existing(path)
    if existing is not None:
        with contextlib.suppress(OSError, XmpError), open(existing, "rb") as file:
            found = xmp.position_of(sidecar.in_utf8(file.read(sidecar.LARGEST_SIDECAR_BYTES + 1)))
            if found is not None:
                return found
    return _embedded_position(path)


def _embedded_position(path: str) -> FoundPosition | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        for packet in layout_of(Source(descriptor), path).packets:
            with contextlib.suppress(XmpError):
                found = xmp.position_of(packet)
                if found is not None:
                    return found
    except (OSError, RefusedError):
        pass
    finally:
        os.close(descriptor)
    return None
