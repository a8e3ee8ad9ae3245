"""What each rung of evidence said about a photo, in words for its owner.

Takes the places found and what lay around the photos, gives the rungs that spoke and their words.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from geotagger.estimate.cloud import Gathered
from geotagger.estimate.doubts import USUAL_DOUBT
from geotagger.estimate.movement import DAY_S, HOUR_S, FloatArray, IntArray, Movement
from geotagger.estimate.surroundings import Surroundings
from geotagger.estimate.values import RUNGS, Fix, Observation
from geotagger.gazetteer.words import country_name
from geotagger.geo import distance_km
from geotagger.text.values import PlaceRatios

_SAYS_LITTLE = 1.5
_WORTH_SAYING = 0.1
"""From which doubt on pictures are said to be doubted: that they mislead is never impossible."""
_YEAR_S = 365.25 * DAY_S

Said = tuple[str | None, str]
"""The rung that spoke, None of what is only remarked, and in words what it said."""


@dataclass(frozen=True, slots=True)
class OutingStory:
    """What is said about a whole outing: the places around it and which of them are fixes at hand, how
    probable it is that the pictures which each photo (n,) hears mislead, how many pictures there are, and
    whether they, the archive's habits and the time zones that cameras state were listened to."""

    around: Surroundings
    fixes: Mapping[int, Fix]
    movement: Movement
    doubts: FloatArray
    pictures: int
    texts: int
    classes: int
    sequence: bool
    habits: bool
    time_zone: bool


def words_of(
    story: OutingStory, photos: Sequence[Observation], rows: IntArray, gathered: Gathered, pictured: bool
) -> list[tuple[tuple[str, ...], tuple[str, ...]]]:
    """Of the photos in `rows`, whose places are `gathered` in the same order: the rungs that spoke, lowest
    first, and what each said."""
    around = story.around
    at = np.stack([around.before[rows], around.after[rows]], axis=1)
    lag = np.stack([around.lag_before[rows], around.lag_after[rows]], axis=1)
    away: FloatArray = np.zeros(at.shape)
    if len(around.fixes.lat):
        away = distance_km(
            gathered.latitude[:, None],
            gathered.longitude[:, None],
            around.fixes.lat[at],
            around.fixes.lng[at],
        )
    return [
        _words(story, photos[row], pictured, float(story.doubts[row]), *sides)
        for row, *sides in zip(rows.tolist(), at.tolist(), lag.tolist(), away.tolist(), strict=True)
    ]


