"""What memory `geotagger tag` takes as the archive grows.

    python -m benchmarks.memory [--photos 10000 50000 200000] [--folder DIR] [--share 0.5]

Makes archives of so many small photos (two cameras, a hundred photos a day in one town, a phone
that writes its UTC offset and, on `--share` of all photos, its place), tags each without a model,
twice, and prints the peak of resident memory that the kernel counted (VmHWM, Linux) of the first
and of the second run, and the seconds of processor time of each.
"""

import argparse
import io
import math
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import piexif
from PIL import Image

FOLDER_SIZE = 500
PHOTOS_A_DAY = 100
FIRST_DAY = datetime(1998, 1, 1, 8)

TAG = """
import atexit, resource, sys
def tell():
    peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
    spent = resource.getrusage(resource.RUSAGE_SELF)
    print(f"peak {peak} kB, {spent.ru_utime + spent.ru_stime:.1f} s", file=sys.stderr)
atexit.register(tell)
from geotagger.cli import main
main()
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--photos", type=int, nargs="+", default=[10_000, 50_000, 200_000])
    parser.add_argument("--share", type=float, default=0.5, help="of the photos that have a place")
    parser.add_argument("--folder", type=Path, help="where to make them; the temporary folder unless told")
    arguments = parser.parse_args()
    print(
        "| photos | first run, MiB | CPU s | second run, MiB | CPU s | index, MB |\n|---|---|---|---|---|---|"
    )
    for photos in arguments.photos:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            archive, index = Path(folder) / "archive", Path(folder) / "index.db"
            make_archive(archive, photos, arguments.share)
            first, second = peak(archive, index), peak(archive, index)
            size = index.stat().st_size / 1e6
            print(
                f"| {photos:,} | {first[0]:.0f} | {first[1]:.0f} | {second[0]:.0f} | {second[1]:.1f} |"
                f" {size:.0f} |",
                flush=True,
            )


def make_archive(archive: Path, photos: int, share: float) -> None:
    for number, content in enumerate(contents(photos, share)):
        path = f"{archive}/{number // FOLDER_SIZE:05d}/IMG_{number:07d}.jpg"
        if number % FOLDER_SIZE == 0:
            os.makedirs(os.path.dirname(path))
        with open(path, "wb") as photo:
            photo.write(content)
        os.utime(path, ns=(10**18 + 1000 * number,) * 2)


def contents(photos: int, share: float) -> Iterator[bytes]:
    """JPEGs that differ in their time and place; four of five are a phone's, the fifth a camera's."""
    phone, camera = picture("Phone", "+01:00", place=True), picture("Camera", None, place=False)
    bare = picture("Phone", "+01:00", place=False)
    placed = 0
    for number in range(photos):
        day, nth = divmod(number, PHOTOS_A_DAY)
        taken = (FIRST_DAY + timedelta(days=day, minutes=5 * nth)).strftime("%Y:%m:%d %H:%M:%S").encode()
        has_place = placed < share * (number + 1)
        placed += has_place
        template = phone if has_place else camera if number % 5 == 0 else bare
        content = template.replace(b"2001:01:01 01:01:01", taken)
        if has_place:
            latitude = 48.2 + 0.05 * math.sin(day) + 0.0004 * nth
            content = content.replace(b"LATITUDE", _rational(latitude)).replace(b"LONGITUD", _rational(16.37))
        yield content


def picture(model: str, offset: str | None, *, place: bool) -> bytes:
    """A small photo whose EXIF has gaps for the time, and for the place if it has one."""
    exif: dict[str, dict[int, object]] = {
        "0th": {piexif.ImageIFD.Make: b"Testmaker", piexif.ImageIFD.Model: model.encode()},
        "Exif": {piexif.ExifIFD.DateTimeOriginal: b"2001:01:01 01:01:01"},
    }
    if offset is not None:
        exif["Exif"][piexif.ExifIFD.OffsetTimeOriginal] = offset.encode()
    gaps = [(0x4C415449, 0x54554445), (0x4C4F4E47, 0x49545544)]  # "LATITUDE" and "LONGITUD"
    if place:
        exif["GPS"] = {
            piexif.GPSIFD.GPSLatitudeRef: b"N",
            piexif.GPSIFD.GPSLatitude: [gaps[0], (0, 1), (0, 1)],
            piexif.GPSIFD.GPSLongitudeRef: b"E",
            piexif.GPSIFD.GPSLongitude: [gaps[1], (0, 1), (0, 1)],
        }
    file = io.BytesIO()
    Image.effect_noise((32, 24), 40).convert("RGB").save(file, "JPEG", exif=piexif.dump(exif))
    return file.getvalue()


def _rational(degrees: float) -> bytes:
    return round(degrees * 1_000_000).to_bytes(4, "big") + (1_000_000).to_bytes(4, "big")


def peak(archive: Path, index: Path, *more: str) -> tuple[float, float]:
    """MiB at the highest and seconds of processor time of one run, with more options."""
    words = ["tag", str(archive), "--model", "none", "--write", "none", "--index", str(index), *more]
    done = subprocess.run([sys.executable, "-c", TAG, *words], capture_output=True, text=True, check=True)
    match = re.search(r"peak (\d+) kB, ([\d.]+) s", done.stderr)
    assert match, done.stderr
    return int(match[1]) / 1024, float(match[2])


if __name__ == "__main__":
    main()
