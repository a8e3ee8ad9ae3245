"""How fast a GPS position is written: ours, one ExifTool process, exiv2, and plainly copying the files.

    python -m benchmarks.write [--files 2000] [--folder DIR] [--rounds 2]

JPEGs of 0.2–8 MB are generated with EXIF and a thumbnail. "geotagger" is the writing of `geotagger
tag`: the same number of threads, here without fsync. All writers replace the files by a rename and
sync nothing, except that exiv2 rewrites them in place; so is the limit, which copies each file and
renames the copy over it. What fsync costs is measured apart, as the command itself works: every photo
synced, folders once a group. The writers take turns, and the best of the rounds counts; ExifTool and
exiv2 have one round.
"""

import argparse
import math
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import piexif  # type: ignore[import-untyped]
from PIL import Image

from benchmarks.fidelity import write_exiftool
from geotagger.marks import Mark
from geotagger.metadata import Position, Prepared, commit, prepare, sync_folders
from geotagger.tag.writing import GROUP, WRITERS
from geotagger.writing import Writing

_POSITION = Position(-33.8567844, 151.2152967, Mark("visual", 0.82, 12.5, "rn101-5k500", "7", "6b12ae"))
_SMALLEST, _LARGEST = 200_000, 8_000_000
_EXIV2_FILES = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--folder", type=Path, default=None, help="where to work (the temporary folder)")
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="write-", dir=options.folder) as scratch:
        originals = generated(Path(scratch) / "originals", options.files)
        total = sum(p.stat().st_size for p in originals)
        print(f"{len(originals)} JPEGs, {total / len(originals) / 1e6:.2f} MB each, {total / 1e9:.2f} GB")
        rates = measured(originals, Path(scratch) / "work", options.rounds)
    for name, rate in rates.items():
        print(f"{name:<34}{1000 / rate:>8.2f} ms a file {rate:>8.0f} files/s")
    for one, other in (
        ("geotagger", "exiftool"),
        ("geotagger", "exiv2"),
        ("geotagger", "copy and rename"),
        ("geotagger", f"copy and rename, {WRITERS} threads"),
        ("geotagger, 1 thread", "exiftool"),
        ("geotagger, 1 thread", "copy and rename"),
        ("geotagger, fsync", "copy, fsync and rename"),
    ):
        print(f"{one} / {other:<40}{rates[one] / rates[other]:.2f}")


def measured(originals: list[Path], work: Path, rounds: int) -> dict[str, float]:
    """Files per second of every writer."""
    writers: dict[str, Callable[[list[Path]], object]] = {
        "copy and rename": lambda photos: side_by_side(copy_and_rename, photos, 1),
        f"copy and rename, {WRITERS} threads": lambda photos: side_by_side(copy_and_rename, photos, WRITERS),
        "geotagger": lambda photos: side_by_side(write_ours, photos, WRITERS),
        "geotagger, 1 thread": lambda photos: side_by_side(write_ours, photos, 1),
        "exiftool": write_exiftool,
        "exiv2": write_exiv2,
        "copy, fsync and rename": copy_sync_and_rename,
        "geotagger, fsync": write_ours_durably,
    }
    seconds: dict[str, float] = {}
    for number in range(rounds):
        for name, writer in writers.items():
            if number == 0 or name not in ("exiftool", "exiv2"):
                seconds[name] = min(timed(writer, originals, work), seconds.get(name, math.inf))
    return {name: len(originals) / taken for name, taken in seconds.items()}


def generated(folder: Path, count: int) -> list[Path]:
    """JPEGs of log-uniform size: a small picture with EXIF, and noise after the end of its scan."""
    folder.mkdir()
    draw = random.Random(2)
    thumbnail = folder / "thumbnail.jpg"
    Image.effect_noise((160, 120), 50).convert("RGB").save(thumbnail, quality=70)
    exif = piexif.dump(
        {
            "0th": {271: b"Maker", 272: b"Model 1", 274: 1, 306: b"2024:05:01 12:00:00"},
            "Exif": {36867: b"2024:05:01 12:00:00", 33434: (1, 250), 34855: 200, 37500: os.urandom(2000)},
            "1st": {259: 6},
            "thumbnail": thumbnail.read_bytes(),
        }
    )
    picture = folder / "picture.jpg"
    Image.effect_noise((320, 240), 80).convert("RGB").save(picture, quality=90, exif=exif)
    head = picture.read_bytes()[:-2]
    noise = os.urandom(_LARGEST).replace(b"\xff", b"\xfe")  # no marker within the scan
    photos = []
    for number in range(count):
        size = int(_SMALLEST * (_LARGEST / _SMALLEST) ** draw.random())
        photo = folder / f"{number:05d}.jpg"
        start = draw.randrange(1000)
        photo.write_bytes(head + noise[start : start + max(0, size - len(head) - 2)] + b"\xff\xd9")
        photos.append(photo)
    thumbnail.unlink()
    picture.unlink()
    return photos


def timed(writer: Callable[[list[Path]], object], originals: list[Path], work: Path) -> float:
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    copies = [work / p.name for p in originals]
    for original, copy in zip(originals, copies, strict=True):
        shutil.copyfile(original, copy)
    os.sync()  # writing back the copies is not the writer's work
    start = time.perf_counter()
    writer(copies)
    return time.perf_counter() - start


def side_by_side(write: Callable[[Path], None], photos: list[Path], threads: int) -> None:
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(write, photos):
            pass


def copy_and_rename(photo: Path) -> None:
    copy = f"{photo}.copy"
    shutil.copyfile(photo, copy)
    os.replace(copy, photo)


def copy_sync_and_rename(photos: list[Path]) -> None:
    for photo in photos:
        copy = f"{photo}.copy"
        shutil.copyfile(photo, copy)
        with open(copy, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(copy, photo)
    sync_folders([str(photos[0].parent)])


def write_ours(photo: Path) -> None:
    commit(prepare(str(photo), _POSITION, Writing("exif", durable=False)))


def write_ours_durably(photos: list[Path]) -> None:
    def durable(photo: Path) -> Prepared:
        return prepare(str(photo), _POSITION, Writing("exif"))

    with ThreadPoolExecutor(WRITERS) as pool:
        for start in range(0, len(photos), GROUP):
            prepared = list(pool.map(durable, photos[start : start + GROUP]))
            for _ in pool.map(commit, prepared):
                pass
            sync_folders(one.folder for one in prepared)


def write_exiv2(photos: list[Path]) -> None:
    """One process for many files, which is the most that exiv2 can do."""
    edits = (
        "set Exif.GPSInfo.GPSLatitudeRef Ascii S",
        "set Exif.GPSInfo.GPSLatitude Rational 33/1 51/1 244238/10000",
        "set Exif.GPSInfo.GPSLongitudeRef Ascii E",
        "set Exif.GPSInfo.GPSLongitude Rational 151/1 12/1 550681/10000",
    )
    options = [part for edit in edits for part in ("-M", edit)]
    for start in range(0, len(photos), _EXIV2_FILES):
        names = [str(p) for p in photos[start : start + _EXIV2_FILES]]
        subprocess.run(["exiv2", *options, "modify", *names], capture_output=True, check=True)


if __name__ == "__main__":
    main()
