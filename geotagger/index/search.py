"""Asks the index which photos were taken where and when.

A region becomes one or two rectangles of degrees, looked up in the R*Tree beside the cell ids. Where there
is no tree it becomes at most two dozen ranges of leaf cell ids (an S2 covering), each a scan over one
index. What these hold is then tested exactly. Rows come out as they are found, so an answer may be as long
as the archive. Starts without numpy, since `query` must answer at once."""

import functools
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple

from geotagger.defaults import MIN_CONFIDENCE
from geotagger.index.coverings import (
    EARTH_RADIUS_KM,
    Ranges,
    common,
    ranges_around,
    ranges_between,
    ranges_of_cell,
)
from geotagger.index.distance import distance_from, distance_sql
from geotagger.index.inside import probability_inside
from geotagger.index.misplaced import IS_MISPLACED, NAME
from geotagger.index.path_conditions import paths_condition
from geotagger.index.rectangles import Rectangles, rectangles_around, rectangles_between
from geotagger.index.regions import Polygons
from geotagger.index.soundness import are_texts, is_answer, is_time
from geotagger.index.store import Store, path_of

Sort = Literal["distance", "taken", "confidence", "path"]

_ORDER: dict[Sort, str] = {
    "distance": "distance_km, path",
    "taken": "time is null, time, path",
    "confidence": "confidence desc, path",
    "path": "path",
}


_MOST_OF_THE_EARTH_KM = 10_000.0

SURE = MIN_CONFIDENCE
"""What `tag` writes unless told otherwise: what it would not write is no answer, unless it is asked for."""


@dataclass(frozen=True, slots=True)
class Near:
    """A disc on the Earth; it may hold a pole, the antimeridian, or the whole Earth."""

    latitude: float
    longitude: float
    radius_km: float


@dataclass(frozen=True, slots=True)
class Box:
    """Between two parallels and two meridians, edges included; west > east crosses the antimeridian."""

    south: float
    west: float
    north: float
    east: float


@dataclass(frozen=True, slots=True)
class Query:
    """All conditions must hold. `since` ≤ time < `until`: naive times mean the camera's clock, aware ones
    UTC; photos without a time then do not answer. `cell` is an S2 token, `country` an ISO code, `places`
    names of towns or regions as the index has them, `towns` further ones with region and country; `camera` a
    part of its name. `paths` are absolute: files, folders, or patterns. `nearest`: only so many, whatever
    their distance. `probability`: of estimates that give the disc of `near` so much. `is_written`: only what
    we wrote; `is_sure`: what stands in a file, or is at least SURE certain."""

    near: Near | None = None
    nearest: int | None = None
    box: Box | None = None
    within: Polygons | None = None
    cell: str | None = None
    country: str | None = None
    places: tuple[str, ...] = ()
    towns: tuple[tuple[str, str, str], ...] = ()
    camera: str | None = None
    paths: tuple[str, ...] = ()
    run_id: int | None = None
    is_written: bool = False
    probability: float | None = None
    since: datetime | None = None
    until: datetime | None = None
    rungs: tuple[str, ...] = ()
    min_confidence: float = 0.0
    is_sure: bool = False
    limit: int | None = None
    sort: Sort | None = None


