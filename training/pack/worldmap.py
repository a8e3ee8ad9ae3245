"""A map of the world to draw on: the Equal Earth projection, land, and a graticule.

Takes degrees, gives matplotlib axes and projected points. Land is where the time zone database knows a zone
of a country: good to the half degree that it is asked at, and to the territorial waters.
"""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

SEA, LAND, LINES, INK = "#eef2f5", "#d9d4c7", "#dde3e8", "#22384d"
_STEP = 0.5
# Šavrič, Patterson and Jenny 2018, "The Equal Earth map projection", equations 1 to 3
_A1, _A2, _A3, _A4 = 1.340264, -0.081106, 0.000893, 0.003796


def equal_earth(lat: Any, lng: Any) -> tuple[FloatArray, FloatArray]:
    """Degrees → x, y on a sphere of radius 1; areas are true."""
    t = np.arcsin(np.sqrt(3) / 2 * np.sin(np.radians(lat)))
    slope = _A1 + 3 * _A2 * t**2 + t**6 * (7 * _A3 + 9 * _A4 * t**2)
    x = 2 * np.sqrt(3) / 3 * np.radians(lng) * np.cos(t) / slope
    return x, t * (_A1 + _A2 * t**2 + t**6 * (_A3 + _A4 * t**2))


def world(plt: Any) -> tuple[Any, Any, Any]:
    """A figure with an empty world: figure, axes, and the path that artists are clipped to."""
    figure, axes = plt.subplots(figsize=(12, 6.4))
    edge_lat = np.concatenate([np.linspace(-90, 90, 181), np.linspace(90, -90, 181)])
    edge_lng = np.repeat([-180.0, 180.0], 181)
    (globe,) = axes.fill(*equal_earth(edge_lat, edge_lng), facecolor=SEA, edgecolor="none", zorder=0)
    lat, lng, is_land = land()
    shown = axes.contourf(*equal_earth(lat, lng), is_land, levels=[0.5, 1.5], colors=[LAND], zorder=1)
    shown.set_clip_path(globe)
    along_lat, along_lng = np.linspace(-90, 90, 181), np.linspace(-180, 180, 361)
    for meridian in range(-150, 180, 30):
        axes.plot(*equal_earth(along_lat, np.full(181, meridian)), color=LINES, linewidth=0.5, zorder=2)
    for parallel in range(-60, 90, 30):
        axes.plot(*equal_earth(np.full(361, parallel), along_lng), color=LINES, linewidth=0.5, zorder=2)
    axes.set(aspect="equal", xlim=(-2.73, 2.73), ylim=(-1.33, 1.33))
    axes.set_axis_off()
    return figure, axes, globe


@lru_cache(maxsize=1)
def land() -> tuple[FloatArray, FloatArray, FloatArray]:
    """Latitudes, longitudes and 1.0 where there is land, 0.0 at sea, on a grid of half degrees."""
    import tzfpy

    lat, lng = np.meshgrid(
        np.arange(-90, 90 + _STEP, _STEP), np.arange(-180, 180 + _STEP, _STEP), indexing="ij"
    )
    zones = map(tzfpy.get_tz, lng.ravel().tolist(), lat.ravel().tolist())
    is_land = np.fromiter((not zone.startswith("Etc/") for zone in zones), np.float64, lat.size)
    return lat, lng, is_land.reshape(lat.shape)
