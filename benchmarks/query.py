"""How fast the index answers, and how fast the commands that ask it start.

    python -m benchmarks.query [--photos 1000000]

Makes an index of so many photos around 20,000 places, asks for discs of several sizes through
the R*Tree and by looking at every photo, and starts `geotagger --help` and
`geotagger query` against `python -c pass`. Prints milliseconds and ratios, best of five.
"""

import argparse
import functools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from geotagger import cells
from geotagger.index import Index, open_index
from geotagger.index.distance import distance_sql
from geotagger.index.search import Near, Query, search

ROUNDS = 5
PROGRAM = "from geotagger.cli import main; main()"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=int, default=1_000_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.db"
        with open_index(path) as index:
            fill(index, arguments.photos)
        print(f"{arguments.photos} photos, {path.stat().st_size / 1e6:.0f} MB, best of {ROUNDS}")
        with open_index(path, mode="read") as index:
            for radius in (1.0, 25.0, 250.0, 2500.0):
                compare(index, radius)
        start_up(path)


def fill(index: Index, photos: int) -> None:
    rng = np.random.default_rng(1)
    town = rng.integers(0, 20_000, photos)
    lat = np.degrees(np.arcsin(rng.uniform(-0.7, 0.9, 20_000)))[town] + rng.normal(0, 0.02, photos)
    lng = rng.uniform(-179, 179, 20_000)[town] + rng.normal(0, 0.02, photos)
    lat[0], lng[0] = 48.8584, 2.2945
    leaves = cells.to_signed(cells.leaf_ids(lat, lng)).tolist()
    root = index.roots.root_for("/")
    folder = index.photos.folder_id(root, "")
    with index.batch():
        index.store.execute_many(
            "insert into photos (id, root_id, folder_id, path, size, mtime_ns, sidecar_mtime_ns)"
            " values (?, ?, ?, ?, 1, 1, 0)",
            ((n + 1, root.id, folder, f"{n:07d}.jpg") for n in range(photos)),
        )
        index.store.execute_many(
            "insert into estimates"
            " (photo_id, rung, current, latitude, longitude, leaf, radius_km, confidence)"
            " values (?, 'camera', 1, ?, ?, ?, 0.01, 1.0)",
            zip(range(1, photos + 1), lat.tolist(), lng.tolist(), leaves, strict=True),
        )


def compare(index: Index, radius: float) -> None:
    near = Near(48.8584, 2.2945, radius)
    store = index.store
    by_index, hits = best(lambda: sum(1 for _ in search(store, Query(near=near))))
    distance = distance_sql(store.connection, near.latitude, near.longitude)
    plain = (
        "select count(*) from estimates join photos on photos.id = photo_id"
        f" where current = 1 and missing_since is null and {distance} <= ?"
    )
    by_scan, same = best(lambda: int(store.row(plain, (radius,))[0]))
    assert hits == same
    print(
        f"within {radius:6.0f} km: {hits:7d} photos, {1e3 * by_index:8.1f} ms; "
        f"looking at every photo {1e3 * by_scan:7.0f} ms: {by_scan / by_index:6.1f} ×"
    )


def start_up(index_file: Path) -> None:
    ways = {
        "python -c pass": ["-c", "pass"],
        "geotagger --help": ["-c", PROGRAM, "--help"],
        "geotagger query": ["-c", PROGRAM, "query", "--near", "48.8584,2.2945", "--radius", "1", "--json"],
        "geotagger query, by name": [
            "-c",
            PROGRAM,
            "query",
            "--near",
            "Paris, FR",
            "--radius",
            "1",
            "--json",
        ],
    }
    base = 0.0
    for name, words in ways.items():
        more = ["--index", str(index_file)] if "query" in words else []
        command = [sys.executable, *words, *more]
        seconds, _ = best(functools.partial(_run, command))
        base = base or seconds
        print(f"{name:25s} {seconds:6.3f} s  {seconds / base:5.1f} × python -c pass")


def _run(command: list[str]) -> int:
    return subprocess.run(command, capture_output=True, check=True).returncode


def best(ask: Callable[[], int]) -> tuple[float, int]:
    least, answer = float("inf"), 0
    for _ in range(ROUNDS):
        start = time.perf_counter()
        answer = ask()
        least = min(least, time.perf_counter() - start)
    return least, answer


if __name__ == "__main__":
    main()
