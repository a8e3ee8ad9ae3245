"""Great-circle distances inside SQLite, and in plain Python where its build has no mathematics. Starts
without numpy, since `query` must answer at once; the formula is that of `geo.distance_km`."""

import contextlib
import functools
import math
import sqlite3
from collections.abc import Callable

from geotagger.index.coverings import EARTH_RADIUS_KM


def distance_sql(connection: sqlite3.Connection, latitude: float, longitude: float) -> str:
    """SQL for the distance of an estimate from the place, in km."""
    if not _has_mathematics():
        connection.create_function("km_from_place", 2, distance_from(latitude, longitude), deterministic=True)
        return "km_from_place(estimates.latitude, estimates.longitude)"
    phi, lam = math.radians(latitude), math.radians(longitude)
    return (
        f"({2 * EARTH_RADIUS_KM} * asin(min(1.0, sqrt("
        f"pow(sin((radians(estimates.latitude) - ({phi!r})) / 2), 2) + ({math.cos(phi)!r}) *"
        " cos(radians(estimates.latitude)) *"
        f" pow(sin((radians(estimates.longitude) - ({lam!r})) / 2), 2)))))"
    )


@functools.cache
def _has_mathematics() -> bool:
    """An option of SQLite's build (SQLITE_ENABLE_MATH_FUNCTIONS)."""
    with contextlib.closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute("select asin(1), sqrt(1), pow(1, 2), sin(1), cos(1), radians(1)")
        except sqlite3.OperationalError:
            return False
    return True


def distance_from(latitude: float, longitude: float) -> Callable[[float, float], float]:
    phi1, lambda1 = math.radians(latitude), math.radians(longitude)
    cos_phi1 = math.cos(phi1)

    def km(latitude: float, longitude: float) -> float:
        phi2 = math.radians(latitude)
        h = (
            math.sin((phi2 - phi1) / 2) ** 2
            + cos_phi1 * math.cos(phi2) * math.sin((math.radians(longitude) - lambda1) / 2) ** 2
        )
        return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, h)))

    return km
