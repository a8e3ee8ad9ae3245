"""What a map and a list of photos ask of the index: how many there are where, which they are, and which went
together.

Photos are counted by S2 cell in SQL, so that a map of a hundred thousand costs the browser a few hundred
circles. Takes and gives values; starts without numpy."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from geotagger.index.coverings import ranges_between
from geotagger.index.search import Box
from geotagger.index.soundness import are_numbers, are_texts, is_place, is_time
from geotagger.index.store import Store, path_of

COUNTED_RUNGS = ("visual", "neighbours", "track", "sidecar", "camera", "manual")


@dataclass(frozen=True, slots=True)
class Cluster:
    """Photos in one cell, a signed id: their mean place in degrees, how many were placed by which rung, how
    many of these were confirmed, and the mean certainty. Of a single one `photo_id` and its radius."""

    cell: int
    level: int
    latitude: float
    longitude: float
    photos: int
    rungs: tuple[int, ...]
    confirmed: int
    confidence: float
    photo_id: int | None
    radius_km: float | None


@dataclass(frozen=True, slots=True)
class ListedPhoto:
    """A photo as lists show it. `estimate_id` and what follows belong to the position that counts, None
    without one. `taken` is the camera's clock; `utc` POSIX seconds."""

    id: int
    root_id: int
    root: str
    path: str
    taken: str | None
    utc: float | None
    camera: str | None
    format: str | None
    not_a_photo: str | None
    error: str | None
    verdict: str | None
    estimate_id: int | None
    latitude: float | None
    longitude: float | None
    radius_km: float | None
    confidence: float | None
    rung: str | None
    is_confirmed: bool
    written: str | None
    evidence: str | None
    country: str | None
    region: str | None
    place: str | None
    place_km: float | None
    near_border: str | None


@dataclass(frozen=True, slots=True)
class Moment:
    """What of a photo the list of outings needs, in the order of time."""

    id: int
    root_id: int
    utc: float | None
    rung: str | None
    confidence: float | None
    is_confirmed: bool
    verdict: str | None
    place: str | None
    region: str | None
    country: str | None


_SHOWN = (
    "select photos.id, photos.root_id, roots.path, photos.path, photos.taken, photos.utc, photos.camera,"
    " photos.format, photos.not_a_photo, photos.error, photos.verdict, e.id, e.latitude, e.longitude,"
    " e.radius_km, e.confidence, e.rung, e.confirmed_by is not null, e.written, e.evidence,"
    " e.country, e.region, e.place, e.place_km, e.near_border"
    " from photos join roots on roots.id = photos.root_id"
    " left join estimates as e on e.photo_id = photos.id and e.current = 1"
    " where photos.missing_since is null and "
)


def clusters(
    store: Store, box: Box, level: int, *, rungs: Sequence[str] = (), is_open: bool = False
) -> list[Cluster]:
    """The photos with a place in a box, by cells of a level; of these rungs alone, where any are named, and
    with `is_open` only estimates that nobody has confirmed."""
    lsb = 1 << 2 * (30 - level)
    counted = ", ".join(f"sum(e.rung = '{rung}')" for rung in COUNTED_RUNGS)
    conditions, values = _conditions(box, rungs, is_open)
    source, range_values = "estimates as e", []
    if not _is_wide(box):
        ranges = ranges_between(box.south, box.west, box.north, box.east)
        listed = ",".join(["(?,?)"] * len(ranges)) or "(0,-1)"
        source = (
            f"(values {listed}) as ranges cross join estimates as e"
            " on e.leaf between ranges.column1 and ranges.column2"
        )
        range_values = [number for pair in ranges for number in pair]
    rows = store.rows(
        f"select (e.leaf & {-lsb}) | {lsb}, count(*), avg(e.latitude), avg(e.longitude),"
        " avg(case when e.longitude < 0 then e.longitude + 360 else e.longitude end),"
        " max(e.longitude) - min(e.longitude), sum(e.confirmed_by is not null),"
        # a damaged row counts as certain or not at all
        " avg(case when typeof(e.confidence) in ('real', 'integer') then min(max(e.confidence, 0), 1) end),"
        f" e.photo_id, e.radius_km, {counted} from {source} join photos on photos.id = e.photo_id"
        f" where e.current = 1 and photos.missing_since is null {conditions} group by 1",
        [*range_values, *values],
    )
    return [
        Cluster(
            cell=row[0],
            level=level,
            latitude=row[2],
            # a cell may lie on both sides of the antimeridian
            longitude=row[3] if row[5] <= 180 else (row[4] + 180) % 360 - 180,
            photos=row[1],
            rungs=tuple(row[10:]),
            confirmed=row[6],
            confidence=row[7],
            photo_id=row[8] if row[1] == 1 else None,
            radius_km=row[9] if row[1] == 1 and are_numbers((row[9],)) else None,
        )
        for row in rows
    ]


def _is_wide(box: Box) -> bool:
    """Where most of the Earth is asked for, looking at all costs less than looking each up."""
    return (box.north - box.south) * ((box.east - box.west) % 360 or 360) > 8000


