"""Pictures: the partition on a map of the world, and what an evaluation found. Written as PNG.

matplotlib draws; where it is missing, no picture is made and nothing else changes.
"""

from pathlib import Path
from typing import Any

import numpy as np

from geotagger.cells import CellTable, levels, points_within
from training.accuracy import THRESHOLDS_KM
from training.pack.evaluate import AccuracyReport
from training.pack.worldmap import INK, LAND, LINES, equal_earth, world

_EDGE_POINTS = 9
_FEWEST = 10
"""Photos that a tenth of the certainties must have for its share to say anything."""
_VISIBLE = 0.02
"""Cells narrower than this on the map (of width 5.4) are drawn as dots."""


def picture_of_cells(table: CellTable, path: Path) -> bool:
    """Every cell's outline on the world, darker the more photos it has; cells too small to see as dots."""
    plt = _pyplot()
    if plt is None:
        return False
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LogNorm

    photos = np.maximum(np.ones(len(table)) if table.photos is None else table.photos, 1)
    outlines, cell_of = _outlines(table)
    size = np.ptp(outlines, axis=1).max(axis=1)
    figure, axes, globe = world(plt)
    colours: dict[str, Any] = {
        "cmap": "viridis_r", "norm": LogNorm(photos.min(), max(photos.max(), 2 * photos.min())),
    }  # fmt: skip
    large = size >= _VISIBLE
    shades = PolyCollection(outlines[large], array=photos[cell_of[large]], alpha=0.8, edgecolors="white",
                            linewidths=0.25, zorder=3, **colours)  # fmt: skip
    axes.add_collection(shades)
    shades.set_clip_path(globe)
    small = np.flatnonzero(~large)
    small = small[np.argsort(photos[cell_of[small]])]  # the fullest on top
    middle = outlines[small].mean(axis=1)
    dots = axes.scatter(
        middle[:, 0], middle[:, 1], c=photos[cell_of[small]], s=np.clip(8000 / len(table), 3, 30),
        linewidths=0.1, edgecolors="white", zorder=4, **colours,
    )  # fmt: skip
    dots.set_clip_path(globe)
    _scale(figure, axes, dots, "training photos in a cell")
    coarsest, finest = levels(table.ids).min(), levels(table.ids).max()
    subtitle = f"S2 level {finest}" if coarsest == finest else f"S2 levels {coarsest} to {finest}"
    subtitle += f", {photos.sum():,.0f} training photos"
    _title(
        axes, f"{len(table):,} cells", subtitle + ("" if large.all() else "; dots: cells too small to draw")
    )
    return _save(plt, figure, path)


def picture_of_report(report: AccuracyReport, folder: Path) -> list[Path]:
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


def _accuracy(plt: Any, report: AccuracyReport) -> Any:
    figure, axes = plt.subplots(figsize=(8, 5))
    for km in THRESHOLDS_KM:
        axes.axvline(km, color=LINES, linewidth=1, zorder=0)
    for name, percent in report.published.items():
        axes.plot(THRESHOLDS_KM, percent, "o:", markersize=3.5, linewidth=0.9, label=name)
    ordered = np.sort(np.clip(report.errors_km, 0.1, 20_000))
    share = 100 * np.arange(1, len(ordered) + 1) / len(ordered)
    axes.step(
        [0.1, *ordered, 20_000], [0, *share, 100], where="post", color=INK, linewidth=2, label=report.model
    )
    axes.set(xscale="log", xlabel="error (km)", ylabel="photos within (%)", xlim=(0.1, 20_000), ylim=(0, 100))
    ticks = (0.1, *THRESHOLDS_KM)
    axes.set_xticks(ticks, [f"{km:,g}" for km in ticks])
    axes.xaxis.set_minor_formatter("")
    axes.legend(fontsize=8, loc="upper left")
    _title(axes, f"{report.model} on {report.test_set}", f"{len(ordered):,} photos, beside published systems"
           if report.published else f"{len(ordered):,} photos")  # fmt: skip
    return figure


def _errors(plt: Any, report: AccuracyReport) -> Any:
    from matplotlib.colors import LogNorm

    figure, axes, _ = world(plt)
    order = np.argsort(report.errors_km)  # the worst on top
    dots = axes.scatter(
        *equal_earth(report.lat[order], report.lng[order]), c=np.clip(report.errors_km[order], 0.1, 20_000),
        s=np.clip(8000 / max(len(order), 1), 4, 24), cmap="RdYlBu_r", norm=LogNorm(0.1, 20_000),
        linewidths=0.2, edgecolors=INK, zorder=4,
    )  # fmt: skip
    _scale(figure, axes, dots, "error (km)")
    counts = ", ".join(f"{int((report.errors_km <= km).sum()):,} within {km:,g} km" for km in THRESHOLDS_KM)
    _title(
        axes,
        f"{report.model} on {report.test_set}",
        f"{len(order):,} photos, where they were taken: {counts}",
    )
    return figure


