"""What version 2 of the index adds: names of places, what an estimate rests on, tracks, joined roots,
what the text in pictures says of places.

What can be told from what is there is filled in by `_fill`. Nothing of version 1 is renamed or dropped.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlite_utils import Database

_COLUMNS: dict[str, dict[str, str]] = {
    "photos": {
        "unreadable_position": "text",
        "told_city": "text",
        "told_region": "text",
        "told_country": "text",
        "verdict": "text",
        "other_utc": "float",
    },
    "estimates": {
        "country": "text",
        "region": "text",
        "place": "text",
        "place_km": "float",
        "near_border": "text",
        "rests_on": "text",
        "weighed": "integer",
        "doubt": "text",
        "withdrawn_by": "integer references runs (id)",
        "confirmed_by": "integer references runs (id)",
        "named_by": "integer references runs (id)",
    },
}

_TABLES: dict[str, dict[str, Any]] = {
    "tracks": {
        "root_id": int,
        "digest": str,
        "name": str,
        "path": str,
        "added": str,
        "first_utc": float,
        "last_utc": float,
        "points": int,
        "places": bytes,
    },
    "joined_roots": {"root_id": int, "with_root_id": int},
    "texts": {"photo_id": int, "reader": str, "ratios": str},
    "decisions": {
        "id": int,
        "action": str,
        "photo_id": int,
        "seen_estimate": int,
        "latitude": float,
        "longitude": float,
        "radius_km": float,
        "root_id": int,
        "camera": str,
        "shift_s": float,
        "decided": str,
        "state": str,
        "run_id": int,
    },
    "handoffs": {
        "id": int,
        "run_id": int,
        "server": str,
        "photo_id": int,
        "asset": str,
        "latitude": float,
        "longitude": float,
        "state": str,
    },
    "samples": {
        "photo_id": int,
        "drawn": str,
        "seen_estimate": int,
        "latitude": float,
        "longitude": float,
        "radius_km": float,
        "confidence": float,
        "stratum": int,
        "weight": float,
        "inside": int,
    },
}

_NOT_NULL: dict[str, set[str]] = {
    "tracks": {"name", "path", "added", "first_utc", "last_utc", "points", "places"},
    "joined_roots": set(),
    "texts": {"reader"},
    "decisions": {"action", "decided", "state"},
    "handoffs": {"run_id", "server", "photo_id", "asset", "latitude", "longitude", "state"},
    "samples": {"drawn", "latitude", "longitude", "radius_km", "confidence", "stratum", "weight"},
}

_PRIMARY_KEYS: dict[str, str | tuple[str, ...]] = {
    "tracks": ("root_id", "digest"),
    "joined_roots": ("root_id", "with_root_id"),
    "texts": ("photo_id",),
    "decisions": "id",
    "handoffs": "id",
    "samples": "photo_id",
}

_FOREIGN_KEYS: dict[str, list[tuple[str, str, str]]] = {
    "tracks": [("root_id", "roots", "id")],
    "joined_roots": [("root_id", "roots", "id"), ("with_root_id", "roots", "id")],
    "texts": [("photo_id", "photos", "id")],
    "decisions": [("photo_id", "photos", "id"), ("root_id", "roots", "id"), ("run_id", "runs", "id")],
    "handoffs": [("run_id", "runs", "id"), ("photo_id", "photos", "id")],
    "samples": [("photo_id", "photos", "id")],
}

_INDEXES = """
create index estimates_country on estimates (country) where current = 1;
create index estimates_doubted on estimates (photo_id) where current = 1 and doubt is not null;
create index estimates_withdrawn on estimates (withdrawn_by) where withdrawn_by is not null;
create index estimates_confirmed on estimates (confirmed_by) where confirmed_by is not null;
create index estimates_named on estimates (named_by) where named_by is not null;
create index decisions_of_photo on decisions (photo_id);
create index decisions_pending on decisions (id) where state = 'pending';
create index decisions_of_run on decisions (run_id);
"""


# SQLite's printf takes an id for the unsigned number that S2 writes; a cell id is the leaf's bits above
# the level, then a 1
def _cell(level: int) -> str:
    lsb = 1 << 2 * (30 - level)
    return f"rtrim(printf('%016x', (estimates.leaf & {-lsb}) | {lsb}), '0')"


_FOLDER = "roots.path || case folders.path when '' then '' else '/' || folders.path end"

_POSITIONS = f"""
select photos.id as photo_id, roots.path || '/' || photos.path as path, photos.taken, photos.camera,
  estimates.latitude, estimates.longitude, estimates.radius_km, estimates.confidence,
  estimates.rung, estimates.cell, models.name as model, estimates.written, runs.name as run,
  strftime('%Y-%m-%dT%H:%M:%SZ', photos.utc, 'unixepoch') as utc, photos.utc_offset_s as offset_s,
  roots.path as root, {_FOLDER} as folder, estimates.country, estimates.region, estimates.place,
  estimates.place_km, estimates.near_border, {_cell(6)} as cell_6, {_cell(10)} as cell_10,
  {_cell(13)} as cell_13
