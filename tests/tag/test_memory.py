"""Memory does not grow with the archive: what a run asks of the index it asks a piece at a time."""

import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from geotagger.estimate.tracks import Tracks
from geotagger.index import Index, open_index
from geotagger.index.roots import Root
from geotagger.tag.clocks import Clocks, set_times

FEW, MANY = 2_000, 12_000
A_FIX = 100
"""Bytes that a photo with a place may cost while times are resolved, old and grown arrays together."""


def resolve(index: Index, root: Root) -> None:
    for _ in set_times(index, [root], [root.id], Clocks({}, Tracks()), lambda _: None):
        pass


def go_through(index: Index, root: Root) -> None:
    for _ in index.photos.in_time(root.id):
        pass


@pytest.mark.parametrize("step", [resolve, go_through])
def test_a_longer_archive_takes_no_more_memory(tmp_path: Path, step: Callable[[Index, Root], None]) -> None:
    few, many = (_peak(tmp_path / f"{photos}.db", photos, step) for photos in (FEW, MANY))
    assert many - few < A_FIX * (MANY - FEW)


def _peak(file: Path, photos: int, step: Callable[[Index, Root], None]) -> int:
    with open_index(file) as index:
        root = _filled(index, photos)
        step(index, root)  # what is imported and cached at the first time is no growth
        index.store.execute("update photos set utc = null")
        tracemalloc.start()
        try:
            step(index, root)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def _filled(index: Index, photos: int) -> Root:
    """A phone writes its UTC offset and its place, a camera neither."""
    root = index.roots.root_for("/")
    folder = index.photos.folder_id(root, "")
    begin = datetime(2020, 1, 1)
    with index.batch():
        index.store.execute_many(
            "insert into photos (root_id, folder_id, path, size, mtime_ns, sidecar_mtime_ns, format, width,"
            " height, orientation, taken, utc_offset_s, camera, fix_latitude, fix_longitude)"
            " values (?, ?, ?, 1, 1, 0, 'jpeg', 4000, 3000, 1, ?, ?, ?, ?, ?)",
            (
                (
                    root.id,
                    folder,
                    f"{n:07d}.jpg",
                    (begin + timedelta(minutes=5 * n)).isoformat(sep=" "),
                    3600.0 if n % 3 else None,
                    "phone" if n % 3 else "camera",
                    48.2 if n % 3 else None,
                    16.4 if n % 3 else None,
                )
                for n in range(photos)
            ),
        )
    return root