def _reliability(plt: Any, report: AccuracyReport) -> Any:
    figure, axes = plt.subplots(figsize=(5, 5))
    slot = np.clip((report.certainty * 10).astype(int), 0, 9)
    filled = [s for s in range(10) if (slot == s).sum() >= _FEWEST]
    left_out = len(slot) - sum(int((slot == s).sum()) for s in filled)
    photos = np.array([(slot == s).sum() for s in filled])
    stated = np.array([report.certainty[slot == s].mean() for s in filled])
    shares = np.array([(report.errors_km[slot == s] <= 25).mean() for s in filled])
    # the deviation that a share has when the stated certainty is true
    chance = 1.96 * np.sqrt(stated * (1 - stated) / photos)
    axes.plot([0, 1], [0, 1], color=LAND, zorder=0)
    axes.vlines(stated, np.clip(stated - chance, 0, 1), np.clip(stated + chance, 0, 1), color=LAND,
                linewidth=5, label="95 % of honest models")  # fmt: skip
    axes.plot(stated, shares, color=INK, linewidth=1)
    axes.scatter(
        stated, shares, s=15 + 150 * photos / max(photos, default=1), color=INK, zorder=3, label="found"
    )
    axes.set(xlabel="stated certainty within 25 km", ylabel="share that was within 25 km",
             xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), aspect="equal")  # fmt: skip
    axes.legend(fontsize=8, loc="upper left", labelspacing=1)
    _title(
        axes,
        "Reliability",
        f"{report.model} on {report.test_set}; a dot's area is its number of photos"
        + (f"; {left_out:,} in tenths of fewer than {_FEWEST} are left out" if left_out else ""),
    )
    return figure


def _outlines(table: CellTable) -> tuple[Any, Any]:
    """Projected outlines (n, points, 2) and the row of the cell each is of: a cell over the date line has
    one at either edge of the map."""
    along, zero = np.linspace(0, 1, _EDGE_POINTS), np.zeros(_EDGE_POINTS)
    s = np.concatenate([along, zero + 1, along[::-1], zero])
    t = np.concatenate([zero, along, zero + 1, along[::-1]])
    lat, lng = points_within(table.ids[:, None], s[None, :], t[None, :])
    # a corner on a pole, which is a line on this map, has the longitude of the edge that ends or begins there
    row, corner = np.nonzero(np.abs(lat) > 90 - 1e-9)
    lng[row, corner] = lng[row, corner + np.where(corner % _EDGE_POINTS == 0, 1, -1)]
    middle = lng[:, :1]
    lng = middle + (lng - middle + 180) % 360 - 180
    for pole in (90.0, -90.0):
        (cell,) = table.classes_of(np.array([pole]), np.array([0.0]))
        if cell >= 0 and (np.abs(lat[cell]) < 90 - 1e-9).all():  # the pole is inside: a cap
            order = np.argsort(lng[cell] % 360)
            lat[cell], lng[cell] = lat[cell, order], lng[cell, order] % 360 - 180
            lat[cell, [0, -1]], lng[cell, 0], lng[cell, -1] = pole, -300, 300  # beyond the clipped edge
    rows = np.arange(len(table))
    over = np.flatnonzero(np.abs(lng).max(axis=1) > 180)
    lng = np.concatenate([lng, lng[over] - 360 * np.sign(lng[over].sum(axis=1, keepdims=True))])
    lat, rows = np.concatenate([lat, lat[over]]), np.concatenate([rows, over])
    return np.stack(equal_earth(lat, lng), axis=-1), rows


def _scale(figure: Any, axes: Any, shades: Any, label: str) -> None:
    bar = figure.colorbar(shades, ax=axes, orientation="horizontal", shrink=0.4, aspect=40, pad=0.02)
    bar.set_label(label, color=INK)
    digits = "1" if shades.norm.vmax > 1000 * shades.norm.vmin else "125"
    for put in (bar.ax.xaxis.set_major_formatter, bar.ax.xaxis.set_minor_formatter):
        put(lambda value, _: f"{value:,g}" if f"{value:e}"[0] in digits else "")
    bar.ax.tick_params(which="both", colors=INK, labelsize=8)
    bar.outline.set_visible(False)


def _title(axes: Any, title: str, below: str) -> None:
    axes.set_title(title, loc="left", fontsize=15, color=INK, pad=22)
    axes.text(0, 1.01, below, transform=axes.transAxes, fontsize=9.5, color=INK, alpha=0.8)


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
