"""The places of one outing: photos that belong together in time, with what lies before and after.

Every photo without a fix gets a probability over places from the fixes around it in time and
the archive's habits (prior.py), from its own picture (states.py) and from the pictures beside it
(sequence.py), and from that an estimate.

Takes observations ordered by time, gives estimates aligned with them. Knows nothing of disks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.defaults import CERTAINTY
from geotagger.estimate.certainty_correction import CertaintyCorrection, moved_by
from geotagger.estimate.circumstances import by_time
from geotagger.estimate.cloud import Cloud, Clouds, Corrected, gather_each, probability_within
from geotagger.estimate.cloud_cells import candidates, deepest_cells, leaves_of
from geotagger.estimate.fix_table import fix_table
from geotagger.estimate.known_places import scores_of
from geotagger.estimate.misleading import doubted, misled
from geotagger.estimate.movement import FloatArray, IntArray, Movement
from geotagger.estimate.names import with_names
from geotagger.estimate.overlays import with_alike, with_fix, with_habits_only
from geotagger.estimate.prior import Mixture
from geotagger.estimate.sequence import ALIKE_S, join, weights
from geotagger.estimate.states import (
    Offers,
    States,
    interleaved,
    offers_of,
    states_of_both,
    states_of_pictures,
    states_of_prior,
    weakened,
    with_choice,
)
from geotagger.estimate.surroundings import FixTable, Surroundings
from geotagger.estimate.text_evidence import believed, texts_of
from geotagger.estimate.text_states import Masses, listeners, seen_at, with_and_without, with_texts
from geotagger.estimate.values import RUNGS, Estimate, Fix, Observation
from geotagger.estimate.words import OutingStory, words_of
from geotagger.estimate.zone_evidence import atom_priors, weighed_by_zone

_TRUSTED = RUNGS.index("camera")


@dataclass(frozen=True, slots=True)
class Options:
    """`within_km` caps the radius, `certainty` is what the radius should hold. Each prior can be
    switched off: the places the archive visits, the time zone of the EXIF offset, the pictures
    beside a photo, and the names of places in its metadata. `text_exponent`: how much what stands in the
    pictures of this archive counts."""

    within_km: float = 25.0
    certainty: float = CERTAINTY
    habits: bool = True
    time_zone: bool = True
    sequence: bool = True
    alike_s: float = ALIKE_S
    names: bool = True
    text_exponent: float = 1.0


def estimate_outing(
    observations: Sequence[Observation],
    before: Observation | None,
    after: Observation | None,
    movement: Movement,
    table: CellTable | None = None,
    options: Options | None = None,
    inside: Sequence[Observation] = (),
) -> list[Estimate | None]:
    """One estimate a photo; None where a fix of camera or owner stands, or where nothing is known.

    observations are ordered by time. before and after are the nearest observations with a fix and a time
    outside the outing; inside are fixes between its photos that are no photos of it, such as a track's."""
    options = options or Options()
    if all(stands(observation) for observation in observations):
        return [None] * len(observations)
    weighed = weigh_outing(observations, before, after, movement, table, options, inside)
    return estimates_of(weighed, len(observations), movement, options)


def estimates_of(
    weighed: "Weighed", photos: int, movement: Movement, options: Options
) -> list[Estimate | None]:
    """The estimates of all photos of a weighed outing, None where one stands or nothing is known."""
    estimates: list[Estimate | None] = [None] * photos
    for n, estimate in zip(weighed.rows, conclude(weighed, movement, options), strict=True):
        estimates[n] = estimate
    return estimates


def certainty_inside(
    weighed: "Weighed", photo: int, movement: Movement, circle: tuple[float, float, float]
) -> float | None:
    """How certain it is that the photo of that number was taken inside a circle (degrees, degrees, km);
    None where nothing is known of it."""
    row = weighed.rows.index(photo)
    for group in weighed.groups:
        for at in np.flatnonzero(group.rows == row):
            radius, drawn = np.array([circle[2]]), group.clouds[int(at)]
            inside = probability_within(drawn, circle[0], circle[1], radius)
            corrected = _corrected(weighed, group, movement)
            if corrected is not None:
                before = inside
                if group.clouds.prior is not None:
                    drawn = replace(drawn, mass=group.clouds.prior[at])
                    before = probability_within(drawn, circle[0], circle[1], radius)
                inside = corrected(np.array([at]), inside[None], radius[None], before[None])[0]
            return float(inside[0])
    return None


