"""An R*Tree beside the cell ids: which estimates lie in a rectangle of degrees, found in microseconds.

SQLite's own module keeps it, triggers keep it true. An SQLite without the module still reads and writes the
index: there the triggers are taken away, queries go by the cell ids, and the next geotagger that has the
module makes the tree anew. Takes open connections and degrees, knows nothing of queries.
"""

import math
import sqlite3

from geotagger.index.coverings import EARTH_RADIUS_KM

Rectangles = list[tuple[float, float, float, float]]
"""South, west, north, east in degrees, west ≤ east; apart from each other."""

_SLACK_DEG = 1e-7
"""The edges of a disc are computed in floating point; what is found is tested exactly."""

_TREE = "create virtual table estimates_rectangles using rtree(id, south, north, west, east)"
# sorted by cell, neighbours are packed together: the tree is made in half the time
_FILLED = (
    "insert into estimates_rectangles select id, latitude, latitude, longitude, longitude from estimates"
    " where current = 1 order by leaf"
)
_TRIGGERS = {
    "estimates_placed": """after insert on estimates when new.current = 1 begin
  insert into estimates_rectangles values (new.id, new.latitude, new.latitude, new.longitude, new.longitude);
end""",
    "estimates_moved": """after update of current, latitude, longitude on estimates begin
  delete from estimates_rectangles where id = old.id;
  insert into estimates_rectangles
    select new.id, new.latitude, new.latitude, new.longitude, new.longitude where new.current = 1;
end""",
    "estimates_gone": """after delete on estimates when old.current = 1 begin
  delete from estimates_rectangles where id = old.id;
end""",
}


def keep_up(connection: sqlite3.Connection) -> None:
    """Makes the tree where SQLite can have one and it is missing or was left behind; one transaction."""
    can, has = _has_module(connection), _has_triggers(connection)
    if can == has:
        return
    connection.execute("begin immediate")
    try:
        if can:
            connection.execute("drop table if exists estimates_rectangles")
            connection.execute(_TREE)
            connection.execute(_FILLED)
        for name, action in _TRIGGERS.items():
            connection.execute(f"drop trigger if exists {name}")
            if can:
                connection.execute(f"create trigger {name} {action}")
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise


def are_kept(connection: sqlite3.Connection) -> bool:
    """Whether the tree is there, true, and can be asked."""
    return _has_triggers(connection) and _has_module(connection)


def _has_module(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("select 1 from pragma_module_list where name = 'rtree'").fetchone())


def _has_triggers(connection: sqlite3.Connection) -> bool:
    names = ",".join(f"'{name}'" for name in _TRIGGERS)
    listed = f"select count(*) from sqlite_master where type = 'trigger' and name in ({names})"
    return bool(connection.execute(listed).fetchone()[0] == len(_TRIGGERS))


def rectangles_around(latitude: float, longitude: float, radius_km: float) -> Rectangles:
    """Of a disc, also of one that holds a pole or crosses the antimeridian."""
    angle = radius_km / EARTH_RADIUS_KM
    reach = math.degrees(angle) + _SLACK_DEG
    south, north = latitude - reach, latitude + reach
    if south <= -90 or north >= 90 or angle >= math.pi / 2:
        return [(max(south, -90.0), -180.0, min(north, 90.0), 180.0)]
    width = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(latitude))))) + _SLACK_DEG
    return rectangles_between(south, longitude - width, north, longitude + width)


def rectangles_between(south: float, west: float, north: float, east: float) -> Rectangles:
    """Of what lies between two parallels and two meridians. West > east crosses the antimeridian, and so do
    meridians beyond 180°."""
    if east - west >= 360:
        return [(south, -180.0, north, 180.0)]
    if west < -180:
        west += 360
    elif east > 180:
        east -= 360
    if west > east:
        return [(south, west, north, 180.0), (south, -180.0, north, east)]
    return [(south, west, north, east)]
