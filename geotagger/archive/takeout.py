"""Which JSON file of a Google Takeout belongs to which photo: by names only.

Takeout writes `IMG.jpg.json`, since 2024 `IMG.jpg.supplemental-metadata.json` (in the language of the
account), cut so that the whole name has 51 characters, and numbers doubles before or behind the extension:
`IMG(1).jpg` has `IMG.jpg(1).json`. Edited copies and the film of a Live Photo have none of their own and
share that of the photo. What the file says is the metadata room's affair.
"""

import functools
import os
import re
import time
import unicodedata
from bisect import bisect_left
from collections.abc import Iterable, Iterator

TAKEOUT_EXTENSION = "json"

_CUT_AT = range(40, 48)
"""Lengths of a cut name without `.json`: 46 units of Takeout's, fewer letters of some scripts."""
_NUMBERED = re.compile(r"(.*)\((\d{1,4})\)")
_WORDS = re.compile(r"[^.\d()\[\]~_]*")
"""Letters of any script with their marks, spaces, hyphens, apostrophes."""
_EDITS = (
    *("edited", "effects", "smile", "mix", "collage", "animation"),
    *("bearbeitet", "bewerkt", "bewerk", "redigerad", "redigeret", "redigert", "muokattu", "breytt"),
    *("modifié", "modifi", "modificato", "ha editado", "editado", "editada", "editat", "editatua"),
    *("edytowane", "upraveno", "upravené", "szerkesztve", "urejeno", "uređeno", "redaguota", "rediģēts"),
    *("muudetud", "düzenlendi", "επεξεργασμένο", "изменено", "отредактировано", "відредаговано"),
    *("редактирано", "уређено", "সম্পাদিত", "संपादित", "แก้ไขแล้ว", "diedit", "đã chỉnh sửa", "na-edit"),
    *("編集済み", "已修改", "已編輯", "已编辑", "수정됨", "편집됨", "נערך", "تم التعديل", "ویرایش‌شده"),
)
"""What Google Photos calls copies that it edited, in the languages of its users."""
_EDITED = re.compile(rf"(.+?)-(?:{'|'.join(map(re.escape, _EDITS))})(\(\d{{1,4}}\))?", re.IGNORECASE)
_LONGEST_NAME = 51
_OF_LIVE_PHOTOS = (".mov", ".mp4")
_OF_MOTION_PHOTOS = re.compile(r"(.+)(\.mp(?:~\d)?)")
"""The film of `PXL_1.MP.jpg` is `PXL_1.MP`, of some exports `PXL_1.MP.mp4`; of `PXL_1.jpg`, too."""
_STILLS = (".heic", ".jpg", ".jpeg")


class TakeoutNames:
    """The JSON files of one folder."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_key: dict[tuple[str, str], str] = {}
        for name in sorted(names):
            key = _folded(name.rpartition(".")[0])
            numbered = _NUMBERED.fullmatch(key)
            self._by_key.setdefault((key, ""), name)
            if numbered:
                self._by_key.setdefault((numbered[1], numbered[2]), name)
        self._sorted = sorted(self._by_key)

    def of(self, photo: str) -> tuple[str, ...]:
        """The JSON files that may be of the photo of this name, the likeliest first: other programs keep
        such files, too."""
        return tuple(dict.fromkeys(self._candidates(_folded(photo))))[:_MOST_TRIED]

    def _candidates(self, photo: str) -> Iterator[str]:
        for name in (photo, *_originals(photo)):
            yield from self._of_name(name)
            stem, extension = os.path.splitext(name)
            motion = _OF_MOTION_PHOTOS.fullmatch(name)
            stems = [name, motion[1]] if motion else [stem]
            if motion or extension in _OF_LIVE_PHOTOS or (name != photo and extension in _STILLS):
                for still in [of + still for of in stems for still in _STILLS]:
                    if still != name:
                        yield from self._of_name(still)

    def _of_name(self, photo: str) -> Iterator[str]:
        yield from self._keyed(photo, "")
        stem, extension = os.path.splitext(photo)
        numbered = _NUMBERED.fullmatch(stem)
        if numbered:
            yield from self._keyed(numbered[1] + extension, numbered[2])

    def _keyed(self, photo: str, number: str) -> Iterator[str]:
        if (photo, number) in self._by_key:
            yield self._by_key[photo, number]
        at = bisect_left(self._sorted, (photo + ".", ""))
        for key in self._sorted[at:]:
            if not key[0].startswith(photo + "."):
                break
            if key[1] == number and _WORDS.fullmatch(key[0], len(photo) + 1):
                yield self._by_key[key]
        for length in reversed(_CUT_AT):
            if length < len(photo) and (photo[:length], number) in self._by_key:
                yield self._by_key[photo[:length], number]
        bare = os.path.splitext(photo)[0]
        if (bare, number) in self._by_key:
            yield self._by_key[bare, number]


def _originals(photo: str) -> Iterator[str]:
    """What the photo was called of which this is a copy that Google Photos edited: the word for that stands
    at the end of its name, and is cut where the name has no room for it."""
    stem, extension = os.path.splitext(photo)
    if edited := _EDITED.fullmatch(stem):
        yield f"{edited[1]}{edited[2] or ''}{extension}"
        return
    numbered = _NUMBERED.fullmatch(stem)
    body, number = (numbered[1], f"({numbered[2]})") if numbered else (stem, "")
    original, hyphen, rest = body.rpartition("-")
    is_full = len(body) + len(extension) >= _LONGEST_NAME - 1
    if is_full and hyphen and original and any(word.startswith(rest) for word in _EDITS):
        yield f"{original}{number}{extension}"


def takeout_files(photo: str, max_age_s: float = 0.1) -> tuple[str, ...]:
    """The JSON files beside the photo at this path that may be its own, the likeliest first. The folder is
    listed anew when it has changed, at most every `max_age_s` seconds."""
    folder, name = os.path.split(photo)
    try:
        changed_ns = os.stat(folder or ".").st_mtime_ns
    except OSError:
        return ()
    now = time.monotonic()
    seen = _seen.get(folder)
    if seen is None or (seen[0] != changed_ns and now - seen[1] >= max_age_s):
        if len(_seen) > _MOST_SEEN:
            _seen.clear()
        seen = _seen[folder] = (changed_ns, now, _names_in(folder))
    names = () if seen[2] is None else seen[2].of(name)
    return tuple(os.path.join(folder, beside) for beside in names)


_seen: dict[str, tuple[int, float, TakeoutNames | None]] = {}
_MOST_SEEN = 64
_MOST_TRIED = 8


def _names_in(folder: str) -> TakeoutNames | None:
    try:
        with os.scandir(folder or ".") as entries:
            names = [e.name for e in entries if e.name[-5:].lower() == f".{TAKEOUT_EXTENSION}"]
    except OSError:
        return None
    return TakeoutNames(names) if names else None


@functools.lru_cache(maxsize=1024)
def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
