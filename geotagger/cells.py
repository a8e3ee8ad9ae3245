"""S2 cells: vectorised arithmetic on cell ids, and the table of places a classifier knows.

A cell id is an unsigned 64-bit integer: three bits of face, two bits a level along the
Hilbert curve, then a 1 and zeros (S2 geometry library, s2cell_id.h). Here ids travel as
uint64 arrays. s2sphere is the plain reference that the tests hold this module against.

Takes and gives arrays. Knows nothing of photos or of models on disk.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from geotagger.geo import EARTH_RADIUS_KM, lat_lng_of, unit_vectors

MAX_LEVEL = 30
_MAX_SIZE = 1 << MAX_LEVEL

CellIds = NDArray[np.uint64]
FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# The Hilbert curve: for an orientation (bit 0 swaps i and j, bit 1 inverts both) and a
# position 0–3 along the curve, which quadrant 2i+j is met and how the orientation changes.
_SWAP, _INVERT = 1, 2
_QUADRANT_OF_POSITION = ((0, 1, 3, 2), (0, 2, 3, 1), (3, 2, 0, 1), (3, 1, 0, 2))
_ORIENTATION_CHANGE = (_SWAP, 0, 0, _INVERT | _SWAP)
_LEVELS_A_STEP = 4


def _curve_tables() -> tuple[IntArray, IntArray]:
    """Four levels at a time: (i:4, j:4, orientation:2) ⇄ (position:8, orientation:2)."""
    position_of = np.zeros(1 << (2 * _LEVELS_A_STEP + 2), dtype=np.int64)
    ij_of = np.zeros_like(position_of)
    for start in range(4):
        for position in range(1 << (2 * _LEVELS_A_STEP)):
            i = j = 0
            orientation = start
            for level in reversed(range(_LEVELS_A_STEP)):
                step = (position >> (2 * level)) & 3
                quadrant = _QUADRANT_OF_POSITION[orientation][step]
                i, j = (i << 1) | (quadrant >> 1), (j << 1) | (quadrant & 1)
                orientation ^= _ORIENTATION_CHANGE[step]
            ij = (i << _LEVELS_A_STEP) | j
            position_of[(ij << 2) | start] = (position << 2) | orientation
            ij_of[(position << 2) | start] = (ij << 2) | orientation
    return position_of, ij_of


_POSITION_OF, _IJ_OF = _curve_tables()


def leaf_ids(lat: ArrayLike, lng: ArrayLike) -> CellIds:
    """The leaf (level 30) cells that hold the places; float64 degrees in, uint64 out, same shape.

    float32 degrees are too coarse to name a leaf and give another one.
    """
    return leaf_ids_of(unit_vectors(np.asarray(lat, dtype=np.float64), np.asarray(lng, dtype=np.float64)))


def leaf_ids_of(vectors: FloatArray) -> CellIds:
    """The same of directions (…, 3) of any length above 0."""
    face, u, v = _face_uv_of(vectors)
    return _ids_of_ij(face, _ij_of_st(_st_of_uv(u)), _ij_of_st(_st_of_uv(v)))


def parents(ids: CellIds, level: int | IntArray) -> CellIds:
    """The ancestors at `level`, which must not be finer than the cells themselves."""
    lsb = np.left_shift(np.uint64(1), (2 * (MAX_LEVEL - np.asarray(level))).astype(np.uint64))
    return (ids & (~lsb + np.uint64(1))) | lsb


def levels(ids: CellIds) -> IntArray:
    """The levels 0…30 of valid cell ids."""
    # lsb is a power of two, which float64 holds exactly
    return MAX_LEVEL - (np.log2(_lsb(ids).astype(np.float64)).astype(np.int64) >> 1)


def ranges(ids: CellIds) -> tuple[CellIds, CellIds]:
    """The first and the last leaf id inside each cell, both inclusive."""
    half = _lsb(ids) - np.uint64(1)
    return ids - half, ids + half


def are_valid(ids: CellIds) -> NDArray[np.bool_]:
    """True where the bits name a cell: a face 0–5 and the marking 1 at an even place."""
    return np.asarray((ids >> np.uint64(61) < 6) & (_lsb(ids) & np.uint64(0x1555555555555555) != 0))


def tokens(ids: CellIds) -> list[str]:
    """Hexadecimal names without trailing zeros, as S2 writes them."""
    return [f"{cell_id:016x}".rstrip("0") or "X" for cell_id in ids.tolist()]


def ids_of_tokens(names: Iterable[str]) -> CellIds:
    """The cells that tokens name; ValueError for a token that is not 1–16 hexadecimal digits."""
    return np.array([_id_of_token(name) for name in names], dtype=np.uint64)


def _id_of_token(token: str) -> int:
    if not 1 <= len(token) <= 16 or not all(c in "0123456789abcdefABCDEF" for c in token):
        raise ValueError(f"not an S2 token: {token!r}")
    return int(token.ljust(16, "0"), 16)


def to_signed(ids: CellIds) -> IntArray:
    """The same 64 bits as int64, which is what SQLite stores. Within a face the order is kept."""
    return ids.view(np.int64)


def from_signed(values: ArrayLike) -> CellIds:
    return np.asarray(values, dtype=np.int64).view(np.uint64)


def centres(ids: CellIds) -> tuple[FloatArray, FloatArray]:
    """Latitudes and longitudes of the cells' middles."""
    return points_within(ids, np.float64(0.5), np.float64(0.5))