@dataclass(frozen=True, slots=True)
class Group:
    """Photos of an outing that have a picture which says something, that have text in it alone, or neither:
    which of those asked for (k,), and the probability of each over places."""

    rows: IntArray
    clouds: Clouds
    pictured: bool


@dataclass(frozen=True, slots=True)
class Weighed:
    """An outing with its evidence weighed. rows: of the observations that want an estimate; the
    other fields are of those. sides: what the parts of the mixture were made of, the time of the photo
    first, for each with the fixes of other cameras and, where that was weighed, without. fixes: which row
    of the known places is which fix at hand. classes: how many the model has. has_texts: whether what stands
    in a picture was heard. doubts (k,): how probable it is that the pictures which each photo hears
    mislead."""

    rows: tuple[int, ...]
    photos: tuple[Observation, ...]
    sides: tuple[Surroundings, ...]
    mix: Mixture
    groups: tuple[Group, ...]
    fixes: Mapping[int, Fix]
    classes: int = 0
    has_texts: bool = False
    doubts: FloatArray = field(default_factory=lambda: np.empty(0))

    @property
    def around(self) -> Surroundings:
        return self.sides[0]

    def cloud(self, row: int) -> Cloud | None:
        """The probability over places of one photo, None where nothing is known of it."""
        for group in self.groups:
            for at in np.flatnonzero(group.rows == row):
                return group.clouds[int(at)]
        return None


def weigh_outing(
    observations: Sequence[Observation],
    before: Observation | None,
    after: Observation | None,
    movement: Movement,
    table: CellTable | None,
    options: Options,
    inside: Sequence[Observation] = (),
) -> Weighed:
    """Each photo's probability over places."""
    rows = [n for n, o in enumerate(observations) if not stands(o)]
    photos = [observations[n] for n in rows]
    nearest, fixes = fix_table([before, *observations, *inside, after], photos, movement, options.habits)
    utc = np.array([np.nan if o.utc is None else o.utc for o in photos], dtype=np.float64)
    sides, mix = _prior(photos, utc, nearest, movement, options)
    has_prior = mix.weight.sum(axis=1) > 0
    pictured = np.array([table is not None and _says_anything(o) for o in photos], dtype=np.bool_)
    worded = np.array([o.text is not None and o.fix is None for o in photos], dtype=np.bool_)
    texts = texts_of(photos, utc, worded, options.text_exponent, options.sequence)
    # where text speaks, those listen too of whom nothing is known but that they were near
    shown = np.flatnonzero(pictured | worded)
    hears = worded.any() & options.sequence & np.isfinite(utc)
    bare = np.flatnonzero(~pictured & ~worded & (has_prior | hears))
    looked_at = np.flatnonzero(pictured)
    offers = _offers(photos, utc, looked_at, table, movement, options)
    by_picture = _pictured(photos, utc, looked_at, offers, has_prior, mix, table, movement, options)
    by_picture, silent = with_texts(
        by_picture, utc, looked_at, shown, mix, texts, seen_at(offers and offers[0], table)
    )
    by_others = listeners(utc, bare, mix, texts)
    seen, read = np.flatnonzero(pictured[shown]), np.flatnonzero(~pictured[shown])
    fixed_utc = nearest.utc[sorted(fixes)]
    hear = _stretches(utc, fixed_utc) if options.sequence else np.arange(len(utc))

    doubts = np.zeros(len(utc))

    def given(states: States) -> Masses:
        masses = states.points.mass, by_others.points.mass
        if options.sequence:
            masses = join(states, by_others, movement.motion, fixed_utc)
        of_shown, of_bare = misled(states, masses[0], (hear[shown], hear[bare]), movement.misleads)
        for rows_heard, doubt in ((shown, of_shown), (bare, of_bare)):
            doubts[rows_heard] = np.maximum(doubts[rows_heard], doubt)
        return doubted(states, masses[0], of_shown), doubted(by_others, masses[1], of_bare)

    masses, unread = with_and_without(by_picture, silent, by_others, seen, given)
    has_texts = bool(worded.any())
    speakers = with_choice(by_picture, masses[0], ~has_prior[shown], table, movement.temperature)
    listening = replace(by_others.points.weighed(masses[1]), prior=unread[1] if has_texts else None)
    groups = (
        Group(shown[seen], speakers.part(seen), True),
        Group(shown[read], replace(speakers, prior=unread[0], choosing=None).part(read), False),
        Group(bare, listening, False),
    )
    classes = len(table or ())
    return Weighed(tuple(rows), tuple(photos), sides, mix, groups, fixes, classes, has_texts, doubts)