def _words(
    story: OutingStory,
    photo: Observation,
    pictured: bool,
    misled: float,
    at: list[int],
    lag: list[float],
    away: list[float],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    said: list[Said] = []
    if photo.fix is not None:
        rung = photo.fix.rung
        said.append((rung, f"{rung}: a place at this time, good to {length(photo.fix.error_km)}"))
    said += _of_picture(story, photo, pictured)
    if photo.fix is None:
        said += _of_signs(story, photo, misled)
        said += _of_likeness(photo)
    said += _of_neighbours(story, photo, at, lag, away)
    said += _of_time(story, photo, has_neighbours=max(at) >= 0)
    rungs = {rung for rung, _ in said if rung is not None}
    words = [line for _, line in said]
    if story.movement.learned_from == 0 and "neighbours" in rungs:
        words.append("how far this archive moves is not learned yet: the built-in prior was used")
    return tuple(sorted(rungs, key=RUNGS.index)), tuple(words)


def _of_picture(story: OutingStory, photo: Observation, pictured: bool) -> Iterator[Said]:
    """The photo's own, and those of its outing."""
    if pictured and photo.posterior is not None:
        # the most probable class stands first, if any is listed
        leading = photo.posterior.classes[:1].tolist()
        is_class = bool(leading) and 0 <= leading[0] < story.classes
        most = float(photo.posterior.probabilities[0]) if is_class else 0.0
        yield "visual", f"visual: the leading cell holds {most:.0%} of the picture"
    if _hears(story, photo) and story.pictures > pictured:
        yield "visual", f"visual: {story.pictures} pictures of this outing were weighed together"


def _of_signs(story: OutingStory, photo: Observation, misled: float) -> Iterator[Said]:
    """Of what is written in the picture and in those of its outing, and of the doubt in all pictures."""
    if misled >= _WORTH_SAYING:
        yield None, doubt_of_pictures(misled, "visual: the pictures" if story.pictures else "text: the signs")
    if photo.text is not None:
        yield "visual", f"text: {what_text_says(photo.text)}"
    if _hears(story, photo) and story.texts > (photo.text is not None):
        yield "visual", f"text: signs in {story.texts} pictures of this outing were weighed together"


def _hears(story: OutingStory, photo: Observation) -> bool:
    """Whether what the other pictures of its outing show counts for it."""
    return story.sequence and photo.utc is not None and photo.fix is None


def _of_likeness(photo: Observation) -> Iterator[Said]:
    if photo.alike is not None:
        share = float(photo.alike.weight.sum())
        yield (
            "visual",
            f"visual: photos of yours that look like it tell its place with probability {share:.2f}",
        )
    if photo.named:
        named = " or ".join(area.words for area in photo.named[:2])
        yield "visual", f"names: its metadata says {named}"


def _of_neighbours(
    story: OutingStory, photo: Observation, at: list[int], lag: list[float], away: list[float]
) -> Iterator[Said]:
    for row, seconds, km, side in zip(at, lag, away, ("before", "after"), strict=True):
        fix = story.fixes.get(row)
        if row < 0 or (fix is not None and fix is photo.fix):
            continue
        source = "a point of a track" if fix is not None and fix.rung == "track" else "a photo with a place"
        doubt = "" if fix is None else doubt_of(fix.age_s, fix.doubt)
        yield (
            "neighbours",
            f"neighbours: {source} {span(seconds)} {side}, {length(km)} from the estimate{doubt}",
        )


def _of_time(story: OutingStory, photo: Observation, *, has_neighbours: bool) -> Iterator[Said]:
    """Of its time and zone, and of what is not known for want of them."""
    if photo.utc is not None and photo.other_utc is not None:
        both = " or ".join(f"{at:%Y-%m-%d %H:%M}" for at in map(_moment, (photo.utc, photo.other_utc)))
        yield None, f"time: {both} UTC: what it says of its time fits both, and both are weighed"
    if story.time_zone and photo.utc_offset_s is not None and photo.utc is not None and photo.fix is None:
        yield None, f"time zone: the camera's clock is set to {offset(photo.utc_offset_s)}"
    if photo.utc is None:
        yield None, "no time is known: neither neighbours nor tracks can speak"
        if len(story.movement.utc) and photo.fix is None and story.habits:
            yield "neighbours", "neighbours: the places that this archive visits most"
    elif not has_neighbours:
        yield None, "no geotagged photo with a time: neighbours cannot speak"


def what_text_says(text: PlaceRatios) -> str:
    """Of countries alone: what stands there, town names included, is for nobody to keep."""
    best = sorted(text.countries, key=lambda one: -one[1])
    if not best or best[0][1] < _SAYS_LITTLE:
        place = ", but names a place" if text.towns else ""
        return f"what stands in the picture says little of the country{place}"
    codes = [code.partition(".")[0] for code, factor in best[:4] if factor >= best[0][1] / 2]
    leading = [country_name(code) for code in dict.fromkeys(codes)]
    place = ", and names a place" if text.towns else ""
    return f"what stands in the picture speaks for {' or '.join(leading)}{place}"


def doubt_of_pictures(doubt: float, which: str) -> str:
    """Of what contradicts the fixes and habits."""
    return (
        f"{which} contradict all else that is known: they mislead with probability {doubt:.2f}, "
        "and count so much less"
    )


def doubt_of(age_s: float, doubt: float) -> str:
    """What is wrong with a fix, behind its other words; nothing of most."""
    words = ""
    if age_s:
        side = "older" if age_s > 0 else "younger"
        words = f"; by its GPS time stamp {span(abs(age_s))} {side} than its photo"
    if doubt > USUAL_DOUBT:
        words += f"; with probability {doubt:.1g} a place out of date, repeated for hours or out of reach"
    return words


def _moment(utc: float) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=utc)


def offset(seconds: float) -> str:
    """An offset from UTC as it is written: `UTC+09:00`."""
    hours, minutes = divmod(round(abs(seconds) / 60), 60)
    return f"UTC{'-' if seconds < 0 else '+'}{hours:02d}:{minutes:02d}"


def length(km: float) -> str:
    """A distance in words: metres below one kilometre, "1,170 km" from a thousand on."""
    if km < 1:
        return f"{1000 * km:.0f} m"
    return f"{km:.3g} km" if km < 999.5 else f"{round(km, -1):,.0f} km"


def span(seconds: float) -> str:
    """A duration in the unit that reads best."""
    for unit, length in (("years", _YEAR_S), ("days", DAY_S), ("h", HOUR_S), ("min", 60.0)):
        if seconds >= 2 * length or (unit in ("h", "min") and seconds >= length):
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
