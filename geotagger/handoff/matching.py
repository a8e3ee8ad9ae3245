"""Which of Immich's assets is which photo, and what is to be given to it.

By the path, as Immich knows it, or by the SHA-1 of the bytes: those of today, and those from before our own
write, which are what was uploaded. Takes the index and what Immich listed, gives a plan; changes nothing.
"""

import base64
import hashlib
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from geotagger.errors import WriteError
from geotagger.handoff.immich import Asset
from geotagger.index import Index
from geotagger.index.search import PhotoPlace, Query, search
from geotagger.metadata.splice import spliced
from geotagger.tag.writing import edit_of

_LARGEST_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Gift:
    """A photo's place for an asset of Immich's that has none."""

    photo_id: int
    path: str
    asset: str
    latitude: float
    longitude: float
    how: str


@dataclass(frozen=True, slots=True)
class Left:
    path: str
    reason: str


@dataclass(frozen=True)
class HandoffPlan:
    gifts: tuple[Gift, ...]
    left: tuple[Left, ...]

    def by_place(self) -> Mapping[tuple[float, float], list[Gift]]:
        """Gifts of one place together, to a centimetre or so."""
        places: dict[tuple[float, float], list[Gift]] = {}
        for gift in self.gifts:
            places.setdefault((round(gift.latitude, 7), round(gift.longitude, 7)), []).append(gift)
        return places


def plan(
    index: Index, assets: Iterable[Asset], paths: Sequence[str], prefixes: Sequence[tuple[str, str]]
) -> HandoffPlan:
    """Of the photos at or below `paths` (absolute; all without any) that have a place which counts.
    `prefixes`: how a folder here is called there."""
    by_path: dict[str, Asset] = {}
    by_checksum: dict[str, list[Asset]] = {}
    for one in assets:
        by_path[one.path] = one
        by_checksum.setdefault(one.checksum, []).append(one)
    gifts: list[Gift] = []
    left: list[Left] = []
    for photo in search(index.store, Query(paths=tuple(paths), is_sure=True)):
        asset = by_path.get(there(photo.path, prefixes))
        how = "path"
        if asset is None:
            same = [match for sha1 in checksums(index, photo) for match in by_checksum.get(sha1, ())]
            how = "checksum"
            asset = same[0] if same else None
        if asset is None:
            left.append(Left(photo.path, "Immich has it neither by this path nor by its bytes"))
        elif asset.has_place:
            left.append(Left(photo.path, "has a place in Immich already"))
        else:
            gifts.append(Gift(photo.photo_id, photo.path, asset.id, photo.latitude, photo.longitude, how))
    return HandoffPlan(tuple(gifts), tuple(left))


def there(path: str, prefixes: Sequence[tuple[str, str]]) -> str:
    """The path as Immich knows it; the longest folder that is told of counts."""
    for here, remote in sorted(prefixes, key=lambda pair: -len(pair[0])):
        folder = here.rstrip("/") + "/"
        if path.startswith(folder):
            return remote.rstrip("/") + "/" + path[len(folder) :]
    return path


def checksums(index: Index, photo: PhotoPlace) -> list[str]:
    """SHA-1 of the file as it is and as it was before each of our writes, base64, as Immich tells it; none
    of a file that is not there or of more than a gigabyte."""
    try:
        if os.path.getsize(photo.path) > _LARGEST_BYTES:
            return []
        with open(photo.path, "rb") as file:
            data = file.read()
    except OSError:
        return []
    sums = [_sha1(data)]
    for entry in index.journal.done_in(photo.photo_id):
        try:
            edit = edit_of(entry)
        except WriteError:
            break
        if edit.kind != "exif":
            continue
        if len(data) != edit.new_size:
            break  # another program changed it since: what was before cannot be told
        data = spliced(data, edit.undoing())
        sums.append(_sha1(data))
    return sums


def _sha1(data: bytes) -> str:
    return base64.b64encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()
