"""What reading the facts of photos costs, against ExifTool.

    python -m benchmarks.facts [--photos 20000] [--processes 0 2 4 8] [--folder DIR]

Makes so many small JPEGs (two cameras, half of them with GPS), and measures in turn, each in a process of its
own, best of three: `exiftool -fast2 -r` of the times and places of them; and what a first run of `tag` does
before it concludes anything: list them, read their facts, those of their sidecars, and record them in an
index, on threads alone (0) and in so many processes. Prints photos a second on the clock, as multiples of
ExifTool's, and the peak of resident memory of all processes together.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from benchmarks.memory import make_archive

ROUNDS = 3
READ = """
import sys
from pathlib import Path
from geotagger.archive import folders
from geotagger.index import open_index
from geotagger.tag.chunks import chunks
from geotagger.tag.reading import Reader
from geotagger.tag.survey import CHUNK
with open_index(Path(sys.argv[1])) as index:
    root = index.roots.root_for(sys.argv[2])
    with Reader(index, root, (), 4, print, processes=int(sys.argv[3])) as reader:
        for changes in chunks(index.compare(root, folders([root.path])), CHUNK):
            reader.take_in(changes)
        reader.rest()
    assert index.photos.count(root.id) == int(sys.argv[4])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=int, default=20_000)
    parser.add_argument("--processes", type=int, nargs="+", default=[0, 2, 4, 8])
    parser.add_argument("--folder", type=Path, help="where to make them; the temporary folder unless told")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        archive = Path(folder) / "archive"
        make_archive(archive, arguments.photos, 0.5)
        fields = ["-DateTimeOriginal", "-OffsetTimeOriginal", "-GPSLatitude", "-GPSLongitude", "-Model"]
        ways = {"exiftool -fast2": ["exiftool", "-fast2", "-r", "-n", "-q", "-csv", *fields, str(archive)]}
        for count in arguments.processes:
            words = [str(archive), str(count), str(arguments.photos)]
            ways[f"{count} processes"] = [sys.executable, "-c", READ, "INDEX", *words]
        best: dict[str, tuple[float, float]] = {}
        for round_ in range(ROUNDS):
            for name, way in ways.items():
                index = f"{folder}/{name.split()[0]}-{round_}.db"
                seconds, peak = run([index if word == "INDEX" else word for word in way])
                best[name] = min(best.get(name, (1e9, 0.0)), (seconds, peak))
    slowest = best["exiftool -fast2"][0]
    print("| | s | photos/s | × ExifTool | peak, MiB |\n|---|---|---|---|---|")
    for name, (seconds, peak) in best.items():
        rate = arguments.photos / seconds
        print(f"| {name} | {seconds:.1f} | {rate:,.0f} | {slowest / seconds:.1f} | {peak:.0f} |")


def run(command: list[str]) -> tuple[float, float]:
    """Seconds on the clock, and the peak of the resident memory of a process and its children, in MiB."""
    begun = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peaks = [0.0]
    watch = threading.Thread(target=_watch, args=(process, peaks))
    watch.start()
    if process.wait():
        raise SystemExit(f"{command[0]} failed")
    seconds = time.monotonic() - begun
    watch.join()
    return seconds, max(peaks)


def _watch(process: "subprocess.Popen[bytes]", peaks: list[float]) -> None:
    while process.poll() is None:
        peaks.append(sum(_resident(pid) for pid in _family(process.pid)) / 1024)
        time.sleep(0.1)


def _family(pid: int) -> list[int]:
    """The process and all that it started (Linux)."""
    family = [pid]
    for one in family:
        for task in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                family += map(int, task.read_text().split())
            except OSError:
                continue
    return family


def _resident(pid: int) -> float:
    """kB; what several share counts for each."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((float(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")), 0.0)


if __name__ == "__main__":
    main()
