"""What all routes share: where the index is, how decisions are written, and what is kept between two
questions.

Each question opens the index for itself, so threads share none, and what another program wrote is seen.
"""

import threading
from dataclasses import dataclass, field
from pathlib import Path

from geotagger.index import Index, open_index
from geotagger.index.store import Mode
from geotagger.web.days import Days
from geotagger.web.pictures import Thumbnails
from geotagger.writing import Writing


@dataclass(frozen=True)
class House:
    """`basemap`: a PMTiles file, None for the outlines that come with geotagger. `chosen`: the numbers of the
    photos to be shown, None for all. `hand`: held by whoever writes into photos, so that two tabs cannot at
    once."""

    index_path: Path | None
    writing: Writing
    basemap: Path | None = None
    chosen: frozenset[int] | None = None
    days: Days = field(default_factory=Days)
    pictures: Thumbnails = field(default_factory=Thumbnails)
    hand: threading.Lock = field(default_factory=threading.Lock)

    def index(self, mode: Mode = "read") -> Index:
        return open_index(self.index_path, mode=mode)

    def shown(self) -> Index:
        """The index to read, with the photos that are to be shown alone."""
        index = self.index()
        if self.chosen is not None:
            index.store.show_only(self.chosen)
        return index