from estimates
join photos on photos.id = estimates.photo_id
join roots on roots.id = photos.root_id
join folders on folders.id = photos.folder_id
left join models on models.id = estimates.model_id
left join runs on runs.id = estimates.run_id
where estimates.current = 1 and photos.missing_since is null
"""

_WITHOUT_PLACE = f"""
select photos.id as photo_id, roots.path || '/' || photos.path as path, photos.taken, photos.camera,
  strftime('%Y-%m-%dT%H:%M:%SZ', photos.utc, 'unixepoch') as utc, photos.utc_offset_s as offset_s,
  roots.path as root, {_FOLDER} as folder, photos.not_a_photo, photos.error
from photos
join roots on roots.id = photos.root_id
join folders on folders.id = photos.folder_id
where photos.missing_since is null
  and not exists (select 1 from estimates where photo_id = photos.id and current = 1)
"""


def extend(db: "Database") -> None:
    """Brings an index of version 1 to version 2, in the transaction that is open."""
    for table, columns in _COLUMNS.items():
        for column, kind in columns.items():
            db.execute(f"alter table {table} add column {column} {kind}")
    for name, fields in _TABLES.items():
        db.create_table(
            name,
            fields,
            pk=_PRIMARY_KEYS[name],
            not_null=_NOT_NULL[name],
            foreign_keys=_FOREIGN_KEYS[name],
        )
    for statement in _INDEXES.strip().split(";\n"):
        db.execute(statement.rstrip(";"))
    db.execute("drop view positions")
    db.create_view("positions", _POSITIONS)
    db.create_view("photos_without_place", _WITHOUT_PLACE)
    _name_places(db)
    _fill(db)


_AT_ONCE = 100_000


def _name_places(db: "Database") -> None:
    from geotagger.gazetteer.naming import names_of

    last = 0
    while rows := db.execute(
        "select id, latitude, longitude from estimates where id > ? order by id limit ?", (last, _AT_ONCE)
    ).fetchall():
        ids, lat, lng = zip(*rows, strict=True)
        last = ids[-1]
        db.conn.executemany(
            "update estimates set country = ?, region = ?, place = ?, place_km = ?, near_border = ?"
            " where id = ?",
            (
                (names.country, names.region, names.place, names.place_km, names.near_border, number)
                for number, names in zip(ids, names_of(lat, lng), strict=True)
            ),
        )


def _fill(db: "Database") -> None:
    """What older versions would have kept: the clock by which each written estimate was made, which is the
    owner's correction that stands today."""
    db.execute(
        "update estimates set rests_on = '{\"clock_s\": 0.0}'"
        " where written in ('exif', 'sidecar') and rung in ('visual', 'neighbours', 'track')"
    )
    clocks = db.execute("select root_id, value from learned where key = 'clocks'").fetchall()
    if not clocks:
        return
    import json

    from geotagger.estimate.corrections import clock_shift

    for root_id, value in clocks:
        corrections = json.loads(value)
        cameras = db.execute(
            "select distinct camera from photos where root_id = ? and camera is not null", (root_id,)
        ).fetchall()
        for (camera,) in cameras:
            if (shift_s := clock_shift(camera, corrections)) is not None:
                db.execute(
                    "update estimates set rests_on = json_object('clock_s', ?) where rests_on is not null"
                    " and photo_id in (select id from photos where root_id = ? and camera = ?)",
                    (float(shift_s), root_id, camera),
                )
