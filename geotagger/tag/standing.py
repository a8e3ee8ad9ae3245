"""Written estimates in a run: which must be weighed again, and what becomes of those that do not hold.

Gathers what each rests on, asks `estimate.holding`, and keeps the corrections until all of the archive is
known (`tag.correcting`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geotagger.estimate.corrections import clock_shift
from geotagger.estimate.holding import (
    Present,
    Question,
    Support,
    Verdict,
    digest_of_fix,
    is_to_be_weighed,
    lacking,
    lacks_by_choice,
    verdict,
)
from geotagger.estimate.kinds.table import KINDS
from geotagger.estimate.movement import OUTING_GAP_S
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.values import Estimate, FixSeries
from geotagger.index import Index
from geotagger.index.estimates import StoredEstimate
from geotagger.index.photos import IndexedPhoto
from geotagger.tag.options import TagOptions

LACKING = "evidence that it rests on is not there"
LEFT_OUT = "this run goes without evidence that it rests on"
WAITING = "contradicted by evidence that is there"
UNSUPPORTED = "what is known today would not place it there"
UNCERTAIN = "less certain than is asked for today"


def switched_off(options: TagOptions) -> tuple[str, ...]:
    """The kinds of evidence that a run does without, but for pictures, which have their model."""
    return tuple(kind.name for kind in KINDS if kind.name not in options.kinds and kind.name != "pictures")


def is_written_estimate(photo: IndexedPhoto) -> bool:
    """Whether a place of ours, which nobody confirmed, stands in the photo or its sidecar."""
    return photo.written in ("exif", "sidecar") and not photo.is_placed_for_good


@dataclass(frozen=True)
class EvidenceToday:
    """What is there: `fixes`, those of photos that are gone as well; `tracks`; the owner's `corrections` of
    clocks; the digest of the `model`; the kinds of evidence that are switched off."""

    fixes: FixSeries
    tracks: Tracks
    corrections: Mapping[str, float]
    model: str | None
    without: tuple[str, ...]

    def support_of(self, photo: IndexedPhoto, rungs: Sequence[str] = ()) -> Support:
        """What the estimate of a photo rests on if it is made today, by these rungs."""
        camera = None if photo.facts is None else photo.facts.camera
        fixes, tracks = {}, {}
        if photo.utc is not None:
            after = int(np.searchsorted(self.fixes.utc, photo.utc, side="left"))
            for at in (after - 1, after, *self.fixes.sound_beside(after, after)):
                if 0 <= at < len(self.fixes.utc):
                    fixes[int(self.fixes.keys[at])] = self._digest(at)
            starts, ends = self._spans
            near = (starts - OUTING_GAP_S <= photo.utc) & (photo.utc <= ends + OUTING_GAP_S)
            about = [self.tracks.tracks[int(n)] for n in np.flatnonzero(near)]
            tracks = {track.digest: track.path for track in about}
        return Support(
            photo.utc,
            clock_shift(camera, self.corrections) or 0.0,
            fixes,
            tracks,
            self.model if "visual" in rungs else None,
            self.without,
        )

    @cached_property
    def _spans(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        tracks = self.tracks.tracks
        return np.array([t.utc[0] for t in tracks]), np.array([t.utc[-1] for t in tracks])

    def _digest(self, at: int) -> str:
        fixes = self.fixes
        return digest_of_fix(
            float(fixes.utc[at]),
            float(fixes.latitude[at]),
            float(fixes.longitude[at]),
            1000 * float(fixes.error_km[at]),
        )

    @cached_property
    def present(self) -> Present:
        tracks = {track.digest: track.path for track in self.tracks.tracks}
        return Present(frozenset(self.fixes.keys.tolist()), tracks, self.model, self.without)


@dataclass(frozen=True)
class StandingCorrection:
    """A written estimate that does not hold. `today`: the estimate to write in its place, None where no
    place is certain enough; `guess`: then the best there is. `outing`: when the photo's outing began."""

    photo: IndexedPhoto
    kept: StoredEstimate
    inside: float | None
    is_inside: bool
    today: Estimate | None
    guess: Estimate | None
    support: Support
    model_id: int | None
    outing: str | None


@dataclass
class Standing:
    """The written estimates of one root in one run. `all_of_them`: the settings are others than last time,
    or the owner asks; `reconsider`: he asks to correct what he is told of."""

    index: Index
    today: EvidenceToday
    reconsider: bool
    all_of_them: bool
    corrections: dict[int, StandingCorrection] = field(default_factory=dict)
    """Of estimates, by photo."""

    def wants(self, photo: IndexedPhoto) -> bool:
        """Whether a written estimate must be weighed again."""
        if self.all_of_them:
            return True
        if photo.doubt in (LACKING, WAITING, UNSUPPORTED):
            return True  # what was missing may be back, what contradicted gone
        if photo.weighed is not None:
            return photo.weighed != self.today.support_of(photo).digest
        kept = self.index.estimates.current(photo.id)
        return kept is not None and is_to_be_weighed(kept.support, self.today.support_of(photo))

    def judge(
        self,
        photo: IndexedPhoto,
        inside: float | None,
        estimate: Estimate | None,
        would_be_written: bool,
        model_id: int | None,
        outing: str | None,
    ) -> Verdict | None:
        """About one that was weighed: how certain its circle is today, and the estimate of today. None where
        the row of what was written is damaged, which was named as it was read."""
        kept = self.index.estimates.current(photo.id)
        if kept is None:
            return None
        now = self.today.support_of(photo, () if estimate is None else estimate.rungs)
        today = estimate if would_be_written else None
        question = Question(kept.estimate.confidence, inside, today, kept.support, now)
        answer = verdict(question, self.today.present, reconsider=self.reconsider)
        if answer is Verdict.CONTRADICTED:
            self.corrections[photo.id] = StandingCorrection(
                photo, kept, inside, question.is_inside, today, estimate, now, model_id, outing
            )
        elif answer is Verdict.HOLDS:
            self.index.estimates.weighed_again([(photo.id, now, None)])
        else:
            why = self._doubt(question)
            self.index.estimates.weighed_again([(photo.id, now if why == UNCERTAIN else None, why)])
        return answer

    def _doubt(self, question: Question) -> str:
        if question.before is not None and lacks_by_choice(question.before, self.today.present):
            return LEFT_OUT
        if question.before is not None and lacking(question.before, self.today.present):
            return LACKING
        return UNCERTAIN if question.is_inside else UNSUPPORTED

    def adopt(self, photo: IndexedPhoto) -> None:
        """One without a memory of what it rests on counts as supported by what is there now."""
        if photo.weighed is None:
            kept = self.index.estimates.current(photo.id)
            if kept is not None:
                now = self.today.support_of(photo, kept.estimate.rungs)
                self.index.estimates.weighed_again([(photo.id, now, kept.doubt)])
