"""The adaptive S2 partition: cells, seconds, memory, and how much faster than s2sphere's way.

    python -m benchmarks.partition ../shared/data/reference/cells/photo-coordinates-100k.csv

The 34 million points are the list's own, drawn again with a scatter of about 2 km. One core: set
OMP_NUM_THREADS=1 and taskset if others shall stay idle; nothing here uses more than one thread.
"""

import resource
import sys
import time
from pathlib import Path

import numpy as np

from geotagger.cells import CellTable
from geotagger.partition import PRESETS, Thresholds, partition, reference_partition

POINTS = 34_000_000


def main(path: Path) -> None:
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    lat, lng = table[:, 0].copy(), table[:, 1].copy()
    print("| points | t1 | t2 | cells | seconds | of one core | peak memory | against s2sphere |")
    print("|---|---|---|---|---|---|---|---|")
    for thresholds in (Thresholds(5_000, 500), Thresholds(500, 50), Thresholds(50, 5)):
        cells, seconds, core = timed(lat, lng, thresholds)
        started = time.process_time()
        plain = reference_partition(lat.tolist(), lng.tolist(), thresholds)
        ratio = (time.process_time() - started) / core
        if cells.ids.tolist() != plain:
            raise SystemExit("the partitions differ")
        tell(len(lat), thresholds, len(cells), seconds, core, f"{ratio:.0f} × faster, the same cells")
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(lat), POINTS)
    many_lat = np.clip(lat[drawn] + rng.normal(0, 0.02, POINTS), -90, 90)
    many_lng = (lng[drawn] + rng.normal(0, 0.02, POINTS) + 180) % 360 - 180
    del drawn
    for name, thresholds in PRESETS.items():
        cells, seconds, core = timed(many_lat, many_lng, thresholds)
        tell(POINTS, thresholds, len(cells), seconds, core, f"preset {name}")
    # the plain way on a part, for the ratio at this size: it is linear in the points
    part = 500_000
    started = time.process_time()
    reference_partition(many_lat[:part].tolist(), many_lng[:part].tolist(), Thresholds(74, 7))
    plain_seconds = (time.process_time() - started) * POINTS / part
    print(f"\ns2sphere on {part:,} of the {POINTS:,} points, scaled up: {plain_seconds:,.0f} s,")
    print(f"{plain_seconds / core:.0f} × as long as the last row.")


def timed(lat: np.ndarray, lng: np.ndarray, thresholds: Thresholds) -> tuple[CellTable, float, float]:
    """The cells, seconds on the clock, and seconds that a core worked: others may use it too."""
    started, began = time.process_time(), time.perf_counter()
    cells = partition(lat, lng, thresholds)
    return cells, time.perf_counter() - began, time.process_time() - started


def tell(points: int, thresholds: Thresholds, cells: int, seconds: float, core: float, note: str) -> None:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    columns = f"{points:,} | {thresholds.t1:,} | {thresholds.t2:,} | {cells:,}"
    print(f"| {columns} | {seconds:.2f} | {core:.2f} | {memory:.2f} GB | {note} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
