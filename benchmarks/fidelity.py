"""What writing a GPS position does to the rest of a photo: ours, piexif, exiv2 and ExifTool side by side.

    python -m benchmarks.fidelity DIR [--json] [--only WRITER] [--details N]

Every photo below DIR is copied once for each writer, gets a position, and is compared with what
it was: ExifTool's whole tag dump with the embedded images, GPS and plain offsets left out, the
bytes from the first scan of a JPEG on, and ExifTool's hash of the image data elsewhere. A file is
harmed when a tag is lost or changed, image data differs, or ExifTool has a new complaint;
refused when the position is neither in it afterwards nor in a sidecar beside it, which only ours writes
where it will not write into the photo. Tags that a writer adds besides GPS are counted apart.

Seconds are of the writing alone, without fsync. Ours works as `geotagger tag` does, several photos
in hand. piexif is timed as tutorials show it, which overwrites the photo in place, and ("piexif, safe")
with the new file under a temporary name until it is complete, as the other writers but exiv2 do.
"""

import argparse
import base64
import hashlib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LATITUDE, LONGITUDE = -33.8567844, 151.2152967
SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".tif", ".tiff", ".dng",
    ".heic", ".heif", ".hif", ".avif",
}  # fmt: skip
_OFFSET = re.compile(r"(Offsets?|Start)$")
_NOT_THE_PHOTO = re.compile(
    r"File:ExifByteOrder|ExifTool:(ExifToolVersion|Now|ProcessingTime)|System:|Composite:GPS|[^:]*:GPS|GPS:"
    r"|QuickTime:MediaData|RIFF:WebPFlags|XMP-x:XMPToolkit|XMP-rdf:About|XMP-geotagger:"
)
"""Not compared: what is not in the file, what the position changes by its nature, a HEIF file's
heap of bytes (its image data is compared), the name of the last XMP writer, and our own mark."""
Tags = dict[str, list[str]]
"""Group and name, and the values of all tags so named."""


@dataclass
class Result:
    """What one writer did. `harmed` maps a file to what was harmed, `added` to the tags it gained,
    `sidecar` to why its position went into one."""

    writer: str
    seconds: float = 0.0
    harmed: dict[str, list[str]] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    sidecar: dict[str, str] = field(default_factory=dict)
    added: dict[str, list[str]] = field(default_factory=dict)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="one JSON object a writer")
    parser.add_argument("--only", action="append", choices=list(WRITERS), help="leave out the other writers")
    parser.add_argument("--details", type=int, default=10, metavar="N", help="harmed files to name a writer")
    options = parser.parse_args()
    for program in ("exiftool", "exiv2"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is not installed; it is one of the writers compared")
    results = compare(options.folder, options.only or list(WRITERS))
    if options.json:
        for result in results:
            print(json.dumps(vars(result)))
        return
    print_table(options.folder, results, options.details)


def compare(folder: Path, writers: list[str]) -> list[Result]:
    photos = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES and p.is_file())
    if not photos:
        sys.exit(f"{folder}: no photos below it")
    with tempfile.TemporaryDirectory(prefix="fidelity-") as scratch:
        originals = copied(photos, Path(scratch) / "before")
        before = dumps(originals)
        tails = {path.name: tail_hash(path) for path in originals}
        return [judged(name, photos, Path(scratch) / name, before, tails) for name in writers]


def judged(
    name: str, photos: list[Path], folder: Path, before: dict[str, Tags], tails: dict[str, str]
) -> Result:
    copies = copied(photos, folder)
    result = Result(name)
    WRITERS[name]([])  # imports are not the writer's work
    start = time.perf_counter()
    errors = WRITERS[name](copies)
    result.seconds = time.perf_counter() - start
    after = dumps(copies)
    for copy, photo in zip(copies, photos, strict=True):
        shown = str(photo)
        old, new = before[copy.name], after.get(copy.name, {})
        harm = differences(old, new)
        if tails[copy.name] != tail_hash(copy):
            harm.append("image data")
        if harm:
            result.harmed[shown] = harm
        if copy.with_name(f"{copy.name}.xmp").exists():
            result.sidecar[shown] = errors.get(copy.name, "a sidecar beside it")
        elif not holds_position(new):
            result.refused[shown] = errors.get(copy.name, "no position in it afterwards")
        gained = additions(old, new)
        if gained:
            result.added[shown] = gained
    shutil.rmtree(folder)
    return result


