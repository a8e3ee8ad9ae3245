"""The places of one outing: photos that belong together in time, with what lies before and after.

Every photo without a fix gets a probability over places from the fixes around it in time and
the archive's habits (prior.py), from its own picture and from the pictures beside it
(sequence.py), and from that an estimate.

Takes observations ordered by time, gives estimates aligned with them. Knows nothing of disks.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from geotagger.cells import CellIds, CellTable
from geotagger.estimate.cloud import Cloud, Gathered, candidates, deepest_cell, gather, leaves_of
from geotagger.estimate.movement import DAY_S, HOUR_S, OUTING_GAP_S, Movement
from geotagger.estimate.prior import (
    VISITS,
    Known,
    Mixture,
    Surroundings,
    mixture,
    surroundings,
    weighed_by_zone,
    with_alike,
    with_fix,
    with_habits_only,
)
from geotagger.estimate.sequence import (
    Node,
    Offer,
    burst_weights,
    join,
    node_of_both,
    node_of_picture,
    node_of_prior,
    offer_of,
    shared_of,
)
from geotagger.estimate.values import RUNGS, Estimate, Fix, Observation, Posterior
from geotagger.geo import distance_km

_TRUSTED = RUNGS.index("camera")


@dataclass(frozen=True, slots=True)
class Options:
    """`within_km` caps the radius, `certainty` is what the radius should hold. Each prior can be
    switched off: the places the archive visits, the time zone of the EXIF offset, and the
    pictures beside a photo."""

    within_km: float = 25.0
    certainty: float = 0.9
    habits: bool = True
    time_zone: bool = True
    sequence: bool = True


def outings(utc: Sequence[float | None]) -> list[slice]:
    """Cuts a time-ordered stream at pauses over `OUTING_GAP_S`; photos without a time stand alone."""
    cuts = [0]
    for n in range(1, len(utc)):
        before, after = utc[n - 1], utc[n]
        if before is None or after is None or after - before > OUTING_GAP_S:
            cuts.append(n)
    return [slice(a, b) for a, b in zip(cuts, [*cuts[1:], len(utc)], strict=True) if b > a]


def estimate_outing(
    observations: Sequence[Observation],
    before: Observation | None,
    after: Observation | None,
    movement: Movement,
    table: CellTable | None = None,
    options: Options | None = None,
) -> list[Estimate | None]:
    """One estimate a photo; None where a fix of camera or owner stands, or where nothing is known.

    observations are ordered by time. before and after are the nearest observations with a fix and
    a time outside the outing.
    """
    options = options or Options()
    if all(_stands(observation) for observation in observations):
        return [None] * len(observations)
    weighed = weigh_outing(observations, before, after, movement, table, options)
    estimates: list[Estimate | None] = [None] * len(observations)
    leaves = iter(leaves_of([drawn for drawn in weighed.clouds if drawn is not None]))
    for row, n in enumerate(weighed.asked):
        if weighed.clouds[row] is not None:
            estimates[n] = conclude(weighed, row, next(leaves), movement, options)
    return estimates


@dataclass(frozen=True, slots=True)
class Weighed:
    """An outing with its evidence weighed. asked: rows of the observations that want an estimate; the
    other fields are of those. fixes: which row of the known places is which fix at hand."""

    asked: tuple[int, ...]
    photos: tuple[Observation, ...]
    around: Surroundings
    mix: Mixture
    nodes: tuple[Node | None, ...]
    clouds: tuple[Cloud | None, ...]
    fixes: Mapping[int, Fix]


def weigh_outing(
    observations: Sequence[Observation],
    before: Observation | None,
    after: Observation | None,
    movement: Movement,
    table: CellTable | None,
    options: Options,
) -> Weighed:
    """Each photo's probability over places."""
    asked = [n for n, o in enumerate(observations) if not _stands(o)]
    photos = [observations[n] for n in asked]
    known, fixes = _known([before, *observations, after], photos, movement, options)
    around, mix = _prior(photos, known, movement, options)
    posteriors = [o.posterior if table is not None and _says_anything(o) else None for o in photos]
    offers = _offers(photos, posteriors, table, options)
    nodes: list[Node | None] = []
    for row, photo in enumerate(photos):
        has_prior = bool(mix.weight[row].sum() > 0)
        offer = offers[row]
        if offer is not None and table is not None:
            if has_prior:
                nodes.append(node_of_both(photo.utc, offer, table, mix, row))
            else:
                nodes.append(node_of_picture(photo.utc, offer, table))
        else:
            nodes.append(node_of_prior(photo.utc, mix, row) if has_prior else None)
    clouds = [None if node is None else node.points for node in nodes]
    if options.sequence:
        clouds = join(nodes, movement.motion, known.utc[sorted(fixes)])
    return Weighed(tuple(asked), tuple(photos), around, mix, tuple(nodes), tuple(clouds), fixes)