class PhotoPlace(NamedTuple):
    """A photo and its current position. `taken` is the camera's clock in ISO 8601, with its offset
    where known; `utc` POSIX seconds. `written`: "exif" or "sidecar" where we wrote the position,
    "camera" where it stood in the file anyway, None where only the index has it. `country` to
    `near_border` as in `gazetteer.naming.PlaceNames`."""

    photo_id: int
    path: str
    latitude: float
    longitude: float
    radius_km: float
    confidence: float
    rung: str
    cell: str | None
    model: str | None
    run: str | None
    written: str | None
    taken: str | None
    utc: float | None
    camera: str | None
    distance_km: float | None
    country: str | None = None
    region: str | None = None
    place: str | None = None
    place_km: float | None = None
    near_border: str | None = None

    @property
    def status(self) -> str:
        """The photo's status as every command names it."""
        return {"exif": "written", "sidecar": "written", "camera": "kept"}.get(self.written or "", "indexed")


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A photo without a position that counts. `reason`: why it is no photograph, or could not be read."""

    path: str
    taken: str | None
    camera: str | None
    reason: str | None


def search(store: Store, query: Query) -> Iterator[PhotoPlace]:
    """The photos that answer, ordered by `sort`: unless told by distance, or by time where no
    place is asked for. Raises UsageError for a cell that is none."""
    if query.nearest is not None and query.near is not None:
        yield from _nearest(store, query, query.near, query.nearest)
        return
    near = query.near
    _name_misplaced(store, query)
    if query.within is not None:
        store.connection.create_function("is_in_region", 2, query.within.holds, deterministic=True)
    if near is not None and query.probability is not None:
        inside = probability_inside(near.radius_km, distance_from(near.latitude, near.longitude))
        store.connection.create_function("probability_inside", 5, inside, deterministic=True)
    distance = "null" if near is None else distance_sql(store.connection, near.latitude, near.longitude)
    conditions, values = _conditions(query)
    source, region_values = _source(store, query)
    sort: Sort = query.sort or ("distance" if near is not None else "taken")
    sql = (
        "select photos.id as photo_id, roots.path as root, photos.path as path, estimates.latitude,"
        " estimates.longitude, estimates.radius_km, estimates.confidence as confidence, estimates.rung,"
        " estimates.cell, models.name, runs.name, estimates.written, photos.taken, photos.utc_offset_s,"
        f" photos.utc, photos.camera, {distance} as distance_km,"
        " estimates.country, estimates.region, estimates.place, estimates.place_km, estimates.near_border,"
        " coalesce(photos.taken, datetime(photos.utc, 'unixepoch')) as time"
        f" from {source} join photos on photos.id = estimates.photo_id"
        " join roots on roots.id = photos.root_id"
        " left join models on models.id = estimates.model_id left join runs on runs.id = estimates.run_id"
        f" where estimates.current = 1 and photos.missing_since is null {conditions}"
        f" order by {_ORDER[sort]}" + ("" if query.limit is None else f" limit {int(query.limit)}")
    )
    for row in store.stream(sql, [*region_values, *values]):
        root, path = row[1:3]
        # bytes where a name is not UTF-8
        whole = f"{root.rstrip('/')}/{path}" if type(root) is type(path) is str else _joined(root, path)
        if not is_answer(row):
            store.damage.pass_over(f"row {row[0]} of photos, or its estimate, ({whole})")
            continue
        yield PhotoPlace._make((row[0], whole, *row[3:12], _iso(row[12], row[13]), *row[14:22]))


def _name_misplaced(store: Store, query: Query) -> None:
    """Of the photos that would answer if a region were not asked for, those whose row has no place."""
    regions = (query.near, query.box, query.cell, query.within)
    if not store.has_misplaced or all(region is None for region in regions):
        return
    conditions, values = _conditions(
        replace(query, near=None, box=None, cell=None, within=None, probability=None)
    )
    for photo_id, root, path, _ in store.rows(
        "select photos.id, roots.path, photos.path,"
        " coalesce(photos.taken, datetime(photos.utc, 'unixepoch')) as time"
        f" from estimates indexed by {NAME} join photos on photos.id = estimates.photo_id"
        " join roots on roots.id = photos.root_id"
        f" where {IS_MISPLACED} and estimates.current = 1 and photos.missing_since is null {conditions}",
        values,
    ):
        store.damage.pass_over(f"row {photo_id} of photos, or its estimate, ({_joined(root, path)})")


def _joined(root: str | bytes, path: str | bytes) -> str:
    return os.path.join(path_of(root), path_of(path))


def _source(store: Store, query: Query) -> tuple[str, list[float]]:
    """Where the rows come from: the estimates, or those that may lie in the query's regions."""
    areas = _rectangles(query) if store.has_rectangles else None
    if areas is not None:
        listed = ",".join(["(?,?,?,?)"] * len(areas))
        return (
            f"(values {listed}) as areas cross join estimates_rectangles as places on"
            " places.north >= areas.column1 and places.south <= areas.column3"
            " and places.east >= areas.column2 and places.west <= areas.column4"
            " cross join estimates on estimates.id = places.id"
        ), [edge for area in areas for edge in area]
    ranges = leaf_ranges(query)
    if ranges is None:
        return "estimates", []
    listed = ",".join(["(?,?)"] * len(ranges)) or "(0,-1)"
    return (
        f"(values {listed}) as ranges cross join estimates"
        " on estimates.leaf between ranges.column1 and ranges.column2"
    ), [number for pair in ranges for number in pair]


