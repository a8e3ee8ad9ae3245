"""An edit: what undo needs to know of one changed file, small enough for a journal.

The bytes that the file lost, where they stood, and hashes that tell the old file, the new one
and any other apart. A photo of 8 MB needs a few hundred bytes. Knows nothing of formats.
"""

import base64
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import xxhash

from geotagger.marks import NamesMark, mark_anywhere
from geotagger.metadata.source import read_fully
from geotagger.metadata.splice import CopiedRange, Splice, kept_ranges

EditKind = Literal["exif", "sidecar"]
State = Literal["old", "new", "other", "missing"]

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Patch:
    """`old` goes back in place of the `new_length` bytes at `new_offset` of the new file."""

    new_offset: int
    new_length: int
    old: bytes


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one file.

    `target` is the file that changed: the photo itself (kind "exif") or its sidecar. `created`:
    there was no such file before. `kept_hash` is the XXH3 (128 bits, hexadecimal) of the bytes
    that both versions share, in order, `added_hash` of those only the new one has. `mtime_ns`
    is the old time of last change, None for a created file. `latitude`, `longitude` and
    `method` (the text of the mark) are what was written, to know it again among later changes.
    `names`: the mark (as JSON) of names of a place, which an edit wrote in place of a position.
    """

    target: str
    photo: str
    kind: EditKind
    created: bool
    patches: tuple[Patch, ...]
    old_size: int
    new_size: int
    kept_hash: str
    added_hash: str
    mtime_ns: int | None
    latitude: float | None
    longitude: float | None
    method: str | None
    names: str | None = None

    @property
    def is_removal(self) -> bool:
        """Whether it took an estimate out and wrote nothing."""
        return self.method is None and self.names is None

    @property
    def names_mark(self) -> NamesMark | None:
        """The names that it wrote; None where it wrote or removed a position."""
        return None if self.names is None else NamesMark.from_json(self.names)

    @property
    def is_estimate(self) -> bool:
        """Whether an estimate was written or taken out, and not a place of the owner written."""
        if self.is_removal:
            return True
        if (names := self.names_mark) is not None:
            return names.is_estimate
        mark = mark_anywhere(self.method or "")
        return mark is not None and mark.is_estimate

    def to_json(self) -> str:
        """Pure ASCII; names that are not UTF-8 survive as lone surrogates."""
        fields = asdict(self)
        fields["patches"] = [
            [p.new_offset, p.new_length, base64.b64encode(p.old).decode("ascii")] for p in self.patches
        ]
        return json.dumps({"version": _VERSION, **fields}, ensure_ascii=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Edit":
        """ValueError when it is not an edit, or one of a later version."""
        fields: dict[str, Any] = json.loads(text)
        if not isinstance(fields, dict) or fields.pop("version", None) != _VERSION:
            raise ValueError("not an edit that this version of geotagger can read")
        try:
            patches = tuple(
                Patch(o, n, base64.b64decode(old, validate=True)) for o, n, old in fields.pop("patches")
            )
            edit = cls(patches=patches, **fields)
            _check(edit)
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"not an edit: {error}") from None
        return edit

    def undoing(self) -> list[Splice]:
        """Splices that turn the new file into the old one."""
        return [Splice(p.new_offset, p.new_length, p.old) for p in self.patches]

    def kept(self) -> list[CopiedRange]:
        """The shared bytes: `old_offset` in the new file, `new_offset` in the old one."""
        return kept_ranges(self.undoing(), self.new_size)


def _check(edit: Edit) -> None:
    """ValueError for values that no edit has: a row of the journal may be damaged, or a stranger's."""
    names = edit.target, edit.photo
    is_sound = (
        all(isinstance(name, str) and os.path.isabs(name) and "\0" not in name for name in names)
        and edit.kind in ("exif", "sidecar")
        and isinstance(edit.created, bool)
        and all(isinstance(text, str) for text in (edit.kept_hash, edit.added_hash))
        and all(isinstance(value, float | int | None) for value in (edit.latitude, edit.longitude))
        and isinstance(edit.method, str | None)
        and isinstance(edit.names, str | None)
        and (edit.names is None or (edit.method is None and edit.names_mark is not None))
        and isinstance(edit.mtime_ns, int | None)
        and all(_is_count(n) for n in (edit.old_size, edit.new_size))
        and all(_is_count(p.new_offset) and _is_count(p.new_length) for p in edit.patches)
    )
    if not is_sound:
        raise ValueError("values that no edit has")
    end = 0
    for patch in edit.patches:
        if patch.new_offset < end:
            raise ValueError("patches that overlap")
        end = patch.new_offset + patch.new_length
    growth = sum(patch.new_length - len(patch.old) for patch in edit.patches)
    if end > edit.new_size or edit.new_size - edit.old_size != growth:
        raise ValueError("patches that do not add up to its size")


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1 << 62


def patches_of(splices: Sequence[Splice], removed: Sequence[bytes]) -> tuple[Patch, ...]:
    """What undoes the ordered splices; `removed` are the bytes that each took away."""
    patches = []
    shift = 0
    for splice, old in zip(splices, removed, strict=True):
        patches.append(Patch(splice.offset + shift, len(splice.data), old))
        shift += splice.growth
    return tuple(patches)


def state_of(edit: Edit, descriptor: int) -> State:
    """Whether an open file is the edit's new version, its old one, or something else."""
    if is_new(edit, descriptor):
        return "new"
    return "old" if is_old(edit, descriptor) else "other"


def is_new(edit: Edit, descriptor: int) -> bool:
    if os.fstat(descriptor).st_size != edit.new_size:
        return False
    added = xxhash.xxh3_128()
    for patch in edit.patches:
        added.update(read_fully(descriptor, patch.new_offset, patch.new_length))
    if added.hexdigest() != edit.added_hash:
        return False
    return hash_of_runs(descriptor, [(k.old_offset, k.length) for k in edit.kept()]) == edit.kept_hash


def is_old(edit: Edit, descriptor: int) -> bool:
    """Also true of the new version, when an edit wrote what was there already."""
    if edit.created or os.fstat(descriptor).st_size != edit.old_size:
        return False
    shift = 0
    for patch in edit.patches:
        if read_fully(descriptor, patch.new_offset + shift, len(patch.old)) != patch.old:
            return False
        shift += len(patch.old) - patch.new_length
    return hash_of_runs(descriptor, [(k.new_offset, k.length) for k in edit.kept()]) == edit.kept_hash


def hash_of_runs(descriptor: int, runs: Sequence[tuple[int, int]]) -> str:
    """XXH3 of runs (offset, length) of an open file, one after the other."""
    digest = xxhash.xxh3_128()
    buffer = memoryview(bytearray(1 << 18))
    for start, length in runs:
        offset, end = start, start + length
        while offset < end:
            count = os.preadv(descriptor, [buffer[: min(len(buffer), end - offset)]], offset)
            if not count:
                return ""  # the file is shorter than it was; no hash equals this
            digest.update(buffer[:count])
            offset += count
    return digest.hexdigest()
