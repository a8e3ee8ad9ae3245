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

from training.partition import PRESETS, Thresholds, partition, reference_partition

POINTS = 34_000_000


def main(path: Path) -> None:
    table = np.loadtxt(path, delimiter=",", skiprows=1)
    lat, lng = table[:, 0].copy(), table[:, 1].copy()
    print("| points | t1 | t2 | cells | seconds | peak memory | against s2sphere |")
    print("|---|---|---|---|---|---|---|")
    for thresholds in (Thresholds(5_000, 500), Thresholds(500, 50), Thresholds(50, 5)):
        started = time.perf_counter()
        cells = partition(lat, lng, thresholds)
        seconds = time.perf_counter() - started
        started = time.perf_counter()
        plain = reference_partition(lat.tolist(), lng.tolist(), thresholds)
        ratio = (time.perf_counter() - started) / seconds
        if cells.ids.tolist() != plain:
            raise SystemExit("the partitions differ")
        tell(len(lat), thresholds, len(cells), seconds, f"{ratio:.0f} × faster, the same cells")
    rng = np.random.default_rng(0)
    drawn = rng.integers(0, len(lat), POINTS)
    many_lat = np.clip(lat[drawn] + rng.normal(0, 0.02, POINTS), -90, 90)
    many_lng = (lng[drawn] + rng.normal(0, 0.02, POINTS) + 180) % 360 - 180
    del drawn
    for name, thresholds in PRESETS.items():
        started = time.perf_counter()
        cells = partition(many_lat, many_lng, thresholds)
        seconds = time.perf_counter() - started
        tell(POINTS, thresholds, len(cells), seconds, f"preset {name}")
    # the plain way on a part, for the ratio at this size: it is linear in the points
    part = 500_000
    started = time.perf_counter()
    reference_partition(many_lat[:part].tolist(), many_lng[:part].tolist(), Thresholds(74, 7))
    plain_seconds = (time.perf_counter() - started) * POINTS / part
    print(f"\ns2sphere on {part:,} of the {POINTS:,} points, scaled up: {plain_seconds:,.0f} s,")
    print(f"{plain_seconds / seconds:.0f} × as long as the last row.")


def tell(points: int, thresholds: Thresholds, cells: int, seconds: float, note: str) -> None:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    told = f"{points:,} | {thresholds.t1:,} | {thresholds.t2:,} | {cells:,} | {seconds:.2f} | {memory:.2f} GB"
    print(f"| {told} | {note} |", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
