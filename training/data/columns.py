"""Which column of a list is which: path, latitude, longitude and the rest under their usual names."""

from collections.abc import Iterable

_NAMES = {
    "address": ("path", "image", "file", "filename", "address", "url", "img_id"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lng", "lon", "long"),
    "user": ("user", "user_id", "author", "photographer", "owner"),
    "taken": ("taken", "datetaken", "date_taken", "time"),
    "licence": ("licence", "license"),
    "credit": ("credit", "attribution"),
}


def columns_of(names: Iterable[str]) -> dict[str, str]:
    """Our name → theirs; empty when path, latitude or longitude is not among them."""
    theirs = {name.strip().lower(): name for name in names}
    columns = {
        ours: theirs[candidate]
        for ours, candidates in _NAMES.items()
        for candidate in reversed(candidates)
        if candidate in theirs
    }
    return columns if {"address", "latitude", "longitude"} <= set(columns) else {}