def _offers(
    photos: Sequence[Observation],
    utc: FloatArray,
    shown: IntArray,
    table: CellTable | None,
    movement: Movement,
    options: Options,
) -> tuple[Offers, FloatArray] | None:
    """What the pictures that say something show, and how much each counts; None where there are none."""
    if table is None or not len(shown):
        return None
    beside = np.isfinite(utc[shown]) & options.sequence
    looks = np.ones(len(shown))
    looks[beside] = weights(utc[shown][beside], options.alike_s)
    posteriors = [posterior for n in shown if (posterior := photos[n].posterior) is not None]
    weight = looks / movement.temperature
    return offers_of(posteriors, table, weight, beside), weight


def _stretches(utc: FloatArray, fixed_utc: FloatArray) -> IntArray:
    """Which photos hear one another: those between two fixes; none that has no time."""
    stretch = np.searchsorted(fixed_utc, utc)
    return np.where(np.isfinite(utc), stretch, len(fixed_utc) + 1 + np.arange(len(utc)))


def _pictured(
    photos: Sequence[Observation],
    utc: FloatArray,
    shown: IntArray,
    offered_by: tuple[Offers, FloatArray] | None,
    has_prior: NDArray[np.bool_],
    mix: Mixture,
    table: CellTable | None,
    movement: Movement,
    options: Options,
) -> States:
    """The states of the photos whose pictures say something."""
    if table is None or offered_by is None:
        return states_of_prior(np.empty(0), mix, shown[:0])
    offers, weight = offered_by
    both, alone = np.flatnonzero(has_prior[shown]), np.flatnonzero(~has_prior[shown])
    parts = []
    if len(both):
        scores = scores_of([photos[n] for n in shown[both]], mix, shown[both], table)
        if scores is not None:
            scores = replace(scores, emission=weakened(scores.emission, weight[both][scores.photo]))
        parts.append(
            (both, states_of_both(utc[shown[both]], offers.of(both), table, mix, shown[both], scores))
        )
    if len(alone):
        offered, times = offers.of(alone), utc[shown[alone]]
        stated = [photos[n].utc_offset_s if options.time_zone else None for n in shown[alone]]
        of_atom = atom_priors(
            offered.photo, offered.atoms, offered.prior, table, times, stated, movement.zone_trust
        )
        parts.append((alone, states_of_pictures(times, offered, table, of_atom)))
    return interleaved(parts)


def stands(observation: Observation) -> bool:
    """Whether the photo has a place above every estimate."""
    return observation.fix is not None and RUNGS.index(observation.fix.rung) >= _TRUSTED


def _prior(
    photos: Sequence[Observation], utc: FloatArray, nearest: FixTable, movement: Movement, options: Options
) -> tuple[tuple[Surroundings, ...], Mixture]:
    camera = np.array([movement.camera_code(o.camera) for o in photos], dtype=np.int64)
    sides, mix = by_time(photos, utc, nearest, camera, movement)
    timeless = np.isnan(utc)
    if timeless.any() and options.habits:
        mix = with_habits_only(mix, timeless, movement.lat, movement.lng, movement.motion.explore)
    if options.time_zone:
        clocks = [movement.clock_of(o.camera) for o in photos]
        mix = weighed_by_zone(mix, utc, [o.utc_offset_s for o in photos], clocks)
    mix = with_alike(mix, [o.alike for o in photos])
    if options.names:
        mix = with_names(mix, [o.named for o in photos])
    own = [n for n, o in enumerate(photos) if o.fix is not None]
    for n in own:
        fix = photos[n].fix
        assert fix is not None
        mix = with_fix(mix, n, fix.latitude, fix.longitude, fix.error_km)
    return sides, mix


