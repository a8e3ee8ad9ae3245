"""Reliability diagrams and risk–coverage curves, as PNG by Pillow and as text for a terminal."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

_SIDE, _MARGIN = 480, 56
_INK, _FAINT, _LINE = (27, 58, 87), (200, 200, 200), (196, 84, 32)
_ROWS, _COLUMNS = 11, 41


def draw_reliability(path: Path, bins: Sequence[tuple[float, float, int]]) -> None:
    """Stated probability against the share inside; the size of a dot tells how many photos."""
    image, pen = _canvas("stated certainty", "share of photos inside the stated radius")
    pen.line([_at(0, 0), _at(1, 1)], fill=_FAINT, width=2)
    most = max((count for *_, count in bins), default=1)
    for stated, inside, count in bins:
        x, y = _at(stated, inside)
        r = 3 + 9 * (count / most) ** 0.5
        pen.ellipse([x - r, y - r, x + r, y + r], fill=_LINE)
        pen.text((x + r + 2, y - 5), str(count), fill=_INK)
    image.save(path)


def draw_risk_coverage(path: Path, curve: Sequence[tuple[float, float]]) -> None:
    """The share of photos kept, surest first, against the share of those outside their radius."""
    image, pen = _canvas("share of photos kept, surest first", "share of those outside their radius")
    if curve:
        pen.line([_at(kept, risk) for kept, risk in curve], fill=_LINE, width=2)
    image.save(path)


def text_plot(points: Sequence[tuple[float, float]], diagonal: bool = False) -> list[str]:
    """Points of the unit square as lines of text, y from 1 down to 0."""
    grid = [[" "] * _COLUMNS for _ in range(_ROWS)]
    if diagonal:
        for column in range(_COLUMNS):
            grid[_row(column / (_COLUMNS - 1))][column] = "·"
    for x, y in points:
        grid[_row(y)][round(min(max(x, 0.0), 1.0) * (_COLUMNS - 1))] = "●"
    lines = [f"{1 - n / (_ROWS - 1):4.1f} ┤{''.join(row)}" for n, row in enumerate(grid)]
    return [*lines, "     └" + "─" * _COLUMNS, "      0" + " " * (_COLUMNS - 4) + "1.0"]


def _row(y: float) -> int:
    return round((1 - min(max(y, 0.0), 1.0)) * (_ROWS - 1))


def _canvas(along: str, up: str) -> tuple["Image", "ImageDraw"]:
    from PIL import Image as images
    from PIL import ImageDraw as pens

    image = images.new("RGB", (_SIDE + 2 * _MARGIN, _SIDE + 2 * _MARGIN), "white")
    pen = pens.Draw(image)
    for n in range(11):
        pen.line([_at(n / 10, 0), _at(n / 10, 1)], fill=(238, 238, 238))
        pen.line([_at(0, n / 10), _at(1, n / 10)], fill=(238, 238, 238))
        x, y = _at(n / 10, 0)
        pen.text((x - 8, y + 6), f"{n / 10:.1f}", fill=_INK)
        x, y = _at(0, n / 10)
        pen.text((x - 28, y - 6), f"{n / 10:.1f}", fill=_INK)
    pen.rectangle([_at(0, 1), _at(1, 0)], outline=_INK)
    pen.text((_MARGIN, _SIDE + _MARGIN + 26), along, fill=_INK)
    pen.text((_MARGIN, _MARGIN - 24), up, fill=_INK)
    return image, pen


def _at(x: float, y: float) -> tuple[float, float]:
    return _MARGIN + x * _SIDE, _MARGIN + (1 - y) * _SIDE