def copied(photos: list[Path], folder: Path) -> list[Path]:
    folder.mkdir()
    copies = []
    for number, photo in enumerate(photos):
        copy = folder / f"{number:05d}{photo.suffix}"
        shutil.copyfile(photo, copy)
        copies.append(copy)
    return copies


def dumps(copies: list[Path]) -> dict[str, Tags]:
    """ExifTool's tags of every file, each duplicate under its own name, binary values as hashes."""
    command = [
        "exiftool",
        "-j",
        "-a",
        "-u",
        "-b",
        "-n",
        "-G1:4",
        "-api",
        "requesttags=imagedatamd5",
        "-@",
        "-",
    ]
    arguments = "\n".join(str(c) for c in copies)
    run = subprocess.run(
        command, input=arguments, capture_output=True, text=True, errors="replace", check=False
    )
    records: list[dict[str, Any]] = json.loads(run.stdout or "[]")
    result: dict[str, Tags] = {}
    for record in records:
        tags: Tags = {}
        for key, value in record.items():
            if key == "SourceFile":
                continue
            tags.setdefault(re.sub(r":Copy\d+", "", key), []).append(_shortened(value))
        result[Path(record["SourceFile"]).name] = tags
    return result


def _shortened(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    if text.startswith("base64:"):
        return "sha256:" + hashlib.sha256(base64.b64decode(text[7:])).hexdigest()
    return text if len(text) < 2000 else "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def differences(old: Tags, new: Tags) -> list[str]:
    """What of `old` is not in `new`, value by value, whatever number a duplicate got."""
    changes = []
    for key in sorted(old.keys() - {"ExifTool:Warning", "ExifTool:Error"}):
        missing = Counter(old[key]) - Counter(new.get(key, []))
        if missing and not _ignored(key):
            changes.append(f"{key} {'changed' if key in new else 'lost'}")
    for key in ("ExifTool:Warning", "ExifTool:Error"):
        fresh = set(new.get(key, [])) - set(old.get(key, []))
        changes += [f"new complaint: {text}" for text in sorted(fresh) if "GPS" not in text]
    return changes


def additions(old: Tags, new: Tags) -> list[str]:
    fresh = [k for k in new if not _ignored(k) and not k.startswith("ExifTool:")]
    return sorted(k for k in fresh if Counter(new[k]) - Counter(old.get(k, [])) and k not in old)


def _ignored(key: str) -> bool:
    return bool(_NOT_THE_PHOTO.match(key) or _OFFSET.search(key))


def tail_hash(path: Path) -> str:
    """A JPEG from its first scan to the end of the file, trailers and all."""
    data = path.read_bytes()
    if data[:2] != b"\xff\xd8":
        return ""
    position = 2
    while position + 4 <= len(data):
        if data[position] != 0xFF or data[position + 1] in (0x00, 0xFF):
            position += 1
        elif data[position + 1] == 0xDA:
            return hashlib.sha256(data[position:]).hexdigest()
        elif data[position + 1] in (0x01, *range(0xD0, 0xDA)):
            position += 2
        else:
            position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return ""


def holds_position(tags: Tags) -> bool:
    """Whether EXIF tells the position that was asked for, within a metre."""
    latitudes, refs = tags.get("GPS:GPSLatitude", []), tags.get("GPS:GPSLatitudeRef", [])
    longitudes = tags.get("GPS:GPSLongitude", [])
    return any(
        ref == "S" and abs(_number(lat) + LATITUDE) < 1e-5 and abs(_number(lng) - LONGITUDE) < 1e-5
        for lat, ref, lng in zip(latitudes, refs, longitudes, strict=False)
    )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def write_ours(copies: list[Path]) -> dict[str, str]:
    from geotagger.errors import WriteError
    from geotagger.marks import Mark
    from geotagger.metadata import Position, Writing, commit, prepare
    from geotagger.tag.writing import WRITERS

    position = Position(LATITUDE, LONGITUDE, Mark("visual", 0.82, 12.5, "rn101-5k500", "7", "6b12ae"))

    def written(copy: Path) -> str | None:
        try:
            prepared = prepare(str(copy), position, Writing(overwrite=True, durable=False))
            commit(prepared)
        except WriteError as error:
            return str(error).partition(": ")[2]
        return prepared.note

    with ThreadPoolExecutor(WRITERS) as pool:
        notes = zip(copies, pool.map(written, copies), strict=True)
        return {copy.name: note for copy, note in notes if note is not None}


def write_piexif(copies: list[Path]) -> dict[str, str]:
    """The round trip that tutorials show: load, change, dump, insert."""
    return _with_piexif(copies, str)


def write_piexif_safely(copies: list[Path]) -> dict[str, str]:
    """The same; the photo stays whole until its replacement is."""
    return _with_piexif(copies, lambda copy: f"{copy}.new")


def _with_piexif(copies: list[Path], target: Callable[[Path], str]) -> dict[str, str]:
    import piexif  # type: ignore[import-untyped]

    errors = {}
    for copy in copies:
        try:
            exif = piexif.load(str(copy))
            exif["GPS"] = {
                1: b"S", 2: _dms(LATITUDE), 3: b"E", 4: _dms(LONGITUDE),
            }  # fmt: skip
            piexif.insert(piexif.dump(exif), str(copy), target(copy))
            os.replace(target(copy), copy)
        except Exception as error:  # piexif raises whatever its parsing runs into
            errors[copy.name] = f"{type(error).__name__}: {error}"
    return errors


def write_exiv2(copies: list[Path]) -> dict[str, str]:
    commands = [
        "set Exif.GPSInfo.GPSLatitudeRef Ascii S",
        f"set Exif.GPSInfo.GPSLatitude Rational {_rationals(LATITUDE)}",
        "set Exif.GPSInfo.GPSLongitudeRef Ascii E",
        f"set Exif.GPSInfo.GPSLongitude Rational {_rationals(LONGITUDE)}",
    ]
    edits = [part for command in commands for part in ("-M", command)]
    # exiv2 gives up at the first file that it cannot read, so each gets its own call
    errors = {}
    for copy in copies:
        run = subprocess.run(
            ["exiv2", *edits, "modify", str(copy)],
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if run.returncode:
            errors[copy.name] = run.stderr.strip().splitlines()[-1] if run.stderr.strip() else "failed"
    return errors


def write_exiftool(copies: list[Path]) -> dict[str, str]:
    if not copies:
        return {}
    command = [
        "exiftool", "-overwrite_original", "-q", "-n",
        f"-EXIF:GPSLatitude={abs(LATITUDE)}", "-EXIF:GPSLatitudeRef=S",
        f"-EXIF:GPSLongitude={LONGITUDE}", "-EXIF:GPSLongitudeRef=E", "-@", "-",
    ]  # fmt: skip
    arguments = "\n".join(str(c) for c in copies)
    run = subprocess.run(
        command, input=arguments, capture_output=True, text=True, errors="replace", check=False
    )
    errors = {}
    for line in run.stderr.splitlines():
        message, _, path = line.rpartition(" - ")
        if message.startswith("Error"):
            errors[Path(path).name] = message
    return errors


def _dms(angle: float) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
    total = round(abs(angle) * 3600 * 10000)
    return ((total // 36000000, 1), (total // 600000 % 60, 1), (total % 600000, 10000))


def _rationals(angle: float) -> str:
    return " ".join(f"{top}/{bottom}" for top, bottom in _dms(angle))


WRITERS: dict[str, Callable[[list[Path]], dict[str, str]]] = {
    "geotagger": write_ours,
    "piexif": write_piexif,
    "piexif, safe": write_piexif_safely,
    "exiv2": write_exiv2,
    "exiftool": write_exiftool,
}


def print_table(folder: Path, results: list[Result], details: int) -> None:
    print(
        f"{folder}\n\n{'writer':<14}{'harmed':>8}{'refused':>9}{'sidecar':>9}{'added tags':>12}{'seconds':>9}"
    )
    for result in results:
        counts = (
            f"{len(result.harmed):>8}{len(result.refused):>9}{len(result.sidecar):>9}{len(result.added):>12}"
        )
        print(f"{result.writer:<14}{counts}{result.seconds:>9.2f}")
    for result in results:
        for title, files in (
            ("harmed", result.harmed),
            ("refused", result.refused),
            ("sidecar for", result.sidecar),
            ("added to", result.added),
        ):
            for name, what in list(files.items())[:details]:
                text = what if isinstance(what, str) else f"{len(what)}: " + ", ".join(what[:6])
                print(f"  {result.writer} {title} {name}: {text[:240]}")


if __name__ == "__main__":
    main()
