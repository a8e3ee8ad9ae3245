"""Fuzzes everything that touches photos, seeded with a folder of samples.

    python -m tests.fuzz.photos DIR [--files 200000] [--seed 0] [--scratch /dev/shm]

Each spoiled file gets a position; then: no error but a WriteError, no step over a second, no
more than 256 MB of memory over the start, every byte outside EXIF, XMP and lengths the same, the
EXIF block the same but for GPS, nothing left after `forget`, and undo gives the exact bytes. The first
file that breaks a rule is kept and named, with the seed that makes it again.
"""

import argparse
import collections
import contextlib
import random
import resource
import signal
import struct
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from geotagger.errors import WriteError
from geotagger.marks import Mark
from geotagger.metadata import (
    Position,
    PreparedWrite,
    commit,
    forget,
    prepare,
    prepare_removal,
    restore,
    sidecar_positions,
)
from geotagger.writing import Writing
from tests.fuzz.mutations import mutated, seeds_below

SECONDS_ALLOWED = 1.0
BYTES_ALLOWED = 256 << 20
_POSITION = Position(-33.8567844, 151.2152967, Mark("visual", 0.82, 12.5, "rn101-5k500", "7", "6b12ae"))
_TIFF_HEADERS = (b"II*\0", b"MM\0*")


