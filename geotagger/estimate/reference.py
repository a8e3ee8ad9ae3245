"""The owner's own photos as reference: a picture that looks like others was perhaps taken where they were.

Nearest neighbours by the network's penultimate features among the archive's geotagged photos, weighted
by a kernel of their likeness ("Revisiting IM2GPS in the deep learning era", Vo et al. 2017). How
much likeness tells is learned from the archive: how often the photo most alike, of another
outing, was taken within a kilometre. Searched exactly while that is quick, beyond that by usearch.

Takes features and places, gives `Alike` values. Knows nothing of networks.
"""

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from geotagger.errors import IndexUnusableError
from geotagger.estimate.cloud import distances_km
from geotagger.estimate.movement import OUTING_GAP_S, radial_density
from geotagger.estimate.values import Alike
from geotagger.geo import distance_km, unit_vectors

FloatArray = NDArray[np.float64]
Features = NDArray[np.float32]

NEIGHBOURS = 8
KERNEL = 0.03
"""How fast a neighbour's weight falls with what it lacks to the likeness of the first (cosine)."""
EXACT_UP_TO = 50_000
MOST_REFERENCES = 20_000
"""Photos that are compared with: 41 MB of features of 512 numbers, and an hour of looking at 5 photos a
second."""
FEWEST_REFERENCES = 3
"""Photos with a place that a reference must have to tell anything."""
SAME_PLACE_KM = 1.0
USUAL_KM, USUAL_TAIL = 1.0, 1.0
"""The kernel with which it is told how densely the archive photographs somewhere."""
_TAUGHT = 500
_PRIOR_FIT = (-14.0, 14.0)
"""Logit of "the same place" for a likeness c: −14 + 14 c, one half at likeness 1. Held by a ridge."""
_RIDGE = 0.05
_BLOCK_DEG = 0.002
"""References this near to each other are one place where only their number counts, well under USUAL_KM."""
_FILE = "reference.npz"


@dataclass(frozen=True)
class References:
    """features: float32 (n, d), rows of length 1; lat, lng, utc: float64 (n,); ids: uint64 (n,), the
    caller's names of the photos as they were looked at. trust: the learned logistic (offset, slope) of the
    likeness. graph: usearch's, where there are too many to search exactly."""

    features: Features
    lat: FloatArray
    lng: FloatArray
    utc: FloatArray
    ids: NDArray[np.uint64]
    trust: tuple[float, float] = _PRIOR_FIT
    graph: Any = field(default=None, repr=False, compare=False)

    @cached_property
    def places(self) -> tuple[FloatArray, FloatArray]:
        """Where the references are, as unit vectors (p, 3) of the blocks that hold any, and the share of
        them in each, float64 (p,)."""
        blocks = np.round(np.stack([self.lat, self.lng], axis=1) / _BLOCK_DEG)
        blocks_used, count = np.unique(blocks, axis=0, return_counts=True)
        return unit_vectors(*(blocks_used * _BLOCK_DEG).T), count / len(self.lat)

    def save(self, folder: Path) -> None:
        """Writes one file into the folder, whole or not at all; IndexUnusableError when it cannot."""
        fresh = folder / f".{_FILE}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                np.savez(
                    file,
                    features=self.features.astype(np.float16),
                    lat=self.lat,
                    lng=self.lng,
                    utc=self.utc,
                    ids=self.ids,
                    trust=np.array(self.trust),
                )
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(folder / _FILE)
        except OSError as error:
            raise IndexUnusableError(
                f"{folder}: the features of references cannot be kept: {error}"
            ) from error

    @staticmethod
    def load(folder: Path) -> "References | None":
        """None when nothing of use was kept there: what is damaged is made anew. Without a graph."""
        try:
            with (folder / _FILE).open("rb") as file, np.load(file, allow_pickle=False) as kept:
                features = _normalised(kept["features"].astype(np.float32))
                offset, slope = (float(value) for value in kept["trust"])
                return References(
                    features, kept["lat"], kept["lng"], kept["utc"], kept["ids"], (offset, slope)
                )
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None


def references(
    features: Features,
    lat: FloatArray,
    lng: FloatArray,
    utc: FloatArray,
    ids: NDArray[np.uint64] | None = None,
) -> References:
    """Of photos with places; learns how much their likeness tells. NaN for unknown times; the photos
    are numbered in order unless told."""
    names = np.arange(len(features), dtype=np.uint64) if ids is None else ids
    normal = _normalised(features)
    gallery = References(normal, lat, lng, utc, names, graph=_graph_of(normal))
    return replace(gallery, trust=_fit_trust(gallery))


def spread_out(lat: FloatArray, lng: FloatArray, most: int = MOST_REFERENCES) -> NDArray[np.int64]:
    """Which photos are compared with where there are more: rows, ascending, at most `most`. Of every place
    some, before more of any: the later of the photos of one block come after all blocks have had their
    turn."""
    if len(lat) <= most:
        return np.arange(len(lat))
    blocks = np.round(np.stack([lat, lng], axis=1) / _BLOCK_DEG).astype(np.int64)
    _, block = np.unique(blocks, axis=0, return_inverse=True)
    order = np.argsort(block, kind="stable")
    first = np.searchsorted(block[order], block[order])
    turn = np.empty(len(lat), np.int64)
    turn[order] = np.arange(len(lat)) - first
    return np.sort(np.argsort(turn, kind="stable")[:most])


