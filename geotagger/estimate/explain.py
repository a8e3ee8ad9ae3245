"""Why a photo was placed where it was: what each rung says alone, how they were weighed, and a map.

Takes the outing of the photo and the evidence as the timeline does, gives an explanation in values and text.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from geotagger.estimate.cloud import Cloud
from geotagger.estimate.learning import WRONG, visited_place
from geotagger.estimate.movement import Movement
from geotagger.estimate.outing import Weighed, conclude
from geotagger.estimate.prior import ABOUT, TRIP, Mixture
from geotagger.estimate.surroundings import VISITS, Surroundings
from geotagger.estimate.timeline import Evidence, PhotoRecord, Surrounded, estimated, surrounded, weighed
from geotagger.estimate.values import Estimate, Fix, NamedArea
from geotagger.estimate.words import length, span
from geotagger.gazetteer.borders import countries_of
from geotagger.geo import lat_lng_of

_SHADES = " ·:-=+*#%@"
_MAP_ROWS, _MAP_COLUMNS = 15, 46
_KM_A_DEGREE = 111.2
_FIXES = 3
"""On either side in time."""
_COUNTRIES = 6
_DRAWN = 4096
"""Points of the cloud that are asked for their country, the heaviest first."""
_BETWEEN = "between the fixes before and after"
_NEVER_VISITED = "a place never visited"


@dataclass(frozen=True, slots=True)
class EvidenceSource:
    """One source of the prior: what it is, where, what share of the probability it brought."""

    name: str
    latitude: float
    longitude: float
    scale_km: float
    share: float


@dataclass(frozen=True, slots=True)
class NearFix:
    """A known place near the photo in time. key: the photo's that has it, None for a point of a track.
    lag_s: how much later than the photo it is, negative before it. rung: what knows it. error_km: how
    exactly. age_s, doubt: as of `Fix`."""

    key: int | None
    lag_s: float
    latitude: float
    longitude: float
    error_km: float
    rung: str
    age_s: float = 0.0
    doubt: float = 0.0


@dataclass(frozen=True, slots=True)
class Explanation:
    """estimate: all evidence together; None when nothing is known. alone: what each kind of evidence
    says without the others. sources: the prior's, strongest first. anywhere: what of the prior lies at none
    of them but anywhere on Earth where people are, None where there is no prior. doubted: how probable
    it is that the pictures mislead which the photo hears. fixes: the known places nearest in time.
    words: the areas that the photo's metadata names. countries: ISO codes with their probability, the
    most probable first, None for the sea; what may lie anywhere is in none of them. map: lines of text."""

    estimate: Estimate | None
    alone: dict[str, Estimate]
    sources: tuple[EvidenceSource, ...]
    anywhere: float | None
    doubted: float
    fixes: tuple[NearFix, ...]
    words: tuple[NamedArea, ...]
    countries: tuple[tuple[str | None, float], ...]
    map: tuple[str, ...]


def explain(evidence: Evidence, outing: Sequence[PhotoRecord], row_asked: int) -> Explanation:
    """About `outing[row_asked]`. A place of its own that stands above every estimate is passed over, so that
    one can see what would have been said without it."""
    records, asked = list(outing), outing[row_asked]
    records[row_asked] = replace(asked, place=_estimated(asked.place))
    if records[row_asked].place is not asked.place:
        evidence = _without_visit(evidence, asked.key)
    around = surrounded(evidence, records)
    weighing = weighed(evidence, around)
    row = weighing.rows.index(row_asked)
    drawn = weighing.cloud(row)
    estimate = conclude(weighing, evidence.movement, evidence.options)[row]
    alone: dict[str, Estimate] = {}
    for name, knows, part, at in _voices(evidence, around, row_asked):
        said = estimated(knows, part)[at]
        if said is not None:
            alone[name] = said
    chart = () if drawn is None or estimate is None else tuple(terminal_map(drawn, estimate, weighing, row))
    return Explanation(
        estimate,
        alone,
        tuple(_sources(weighing.sides, weighing.mix, row)),
        float(weighing.mix.anywhere[row]) if weighing.mix.weight[row].any() else None,
        float(weighing.doubts[row]),
        tuple(_nearest_fixes(around, row_asked)),
        around.photos[row_asked].named,
        () if drawn is None else _countries(drawn),
        chart,
    )


def _without_visit(evidence: Evidence, key: int) -> Evidence:
    """The archive as if this photo had not been taken: a visit that it stands for is the next one's of that
    place and day."""
    fixes, movement = evidence.fixes, evidence.movement
    own = np.isin(movement.utc, fixes.utc[fixes.keys == key])
    own &= np.isin(movement.lat, fixes.latitude[fixes.keys == key])
    if not own.any():
        return evidence
    others = fixes.without(np.array([key]))
    utc, lat, lng, camera, _, doubt, _ = others.teachers
    visit = np.flatnonzero(own)[:1]
    place = visited_place(movement.utc[visit], movement.lat[visit], movement.lng[visit])
    rows = np.flatnonzero((visited_place(utc, lat, lng) == place) & (doubt < WRONG))[:1]
    codes = np.array(
        [movement.camera_code(others.cameras[int(n)] or None) for n in camera[rows]], dtype=np.int64
    )
    when = np.concatenate([movement.utc[~own], utc[rows]])
    order = np.argsort(when, kind="stable")
    visits = replace(
        movement,
        utc=when[order],
        lat=np.concatenate([movement.lat[~own], lat[rows]])[order],
        lng=np.concatenate([movement.lng[~own], lng[rows]])[order],
        camera=np.concatenate([movement.camera[~own], codes])[order],
    )
    return replace(evidence, movement=visits)


def _nearest_fixes(around: Surrounded, photo: int) -> list[NearFix]:
    """Those nearest in time on either side, in the order of time."""
    utc = around.photos[photo].utc
    if utc is None:
        return []
    others = [o for n, o in enumerate(around.photos) if n != photo]
    fixes = [
        NearFix(
            None if o.fix.rung == "track" else o.key,
            o.utc - utc,
            o.fix.latitude,
            o.fix.longitude,
            o.fix.error_km,
            o.fix.rung,
            o.fix.age_s,
            o.fix.doubt,
        )
        for o in (around.before, around.after, *around.inside, *others)
        if o is not None and o.fix is not None and o.utc is not None
    ]
    before = sorted((f for f in fixes if f.lag_s < 0), key=lambda f: -f.lag_s)[:_FIXES]
    after = sorted((f for f in fixes if f.lag_s >= 0), key=lambda f: f.lag_s)[:_FIXES]
    return [*reversed(before), *after]


def _countries(drawn: Cloud) -> tuple[tuple[str | None, float], ...]:
    lat, lng = lat_lng_of(drawn.vectors)
    heaviest = np.argsort(-drawn.mass)[:_DRAWN]
    codes, _ = countries_of(lat[heaviest], lng[heaviest])
    shares: dict[str | None, float] = {}
    for code, mass in zip(codes, drawn.mass[heaviest].tolist(), strict=True):
        shares[code] = shares.get(code, 0.0) + mass
    leading = sorted(shares.items(), key=lambda share: -share[1])[:_COUNTRIES]
    return tuple((code, share) for code, share in leading if share >= 0.005)


def _voices(
    evidence: Evidence, around: Surrounded, at: int
) -> Iterator[tuple[str, Evidence, Surrounded, int]]:
    """Each kind of evidence alone: what it is, what it knows, of which outing, and where the photo is in
    it."""
    photos, bare = list(around.photos), around.photos[at]
    blind = [replace(photo, posterior=None, text=None) for photo in photos]
    blind[at] = replace(bare, posterior=None, text=None, fix=None)
    yield "neighbours", evidence, replace(around, photos=tuple(blind)), at
    ignorant = replace(evidence, movement=Movement())
    if bare.posterior is not None and evidence.table is not None:
        yield "visual", ignorant, Surrounded((replace(bare, utc=None, fix=None),), None, None, ()), 0
        if sum(photo.posterior is not None for photo in photos) > 1:
            moving = replace(evidence, movement=replace(Movement(), motion=evidence.movement.motion))
            unfixed = tuple(replace(photo, fix=None) for photo in photos)
            yield "pictures of the outing", moving, Surrounded(unfixed, None, None, ()), at
    if bare.text is not None:
        alone = replace(bare, utc=None, fix=None, posterior=None)
        yield "text", ignorant, Surrounded((alone,), None, None, ()), 0
    if any(photo.text is not None for photo in photos):
        wordless = tuple(replace(photo, text=None) for photo in photos)
        yield "all but text", evidence, replace(around, photos=wordless), at
    if bare.fix is not None:
        yield bare.fix.rung, ignorant, Surrounded((replace(bare, posterior=None),), None, None, ()), 0


def _estimated(fix: Fix | None) -> Fix | None:
    return fix if fix is not None and fix.rung in ("track", "sidecar") else None


def _of_fixes(around: Surroundings, row: int) -> tuple[str, ...]:
    before, after = float(around.lag_before[row]), float(around.lag_after[row])
    return (
        _BETWEEN,
        f"near the fix {span(before)} before",
        f"near the fix {span(after)} after",
        "on a trip from the fix before" if np.isfinite(before) else _NEVER_VISITED,
        "on a trip from the fix after",
        f"farther from the fix {span(before)} before, which is wrong",
        f"farther from the fix {span(after)} after, which is wrong",
    )


def _sources(sides: Sequence[Surroundings], mix: Mixture, row: int) -> list[EvidenceSource]:
    shares: dict[tuple[str, float, float], list[tuple[float, int]]] = {}
    for column in np.flatnonzero(mix.weight[row] > 0).tolist():
        visit = column - mix.about
        if visit < 0:
            each = mix.about // len(sides)
            # behind what is about the fixes stands what is about them should they be wrong
            wrong = column % each - (each - 2)
            which = column % each % ABOUT if wrong < 0 else ABOUT + wrong
            side = sides[column // each]
            name = _of_fixes(side, row)[which]
            if which in (TRIP, TRIP + 1):
                fix = int((side.before, side.after)[which - TRIP][row])
                # by the time zone that the camera states trips may start from where it was earlier
                is_about = fix < 0 or mix.lat[row, column] == side.fixes.lat[fix]
                name = name if is_about else _NEVER_VISITED
        elif visit < VISITS * len(sides):
            lag = float(sides[visit // VISITS].visit_lag[row, visit % VISITS])
            name = (
                f"a place visited {span(lag)} away in time" if np.isfinite(lag) else "a place visited often"
            )
        else:
            name = "a photo that looks like it, or a place that its metadata names"
        # the same source under several draws of the parameters is one
        at = (float(mix.lat[row, column]), float(mix.lng[row, column])) if name != _BETWEEN else (0.0, 0.0)
        shares.setdefault((name, *at), []).append((float(mix.weight[row, column]), column))
    sources = []
    for (name, _, _), parts in shares.items():
        share, column = sum(weight for weight, _ in parts), max(parts)[1]
        if share >= 0.01:
            sources.append(
                EvidenceSource(
                    name,
                    float(mix.lat[row, column]),
                    float(mix.lng[row, column]),
                    float(mix.scale_km[row, column]),
                    share,
                )
            )
    return sorted(sources, key=lambda source: -source.share)


def terminal_map(drawn: Cloud, estimate: Estimate, weighing: Weighed, row: int) -> list[str]:
    """The probability around the estimate in shades; X the estimate, B and A the fixes before and
    after where they lie inside."""
    half_km = max(1.5 * estimate.radius_km, 0.5)
    lat, lng = lat_lng_of(drawn.vectors)
    north = (lat - estimate.latitude) * _KM_A_DEGREE
    shrunk = max(np.cos(np.radians(estimate.latitude)), 0.01)
    east = ((lng - estimate.longitude + 180) % 360 - 180) * _KM_A_DEGREE * shrunk
    rows = np.round((1 - north / half_km) / 2 * (_MAP_ROWS - 1)).astype(np.int64)
    columns = np.round((1 + east / half_km) / 2 * (_MAP_COLUMNS - 1)).astype(np.int64)
    inside = (np.abs(north) <= half_km) & (np.abs(east) <= half_km)
    shade = np.zeros((_MAP_ROWS, _MAP_COLUMNS))
    np.add.at(shade, (rows[inside], columns[inside]), drawn.mass[inside])
    level = np.sqrt(shade / max(float(shade.max()), 1e-12)) * (len(_SHADES) - 1)
    grid = [[_SHADES[int(np.ceil(value))] for value in line] for line in level]
    around = weighing.around
    marks = [("B", int(around.before[row])), ("A", int(around.after[row]))]
    for letter, at in marks:
        if at < 0:
            continue
        up = (around.fixes.lat[at] - estimate.latitude) * _KM_A_DEGREE
        right = ((around.fixes.lng[at] - estimate.longitude + 180) % 360 - 180) * _KM_A_DEGREE * shrunk
        if abs(up) <= half_km and abs(right) <= half_km:
            grid[round((1 - up / half_km) / 2 * (_MAP_ROWS - 1))][
                round((1 + right / half_km) / 2 * (_MAP_COLUMNS - 1))
            ] = letter
    grid[(_MAP_ROWS - 1) // 2][(_MAP_COLUMNS - 1) // 2] = "X"
    lines = ["┌" + "─" * _MAP_COLUMNS + "┐", *("│" + "".join(line) + "│" for line in grid)]
    legend = "X the estimate, B and A the fixes before and after"
    return [*lines, "└" + "─" * _MAP_COLUMNS + "┘", f"{length(2 * half_km)} across; {legend}"]