class BrokenRuleError(Exception):
    """A file that shows a fault of ours."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("samples", type=Path)
    parser.add_argument("--files", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, metavar="N", help="start at file number N")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--scratch", type=Path, default=None)
    options = parser.parse_args()
    seeds = seeds_below(options.samples)
    if not seeds:
        sys.exit(f"{options.samples}: no samples below it")
    warnings.simplefilter("error")
    _limit_memory()
    outcomes: collections.Counter[str] = collections.Counter()
    slowest = 0.0
    start = time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.scratch) as folder:
        number = options.first - 1
        for number in range(options.first, options.files):
            if time.monotonic() - start > options.seconds:
                break
            suffix, data = mutated(seeds, random.Random(f"{options.seed}/{number}"))
            try:
                began = time.monotonic()
                outcomes[checked(Path(folder), suffix, data)] += 1
                slowest = max(slowest, time.monotonic() - began)
            except Exception:
                kept = Path(tempfile.gettempdir()) / f"fuzz-{options.seed}-{number}{suffix}"
                kept.write_bytes(data)
                print(f"broken by file {number} of seed {options.seed}, kept as {kept}", flush=True)
                raise
            if number % 5_000 == 4_999:
                rate = (number + 1 - options.first) / (time.monotonic() - start)
                print(
                    f"{number + 1} files, {rate:.0f}/s, slowest {slowest:.3f} s, {dict(outcomes)}", flush=True
                )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    done = sum(outcomes.values())
    print(f"done: {done} files from {len(seeds)} samples, slowest {slowest:.3f} s, peak {peak} MB")
    print(f"outcomes: {dict(outcomes)}")


def checked(folder: Path, suffix: str, data: bytes) -> str:
    """Writes, compares, undoes and forgets one file; what became of it. Raises BrokenRuleError."""
    path = folder / f"photo{suffix}"
    path.write_bytes(data)
    try:
        with _within_a_second():
            try:
                prepared = prepare(str(path), _POSITION, Writing("exif", overwrite=True, durable=False))
            except WriteError:
                _expect(path.read_bytes() == data, "a refused file was changed")
                return "refused"
        with _within_a_second():
            commit(prepared)
        new = path.read_bytes()
        compare(data, new, prepared)
        with _within_a_second():
            sidecar_positions(str(path))
            outcome = restore(prepared.edit, durable=False)
        _expect(outcome.status == "restored" and path.read_bytes() == data, "undo did not restore")
        path.write_bytes(new)
        with _within_a_second(), contextlib.suppress(WriteError):
            forget(str(path), durable=False)
            _expect(prepare_removal(str(path), durable=False) is None, "not forgotten")
        return "written"
    finally:
        leftovers = [p.name for p in folder.iterdir() if p != path]
        for left in folder.iterdir():
            left.unlink()
        _expect(not leftovers, f"left behind: {leftovers}")


def compare(old: bytes, new: bytes, prepared: PreparedWrite) -> None:
    """That only what may change has changed."""
    removed = sum(len(p.old) for p in prepared.edit.patches)
    _expect(removed <= 70_000, f"{removed} bytes of the photo were replaced")
    if old[:2] == b"\xff\xd8":
        _expect(_other_segments(old) == _other_segments(new), "another segment or the scan data changed")
        before, after = _exif_blocks(old), _exif_blocks(new)
        if len(after) > len(before):
            _expect(all(block in after for block in before), "an EXIF block changed besides the new one")
        else:
            for one, other in zip(before, after, strict=True):
                _compare_blocks(one, other)
    elif old[:4] in _TIFF_HEADERS:
        _compare_blocks(old, new)


def _compare_blocks(old: bytes, new: bytes) -> None:
    """The old block stands at the start of the new one but for a few bytes, and IFD0 is the same but
    for GPS. What a spoiled pointer finds behind the block's end is nobody's metadata."""
    differing = [i for i in range(0, len(old), 512) if old[i : i + 512] != new[i : i + 512]]
    changed = sum(a != b for i in differing for a, b in zip(old[i : i + 512], new[i : i + 512], strict=False))
    _expect(changed <= 4096, f"{changed} bytes of the EXIF block changed in place")
    _expect(_first_directory(old) == _first_directory(new), "IFD0 differs besides GPS")


def _first_directory(block: bytes) -> tuple[list[bytes], bytes]:
    order = "<" if block[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", block.ljust(8, b"\0"), 4)
    if not 8 <= first <= len(block) - 2:
        return [], b""
    (count,) = struct.unpack_from(order + "H", block, first)
    end = first + 2 + 12 * count
    entries = [block[i : i + 12] for i in range(first + 2, end, 12)]
    gps = struct.pack(order + "H", 0x8825)
    following = block[end : end + 4]
    return [e for e in entries if e[:2] != gps], following if len(following) == 4 else bytes(4)


def _exif_blocks(data: bytes) -> list[bytes]:
    blocks = [data[at + 10 : end] for at, end in _segments(data) if data[at + 4 : at + 10] == b"Exif\0\0"]
    return [b for b in blocks if b[:4] in _TIFF_HEADERS]


def _other_segments(data: bytes) -> list[bytes]:
    """Everything in a JPEG but EXIF, XMP and the Multi-Picture index."""
    parts: list[bytes] = []
    last = 2
    for at, end in _segments(data):
        parts.append(data[last:at])
        segment = data[at:end]
        metadata = segment[1] == 0xE1 and (b"xif" in segment[:14].lower() or b"adobe.com/xap" in segment[:40])
        if not metadata and segment[4:8] != b"MPF\0":
            parts.append(segment)
        last = end
    return [b"".join(parts), data[last:]]


def _segments(data: bytes) -> Iterator[tuple[int, int]]:
    """Start and end of every marker segment before the scan, read in another way than the product does."""
    at = 2
    while at + 4 <= len(data) and not (data[at] == 0xFF and data[at + 1] in (0xD9, 0xDA)):
        if data[at] != 0xFF or data[at + 1] in (0x00, 0xFF):
            at += 1
        elif data[at + 1] in (0x01, *range(0xD0, 0xD9)):
            at += 2
        else:
            end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            if end > len(data) or end < at + 4:
                return
            yield at, end
            at = end


@contextlib.contextmanager
def _within_a_second() -> Iterator[None]:
    def ring(*_: object) -> None:
        raise BrokenRuleError("a step took longer than a second")

    # of processor time: how busy the machine is with other work says nothing of ours
    previous = signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, SECONDS_ALLOWED)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def _limit_memory() -> None:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmSize:"):
            limit = int(line.split()[1]) * 1024 + BYTES_ALLOWED
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise BrokenRuleError(otherwise)


if __name__ == "__main__":
    main()
