"""What reading a location history of gigabytes takes: seconds and memory of `geotagger tag --track`.

    python -m benchmarks.tracks [--megabytes 100 2000] [--folder DIR]

Makes a Records.json of that size (a device's points, one to two minutes apart, a third of them with guesses
of what it did), tags one photo of the time with it, and prints what `geotagger tag` took: seconds of
processor time, and the peak of resident memory that the kernel counted (VmHWM, Linux).
"""

import argparse
import random
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.memory import peak, picture

FIRST = datetime(2004, 1, 1, tzinfo=UTC)
KINDS = ("STILL", "ON_FOOT", "WALKING", "IN_VEHICLE", "ON_BICYCLE", "TILTING", "UNKNOWN")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--megabytes", type=int, nargs="+", default=[100, 2000])
    parser.add_argument("--folder", type=Path, help="where to make it; the temporary folder unless told")
    arguments = parser.parse_args()
    print("| Records.json, MB | points | CPU s | peak, MiB |\n|---|---|---|---|")
    for megabytes in arguments.megabytes:
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            archive, history = Path(folder) / "archive", Path(folder) / "Records.json"
            archive.mkdir()
            points = make_history(history, megabytes * 1_000_000)
            taken = f"{FIRST + timedelta(hours=5):%Y:%m:%d %H:%M:%S}".encode()
            bare = picture("Phone", "+01:00", place=False)
            (archive / "a.jpg").write_bytes(bare.replace(b"2001:01:01 01:01:01", taken))
            memory, seconds = peak(archive, Path(folder) / "index.db", "--track", str(history))
            print(f"| {megabytes:,} | {points:,} | {seconds:.0f} | {memory:.0f} |", flush=True)


def make_history(path: Path, size: int) -> int:
    """Writes a history of at least `size` bytes; how many points it has."""
    rng = random.Random(14)
    moment, lat, lng, written, points = FIRST, 470_000_000, 80_000_000, 0, 0
    with path.open("w") as file:
        file.write('{\n  "locations": [')
        while written < size:
            moment += timedelta(seconds=rng.choice((60, 61, 75, 120)))
            lat, lng = lat + rng.randrange(-3000, 3001), lng + rng.randrange(-3000, 3001)
            iso = f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
            guesses = ",\n".join(
                f'      {{ "type": "{kind}", "confidence": {rng.randrange(100)} }}'
                for kind in KINDS[: rng.randrange(1, 7)]
            )
            activity = f'"activity": [{{ "activity": [\n{guesses}\n    ], "timestamp": "{iso}" }}],\n    '
            entry = (
                f'{{\n    "latitudeE7": {lat},\n    "longitudeE7": {lng},\n'
                f'    "accuracy": {rng.randrange(5, 60)},\n'
                f'    {activity if rng.random() < 0.35 else ""}"source": "WIFI",\n'
                f'    "deviceTag": 1234567890,\n    "timestamp": "{iso}"\n  }}'
            )
            written += file.write(entry if points == 0 else f", {entry}")
            points += 1
        file.write("]\n}\n")
    return points


if __name__ == "__main__":
    main()
