"""The owner's own geotagged photos, as geotagger's index remembers them.

Positions that cameras recorded or the owner gave; never what geotagger estimated.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.sources import own_row


def geotagged(index_path: Path | None) -> Iterator[dict[str, Any]]:
    """A row of `rows.SCHEMA` for each photo of the index that is there and has a place of its own."""
    from geotagger.index import open_index

    with open_index(index_path, mode="read") as index:
        for root in index.roots.all():
            for known in index.photos.in_time(root.id):
                facts = known.facts
                if facts is None or facts.fix is None or facts.not_a_photo:
                    continue
                if facts.fix.mark is not None and facts.fix.mark.is_estimate:
                    continue
                try:
                    known.path.encode()
                except UnicodeEncodeError:
                    continue  # a list of photos is UTF-8
                taken = facts.taken.local if facts.taken else None
                yield own_row(known.path, known.path, facts.fix.latitude, facts.fix.longitude, taken)
