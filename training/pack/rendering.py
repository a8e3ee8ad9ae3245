"""Reports as tables for people, records for scripts, and the estimate of a dry run."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from training.accuracy import THRESHOLDS_KM, AccuracyScore
from training.pack.evaluate import AccuracyReport

if TYPE_CHECKING:
    # a model is evaluated without the extra `train`, too
    from training.data.rows import RowsSummary
    from training.fit.recipe import Recipe

_SHARD_BYTES_A_PIXEL = 0.45
"""JPEG of quality 90, photographs; the long side is 4/3 of the short one on average."""


def tables_of(report: AccuracyReport) -> list[Table]:
    """The standard table beside the published rows, and the regions; 80 columns wide."""
    photos = max((score.photos for score in (report.scores | report.ceilings).values()), default=0)
    standard = _table(f"{report.model} on {report.test_set} ({photos:,} photos)")
    for heading, scores in (("this model", report.scores), ("best possible", report.ceilings)):
        if scores:
            standard.add_section()
            standard.add_row(f"[bold]{heading}[/]")
            for name, score in scores.items():
                standard.add_row(name, *_stacked(score))
    if report.published:
        standard.add_section()
        standard.add_row("[bold]published[/]")
        for name, percent in report.published.items():
            standard.add_row(escape(name), *map(_share, percent))
    if not report.regions:
        return [standard]
    regions = _table("by continent (place within 25 km)")
    for name, score in report.regions.items():
        regions.add_row(f"{name} ({score.photos:,})", *_stacked(score))
    return [standard, regions]


def _table(title: str) -> Table:
    table = Table(title=escape(title), box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("% within\n[dim]95 % interval", max_width=22)
    for km in THRESHOLDS_KM:
        table.add_column(f"{km:g} km", justify="right", no_wrap=True)
    table.add_column("median\n[dim]GeoScore", justify="right", no_wrap=True)
    return table


def _stacked(score: AccuracyScore) -> list[str]:
    """Each figure above its interval, the median above the GeoScore."""
    shares = [
        f"{_share(p)}\n[dim]{_share(low)}–{_share(high)}"
        for p, (low, high) in zip(score.percent, score.intervals, strict=True)
    ]
    return [*shares, f"{_median(score)} km\n[dim]{score.geoscore:,.0f}"]


def plain_lines(report: AccuracyReport) -> list[str]:
    """The same as lines for a log: one each, nothing drawn."""
    titled = {
        **{f"{report.model}, {name}": score for name, score in report.scores.items()},
        **{f"ceiling, {name}": score for name, score in report.ceilings.items()},
        **{f"in {name}": score for name, score in report.regions.items()},
    }
    thresholds = "/".join(f"{km:g}" for km in THRESHOLDS_KM)
    lines = [f"{report.model} on {report.test_set}: % within {thresholds} km [95 % intervals]"]
    for name, score in titled.items():
        *shares, median, geoscore, photos = _cells(score)
        text = " / ".join(shares)
        lines.append(f"{name}: {text}; median {median} km, GeoScore {geoscore}, {photos} photos")
    lines += [
        f"published, {name}: {' / '.join(f'{p:.1f}' for p in percent)}"
        for name, percent in report.published.items()
    ]
    return lines


def show(report: AccuracyReport, console: Console) -> None:
    """To standard output, which is `console`'s: tables on a terminal, plain lines elsewhere."""
    if sys.stdout.isatty():
        for table in tables_of(report):
            console.print(table)
    else:
        print("\n".join(plain_lines(report)))
    if report.scores:
        nll = (
            f"negative log-likelihood {report.nll:.3f}"
            if report.nll == report.nll
            else "no photo in any cell"
        )
        print(f"temperature {report.temperature:.3f}, {nll}")
    if report.problems:
        first = ": ".join(report.problems[0])
        line = f"left out: {len(report.problems):,} that could not be read, the first {first}"
        console.print(line, markup=False, soft_wrap=True)


def record_of(report: AccuracyReport) -> dict[str, Any]:
    """One JSON object; what is infinite or unknown is null."""
    return {
        "model": report.model,
        "test_set": report.test_set,
        "thresholds_km": list(THRESHOLDS_KM),
        "scores": {name: _record(score) for name, score in report.scores.items()},
        "ceilings": {name: _record(score) for name, score in report.ceilings.items()},
        "regions": {name: _record(score) for name, score in report.regions.items()},
        "published": {name: list(percent) for name, percent in report.published.items()},
        "fitted_temperature": report.temperature,
        "nll": _finite(report.nll),
        "unreadable": len(report.problems),
    }


def save_report(
    report: AccuracyReport, folder: Path, write: Callable[[AccuracyReport, Path], list[Path]]
) -> list[Path]:
    """report.json and what `write` draws, in `folder`."""
    import json

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(json.dumps(record_of(report), indent=1))
    return [folder / "report.json", *write(report, folder)]


def estimate_of(
    recipe: "Recipe", summary: "RowsSummary", classes: int, images_per_s: float, gigabytes: float, device: str
) -> dict[str, Any]:
    """What a training would take, from the speed of a few steps on this machine."""
    photos = summary.kept["train"]
    disk = sum(summary.kept.values()) * recipe.short_side**2 * 4 / 3 * _SHARD_BYTES_A_PIXEL
    return {
        "photos": summary.kept,
        "cells": classes,
        "shown": round(photos * recipe.epochs),
        "images_per_s": round(images_per_s, 1),
        "hours": round(photos * recipe.epochs / images_per_s / 3600, 2),
        "memory_gb": round(gigabytes, 1),
        "shards_gb": round(disk / 1e9, 2),
        "device": device,
    }


def lines_of_estimate(record: dict[str, Any]) -> list[str]:
    kept = ", ".join(f"{n:,} {split}" for split, n in record["photos"].items())
    return [
        f"photos: {kept}; cells: {record['cells']:,}",
        f"shards: about {record['shards_gb']:g} GB on disk",
        f"training: {record['shown']:,} images on {record['device']}, {record['images_per_s']:g} a second",
        f"time: {record['hours']:g} hours; memory: {record['memory_gb']:g} GB (measured with blank images)",
        "nothing was written",
    ]


def _cells(score: AccuracyScore) -> list[str]:
    shares = [
        f"{_share(p)} [{_share(low)}–{_share(high)}]"
        for p, (low, high) in zip(score.percent, score.intervals, strict=True)
    ]
    return [*shares, _median(score), f"{score.geoscore:,.0f}", f"{score.photos:,}"]


def _share(percent: float) -> str:
    return "100" if percent == 100 else f"{percent:.1f}"


def _median(score: AccuracyScore) -> str:
    return "–" if score.median_km == float("inf") else f"{score.median_km:,.1f}"


def _record(score: AccuracyScore) -> dict[str, Any]:
    return {
        "photos": score.photos,
        "percent": list(score.percent),
        "intervals": [list(pair) for pair in score.intervals],
        "median_km": _finite(score.median_km),
        "median_interval_km": [_finite(km) for km in score.median_interval],
        "geoscore": score.geoscore,
    }


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None
