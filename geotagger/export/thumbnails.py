"""Small pictures of photos, without anything of their metadata."""

import io

from geotagger.errors import PhotoError

EDGE = 240


def thumbnail(path: str) -> bytes | None:
    """A JPEG, upright, at most EDGE pixels wide and high; None of what cannot be shown."""
    from geotagger.photo.upright import read_upright

    file = io.BytesIO()
    try:
        read_upright(path, EDGE).save(file, "JPEG", quality=80)
    except (PhotoError, OSError, ValueError):
        return None
    return file.getvalue()
