"""What a manifest and the index of a shard may say: they come from whoever serves the shards.

A name that is a path would be written, and later removed, wherever it leads; an image said to be
gigabytes long would be made room for. Takes parsed values, touches no disk; every refusal is a
ValueError with the reason.
"""

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.tar")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LARGEST_COUNT = 1 << 48
LARGEST_SHARD = 2 << 30
"""A shard is fetched whole. 2,048 images of a megabyte."""
_LEAST_SAMPLE = 2048
"""A tar file has a header and a block for the image and for what is said of it."""


def check_shard(entry: Any) -> dict[str, Any]:
    """The fields of one shard of a manifest, as they were told."""
    if not isinstance(entry, dict):
        raise ValueError("a shard is not a table of fields")
    name = entry.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{name!r:.80} is no name of a shard: letters, digits, - _ and . before .tar")
    if not isinstance(entry.get("split"), str):
        raise ValueError(f"{name}: its split is not a word")
    for field in ("rows", "samples", "bytes"):
        _check_count(name, field, entry.get(field))
    if entry["bytes"] > LARGEST_SHARD:
        raise ValueError(f"{name}: {entry['bytes']:,} bytes are more than a shard holds")
    if entry["samples"] * _LEAST_SAMPLE > entry["bytes"]:
        raise ValueError(f"{name}: {entry['samples']:,} samples do not fit its {entry['bytes']:,} bytes")
    if not isinstance(entry.get("sha256"), str) or not _SHA256.fullmatch(entry["sha256"]):
        raise ValueError(f"{name}: its checksum is not 64 hexadecimal digits")
    skipped = entry.get("skipped")
    if not isinstance(skipped, dict):
        raise ValueError(f"{name}: what was skipped is not told by reason")
    for reason, count in skipped.items():
        _check_count(name, reason, count)
    return entry


def check_index(index: NDArray[Any], layout: np.dtype[Any], shard_bytes: int) -> NDArray[np.void]:
    """The index of a shard, every image of which lies inside the tar and every place on the Earth."""
    if index.dtype != layout or index.ndim != 1:
        raise ValueError("it is not a list of images and places")
    # as floats: the sum of two unsigned numbers could wrap round
    ends = index["offset"].astype(np.float64) + index["size"]
    if np.any(ends > shard_bytes):
        raise ValueError("an image lies beyond the end of the shard")
    # compared so that NaN is refused too
    if not (np.all(np.abs(index["latitude"]) <= 90) and np.all(np.abs(index["longitude"]) <= 180)):
        raise ValueError("a place is not on the Earth")
    return index


def _check_count(name: str, field: str, count: Any) -> None:
    if type(count) is not int or not 0 <= count < _LARGEST_COUNT:
        raise ValueError(f"{name}: {field} is not a count")
