"""Pictures: the partition on a map of the world, and what an evaluation found. Written as PNG.

matplotlib draws; where it is missing, no picture is made and nothing else changes.
"""

from pathlib import Path
from typing import Any

import numpy as np

from geotagger.cells import CellTable, points_within
from training.evaluate import THRESHOLDS_KM, Report
from training.regions import towns

_EDGE_POINTS = 9
_INK, _LAND = "#1b3a57", "#c9c2b2"


def picture_of_cells(table: CellTable, path: Path) -> bool:
    """Each cell's outline, darker the more photos it has, over the towns of the world."""
    plt = _pyplot()
    if plt is None:
        return False
    from matplotlib.collections import PolyCollection

    outlines = _outlines(table)
    photos = np.ones(len(table)) if table.photos is None else table.photos
    figure, axes = _world(plt)
    shades = PolyCollection(outlines, array=np.log10(np.maximum(photos, 1)), cmap="viridis", alpha=0.75,
                            edgecolors="white", linewidths=0.15)  # fmt: skip
    axes.add_collection(shades)
    figure.colorbar(shades, ax=axes, label="photos a cell (log₁₀)", shrink=0.6)
    axes.set_title(f"{len(table):,} cells")
    return _save(plt, figure, path)


def picture_of_report(report: Report, folder: Path) -> list[Path]:
    """accuracy.png (share of photos by error), errors.png (a map), reliability.png."""
    plt = _pyplot()
    if plt is None or not len(report.errors_km):
        return []
    folder.mkdir(parents=True, exist_ok=True)
    made = {
        "accuracy.png": _accuracy(plt, report),
        "errors.png": _errors(plt, report),
        "reliability.png": _reliability(plt, report),
    }
    for name, figure in made.items():
        _save(plt, figure, folder / name)
    return [folder / name for name in made]


def _accuracy(plt: Any, report: Report) -> Any:
    figure, axes = plt.subplots(figsize=(7, 4.5))
    ordered = np.sort(np.maximum(report.errors_km, 0.1))
    axes.plot(ordered, 100 * np.arange(1, len(ordered) + 1) / len(ordered), color=_INK, label=report.model)
    for name, percent in report.published.items():
        axes.plot(THRESHOLDS_KM, percent, "o:", markersize=3, linewidth=0.8, label=name)
    axes.set(
        xscale="log", xlabel="error (km)", ylabel="photos within (%)", ylim=(0, 100), title=report.test_set
    )
    axes.legend(fontsize=8)
    return figure


def _errors(plt: Any, report: Report) -> Any:
    figure, axes = _world(plt)
    shades = axes.scatter(report.lng, report.lat, c=np.log10(np.maximum(report.errors_km, 0.1)), s=6,
                          cmap="RdYlGn_r", vmin=-1, vmax=4)  # fmt: skip
    figure.colorbar(shades, ax=axes, label="error (km, log₁₀)", shrink=0.6)
    axes.set_title(f"{report.model} on {report.test_set}")
    return figure


def _reliability(plt: Any, report: Report) -> Any:
    figure, axes = plt.subplots(figsize=(4.5, 4.5))
    edges = np.linspace(0, 1, 11)
    slot = np.clip(np.digitize(report.certainty, edges) - 1, 0, 9)
    filled = [s for s in range(10) if (slot == s).any()]
    stated = [report.certainty[slot == s].mean() for s in filled]
    found = [(report.errors_km[slot == s] <= 25).mean() for s in filled]
    axes.plot([0, 1], [0, 1], color=_LAND)
    axes.plot(stated, found, "o-", color=_INK)
    axes.set(xlabel="stated certainty within 25 km", ylabel="share that was", xlim=(0, 1), ylim=(0, 1))
    return figure


def _outlines(table: CellTable) -> list[Any]:
    """Longitudes and latitudes round each cell; an outline over the date line is drawn on one side."""
    along, zero = np.linspace(0, 1, _EDGE_POINTS), np.zeros(_EDGE_POINTS)
    s = np.concatenate([along, zero + 1, along[::-1], zero])
    t = np.concatenate([zero, along, zero + 1, along[::-1]])
    lat, lng = points_within(table.ids[:, None], s[None, :], t[None, :])
    middle = lng[:, :1]
    unrolled = middle + (lng - middle + 180) % 360 - 180
    return list(np.stack([unrolled, lat], axis=-1))


def _world(plt: Any) -> tuple[Any, Any]:
    figure, axes = plt.subplots(figsize=(12, 6))
    lat, lng, _ = towns()
    axes.scatter(lng, lat, s=0.4, color=_INK, alpha=0.35, linewidths=0, zorder=3)
    axes.set(
        xlim=(-180, 180),
        ylim=(-90, 90),
        xticks=range(-180, 181, 30),
        yticks=range(-90, 91, 30),
        aspect="equal",
    )
    axes.grid(color="#eeeeee", linewidth=0.5)
    axes.set_axisbelow(True)
    return figure, axes


def _save(plt: Any, figure: Any, path: Path) -> bool:
    figure.savefig(path, dpi=130, bbox_inches="tight")
    plt.close(figure)
    return True


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError:
        return None
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    return plt