def _says_anything(photo: Observation) -> bool:
    """A picture adds nothing to a track's place, which is finer than any cell."""
    return photo.posterior is not None and len(photo.posterior.classes) > 0 and photo.fix is None


def conclude(weighed: Weighed, movement: Movement, options: Options) -> list[Estimate | None]:
    """The estimates of the photos that were asked for; None where nothing is known."""
    estimates: list[Estimate | None] = [None] * len(weighed.rows)
    pictures, texts = (len(group.rows) for group in weighed.groups[:2])
    for group in weighed.groups:
        if not len(group.rows):
            continue
        clouds = group.clouds
        gathered = gather_each(
            clouds, options.within_km, options.certainty, _corrected(weighed, group, movement)
        )
        leaves = leaves_of(clouds)
        cells = deepest_cells(clouds, leaves, options.certainty)
        leading = candidates(clouds, gathered, leaves, options.within_km)
        story = OutingStory(
            weighed.around,
            weighed.fixes,
            movement,
            weighed.doubts,
            pictures,
            texts,
            weighed.classes,
            options.sequence,
            options.habits,
            options.time_zone,
        )
        lat, lng = gathered.latitude.tolist(), gathered.longitude.tolist()
        words = words_of(story, weighed.photos, group.rows, gathered, group.pictured)
        radius, confidence = gathered.radius_km.tolist(), gathered.confidence.tolist()
        for n, row in enumerate(group.rows.tolist()):
            rungs, evidence = words[n]
            estimates[row] = Estimate(
                lat[n], lng[n], radius[n], confidence[n], rungs[-1], rungs, cells[n], leading[n], evidence
            )
    return estimates


def _corrected(weighed: Weighed, group: Group, movement: Movement) -> Corrected | None:
    """Where the truth of other photos told how true the probabilities are; not for a place of its own. Of a
    pictured photo the prior is corrected, and what its picture makes of that is as it was: the odds of any
    circle move as the prior's do."""
    nothing = CertaintyCorrection()
    correction, pictured = movement.correction, movement.pictured if group.pictured else nothing
    hears_texts = weighed.has_texts and not group.pictured
    if correction == pictured == movement.sampled == nothing and not hears_texts:
        return None
    lag = weighed.around.nearest_lag[group.rows, None]
    camera = np.array([[movement.camera_code(weighed.photos[row].camera)] for row in group.rows])
    own = np.array([[weighed.photos[row].fix is not None] for row in group.rows])
    has_lag = ~own & np.isfinite(lag)

    def of_archive(rows: IntArray, inside: FloatArray, radii: FloatArray, before: FloatArray) -> FloatArray:
        if group.pictured:
            odds = correction.moves(before, radii, lag[rows], camera[rows])
            if weighed.has_texts:
                # of what texts add a part is believed, and that part is not raised
                odds = np.where(inside > before, np.minimum(odds, 0.0), odds)
            certainty = np.where(has_lag[rows], moved_by(inside, odds), inside)
            return pictured.apply(certainty, radii, lag[rows])
        certainty = np.where(has_lag[rows], correction.apply(inside, radii, lag[rows], camera[rows]), inside)
        if not hears_texts:
            return certainty
        earlier = np.where(has_lag[rows], correction.apply(before, radii, lag[rows], camera[rows]), before)
        return believed(certainty, earlier)

    def corrected(rows: IntArray, inside: FloatArray, radii: FloatArray, before: FloatArray) -> FloatArray:
        certainty = of_archive(rows, inside, radii, before)
        if movement.sampled != nothing:
            certainty = movement.sampled.apply(certainty, radii, lag[rows])
        return np.where(own[rows], inside, certainty)

    return corrected
