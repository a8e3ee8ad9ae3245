"""Everything that is fuzzed, one after the other, and runs that are killed: the nightly command.

    python -m tests.fuzz [--seconds 3600] [--kills 10000] [--seed N] [--samples DIR]

The seconds are shared among photos (writing and undoing), readers and damaged indexes; kills, and disks that
fail, come on top.
Every part is a process of its own, and a finding of one stops no other. Exit code 1 where there is one. The
seed is the day's number unless told, so that every night tries something else.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

from tests.fuzz.readers import READERS


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--seconds", type=float, default=3600)
    parser.add_argument("--kills", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=int(time.time() // 86_400))
    parser.add_argument("--samples", type=Path, default=Path("../shared/data/photos"))
    options = parser.parse_args()
    seed, share = str(options.seed), options.seconds / (len(READERS) + 4)
    readers = ["readers", "--files", "100000000", "--seconds", str(share), "--seed", seed]
    first = str(options.seed * 100_000)
    parts = [[*readers, "--only", name, "--samples", str(options.samples)] for name in READERS]
    parts.append(["indexes", "--indexes", "100000000", "--first", first, "--seconds", str(2 * share)])
    if options.samples.is_dir():
        photos = ["photos", str(options.samples), "--files", "100000000", "--seed", seed]
        parts.append([*photos, "--seconds", str(2 * share)])
    if options.kills:
        parts.append(["kills", "--kills", str(options.kills), "--seed", seed])
        parts.append(["faults", "--faults", str(options.kills // 5), "--seed", seed])
    findings = []
    for name, *arguments in parts:
        print(f"{name} {' '.join(arguments)}", flush=True)
        if subprocess.run([sys.executable, "-m", f"tests.fuzz.{name}", *arguments]).returncode:
            findings.append(name)
    print(f"{len(findings)} of {len(parts)} parts found something: {', '.join(findings) or 'nothing'}")
    sys.exit(bool(findings))


if __name__ == "__main__":
    main()
