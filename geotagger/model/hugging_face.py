"""Files that a Hugging Face hub holds: which address they have here, and whether this machine has them.

Honours what the hub's own library honours (huggingface_hub, "Environment variables"): HF_ENDPOINT, another
hub of the same layout; HF_TOKEN, sent to that hub alone; HF_HUB_CACHE or HF_HOME, the cache in which an
earlier download by any program may lie. Fetches nothing.
"""

import os
import re
from pathlib import Path

HUB = "https://huggingface.co"
_FILE = re.compile(re.escape(HUB) + r"/([\w.-]+)/([\w.-]+)/resolve/([\w.-]+)/([\w./-]+)")
_COMMIT = re.compile("[0-9a-f]{40}")


def address_here(address: str) -> str:
    """The address on the hub that HF_ENDPOINT names, where it is one of the hub's."""
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    return endpoint + address.removeprefix(HUB) if endpoint and _FILE.fullmatch(address) else address


def token_for(address: str) -> str | None:
    """HF_TOKEN where the catalogue's `address` is one of the hub's and a token is set."""
    return os.environ.get("HF_TOKEN") or None if _FILE.fullmatch(address) else None


def in_cache(address: str) -> Path | None:
    """The file in the hub's cache on this machine: models--OWNER--NAME/snapshots/COMMIT/PATH, of the
    commit that refs/REVISION names, or else of whatever was fetched last; of a commit that the address names,
    that alone."""
    match = _FILE.fullmatch(address)
    if not match:
        return None
    owner, name, revision, path = match.groups()
    repository = _cache_folder() / f"models--{owner}--{name}"
    snapshots = repository / "snapshots"
    if _COMMIT.fullmatch(revision):
        file = snapshots / revision / path
        return file if os.path.isfile(file) else None
    try:
        named = (repository / "refs" / revision).read_text(encoding="ascii").strip()
        if os.path.isfile(file := snapshots / named / path):
            return file
    except (OSError, ValueError):
        pass
    try:
        there = [file for revision in snapshots.iterdir() if os.path.isfile(file := revision / path)]
        return max(there, key=lambda file: file.stat().st_mtime, default=None)
    except OSError:
        return None


def stated_of(path: Path) -> str | None:
    """The SHA-256 that the hub keeps a file of its cache by: large files lie in the cache under that name,
    and the snapshots link to them."""
    name = path.resolve().name
    return name if re.fullmatch("[0-9a-f]{64}", name) else None


def _cache_folder() -> Path:
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache)
    if home := os.environ.get("HF_HOME"):
        return Path(home) / "hub"
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "huggingface" / "hub"
