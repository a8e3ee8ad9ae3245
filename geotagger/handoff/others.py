"""What PhotoPrism and Memories will see of the places, and the command that makes them look.

Both read the position out of the photo's own file. Out of an XMP sidecar Memories reads none, and PhotoPrism
only in newer releases (docs/photoprism.md, docs/memories.md); so what stands only in a sidecar or in the
index is named. Takes the index, gives lines."""

from collections.abc import Sequence
from dataclasses import dataclass

from geotagger.index import Index
from geotagger.index.search import Query, search


@dataclass(frozen=True, slots=True)
class Manager:
    """`commands`: what makes it read anew, in order. `sidecars`: which of its releases read a place out of an
    XMP sidecar, in words; None where none does."""

    name: str
    commands: tuple[str, ...]
    sidecars: str | None = None


PHOTOPRISM = Manager(
    "PhotoPrism", ("photoprism index --force",), "releases with the reader of June 2026 (its #5563)"
)
MEMORIES = Manager("Memories", ("occ files:scan --all", "occ memories:index --force"))


@dataclass(frozen=True, slots=True)
class Visibility:
    """Whether a manager sees the place of a photo, or its newer releases do; `reason` says why."""

    path: str
    is_seen: bool
    is_seen_by_newer: bool
    reason: str
    latitude: float
    longitude: float


def seen_by(index: Index, manager: Manager, paths: Sequence[str]) -> list[Visibility]:
    """The photos at or below `paths` that have a place which counts."""
    views = []
    for photo in search(index.store, Query(paths=tuple(paths), is_sure=True)):
        in_file = photo.written == "exif" or (photo.written == "camera" and photo.rung != "sidecar")
        if in_file:
            reason = "its place stands in the photo"
        elif photo.written is not None and manager.sidecars is not None:
            reason = f"its place stands in a sidecar, which only {manager.sidecars} read for places"
        elif photo.written is not None:
            reason = f"its place stands in a sidecar, which {manager.name} does not read for places"
        else:
            reason = "only the index has its place; `geotagger tag` or `review` writes it"
        by_newer = in_file or (photo.written is not None and manager.sidecars is not None)
        views.append(Visibility(photo.path, in_file, by_newer, reason, photo.latitude, photo.longitude))
    return views
