"""The cells of a pack with what scores any place: its location encoder, opened when a place is first asked
for, and asked once for all places within some 100 m of each other.

Joins the engine that embeds places with the table that the estimate room takes. Knows nothing of photos.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import AnyPlace, CellTable

if TYPE_CHECKING:
    from geotagger.engine.encoding import PlaceEncoder
    from geotagger.model.pack import ModelPack

_A_DEGREE = 1000
"""Places that are this fine a part of a degree apart are one, 111 m from north to south."""
_MOST = 20_000
"""Places that are remembered; 20 MB of a model with 512 features."""


def table_of(pack: "ModelPack") -> CellTable:
    """The pack's cells; of one that keeps an encoder, with what scores any place."""
    table, record, encoder = pack.cells, pack.manifest.gallery, pack.encoder_path
    if table.gallery is None or record is None or encoder is None:
        return table
    scorer = AnyPlace(_Embedding(encoder).of, record.scale / pack.temperature)
    return replace(table, gallery=replace(table.gallery, any_place=scorer))


class _Embedding:
    def __init__(self, network: Path) -> None:
        self._network = network
        self._encoder: PlaceEncoder | None = None
        self._known: dict[tuple[int, int], NDArray[np.float16]] = {}

    def of(self, lat: NDArray[np.float64], lng: NDArray[np.float64]) -> NDArray[np.float32]:
        """Degrees (n,), → directions, float32 (n, d)."""
        at = np.round(np.stack([lat, lng], axis=1) * _A_DEGREE).astype(np.int64)
        places = list(map(tuple, at.tolist()))
        new = sorted(set(places) - self._known.keys())
        if new:
            if len(self._known) + len(new) > _MOST:
                self._known = {place: self._known[place] for place in places if place in self._known}
            self._known.update(zip(new, self._made(np.array(new) / _A_DEGREE), strict=True))
        rows = np.stack([self._known[place] for place in places]).astype(np.float32)
        return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))

    def _made(self, places: NDArray[np.float64]) -> NDArray[np.float16]:
        if self._encoder is None:
            from geotagger.engine.encoding import PlaceEncoder

            self._encoder = PlaceEncoder(self._network)
        rows = self._encoder.embed(places[:, 0], places[:, 1])
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.maximum(length, 1e-12), dtype=np.float16)