def _conditions(box: Box, rungs: Sequence[str], is_open: bool) -> tuple[str, list[Any]]:
    joined = "or" if box.west > box.east else "and"
    sql = f" and e.latitude between ? and ? and (e.longitude >= ? {joined} e.longitude <= ?)"
    values: list[Any] = [box.south, box.north, box.west, box.east]
    if rungs:
        sql += f" and e.rung in ({','.join('?' * len(rungs))})"
        values += rungs
    if is_open:
        sql += " and e.rung not in ('camera', 'sidecar', 'manual') and e.confirmed_by is null"
    return sql, values


def in_cell(store: Store, cell: int, level: int, *, offset: int, limit: int) -> list[ListedPhoto]:
    """Photos whose position lies in a cell, in the order of time."""
    half = (1 << 2 * (30 - level)) - 1
    return _shown(
        store,
        "e.leaf between ? and ? order by photos.utc is null, photos.utc, photos.id limit ? offset ?",
        (cell - half, cell + half, limit, offset),
    )


def without_place(store: Store, *, offset: int, limit: int) -> list[ListedPhoto]:
    """Photos without a position that counts, in the order of time, the rejected ones with them."""
    return _shown(
        store,
        "e.id is null order by photos.utc is null, photos.utc, photos.id limit ? offset ?",
        (limit, offset),
    )


def count_all(store: Store) -> int:
    """The photos that are there."""
    count: int = store.row("select count(*) from photos where missing_since is null")[0]
    return count


def count_open(store: Store) -> int:
    """Those with an estimate about which nobody has decided."""
    count: int = store.row(
        "select count(*) from estimates as e join photos on photos.id = e.photo_id where e.current = 1"
        " and e.rung not in ('camera', 'sidecar', 'manual') and e.confirmed_by is null"
        " and photos.verdict is null and photos.missing_since is null"
    )[0]
    return count


def count_without_place(store: Store) -> int:
    count: int = store.row("select count(*) from photos_without_place")[0]
    return count


def in_span(
    store: Store, root_id: int, first: int, last: int, *, offset: int, limit: int
) -> list[ListedPhoto]:
    """The photos of a root from one to another in the order of time, both with it; of those without a time,
    where the first has none."""
    row = store.row("select utc is null from photos where id = ?", (first,))
    span = "(photos.utc, photos.id) >= (select utc, id from photos where id = ?)"
    span += " and (photos.utc, photos.id) <= (select utc, id from photos where id = ?)"
    if row is not None and row[0]:
        span = "photos.utc is null and photos.id between ? and ?"
    return _shown(
        store,
        f"photos.root_id = ? and photos.format is not null and {span}"
        " order by photos.utc, photos.id limit ? offset ?",
        (root_id, first, last, limit, offset),
    )


def by_ids(store: Store, ids: Sequence[int]) -> list[ListedPhoto]:
    """In the order of the ids; those that are gone are left out."""
    shown: dict[int, ListedPhoto] = {}
    for start in range(0, len(ids), 500):
        part = list(ids[start : start + 500])
        for photo in _shown(store, f"photos.id in ({','.join('?' * len(part))})", part):
            shown[photo.id] = photo
    return [shown[number] for number in ids if number in shown]


def moments(store: Store) -> Iterator[Moment]:
    """All photos that are there, root by root, in the order of time; those without a time last."""
    rows = store.stream(
        "select photos.id, photos.root_id, photos.utc, e.rung, e.confidence, e.confirmed_by is not null,"
        " photos.verdict, e.place, e.region, e.country from photos"
        " left join estimates as e on e.photo_id = photos.id and e.current = 1"
        " where photos.missing_since is null and photos.format is not null"
        " order by photos.root_id, photos.utc is null, photos.utc, photos.id"
    )
    for row in rows:
        if not (is_time(None, None, row[2]) and are_numbers((row[4],), 1) and are_texts((row[3], *row[6:]))):
            store.damage.pass_over(f"row {row[0]} of photos, or its estimate")
            continue
        fields = [*row[:5], bool(row[5]), *row[6:]]
        yield Moment(*fields)


def _shown(store: Store, condition: str, values: Sequence[Any]) -> list[ListedPhoto]:
    photos = []
    for row in store.rows(_SHOWN + condition, values):
        root, path, is_confirmed = path_of(row[2]), path_of(row[3]), bool(row[17])
        texts = (row[4], *row[6:11], row[16], *row[18:23], row[24])
        has_place = row[11] is None or (is_place(*row[12:16]) and row[16] is not None)
        if not (has_place and is_time(row[4], None, row[5]) and are_texts(texts) and are_numbers((row[23],))):
            store.damage.pass_over(f"row {row[0]} of photos, or its estimate, ({os.path.join(root, path)})")
            continue
        fields = [*row[:2], root, os.path.join(root, path), *row[4:17], is_confirmed, *row[18:]]
        photos.append(ListedPhoto(*fields))
    return photos
