"""Places that are known of an archive hidden, and what each way of finding them says of the hidden ones.

Photos are hidden one by one at random, or whole outings at a time; the second is harder and nearer
to what a camera without a receiver needs. Takes sightings (what a photo says of itself, and its true place),
gives predictions, by `estimate/timeline.py` as in a run. Reads no files.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.estimate.certainty_correction import CertaintyCorrection
from geotagger.estimate.clock import Clocked, posix
from geotagger.estimate.kinds.table import BY_DEFAULT, listening_to
from geotagger.estimate.moments import times_of
from geotagger.estimate.movement import (
    GPS_ERROR_KM,
    MISLEADS,
    OUTING_GAP_S,
    FloatArray,
    Movement,
)
from geotagger.estimate.outing import Options
from geotagger.estimate.reference import FEWEST_REFERENCES, alike, references, spread_out
from geotagger.estimate.sampled import SampleCorrection
from geotagger.estimate.text_evidence import learned_exponent, lessons_of
from geotagger.estimate.timeline import Evidence, PhotoRecord, estimates, learned_from
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.values import Alike, Estimate, Fix, FixSeries, NamedArea, Posterior
from geotagger.evaluate.predictions import OURS, Hidden, Prediction
from geotagger.evaluate.rules import nearest_in_time, photoprism
from geotagger.text.values import PlaceRatios


@dataclass(frozen=True, slots=True)
class Sighting:
    """One photo. clocked: what it says of its time, with the place that its camera wrote, from which its
    time zone may follow. place: its own, the owner's word before a camera's before a sidecar's; where None
    is given the clocked one, known to `error_km`. named: the areas that its metadata names. text: what stands
    in its picture. is_truth: False
    for a place that may be somebody's estimate, which helps others, teaches nothing and is never hidden.
    is_photograph: False for a scan or a screenshot, which nothing is concluded about. `features`, float32
    (d,): what the network's last layer sees, where the owner's photos are to be the reference. is_companion:
    of an archive that only helps; it teaches, and is never hidden. software: what wrote it, as it says."""

    name: str
    clocked: Clocked
    error_km: float = GPS_ERROR_KM
    posterior: Posterior | None = None
    features: NDArray[np.float32] | None = None
    place: Fix | None = None
    named: tuple[NamedArea, ...] = ()
    text: PlaceRatios | None = None
    is_truth: bool = True
    is_photograph: bool = True
    is_companion: bool = False
    software: str = ""

    @property
    def own_place(self) -> Fix | None:
        if self.place is not None or self.clocked.latitude is None or self.clocked.longitude is None:
            return self.place
        return Fix(self.clocked.latitude, self.clocked.longitude, self.error_km, "camera")

    @property
    def can_be_hidden(self) -> bool:
        can_be = self.is_truth and self.is_photograph and not self.is_companion
        return can_be and self.own_place is not None


@dataclass(frozen=True, slots=True)
class Setting:
    """What is hidden and what may speak. `pictured`: as an earlier calibration corrects estimates with a
    picture. temperature: that of this archive for what pictures say. timeless: of hidden photos the time
    is hidden, too. `sampled`: as the owner's verdicts on a random sample correct all estimates. misleads:
    how often the pictures of an outing are wrong together."""

    share: float = 0.3
    whole_days: bool = False
    options: Options = field(default_factory=Options)
    clocks: Mapping[str, float] = field(default_factory=dict)
    reference: bool = False
    kinds: tuple[str, ...] = BY_DEFAULT
    pictured: CertaintyCorrection = field(default_factory=CertaintyCorrection)
    temperature: float = 1.0
    timeless: bool = False
    sampled: SampleCorrection | None = None
    misleads: float = MISLEADS


def hide(sightings: Sequence[Sighting], setting: Setting, seed: int) -> NDArray[np.bool_]:
    """Which photos lose their place: a share of those that have one, or of the days (local) on which
    there are any, with all their photos."""
    rng = np.random.default_rng(seed)
    placed = [n for n, sighting in enumerate(sightings) if sighting.can_be_hidden]
    hidden = np.zeros(len(sightings), dtype=np.bool_)
    if setting.whole_days:
        days = [s.clocked.local.date() if s.clocked.local is not None else None for s in sightings]
        dated = sorted({day for n in placed if (day := days[n]) is not None})
        taken = {dated[n] for n in rng.permutation(len(dated))[: max(1, round(setting.share * len(dated)))]}
        hidden[[n for n in placed if days[n] in taken]] = True
    else:
        chosen = rng.permutation(len(placed))[: max(1, round(setting.share * len(placed)))]
        hidden[[placed[n] for n in chosen]] = True
    return hidden


@dataclass(frozen=True)
class Trial:
    """An archive with some places hidden. hidden: bool (n,). records: what is left of what the photos say of
    their time and place; a hidden one loses its GPS time stamp too. movement: what the places that are left
    taught. evidence: all of it."""

    sightings: Sequence[Sighting]
    setting: Setting
    seed: int
    hidden: NDArray[np.bool_]
    records: Sequence[PhotoRecord]
    evidence: Evidence

    @property
    def movement(self) -> Movement:
        return self.evidence.movement


def evaluate_archive(
    sightings: Sequence[Sighting],
    setting: Setting,
    seed: int,
    *,
    tracks: Tracks | None = None,
    table: CellTable | None = None,
    hidden: NDArray[np.bool_] | None = None,
) -> list[Hidden]:
    """Hides, learns from the rest, predicts. `hidden` (n,) says what to hide in place of the setting."""
    return predicted(trial_of(sightings, setting, seed, tracks=tracks, hidden=hidden), table=table)


def trial_of(
    sightings: Sequence[Sighting],
    setting: Setting,
    seed: int,
    *,
    tracks: Tracks | None = None,
    hidden: NDArray[np.bool_] | None = None,
) -> Trial:
    """Hides, and learns from the rest."""
    tracks = tracks or Tracks()
    hidden = hide(sightings, setting, seed) if hidden is None else hidden
    rows = [_bare(s.clocked, setting.timeless) if hidden[n] else s.clocked for n, s in enumerate(sightings)]
    times = times_of(rows, setting.clocks, tracks)
    records = [
        PhotoRecord(
            n,
            reading.utc if np.isfinite(reading.utc) else None,
            reading.error_s if np.isfinite(reading.utc) else 0.0,
            row.camera,
            None if row.offset is None else row.offset.total_seconds(),
            None if hidden[n] else sightings[n].own_place,
            sightings[n].posterior if sightings[n].is_photograph else None,
            features=sightings[n].features if sightings[n].is_photograph else None,
            named=sightings[n].named if hidden[n] or sightings[n].own_place is None else (),
            text=sightings[n].text if sightings[n].is_photograph else None,
            path=sightings[n].name,
            other_utc=reading.other_utc,
            stamp_utc=None if row.gps_utc is None else posix(row.gps_utc),
            software=sightings[n].software,
        )
        for n, (row, reading) in enumerate(zip(rows, times, strict=True))
    ]
    fixes = FixSeries.of(records, lambda n: sightings[n].is_truth)
    movement = replace(
        learned_from(fixes),
        pictured=setting.pictured,
        temperature=setting.temperature,
        misleads=setting.misleads,
    )
    if setting.sampled is not None:
        movement = setting.sampled.applied_to(movement)
    options = setting.options
    if "text" in setting.kinds:
        exponent = learned_exponent(lessons_of(fixes, {n: record.text for n, record in enumerate(records)}))
        options = replace(options, text_exponent=exponent)
    evidence = Evidence(fixes, movement, tracks, None, options)
    return Trial(sightings, setting, seed, hidden, records, evidence)


def _bare(clocked: Clocked, timeless: bool) -> Clocked:
    """What a photo says that lacks its place."""
    if timeless:
        return Clocked(None, camera=clocked.camera)
    return replace(clocked, gps_utc=None, latitude=None, longitude=None, either=False)


def predicted(
    trial: Trial, *, table: CellTable | None = None, movement: Movement | None = None
) -> list[Hidden]:
    """What each method says of the hidden photos. `movement` stands in for what the trial learned."""
    sightings, hidden = trial.sightings, trial.hidden
    evidence = replace(trial.evidence, table=table, movement=movement or trial.movement)
    kinds = (*trial.setting.kinds, "reference") if trial.setting.reference else trial.setting.kinds
    seen = _alike(trial)
    said: dict[str, dict[int, Prediction]] = {}
    worded = {n for n, sighting in enumerate(sightings) if sighting.text is not None and "text" in kinds}

    def by(method: str, *voices: str) -> None:
        heard = listening_to(_speaking(evidence, voices), kinds)
        places = estimates(heard, [_silenced(record, seen, voices) for record in trial.records])
        said[method] = {
            n: Prediction(e.latitude, e.longitude, e.radius_km, e.confidence)
            for n, e in enumerate(places)
            if hidden[n] and e is not None and _spoke(e, method, n in seen, n in worded)
        }

    with_pictures = table is not None and any(s.posterior is not None for s in sightings)
    rows = list(map(int, np.flatnonzero(hidden)))
    times = {n: trial.records[n].utc for n in rows}
    said["nearest"] = nearest_in_time(evidence.fixes, times)
    said["photoprism"] = photoprism(evidence.fixes, times)
    by("neighbours", "time")
    if evidence.tracks.tracks and "tracks" in kinds:
        by("track", "time", "tracks")
    if with_pictures:
        by("visual", "pictures")
    if seen:
        by("reference", "likeness")
    if worded:
        by("text", "text")
    if with_pictures or evidence.tracks.tracks or seen or worded:
        by(OURS, "time", "tracks", "pictures", "likeness", "text")
    else:
        said[OURS] = said["neighbours"]
    return [
        Hidden(
            sightings[n].name,
            trial.seed,
            truth.latitude,
            truth.longitude,
            _lag_s(evidence.fixes, trial.records[n].utc),
            with_pictures and sightings[n].posterior is not None,
            {method: answers[n] for method, answers in said.items() if n in answers},
        )
        for n in map(int, np.flatnonzero(hidden))
        if (truth := sightings[n].own_place) is not None
    ]


def _lag_s(fixes: FixSeries, utc: float | None) -> float:
    return float(np.min(np.abs(fixes.utc - utc))) if len(fixes) and utc is not None else np.inf


def _speaking(evidence: Evidence, voices: Sequence[str]) -> Evidence:
    """The evidence of the chosen kinds. Without `time` no fix speaks; a picture alone knows nothing of how
    the archive moves either."""
    if "time" not in voices:
        evidence = replace(evidence, fixes=FixSeries.of())
    if "time" not in voices and ("pictures" in voices or "text" in voices):
        evidence = replace(evidence, movement=Movement(temperature=evidence.movement.temperature))
    if "tracks" not in voices:
        evidence = replace(evidence, tracks=Tracks())
    return evidence if "pictures" in voices else replace(evidence, table=None)


def _silenced(record: PhotoRecord, seen: Mapping[int, Alike], voices: Sequence[str]) -> PhotoRecord:
    """What the chosen kinds of evidence say of one photo."""
    if "time" not in voices:
        record = replace(record, utc=None, utc_error_s=0.0, place=None, other_utc=None)
    posterior = record.posterior if "pictures" in voices else None
    alike = seen.get(record.key) if "likeness" in voices else None
    text = record.text if "text" in voices else None
    return replace(record, posterior=posterior, alike=alike, text=text)


def _alike(trial: Trial) -> dict[int, Alike]:
    """For photos without a place what those that look like them and have one tell. Where whole days are
    hidden, what is left of an outing that ran past midnight is no reference: its pictures would
    be next to copies."""
    sightings, records = trial.sightings, trial.records
    pictures = [n for n, one in enumerate(sightings) if one.features is not None and one.is_photograph]
    rows = [n for n in pictures if records[n].place is None]
    shown = [n for n in pictures if records[n].place is not None]
    if trial.setting.whole_days:
        when = np.array(
            [records[n].utc for n in map(int, np.flatnonzero(trial.hidden)) if records[n].utc is not None]
        )
        shown = [n for n in shown if _is_apart(records[n], when)]
    if not trial.setting.reference or not rows or len(shown) < FEWEST_REFERENCES:
        return {}
    places = [place for n in shown if (place := sightings[n].own_place) is not None]
    kept = spread_out(
        np.array([place.latitude for place in places]), np.array([place.longitude for place in places])
    )
    shown, places = [shown[n] for n in kept], [places[n] for n in kept]
    gallery = references(
        np.stack([features for n in shown if (features := sightings[n].features) is not None]),
        np.array([place.latitude for place in places], dtype=np.float64),
        np.array([place.longitude for place in places], dtype=np.float64),
        np.array([np.nan if (utc := records[n].utc) is None else utc for n in shown], dtype=np.float64),
    )
    asked_about = np.stack([features for n in rows if (features := sightings[n].features) is not None])
    return dict(zip(rows, alike(gallery, asked_about), strict=True))


def _is_apart(record: PhotoRecord, when: FloatArray) -> bool:
    return record.utc is None or float(np.abs(when - record.utc).min(initial=np.inf)) > OUTING_GAP_S


def _spoke(estimate: Estimate, method: str, likened: bool, worded: bool) -> bool:
    by_photo = {OURS: True, "reference": likened, "text": worded}
    return by_photo.get(method, method in estimate.rungs)