def _rectangles(query: Query) -> Rectangles | None:
    """None where no region is asked for, or a cell, or most of the Earth: ranges or all rows serve these."""
    near, box = query.near, query.box or _box_around(query.within)
    if query.cell is not None:
        return None
    if query.probability is not None:
        near = None  # an estimate may reach in from anywhere
    if near is not None and near.radius_km < _MOST_OF_THE_EARTH_KM:
        return rectangles_around(near.latitude, near.longitude, near.radius_km)
    return None if box is None else rectangles_between(box.south, box.west, box.north, box.east)


def _nearest(store: Store, query: Query, near: Near, count: int) -> Iterator[PhotoPlace]:
    """Discs twice as wide each time until one holds so many; what it holds is then the nearest."""
    radius = 1.0
    whole = math.pi * EARTH_RADIUS_KM
    at_most = min(count, query.limit or count)
    while True:
        around = replace(near, radius_km=radius)
        disc = replace(query, near=around, nearest=None, limit=at_most, sort=query.sort or "distance")
        photos = list(search(store, disc))
        if len(photos) >= at_most or radius > whole:
            yield from photos
            return
        radius *= 4


def unplaced(store: Store, query: Query) -> Iterator[Unplaced]:
    """The photos without a position that counts: none, or a guess less certain than SURE that was
    written nowhere. Of the query count time, camera, paths and limit."""
    conditions, values = _conditions(replace(query, is_sure=False, min_confidence=0.0, is_written=False))
    sql = (
        "select roots.path as root, photos.path as path, photos.taken, photos.utc_offset_s, photos.camera,"
        " coalesce(photos.taken, datetime(photos.utc, 'unixepoch')) as time, photos.not_a_photo, photos.error"
        ", photos.id"
        " from photos join roots on roots.id = photos.root_id"
        " left join estimates on estimates.photo_id = photos.id and estimates.current = 1"
        " where photos.missing_since is null and"
        f" (estimates.id is null or (estimates.written is null and estimates.confidence < {SURE}))"
        f" {conditions}"
        f" order by {_ORDER[query.sort or 'taken']}"
        + ("" if query.limit is None else f" limit {int(query.limit)}")
    )
    for row in store.stream(sql, values):
        whole = _joined(row[0], row[1])
        if is_time(row[2], row[3], None) and are_texts((row[4], row[6], row[7])):
            yield Unplaced(whole, _iso(row[2], row[3]), row[4], row[6] or row[7])
        else:
            store.damage.pass_over(f"row {row[8]} of photos ({whole})")


def chosen(store: Store, query: Query) -> Iterator[str]:
    """The paths of the photos that answer, with a position or without one."""
    for _, root, below in _chosen(store, query):
        yield _joined(root, below)


def chosen_ids(store: Store, query: Query) -> list[int]:
    """Their numbers."""
    return [photo_id for photo_id, _, _ in _chosen(store, query)]


def _chosen(store: Store, query: Query) -> Iterator[tuple[int, str | bytes, str | bytes]]:
    near = query.near
    if query.within is not None:
        store.connection.create_function("is_in_region", 2, query.within.holds, deterministic=True)
    distance = "null" if near is None else distance_sql(store.connection, near.latitude, near.longitude)
    conditions, values = _conditions(query)
    sql = (
        f"select photos.id, roots.path as root, photos.path as path, {distance} as distance_km,"
        " coalesce(photos.taken, datetime(photos.utc, 'unixepoch')) as time"
        " from photos join roots on roots.id = photos.root_id"
        " left join estimates on estimates.photo_id = photos.id and estimates.current = 1"
        f" where photos.missing_since is null {conditions} order by {_ORDER['taken']}"
        + ("" if query.limit is None else f" limit {int(query.limit)}")
    )
    for row in store.stream(sql, values):
        yield row[0], row[1], row[2]


