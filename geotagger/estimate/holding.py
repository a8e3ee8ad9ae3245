"""Whether an estimate that was written still holds: the one place that decides it.

Two rules. Evidence that is there and says something else corrects what was written; evidence that is not
there (a track that was forgotten, a folder that is not mounted, a model that is gone, a kind that is switched
off) takes nothing away. An estimate remembers what it rests on (`Support`); only when what is there has
changed since is it weighed again.

Takes supports and probabilities, gives verdicts. Knows neither how a probability is come by nor files.
"""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum

import xxhash

from geotagger.estimate.values import Estimate

HALF = 0.5
"""The circle that was written must have at least this share of the certainty that was stated."""

MOST_UNASKED = 20
MOST_SHARE_UNASKED = 0.02
"""Of an archive as many, or this share of its photos, are corrected without being asked."""


class Verdict(Enum):
    HOLDS = "holds"
    CONTRADICTED = "contradicted"
    """By evidence that is there: it is to be moved, or taken out."""
    DOUBTED = "doubted"
    """It would not be written today, for want of evidence, or because more is asked for; it stays."""


@dataclass(frozen=True, slots=True)
class Support:
    """What an estimate rests on: `utc`, the resolved time (POSIX seconds), and `clock_s`, what the owner's
    word added to it; the `fixes` next to it in time, where one is in doubt the nearest that is not, too,
    hashes of what they say by photo; the `tracks` about it, where their files were by the hash of their
    content; the digest of the `model` whose look counted; the kinds of evidence that the run was to do
    `without`. `is_whole` is False where only the clock is
    remembered, in an index from before anything else was."""

    utc: float | None
    clock_s: float
    fixes: Mapping[int, str] = field(default_factory=dict)
    tracks: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    without: tuple[str, ...] = ()
    is_whole: bool = True

    @property
    def digest(self) -> int:
        """64 bits, signed, that stand for the evidence that is no affair of a run's settings."""
        said = json.dumps(
            [
                None if self.utc is None else round(self.utc),
                self.clock_s,
                sorted(self.fixes.items()),
                sorted(self.tracks),
            ]
        )
        return xxhash.xxh3_64_intdigest(said.encode()) - (1 << 63)

    def to_json(self) -> str:
        return json.dumps(
            {
                "utc": self.utc,
                "clock_s": self.clock_s,
                "fixes": self.fixes,
                "tracks": self.tracks,
                "model": self.model,
                "without": self.without,
            }
        )

    @classmethod
    def from_json(cls, text: str) -> "Support":
        """Raises ValueError, TypeError, KeyError or AttributeError for what `to_json` did not make."""
        said = json.loads(text)
        numbers = [said["clock_s"], *([] if said.get("utc") is None else [said["utc"]])]
        if not all(isinstance(number, int | float) for number in numbers):
            raise ValueError("no numbers")
        if not all(isinstance(said.get(name, {}), dict) for name in ("fixes", "tracks")):
            raise ValueError("no table")
        return cls(
            said.get("utc"),
            said["clock_s"],
            {int(photo_id): digest for photo_id, digest in said.get("fixes", {}).items()},
            said.get("tracks", {}),
            said.get("model"),
            tuple(said.get("without", ())),
            is_whole="fixes" in said,
        )


def digest_of_fix(utc: float, latitude: float, longitude: float, error_m: float) -> str:
    """What a fix says, as a support remembers it; NaN for an error that is not known."""
    said = f"{utc:.0f} {latitude:.7f} {longitude:.7f} {error_m:.3g}"
    return xxhash.xxh3_64_hexdigest(said.encode())


@dataclass(frozen=True, slots=True)
class Present:
    """The evidence that is there: photos with a fix, those of folders that are not mounted too, since the
    index knows them; tracks as in `Support`; the digest of the model; kinds that are switched off."""

    fixes: Collection[int]
    tracks: Mapping[str, str]
    model: str | None
    without: tuple[str, ...]


def is_to_be_weighed(before: Support | None, now: Support) -> bool:
    """Whether what is there has changed since the estimate was made, or last found to hold. One without
    a memory of it counts as supported by what is there now."""
    if before is None:
        return False
    if not before.is_whole:
        return before.clock_s != now.clock_s
    return before.digest != now.digest


def lacking(before: Support, present: Present) -> bool:
    """Whether something that the estimate rests on is not there. A track of the same file with another
    content is there: it was edited."""
    files = set(present.tracks.values())
    return (
        any(photo_id not in present.fixes for photo_id in before.fixes)
        or any(digest not in present.tracks and file not in files for digest, file in before.tracks.items())
        or lacks_by_choice(before, present)
    )


def lacks_by_choice(before: Support, present: Present) -> bool:
    """Whether the run goes without a model or a kind of evidence that the estimate rests on."""
    other_model = before.model is not None and before.model != present.model
    return other_model or not set(present.without) <= set(before.without)


@dataclass(frozen=True, slots=True)
class Question:
    """A written estimate and what is known today. `stated`: its certainty; `inside`: the certainty that its
    circle gets today, None where nothing is known; `today`: the estimate of today, if it is one that would be
    written; `before` and `now`: what it rests on."""

    stated: float
    inside: float | None
    today: Estimate | None
    before: Support | None
    now: Support

    @property
    def is_inside(self) -> bool:
        """Whether the circle keeps enough of the certainty that was stated."""
        return self.inside is not None and self.inside >= HALF * self.stated


def verdict(question: Question, present: Present, *, reconsider: bool = False) -> Verdict:
    """`reconsider`: the owner wants what is not there, or asked for anew, to count as well."""
    before, is_inside = question.before, question.is_inside
    if is_inside and question.today is not None:
        return Verdict.HOLDS
    if reconsider:
        return Verdict.CONTRADICTED
    if is_inside or question.inside is None or before is None or not is_to_be_weighed(before, question.now):
        return Verdict.DOUBTED
    return Verdict.DOUBTED if lacking(before, present) else Verdict.CONTRADICTED


def must_be_asked(corrections: int, photos: int) -> bool:
    """Whether so many corrections of an archive of so many photos wait for the owner's word."""
    return corrections > MOST_UNASKED and corrections > MOST_SHARE_UNASKED * photos
