"""The places of one outing: photos that belong together in time, with what lies before and after.

Every photo without a fix gets a probability over places from the nearest known places in time
on both sides, the archive's habits and its own picture, and from it an estimate. The density is
sampled where any of these puts mass and weighed by all of them.

Takes observations ordered by time, gives estimates aligned with them. Knows nothing of disks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geotagger.cells import CellTable
from geotagger.estimate.cloud import Cloud, deepest_cell, distances_km, gather, leading_places
from geotagger.estimate.movement import (
    DAY_S,
    EARTH_KM2,
    HOUR_S,
    Movement,
    radial_density,
    radial_quantile,
)
from geotagger.estimate.values import RUNGS, Estimate, Fix, Observation
from geotagger.estimate.visual import cloud_of
from geotagger.geo import destination, distance_km, interpolate, unit_vectors

FloatArray = NDArray[np.float64]

OUTING_GAP_S = 6 * HOUR_S
"""A longer pause ends an outing: people sleep, and wake up somewhere."""


@dataclass(frozen=True, slots=True)
class Options:
    """`within_km` caps the radius, `certainty` is what the radius should hold."""

    within_km: float = 25.0
    certainty: float = 0.9


@dataclass(frozen=True, slots=True)
class _Anchor:
    """A known place some time away."""

    latitude: float
    longitude: float
    lag_s: float
    error_km: float
    rung: str


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
    known = [
        o for o in (before, *observations, after) if o is not None and o.fix is not None and o.utc is not None
    ]
    times = np.array([o.utc for o in known], dtype=np.float64)
    return [
        None
        if o.fix is not None and RUNGS.index(o.fix.rung) >= RUNGS.index("camera")
        else _estimate(o, known, times, movement, table, options)
        for o in observations
    ]


def _estimate(
    photo: Observation,
    known: Sequence[Observation],
    times: FloatArray,
    movement: Movement,
    table: CellTable | None,
    options: Options,
) -> Estimate | None:
    anchors = _anchors(photo, known, times)
    visual = cloud_of(photo.posterior, table) if photo.posterior is not None and table is not None else None
    if visual is not None and not len(visual.mass):
        visual = None
    if not anchors and visual is None and not len(movement.utc):
        return None
    cloud = _posterior_cloud(photo, anchors, visual, movement)
    found = gather(cloud, options.within_km, options.certainty)
    rungs = []
    evidence = []
    if visual is not None and photo.posterior is not None:
        rungs.append("visual")
        evidence.append(f"picture: leading class holds {photo.posterior.probabilities[0]:.0%}")
    if anchors or visual is None:
        rungs.append("neighbours")
    for anchor in anchors:
        if anchor.rung not in rungs and anchor.rung in ("track", "sidecar"):
            rungs.append(anchor.rung)
        side = "before" if anchor.lag_s > 0 else "after"
        away = distance_km(found.latitude, found.longitude, anchor.latitude, anchor.longitude)
        evidence.append(f"{anchor.rung} fix {_span(abs(anchor.lag_s))} {side}, {away:.3g} km from here")
    if not anchors and len(movement.utc):
        evidence.append("no geotagged photo near in time: the places this archive visits")
    rungs.sort(key=RUNGS.index)
    return Estimate(
        latitude=found.latitude,
        longitude=found.longitude,
        radius_km=found.radius_km,
        confidence=found.confidence,
        rung=rungs[-1],
        rungs=tuple(rungs),
        cell=deepest_cell(cloud, options.certainty),
        candidates=leading_places(cloud, options.within_km),
        evidence=tuple(evidence),
    )


def _anchors(photo: Observation, known: Sequence[Observation], times: FloatArray) -> list[_Anchor]:
    if photo.utc is None or not known:
        return []
    at = int(np.searchsorted(times, photo.utc))
    found = []
    for n in (at - 1, at):
        if 0 <= n < len(known):
            fix = known[n].fix
            assert isinstance(fix, Fix)
            lag = photo.utc - times[n]
            found.append(_Anchor(fix.latitude, fix.longitude, float(lag), fix.error_km, fix.rung))
    return found


_SAMPLES = 48
_GOLDEN_DEG = 180 * (3 - np.sqrt(5))


def _spiral(latitude: float, longitude: float, scale_km: float, tail: float) -> FloatArray:
    """Points that follow a radial density: equal shares outward, a golden angle apart."""
    share = (np.arange(_SAMPLES) + 0.5) / _SAMPLES
    distance = np.minimum(radial_quantile(share, scale_km, tail), 2000.0)
    lat, lng = destination(latitude, longitude, np.arange(_SAMPLES) * _GOLDEN_DEG, distance)
    return unit_vectors(lat, lng)


def _posterior_cloud(
    photo: Observation,
    anchors: Sequence[_Anchor],
    visual: Cloud | None,
    movement: Movement,
) -> Cloud:
    """Samples where any evidence puts mass, each with density under all of it (multiple importance
    sampling with the balance heuristic, Veach & Guibas 1995)."""
    m = movement.motion
    centres: list[tuple[float, float, float, float]] = []  # latitude, longitude, scale, tail
    for a in anchors:
        blur = float(np.hypot(m.scale_km(abs(a.lag_s)), a.error_km))
        centres.append((a.latitude, a.longitude, blur, m.tail))
    if len(anchors) == 2:
        b, a = anchors
        fraction = b.lag_s / max(b.lag_s - a.lag_s, 1e-9)
        apart = float(distance_km(b.latitude, b.longitude, a.latitude, a.longitude))
        lat, lng = interpolate(b.latitude, b.longitude, a.latitude, a.longitude, np.float64(fraction))
        centres.append((float(lat), float(lng), apart / 4 + m.still_km, 1.5))
    if len(movement.utc) and (not anchors or min(abs(a.lag_s) for a in anchors) > HOUR_S):
        weights = movement.visit_weights(photo.utc)
        for n in np.argsort(-weights)[:12]:
            centres.append((float(movement.lat[n]), float(movement.lng[n]), m.haunt_km, m.haunt_tail))
    parts = [_spiral(*centre) for centre in centres]
    if visual is not None:
        parts.append(visual.vectors)
    vectors = np.concatenate(parts)
    drawn = np.zeros(len(vectors))
    for latitude, longitude, scale, tail in centres:
        distance = distances_km(vectors, unit_vectors(latitude, longitude)[None])[:, 0]
        drawn += _SAMPLES * radial_density(distance, scale, tail)
    picture = np.ones(len(vectors))
    if visual is not None:
        area = np.pi * np.square(visual.size_km)
        nearest = distances_km(vectors, visual.vectors)
        inside = nearest <= visual.size_km
        lacking = max(1.0 - float(visual.mass.sum()), 0.005)
        drawn += inside @ (1 / area)
        picture = inside @ (visual.mass / area) * EARTH_KM2 + lacking
    density = picture
    if anchors or len(movement.utc):
        haunts = (1 - m.new) * movement.haunt_density(vectors, photo.utc) + m.new / EARTH_KM2
        if not anchors:
            density = density * haunts
        for n, a in enumerate(anchors):
            distance = distances_km(vectors, unit_vectors(a.latitude, a.longitude)[None])[:, 0]
            jump = m.jump(abs(a.lag_s))
            near = m.near_density(distance, abs(a.lag_s), a.error_km)
            # backward in time the place is given and the fix is what was drawn
            fixed = (
                haunts
                if n == 0
                else movement.haunt_density(unit_vectors(a.latitude, a.longitude)[None], photo.utc)
            )
            density = density * ((1 - jump) * near + jump * fixed)
    weight = density / np.maximum(drawn, 1e-300)
    total = float(weight.sum())
    mass = weight / total if total > 0 else np.full(len(weight), 1 / len(weight))
    return Cloud(vectors, mass, np.sqrt(1 / (np.pi * np.maximum(drawn, 1e-12))))


def _span(seconds: float) -> str:
    for unit, length in (("days", DAY_S), ("h", HOUR_S), ("min", 60.0)):
        if seconds >= 2 * length or (unit != "days" and seconds >= length):
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"