def leaf_ranges(query: Query) -> Ranges | None:
    """Ranges of leaf ids that hold every place of the query's regions; None when no region is asked for or
    it is the whole Earth. Raises UsageError for a cell that is none."""
    near, cell = query.near, query.cell
    coverings = [
        None
        if near is None or query.probability is not None
        else ranges_around(near.latitude, near.longitude, near.radius_km),
        *(
            ranges_between(box.south, box.west, box.north, box.east)
            for box in (query.box, _box_around(query.within))
            if box is not None
        ),
        None if cell is None else ranges_of_cell(cell),
    ]
    regions = [covering for covering in coverings if covering is not None]
    return functools.reduce(common, regions) if regions else None


def _conditions(query: Query) -> tuple[str, list[Any]]:
    parts: list[str] = []
    values: list[Any] = []

    def also(condition: str, *more: Any) -> None:
        parts.append(f"and {condition}")
        values.extend(more)

    if query.near is not None and query.probability is not None:
        also(f"{_PROBABILITY} >= ?", query.probability)
    elif query.near is not None:
        also("distance_km <= ?", query.near.radius_km)
    if (box := query.box) is not None:
        also("estimates.latitude between ? and ?", box.south, box.north)
        joined = "or" if box.west > box.east else "and"
        also(f"(estimates.longitude >= ? {joined} estimates.longitude <= ?)", box.west, box.east)
    for moment, sign in ((query.since, ">="), (query.until, "<")):
        if moment is not None and moment.tzinfo is not None:
            also(f"photos.utc {sign} ?", moment.timestamp())
        elif moment is not None:
            also(f"time {sign} ?", moment.isoformat(sep=" "))
    if query.rungs:
        also(f"estimates.rung in ({','.join('?' * len(query.rungs))})", *query.rungs)
    if query.cell is not None:
        ((first, last),) = ranges_of_cell(query.cell)
        also("estimates.leaf between ? and ?", first, last)
    if query.country is not None:
        also("estimates.country = ?", query.country)
    if query.places or query.towns:
        marks = ",".join("?" * len(query.places))
        towns = ",".join(["(?,?,?)"] * len(query.towns)) or "('','','')"
        also(
            f"(estimates.place in ({marks}) or estimates.region in ({marks}) or"
            f" (estimates.place, coalesce(estimates.region, ''), estimates.country) in (values {towns}))",
            *(*query.places, *query.places, *(word for town in query.towns for word in town)),
        )
    if query.camera is not None:
        also("instr(lower(photos.camera), ?) > 0", query.camera.lower())
    if query.paths:
        below, of_paths = paths_condition(query.paths)
        also(below, *of_paths)
    if query.run_id is not None:
        also("estimates.run_id = ?", query.run_id)
    if query.is_written:
        also("estimates.written in ('exif', 'sidecar')")
    if query.is_sure:
        also(f"(estimates.written is not null or estimates.confidence >= {SURE})")
    if query.within is not None:
        also("is_in_region(estimates.latitude, estimates.longitude)")
    if query.min_confidence > 0:
        also("estimates.confidence >= ?", query.min_confidence)
    return " ".join(parts), values


_PROBABILITY = (
    "probability_inside(estimates.latitude, estimates.longitude, estimates.radius_km, estimates.confidence,"
    " (select json_group_array(json_array(latitude, longitude, probability)) from candidates"
    " where estimate_id = estimates.id and abs(latitude) <= 90 and abs(longitude) <= 180"
    " and typeof(latitude) = 'real' and typeof(longitude) = 'real' and typeof(probability) = 'real'))"
)


def _box_around(polygons: Polygons | None) -> Box | None:
    return None if polygons is None else Box(polygons.south, polygons.west, polygons.north, polygons.east)


def _iso(taken: str | None, offset_s: float | None) -> str | None:
    if taken is None:
        return None
    iso = taken.replace(" ", "T")
    if offset_s is None:
        return iso
    sign, minutes = ("-" if offset_s < 0 else "+"), round(abs(offset_s) / 60)
    return f"{iso}{sign}{minutes // 60:02d}:{minutes % 60:02d}"
