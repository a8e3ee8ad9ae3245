"""Seeds and mutations for fuzzing what touches photos: real files cut small, then spoiled.

A mutation is drawn from a `random.Random`, so a seed number names a file for ever.
"""

import random
import struct
from collections.abc import Callable
from pathlib import Path

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".xmp")
_LARGEST_SEED = 32 << 10
_TAIL = 1024
_INTERESTING = (0, 1, 2, 7, 8, 12, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)


def seeds_below(folder: Path) -> list[tuple[str, bytes]]:
    """Suffix and bytes of every sample; a large one keeps its head and its last bytes."""
    seeds = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in SUFFIXES and path.is_file():
            data = path.read_bytes()
            if len(data) > _LARGEST_SEED:
                data = data[: _LARGEST_SEED - _TAIL] + data[-_TAIL:]
            seeds.append((path.suffix.lower(), data))
    return seeds


def mutated(seeds: list[tuple[str, bytes]], draw: random.Random) -> tuple[str, bytes]:
    """One spoiled file: its suffix and bytes."""
    suffix, data = draw.choice(seeds)
    spoiled = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 3, 8))):
        if not spoiled:
            break
        draw.choice(_MUTATIONS)(spoiled, draw, seeds)
    return suffix, bytes(spoiled)


def _place(data: bytearray, draw: random.Random) -> int:
    """Mostly in the head, where the structure is."""
    limit = draw.choice((64, 256, 1024, 4096, len(data)))
    return draw.randrange(min(limit, len(data)))


def _flip(data: bytearray, draw: random.Random, _: object) -> None:
    data[_place(data, draw)] ^= 1 << draw.randrange(8)


def _byte(data: bytearray, draw: random.Random, _: object) -> None:
    data[_place(data, draw)] = draw.choice(
        (0, 1, 0x7F, 0x80, 0xD8, 0xD9, 0xDA, 0xE1, 0xFF, draw.randrange(256))
    )


def _number(data: bytearray, draw: random.Random, _: object) -> None:
    code = draw.choice(("<H", ">H", "<I", ">I"))
    at, size = _place(data, draw), struct.calcsize(code)
    value = draw.choice((*_INTERESTING, len(data), len(data) - 1, draw.randrange(1 << 32)))
    data[at : at + size] = struct.pack(code, value & (1 << 8 * size) - 1)


def _cut(data: bytearray, draw: random.Random, _: object) -> None:
    del data[_place(data, draw) :]


def _remove(data: bytearray, draw: random.Random, _: object) -> None:
    at = _place(data, draw)
    del data[at : at + draw.choice((1, 2, 4, 12, 64, 1000))]


def _repeat(data: bytearray, draw: random.Random, _: object) -> None:
    at, length = _place(data, draw), draw.choice((1, 2, 4, 12, 64, 1000))
    data[at:at] = data[at : at + length]


def _graft(data: bytearray, draw: random.Random, seeds: list[tuple[str, bytes]]) -> None:
    other = draw.choice(seeds)[1]
    if other:
        at, length = draw.randrange(len(other)), draw.choice((4, 16, 200, 4000))
        to = _place(data, draw)
        data[to : to + draw.choice((0, length))] = other[at : at + length]


def _entry(data: bytearray, draw: random.Random, _: object) -> None:
    """Spoils one directory entry of the first TIFF block: tag, type, count or value."""
    start = max(data.find(b"II*\0"), data.find(b"MM\0*"))
    if start < 0 or start + 10 > len(data):
        return _flip(data, draw, None)
    order = "<" if data[start : start + 2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", data, start + 4)
    at = start + first + 2 + 12 * draw.randrange(20) + draw.choice((0, 2, 4, 8))
    if at + 4 <= len(data):
        value = draw.choice((*_INTERESTING, 0x8825, 0x8769, first, draw.randrange(len(data))))
        code = order + draw.choice("HI")
        struct.pack_into(code, data, at, value & (1 << 8 * struct.calcsize(code)) - 1)
    return None


_MUTATIONS: tuple[Callable[[bytearray, random.Random, list[tuple[str, bytes]]], None], ...] = (
    _flip, _byte, _byte, _number, _number, _entry, _entry, _entry, _cut, _remove, _repeat, _graft,
)  # fmt: skip