def points_within(ids: CellIds, s: ArrayLike, t: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Places at fractions (s, t) in 0…1 across the cells, broadcast against the ids.

    S2's quadratic projection makes equal (s, t) areas nearly equal on the Earth (within 2.1×).
    """
    face, i, j, size = _face_ij_size(ids)
    u = _uv_of_st((i + np.asarray(s) * size) / _MAX_SIZE)
    v = _uv_of_st((j + np.asarray(t) * size) / _MAX_SIZE)
    return lat_lng_of(_xyz_of(face, u, v))


def areas_km2(ids: CellIds) -> FloatArray:
    """Areas of the cells, within 3 % at level 2 and 0.1 % from level 5 on (S2Cell::ApproxArea)."""
    face, i, j, size = _face_ij_size(ids)
    corner = [
        _unit(_xyz_of(face, _uv_of_st((i + di * size) / _MAX_SIZE), _uv_of_st((j + dj * size) / _MAX_SIZE)))
        for di, dj in ((0, 0), (1, 0), (1, 1), (0, 1))
    ]
    flat = 0.5 * np.linalg.norm(np.cross(corner[2] - corner[0], corner[3] - corner[1]), axis=-1)
    bulged = flat * 2 / (1 + np.sqrt(1 - np.minimum(flat / np.pi, 1)))
    level = levels(ids)
    # all cells of levels 0 and 1 are alike, so the average area is exact
    steradians = np.where(level < 2, 4 * np.pi / 6 / 4.0**level, bulged)
    return np.asarray(steradians * EARTH_RADIUS_KM**2)


@dataclass(frozen=True, eq=False)
class AnyPlace:
    """What an embedder makes of any place: embed takes degrees (n,) and (n,), gives directions, float32 (n,
    d); a picture's direction times that and `scale` is the logarithm of how well they fit, up to a
    constant."""

    embed: Callable[[FloatArray, FloatArray], NDArray[np.float32]]
    scale: float


@dataclass(frozen=True, eq=False)
class GalleryPoints:
    """The places that an embedder compares pictures with: degrees, how far the nearest other place is (km),
    and the class that each belongs to; arrays (rows,). any_place: what scores all others, None where nothing
    does. temperature: by which the pictures' probabilities are divided (estimate/picture_ratios.py)."""

    lat: FloatArray
    lng: FloatArray
    gap_km: FloatArray
    classes: IntArray
    any_place: AnyPlace | None = None
    temperature: float = 1.0


@dataclass(frozen=True)
class CellTable:
    """The classes of a classifier: row i is class i.

    ids: uint64 (n,), no cell inside another. lat, lng: float64 degrees (n,), the mean place of
    the training photos of each class, inside its cell but not its middle. photos: int64 (n,)
    training photos; spread_km: float64 (n,) root mean square distance of those photos from the
    mean. Either is None when nobody recorded it. gallery: of an embedder, whose classes are
    sums over these places.
    """

    ids: CellIds
    lat: FloatArray
    lng: FloatArray
    photos: IntArray | None = None
    spread_km: FloatArray | None = None
    gallery: GalleryPoints | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def levels(self) -> IntArray:
        return levels(self.ids)

    @cached_property
    def radius_km(self) -> FloatArray:
        """Radius of the disc that has each cell's area, float64 (n,)."""
        return np.sqrt(areas_km2(self.ids) / np.pi)

    @cached_property
    def suspect(self) -> NDArray[np.bool_]:
        """Leaf cells: a class of one square centimetre is a heap of photos that share a default
        coordinate (a city's middle, an uploader's setting), not a place somebody photographed."""
        return np.asarray(self.levels == MAX_LEVEL)

    @cached_property
    def _by_range(self) -> tuple[IntArray, CellIds, CellIds]:
        first, last = ranges(self.ids)
        order = np.argsort(first)
        return order, first[order], last[order]

    def classes_of(self, lat: ArrayLike, lng: ArrayLike) -> IntArray:
        """The class whose cell holds each place, −1 where no cell does."""
        return self.classes_of_ids(leaf_ids(lat, lng))

    def classes_of_ids(self, leaves: CellIds) -> IntArray:
        """As `classes_of`, for leaf ids."""
        order, first, last = self._by_range
        slot = np.searchsorted(first, leaves, side="right") - 1
        inside = (slot >= 0) & (leaves <= last[slot])
        return np.where(inside, order[slot], -1)


def _lsb(ids: CellIds) -> CellIds:
    return ids & (~ids + np.uint64(1))


def _face_uv_of(p: FloatArray) -> tuple[IntArray, FloatArray, FloatArray]:
    """The cube face that a direction meets, and where on it (S2::XYZtoFaceUV)."""
    x, y, z = p[..., 0], p[..., 1], p[..., 2]
    axis = 2 - np.argmax(np.abs(p[..., ::-1]), axis=-1)  # a tie goes to the later axis, as in S2
    depth = np.take_along_axis(p, axis[..., None], axis=-1)[..., 0]
    face = np.asarray(axis + np.where(depth < 0, 3, 0), dtype=np.int64)
    u = np.choose(face, (y, -x, -x, z, z, -y)) / depth
    v = np.choose(face, (z, z, -y, y, -x, -x)) / depth
    return face, u, v


def _xyz_of(face: IntArray, u: FloatArray, v: FloatArray) -> FloatArray:
    """The direction, not normalised, of a place on a cube face (S2::FaceUVtoXYZ)."""
    face, u, v = np.broadcast_arrays(face, u, v)
    one = np.ones_like(u)
    x = np.choose(face, (one, -u, -u, -one, v, v))
    y = np.choose(face, (u, one, -v, -v, -one, u))
    z = np.choose(face, (v, v, one, -u, -u, -one))
    return np.stack([x, y, z], axis=-1)


def _unit(p: FloatArray) -> FloatArray:
    return np.asarray(p / np.linalg.norm(p, axis=-1, keepdims=True))


def _st_of_uv(u: FloatArray) -> FloatArray:
    """S2's quadratic projection, S2::UVtoST."""
    root = np.sqrt(1 + 3 * np.abs(u))
    return np.asarray(np.where(u >= 0, 0.5 * root, 1 - 0.5 * root))


def _uv_of_st(s: FloatArray) -> FloatArray:
    return np.where(s >= 0.5, (4 * s * s - 1) / 3, (1 - 4 * (1 - s) ** 2) / 3)


def _ij_of_st(s: FloatArray) -> IntArray:
    return np.clip(np.floor(_MAX_SIZE * s).astype(np.int64), 0, _MAX_SIZE - 1)


def _ids_of_ij(face: IntArray, i: IntArray, j: IntArray) -> CellIds:
    position = face << 60
    state = face & _SWAP
    for step in reversed(range(8)):
        shift = step * _LEVELS_A_STEP
        state = _POSITION_OF[((i >> shift & 15) << 6) | ((j >> shift & 15) << 2) | state]
        position = position | ((state >> 2) << (2 * shift))
        state = state & 3
    return (position.astype(np.uint64) << np.uint64(1)) | np.uint64(1)


def _face_ij_size(ids: CellIds) -> tuple[IntArray, IntArray, IntArray, IntArray]:
    """Face, the corner with least i and j, and the edge, in leaf units."""
    ids = np.asarray(ids, dtype=np.uint64)
    face = (ids >> np.uint64(61)).astype(np.int64)
    position = (ids >> np.uint64(1)).astype(np.int64) & ((1 << 60) - 1)
    i, j = np.zeros_like(face), np.zeros_like(face)
    state = face & _SWAP
    for step in reversed(range(8)):
        shift = step * _LEVELS_A_STEP
        state = _IJ_OF[((position >> (2 * shift) & 255) << 2) | state]
        i = i | ((state >> 6) << shift)
        j = j | ((state >> 2 & 15) << shift)
        state = state & 3
    size = np.left_shift(np.int64(1), MAX_LEVEL - levels(ids))
    return face, i & -size, j & -size, size