def search(gallery: References, features: Features, count: int) -> tuple[NDArray[np.int64], FloatArray]:
    """The rows most alike and their likeness (cosine), (m, count), the most alike first."""
    normal = _normalised(features)
    count = min(count, len(gallery.features))
    if gallery.graph is not None:
        return _search_graph(gallery, normal, count)
    likeness = normal @ gallery.features.T
    rows = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
    # exactly, and so in any company: a product of matrices rounds by its shape
    top = np.einsum("ijk,ik->ij", gallery.features[rows], normal, dtype=np.float64)
    order = np.argsort(-top, axis=1, kind="stable")
    return np.take_along_axis(rows, order, axis=1).astype(np.int64), np.take_along_axis(top, order, axis=1)


def alike(gallery: References, features: Features) -> list[Alike]:
    """For each picture (m, d) where those that look like it were taken, and how much that tells."""
    rows, likeness = search(gallery, features, NEIGHBOURS)
    return [_alike(gallery, near, how) for near, how in zip(rows, likeness, strict=True)]


def _alike(gallery: References, rows: NDArray[np.int64], likeness: FloatArray) -> Alike:
    offset, slope = gallery.trust
    trust = 1 / (1 + np.exp(-(offset + slope * likeness[0])))
    kernel = np.exp((likeness - likeness[0]) / KERNEL)
    everywhere, share = gallery.places
    away = distances_km(unit_vectors(gallery.lat[rows], gallery.lng[rows]), everywhere)
    usual = radial_density(away, USUAL_KM, USUAL_TAIL) @ share
    return Alike(gallery.lat[rows], gallery.lng[rows], trust * kernel / kernel.sum(), usual)


def _fit_trust(gallery: References) -> tuple[float, float]:
    """Logistic regression, by Newton's method, of "within a kilometre" on the likeness of the photo
    most alike that is not of the same outing."""
    total = len(gallery.features)
    if total < FEWEST_REFERENCES:
        return _PRIOR_FIT
    rows_asked = np.unique(np.linspace(0, total - 1, min(total, _TAUGHT)).round().astype(np.int64))
    rows, likeness = search(gallery, gallery.features[rows_asked], min(total, 64))
    apart = np.abs(gallery.utc[rows] - gallery.utc[rows_asked][:, None]) > OUTING_GAP_S
    apart |= np.isnan(gallery.utc[rows]) & (rows != rows_asked[:, None])
    answered = np.flatnonzero(apart.any(axis=1))
    if not len(answered):
        return _PRIOR_FIT
    first = np.argmax(apart[answered], axis=1)
    near, how = rows[answered, first], likeness[answered, first]
    away = distance_km(
        gallery.lat[rows_asked[answered]],
        gallery.lng[rows_asked[answered]],
        gallery.lat[near],
        gallery.lng[near],
    )
    truth = (away <= SAME_PLACE_KM).astype(np.float64)
    features = np.stack([np.ones(len(how)), how], axis=1)
    start = np.array(_PRIOR_FIT)
    fitted = start.copy()
    for _ in range(50):
        p = 1 / (1 + np.exp(-features @ fitted))
        slope = features.T @ (truth - p) - _RIDGE * (fitted - start)
        bend = (features.T * (p * (1 - p))) @ features + _RIDGE * np.eye(2)
        step = np.clip(np.linalg.solve(bend, slope), -3.0, 3.0)
        fitted = fitted + step
        if np.abs(step).max() < 1e-6:
            break
    return float(fitted[0]), float(max(fitted[1], 0.0))


def _graph_of(features: Features) -> Any:
    """usearch's HNSW graph of very many; None where an exact search will do, or usearch is not installed."""
    if len(features) <= EXACT_UP_TO:
        return None
    try:
        from usearch.index import Index
    except ImportError:
        return None
    graph = Index(ndim=features.shape[1], metric="ip", dtype="f16")
    graph.add(np.arange(len(features)), features)
    return graph


def _search_graph(gallery: References, normal: Features, count: int) -> tuple[NDArray[np.int64], FloatArray]:
    rows = np.full((len(normal), count), 0, dtype=np.int64)
    likeness = np.full((len(normal), count), -1.0)
    for n, one in enumerate(normal):
        matches = gallery.graph.search(one, count)
        rows[n, : len(matches)] = np.asarray(matches.keys, dtype=np.int64)
        likeness[n, : len(matches)] = gallery.features[rows[n, : len(matches)]] @ one
    return rows, likeness


def _normalised(features: Features) -> Features:
    length = np.linalg.norm(features, axis=1, keepdims=True)
    return np.asarray(features / np.maximum(length, 1e-12), dtype=np.float32)