def _offers(
    photos: Sequence[Observation],
    posteriors: Sequence[Posterior | None],
    table: CellTable | None,
    options: Options,
) -> list[Offer | None]:
    """What each picture shows; in a sequence also what those beside it show."""
    offers: list[Offer | None] = [None] * len(photos)
    if table is None:
        return offers
    said = [(row, posterior) for row, posterior in enumerate(posteriors) if posterior is not None]
    timed = [(row, posterior) for row, posterior in said if photos[row].utc is not None and options.sequence]
    weights = burst_weights([photos[row].utc for row, _ in timed])
    shared = shared_of([posterior for _, posterior in timed]) if len(timed) > 1 else [None] * len(timed)
    for row, posterior in said:
        offers[row] = offer_of(posterior, table)
    for (row, posterior), beside, weight in zip(timed, shared, weights, strict=True):
        offers[row] = offer_of(posterior, table, beside, float(weight))
    return offers


def _stands(observation: Observation) -> bool:
    return observation.fix is not None and RUNGS.index(observation.fix.rung) >= _TRUSTED


def _known(
    at_hand: Sequence[Observation | None],
    photos: Sequence[Observation],
    movement: Movement,
    options: Options,
) -> tuple[Known, dict[int, Fix]]:
    """The fixes at hand and the archive's visits, ordered by time, and which row is which fix."""
    fixed = [o for o in at_hand if o is not None and o.fix is not None and o.utc is not None]
    utc = np.array([o.utc for o in fixed], dtype=np.float64)
    lat = np.array([o.fix.latitude for o in fixed if o.fix is not None])
    lng = np.array([o.fix.longitude for o in fixed if o.fix is not None])
    error = np.array([o.fix.error_km for o in fixed if o.fix is not None])
    camera = np.array([movement.camera_code(o.camera) for o in fixed], dtype=np.int64)
    if options.habits:
        near = _visits_near(photos, movement)
        utc = np.concatenate([utc, movement.utc[near]])
        lat, lng = np.concatenate([lat, movement.lat[near]]), np.concatenate([lng, movement.lng[near]])
        error = np.concatenate([error, np.zeros(near.stop - near.start)])
        camera = np.concatenate([camera, movement.camera[near]])
    order = np.argsort(utc, kind="stable")
    visits = np.flatnonzero(order >= len(fixed)) if options.habits else np.empty(0, dtype=np.int64)
    rows = {int(row): fixed[int(n)].fix for row, n in enumerate(order) if n < len(fixed)}
    return (
        Known(utc[order], lat[order], lng[order], error[order], camera[order], visits),
        {row: fix for row, fix in rows.items() if fix is not None},
    )


def _visits_near(photos: Sequence[Observation], movement: Movement) -> slice:
    """The stored visits that can be among the nearest in time to any of the photos."""
    times = [o.utc for o in photos if o.utc is not None]
    if not times:
        return slice(0, 0)
    first, last = np.searchsorted(movement.utc, [min(times), max(times)])
    return slice(max(0, int(first) - VISITS), min(len(movement.utc), int(last) + VISITS))


def _prior(
    photos: Sequence[Observation], known: Known, movement: Movement, options: Options
) -> tuple[Surroundings, Mixture]:
    utc = np.array([np.nan if o.utc is None else o.utc for o in photos], dtype=np.float64)
    camera = np.array([movement.camera_code(o.camera) for o in photos], dtype=np.int64)
    # NaN sorts behind everything: a photo without a time sees no fix after it, and none before
    at = np.searchsorted(known.utc, np.where(np.isnan(utc), -np.inf, utc))
    around = surroundings(known, utc, camera, at, at)
    mix = mixture(around, movement.motion)
    timeless = np.isnan(utc)
    if timeless.any():
        mix = with_habits_only(mix, timeless, movement.lat, movement.lng) if options.habits else mix
    if options.time_zone:
        mix = weighed_by_zone(mix, utc, [o.utc_offset_s for o in photos], movement.zone_trust)
    mix = with_alike(mix, [o.alike for o in photos])
    own = [n for n, o in enumerate(photos) if o.fix is not None]
    for n in own:
        fix = photos[n].fix
        assert fix is not None
        mix = with_fix(mix, n, fix.latitude, fix.longitude, fix.error_km)
    return around, mix


def _says_anything(photo: Observation) -> bool:
    """A picture adds nothing to a track's place, which is finer than any cell."""
    return photo.posterior is not None and len(photo.posterior.classes) > 0 and photo.fix is None


