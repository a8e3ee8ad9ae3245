"""The recorded tracks that the owner gave once: for later runs, by root.

Of each track the hash of its file and the points that may say something of the root's photos, in time;
no others. Takes and gives tracks of the tracks room; what they say of a photo is not known here.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from geotagger.index.store import Store, now, path_column, path_of, plain_text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from geotagger.tracks import Track

WHOLE_REACH_S = 86400.0
"""All points that are as near in time to a photo are kept: a clock may yet be set right by some hours."""

ENDS_REACH_S = 7 * 86400.0
"""The last point before a photo and the first after it are kept when they are as near as this."""


_ALWAYS_BYTES, _MOST_TIMES = 64 << 10, 100
"""What packed points may unpack to: those of a device that lay still, each second the same, to 40 times."""

_STAYS, _MOMENTARY = 1.0, 2.0
"""Kinds of points: the device stayed there until the next one; somebody marked the place then. 0: neither."""


@dataclass(frozen=True, slots=True)
class RememberedTrack:
    """`points`: how many are kept. `first_utc`, `last_utc`: the span of the whole file, POSIX seconds."""

    root_id: int
    digest: str
    name: str
    path: str
    added: str
    first_utc: float
    last_utc: float
    points: int


class RememberedTracks:
    def __init__(self, store: Store) -> None:
        self._store = store

    def listed(self, root_id: int | None = None) -> list[RememberedTrack]:
        """Those of a root, or of all, without their points; in the order of time."""
        rows = self._store.rows(
            "select root_id, digest, name, path, added, first_utc, last_utc, points from tracks"
            " where ? is null or root_id = ? order by root_id, first_utc, digest",
            (root_id, root_id),
        )
        tracks = []
        for root, digest, name, path, added, *numbers in rows:
            has_numbers = all(isinstance(number, int | float) for number in numbers)
            if has_numbers and all(isinstance(text, str) for text in (digest, name, added)):
                tracks.append(RememberedTrack(root, digest, name, path_of(path), added, *numbers))
            else:
                self._store.damage.pass_over(f"the track {name!r:.60}")
        return tracks

    def of_root(self, root_id: int) -> list["Track"]:
        """Those of which points are kept."""
        from geotagger.tracks import Degrees, Track

        rows = self._store.rows(
            "select name, digest, path, places from tracks where root_id = ? and points > 0"
            " order by first_utc, digest",
            (root_id,),
        )
        tracks = []
        for name, digest, path, places in rows:
            columns = _sound(places)
            if columns is None or not isinstance(name, str):
                self._store.damage.pass_over(f"the track {name!r:.60}")  # its file can be given again
                continue
            utc, lat, lng, error_km, kind = columns
            stays, momentary = kind == _STAYS, bool((kind == _MOMENTARY).any())
            north, east = Degrees.of(lat), Degrees.of(lng)
            tracks.append(Track(name, utc, north, east, error_km, digest, path_of(path), stays, momentary))
        return tracks

    def photo_times(self, root_id: int) -> "NDArray[np.float64]":
        """POSIX seconds (n,), ascending, of the photos of a root that have a time and are there or were."""
        import numpy as np

        times = self._store.stream(
            "select utc from photos where root_id = ? and typeof(utc) in ('real', 'integer') order by utc",
            (root_id,),
        )
        return np.fromiter((utc for (utc,) in times), dtype=np.float64)

    def remember(self, root_id: int, tracks: Iterable["Track"]) -> None:
        """Keeps tracks, as far as they are within reach of the photos of the root that are there or were;
        what an older version of the same file said goes."""
        import numpy as np

        photos = self.photo_times(root_id)
        tracks = list(tracks)
        with self._store.batch():
            self._store.execute_many(
                "delete from tracks where root_id = ? and (path = ? or digest = ?)",
                [(root_id, path_column(track.path), track.digest) for track in tracks],
            )
            for track in tracks:
                near = within_reach(track.utc, photos, track.stays)
                kind = np.where(kept_stays(track.stays, near)[near], _STAYS, 0.0)
                kind[:] = _MOMENTARY if track.momentary else kind
                places = (track.utc, track.lat, track.lng, track.error_km)
                columns = np.stack([*(column[near] for column in places), kind])
                self._store.execute(
                    "insert into tracks (root_id, digest, name, path, added, first_utc, last_utc, points,"
                    " places) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                    (
                        root_id,
                        track.digest,
                        plain_text(track.name),
                        path_column(track.path),
                        now(),
                        float(track.utc[0]),
                        float(track.utc[-1]),
                        int(near.sum()),
                        _packed(columns),
                    ),
                )

    def forget(self, tracks: Iterable[RememberedTrack]) -> None:
        with self._store.batch():
            self._store.execute_many(
                "delete from tracks where root_id = ? and digest = ?",
                [(track.root_id, track.digest) for track in tracks],
            )

    def inherit(self, root_id: int, children: Sequence[int]) -> None:
        """A root took others over, and with them what their owner gave; of a track that several had, each
        has the points that its own photos need."""
        for child in children:
            for (digest,) in self._store.rows("select digest from tracks where root_id = ?", (child,)):
                values = (digest, root_id, child)
                both = self._store.rows(
                    "select places from tracks where digest = ? and root_id in (?, ?)", values
                )
                if len(both) == 1:
                    self._store.execute(
                        "update tracks set root_id = ? where digest = ? and root_id = ?",
                        (root_id, digest, child),
                    )
                    continue
                points, places = _joined([places for (places,) in both])
                self._store.execute(
                    "update tracks set points = ?, places = ? where digest = ? and root_id = ?",
                    (points, places, digest, root_id),
                )
                self._store.execute("delete from tracks where digest = ? and root_id = ?", (digest, child))


def _packed(columns: "NDArray[np.float64]") -> bytes:
    """Points as the index keeps them: columns (5, n) of utc, latitude, longitude, error in km, kind."""
    return zlib.compress(columns.astype("<f8").tobytes())


def _unpacked(places: bytes) -> "NDArray[np.float64]":
    import numpy as np

    unpacker = zlib.decompressobj()
    points = unpacker.decompress(places, _ALWAYS_BYTES + _MOST_TIMES * len(places))
    if unpacker.unconsumed_tail or not unpacker.eof:
        raise ValueError("more than points take, or less")
    return np.frombuffer(points, dtype="<f8").reshape(5, -1)


def _sound(places: object) -> "NDArray[np.float64] | None":
    """As `_unpacked`; None of a row that is not as we write them."""
    import numpy as np

    try:
        columns = _unpacked(places)  # type: ignore[arg-type]
    except (TypeError, ValueError, zlib.error):
        return None
    is_sound = (
        columns.shape[1] > 0
        and np.isfinite(columns).all()
        and (np.abs(columns[1]) <= 90).all()
        and (np.abs(columns[2]) <= 180).all()
        and (np.diff(columns[0]) >= 0).all()
    )
    return columns if is_sound else None


def _joined(parts: Sequence[bytes]) -> tuple[int, bytes]:
    """The points of all, each once, and how many they are."""
    import numpy as np

    sound = [columns for places in parts if (columns := _sound(places)) is not None]
    columns = np.concatenate([np.empty((5, 0)), *sound], axis=1)
    once = columns[:, np.unique(columns[0], return_index=True)[1]]
    return once.shape[1], _packed(once)


def kept_stays(stays: "NDArray[np.bool_]", near: "NDArray[np.bool_]") -> "NDArray[np.bool_]":
    """From which of the points that are kept to the next of them the device stayed where it was: all between
    them were of the stay."""
    import numpy as np

    kept = stays.copy()
    if not stays.any():
        return kept
    at = np.flatnonzero(near)
    left = np.zeros(len(stays) + 1, dtype=np.int32)
    np.cumsum(~stays, out=left[1:])
    kept[at[:-1]] = left[at[1:]] == left[at[:-1]]
    return kept


def within_reach(
    points: "NDArray[np.float64]", photos: "NDArray[np.float64]", stays: "NDArray[np.bool_] | None" = None
) -> "NDArray[np.bool_]":
    """Which points of a track, by their times (n,), may say something of photos at those times (m,); both
    ascending, POSIX seconds. `stays` (n,): from which the device stayed until the next, however long."""
    import numpy as np

    near = np.zeros(len(points), dtype=np.bool_)
    if not len(photos) or not len(points):
        return near
    starts = np.searchsorted(points, photos - WHOLE_REACH_S, side="left")
    ends = np.searchsorted(points, photos + WHOLE_REACH_S, side="right")
    apart = np.flatnonzero(
        starts[1:] > ends[:-1]
    )  # a location history has millions of points, so no counting
    for first, last in zip(starts[np.append(0, apart + 1)], ends[np.append(apart, -1)], strict=True):
        near[first:last] = True
    after = np.searchsorted(points, photos, side="left")
    for at in (after - 1, after):
        inside = (at >= 0) & (at < len(points))
        close = np.abs(points[at[inside]] - photos[inside]) <= ENDS_REACH_S
        if stays is not None:
            before = np.clip(after[inside] - 1, 0, len(points) - 1)
            close |= stays[before] & (after[inside] > 0)
        near[at[inside][close]] = True
    return near
