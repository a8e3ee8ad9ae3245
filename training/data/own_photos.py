"""The owner's own geotagged photos, as geotagger's index remembers them.

Positions that cameras recorded, that a sidecar holds or that the owner gave; never what geotagger
estimated.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from geotagger.estimate.values import OWN_FIXES
from training.data.rows import own_row


def geotagged(index_path: Path | None) -> Iterator[dict[str, Any]]:
    """A row of `rows.SCHEMA` for each photo of the index that is there and has a place of its own."""
    from geotagger.index import open_index

    with open_index(index_path, mode="read") as index:
        for root in index.roots.all():
            for photo in index.photos.in_time(root.id):
                if photo.latitude is None or photo.longitude is None or photo.rung not in OWN_FIXES:
                    continue
                if photo.facts is None or photo.facts.not_a_photo:
                    continue
                try:
                    photo.path.encode()
                except UnicodeEncodeError:
                    continue  # a list of photos is UTF-8
                taken = photo.facts.taken.local if photo.facts.taken else None
                yield own_row(photo.path, photo.path, photo.latitude, photo.longitude, taken)