def conclude(
    weighed: Weighed, row: int, leaves: CellIds, movement: Movement, options: Options
) -> Estimate | None:
    """The estimate of one of the photos that were asked for; None where nothing is known of it.
    `leaves` are the leaf cells of its cloud."""
    drawn, node, photo = weighed.clouds[row], weighed.nodes[row], weighed.photos[row]
    if drawn is None or node is None:
        return None
    lag = float(weighed.around.nearest_lag[row])
    corrected = None
    if photo.fix is None and (node.pictured or np.isfinite(lag)):
        correction = movement.pictured if node.pictured else movement.correction
        corrected = partial(correction.apply, lag_s=lag)
    found = gather(drawn, options.within_km, options.certainty, corrected)
    rungs, evidence = _evidence(weighed, row, found, movement, options)
    return Estimate(
        latitude=found.latitude,
        longitude=found.longitude,
        radius_km=found.radius_km,
        confidence=found.confidence,
        rung=rungs[-1],
        rungs=tuple(rungs),
        cell=deepest_cell(drawn, leaves, options.certainty),
        candidates=candidates(drawn, found, leaves, options.within_km),
        evidence=tuple(evidence),
    )


def _evidence(
    weighed: Weighed, row: int, found: Gathered, movement: Movement, options: Options
) -> tuple[list[str], list[str]]:
    """The rungs that spoke, lowest first, and what each said in words."""
    photo, around, node = weighed.photos[row], weighed.around, weighed.nodes[row]
    rungs: set[str] = set()
    words: list[str] = []
    if photo.fix is not None:
        rungs.add(photo.fix.rung)
        words.append(f"{photo.fix.rung}: a place at this time, good to {photo.fix.error_km:.2g} km")
    pictured = sum(other is not None and other.pictured for other in weighed.nodes)
    if node is not None and node.pictured and photo.posterior is not None:
        rungs.add("visual")
        words.append(f"visual: the leading cell holds {photo.posterior.probabilities[0]:.0%} of the picture")
    if (
        options.sequence
        and photo.utc is not None
        and photo.fix is None
        and pictured > bool("visual" in rungs)
    ):
        rungs.add("visual")
        words.append(f"visual: {pictured} pictures of this outing were weighed together")
    if photo.alike is not None and photo.fix is None:
        rungs.add("visual")
        told = float(photo.alike.weight.sum())
        words.append(f"visual: photos of yours that look like it tell its place with probability {told:.2f}")
    for at, lag, side in (
        (int(around.before[row]), float(around.lag_before[row]), "before"),
        (int(around.after[row]), float(around.lag_after[row]), "after"),
    ):
        fix = weighed.fixes.get(at)
        if at < 0 or (fix is not None and fix is photo.fix):
            continue
        away = distance_km(found.latitude, found.longitude, around.known.lat[at], around.known.lng[at])
        rungs.add("neighbours")
        source = "a point of a track" if fix is not None and fix.rung == "track" else "a photo with a place"
        words.append(f"neighbours: {source} {span(lag)} {side}, {length(away)} from the estimate")
    if photo.utc is None:
        words.append("no time is known: neither neighbours nor tracks can speak")
        if len(movement.utc) and photo.fix is None and options.habits:
            rungs.add("neighbours")
            words.append("neighbours: the places that this archive visits most")
    elif around.before[row] < 0 and around.after[row] < 0:
        words.append("no geotagged photo with a time: neighbours cannot speak")
    if movement.learned_from == 0 and "neighbours" in rungs:
        words.append("how far this archive moves is not learned yet: the built-in prior was used")
    return sorted(rungs, key=RUNGS.index), words


def length(km: float) -> str:
    """A distance in words: metres below one kilometre."""
    return f"{1000 * km:.0f} m" if km < 1 else f"{km:.3g} km"


def span(seconds: float) -> str:
    """A duration in the unit that reads best."""
    for unit, length in (("days", DAY_S), ("h", HOUR_S), ("min", 60.0)):
        if seconds >= 2 * length or (unit != "days" and seconds >= length):
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


def estimate_stream(
    observations: Sequence[Observation],
    movement: Movement,
    table: CellTable | None = None,
    options: Options | None = None,
) -> list[Estimate | None]:
    """All observations of one person or archive, in any order; estimates aligned with them."""
    order = sorted(
        range(len(observations)), key=lambda n: (observations[n].utc is None, observations[n].utc or 0.0)
    )
    ordered = [observations[n] for n in order]
    fixed = [n for n, o in enumerate(ordered) if o.fix is not None and o.utc is not None]
    estimates: list[Estimate | None] = [None] * len(observations)
    for part in outings([o.utc for o in ordered]):
        first, last = bisect_left(fixed, part.start), bisect_left(fixed, part.stop)
        before = ordered[fixed[first - 1]] if first > 0 else None
        after = ordered[fixed[last]] if last < len(fixed) else None
        found = estimate_outing(ordered[part], before, after, movement, table, options)
        for n, estimate in zip(range(part.start, part.stop), found, strict=True):
            estimates[order[n]] = estimate
    return estimates
