"""What looking through an unchanged archive costs, against `find -printf '%s %T@ %p'`.

    python -m benchmarks.rescan [--files 200000] [--folder DIR] [--whole] [--pack PACK]

Makes so many small photos in folders of 500 (on the disk of DIR), remembers them in an index, and
measures in turn, each in a process of its own and best of seven: `find`; the walk and the
comparison with the index, start of Python included; with `--whole` also `geotagger tag` of the
archive tagged before (which takes minutes, once), without a model and, where one is given, with
it. The photos know their places, so that tagging them once does not take the network hours. Prints
seconds on the clock and of processor time, and both as multiples of `find`'s.
"""

import argparse
import io
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import piexif
from PIL import Image

FOLDER_SIZE = 500
ROUNDS = 7

RESCAN = """
import sys
from pathlib import Path
from geotagger.archive import folders
from geotagger.index import open_index
with open_index(Path(sys.argv[1])) as index:
    root = index.roots.root_for(sys.argv[2])
    comparison = index.compare(root, folders([root.path]))
    changes = sum(1 for _ in comparison)
    assert changes == 0 and comparison.unchanged == int(sys.argv[3]), (changes, comparison.unchanged)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument(
        "--folder", type=Path, help="where to make the photos; the temporary folder unless told"
    )
    parser.add_argument("--whole", action="store_true", help="measure `geotagger tag` too")
    parser.add_argument("--pack", type=Path, help="a model with which to measure it, besides without")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        archive, index = Path(folder) / "archive", Path(folder) / "index.db"
        make_archive(archive, arguments.files)
        remember(archive, index)
        ways = {
            "find": ["find", str(archive), "-printf", "%s %T@ %p\n"],
            "walk and compare": [
                sys.executable,
                "-c",
                RESCAN,
                str(index),
                str(archive),
                str(arguments.files),
            ],
        }
        if arguments.whole:
            tag = [sys.executable, "-c", "from geotagger.cli import main; main()", "tag", str(archive)]
            for number, model in enumerate(["none", *([arguments.pack] if arguments.pack else [])]):
                index_file = f"{folder}/tagged-{number}.db"
                way = [*tag, "--model", str(model), "--write", "none", "--index", index_file]
                subprocess.run(way, check=True, capture_output=True)
                ways["tag --model none" if model == "none" else "tag with a model"] = way
        kind = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=True)
        print(f"{arguments.files} unchanged files on {kind.stdout.strip()}, best of {ROUNDS}")
        taken = measured(ways)
        clock_of_find, processor_of_find = taken["find"]
        for name, (clock, processor) in taken.items():
            print(
                f"{name:20s} {clock:6.3f} s {clock / clock_of_find:6.2f} × find on the clock;"
                f" processor time {processor:6.3f} s {processor / processor_of_find:6.2f} ×"
            )


def make_archive(archive: Path, files: int) -> None:
    pixels = io.BytesIO()
    place = {
        piexif.GPSIFD.GPSLatitudeRef: b"N",
        piexif.GPSIFD.GPSLatitude: [(48, 1), (12, 1), (0, 1)],
        piexif.GPSIFD.GPSLongitudeRef: b"E",
        piexif.GPSIFD.GPSLongitude: [(16, 1), (22, 1), (0, 1)],
    }
    Image.new("RGB", (16, 16)).save(pixels, "JPEG", exif=piexif.dump({"GPS": place}))
    content = pixels.getvalue()
    for number in range(files):
        nth = number // FOLDER_SIZE
        path = f"{archive}/{2000 + nth // 20}/{nth:04d}/IMG_{number:06d}.jpg"
        if number % FOLDER_SIZE == 0:
            os.makedirs(os.path.dirname(path))
        with open(path, "wb") as photo:
            photo.write(content)


def remember(archive: Path, index_file: Path) -> None:
    from geotagger.archive import folders
    from geotagger.index import open_index
    from geotagger.index.photos import Record
    from geotagger.photo.values import Facts

    facts = Facts("jpeg", 16, 16)
    start = time.perf_counter()
    with open_index(index_file) as index:
        root = index.roots.root_for(str(archive))
        records: list[Record] = []
        for change in index.compare(root, folders([root.path])):
            records.append(Record(change.entry, facts))
            if len(records) == 5000:
                index.photos.record(root, records)
                records.clear()
        index.photos.record(root, records)
        index.seal(root)
    print(f"remembered in {time.perf_counter() - start:.1f} s, {index_file.stat().st_size / 1e6:.0f} MB")


def measured(ways: dict[str, list[str]]) -> dict[str, tuple[float, float]]:
    """Seconds on the clock and of processor time, the least of all rounds of each."""
    best = dict.fromkeys(ways, (float("inf"), float("inf")))
    for _ in range(ROUNDS):
        for name, command in ways.items():
            before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            clock, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
            processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            best[name] = min(best[name][0], clock), min(best[name][1], processor)
    return best


if __name__ == "__main__":
    main()
