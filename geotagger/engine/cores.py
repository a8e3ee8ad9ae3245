"""How many processor cores this process may use.

The machine's count is not it: the scheduler's affinity and the cgroup's quota (v2 `cpu.max`, v1
`cpu.cfs_quota_us`) both bound it, and a container that starts a thread for each core of its host
only makes them wait for each other.
"""

import functools
import math
import os
from pathlib import Path

from geotagger.engine.cgroups import MOUNTED, OWN, own_groups, text_of

_MOST_LANES = 16
"""A core that runs a batch of its own waits for no other: threads that share a batch wait for the
one that a decoder has just displaced, and lost a third of the rate so (benchmarks/RESULTS.md).
Each lane costs memory, so beyond these cores share."""


@functools.cache
def usable_cores() -> int:
    """At least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota = cgroup_quota(MOUNTED, OWN)
    return max(1, cores if quota is None else min(cores, math.ceil(quota)))


def lanes_of(cores: int) -> tuple[int, int]:
    """How many batches a CPU runs side by side, and on how many threads each."""
    per_lane = math.ceil(cores / _MOST_LANES)
    return cores // per_lane, per_lane


def cgroup_quota(root: Path, own: Path) -> float | None:
    """The fewest cores that a cgroup above this process allows, None without a limit. `root` is
    where the hierarchy is mounted, `own` lists this process's groups (cgroups(7))."""
    limits = []
    for version, folder in own_groups("cpu", root, own):
        limit = _limit_v2(folder) if version == 2 else _limit_v1(folder)
        if limit is not None and limit > 0:
            limits.append(limit)
    return min(limits, default=None)


def _limit_v2(folder: Path) -> float | None:
    quota, period = [*text_of(folder / "cpu.max").split(), "", ""][:2]
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else None


def _limit_v1(folder: Path) -> float | None:
    quota, period = (
        text_of(folder / "cpu.cfs_quota_us").strip(),
        text_of(folder / "cpu.cfs_period_us").strip(),
    )
    return int(quota) / int(period) if quota.isdecimal() and period.isdecimal() and int(period) else None
