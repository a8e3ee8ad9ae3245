"""Fetching the two networks alone (`geotagger models pull text`), without what rapidocr brings.

Takes a folder or the address of one with them, or else the address of each that rapidocr publishes; leaves
both where `find_networks` looks, checked by their SHA-256.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from geotagger.errors import UsageError
from geotagger.model.download import Progress, fetch, forget
from geotagger.text.networks import BYTES, DETECTOR, RECOGNISER, SHA256, sha256_of, text_folder

_BASE = "https://www.modelscope.cn/models/RapidAI/RapidOCR/resolve/v3.10.0/onnx/PP-OCRv6"
ADDRESSES = {DETECTOR: f"{_BASE}/det/{DETECTOR}", RECOGNISER: f"{_BASE}/rec/{RECOGNISER}"}


def pull_networks(source: str | None, downloads: Path, progress: Callable[[str], Progress] | None) -> Path:
    """Gives the folder that they are in. Raises DownloadError, UsageError; what was there stays then."""
    mirror = source if is_address(source) else None
    folder = text_folder()
    folder.mkdir(parents=True, exist_ok=True)
    for name, published in ADDRESSES.items():
        address = published if mirror is None else f"{mirror.rstrip('/')}/{name}"
        if source is not None and mirror is None:
            whole = _in_folder(Path(source) / name)
        else:
            whole = fetch(
                address,
                downloads,
                expected_bytes=BYTES[name],
                expected_sha256=SHA256[name],
                progress=progress(address) if progress else None,
            ).path
        unfinished = folder / f".{name}.unfinished"
        shutil.copyfile(whole, unfinished)
        unfinished.replace(folder / name)
        if source is None or mirror is not None:
            forget(address, downloads)
    return folder


def is_address(source: str | None) -> bool:
    return source is not None and source.startswith(("http://", "https://"))


def _in_folder(path: Path) -> Path:
    if not os.path.isfile(path):
        raise UsageError(f"{path}: is not there; rapidocr 3.10 has it among its models")
    stat = path.stat()
    if sha256_of(path, stat.st_size, stat.st_mtime_ns) != SHA256[path.name]:
        raise UsageError(f"{path}: is not the network that is known; nothing was installed")
    return path
