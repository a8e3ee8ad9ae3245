"""Reliability diagrams and risk–coverage curves, as PNG by Pillow and as text for a terminal.

Takes what `evaluation` counted, draws. Pictures are drawn large and shrunk, which makes their
lines smooth without another library.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

_FINE = 3
"""Pixels drawn for each that is kept, across."""
_SIDE, _LEFT, _TOP, _RIGHT, _BELOW = 480, 70, 92, 30, 64
_INK, _GRID, _FAINT, _BAND, _DOT = (
    (33, 37, 41),
    (236, 239, 241),
    (150, 158, 165),
    (207, 221, 234),
    (31, 92, 140),
)
_LINE = (196, 84, 32)
_ROWS, _COLUMNS = 11, 61
_SMALLEST, _DASH = 6, 7

Bin = tuple[float, float, int]
"""Mean stated certainty, share inside, photos."""
CurvePoint = tuple[float, float, float]
"""Share of photos kept, share of those outside their radius, and what was stated for that."""


def draw_reliability(path: Path, bins: Sequence[Bin], title: str = "") -> None:
    """Stated certainty against the share inside; a dot's area tells how many photos, the bar behind it
    where 95 of 100 dots would lie if the certainty were true and photos erred independently."""
    image, pen = _canvas(
        f"Reliability: {title}" if title else "Reliability",
        "dot: photos that said so; bar: where 95 % of dots would lie if they were right",
        "stated certainty",
        "share of photos inside the stated radius",
        1.0,
    )
    pen.line([_at(0, 0), _at(1, 1)], fill=_FAINT, width=2 * _FINE)
    for stated, _, count in bins:
        chance = 1.96 * (max(stated * (1 - stated), 1e-6) / count) ** 0.5
        (x, low), (_, high) = _at(stated, max(stated - chance, 0)), _at(stated, min(stated + chance, 1))
        pen.rounded_rectangle([x - 4 * _FINE, high, x + 4 * _FINE, low], radius=4 * _FINE, fill=_BAND)
    pen.line([_at(stated, inside) for stated, inside, _ in bins], fill=_DOT, width=_FINE)
    most = max((count for *_, count in bins), default=1)
    for stated, inside, count in bins:
        x, y = _at(stated, inside)
        r = (3 + 8 * (count / most) ** 0.5) * _FINE
        pen.ellipse([x - r, y - r, x + r, y + r], fill=_DOT)
        beside = "ra" if stated > 0.92 else "la"
        pen.text((x + (-r - 4 * _FINE if beside == "ra" else r + 4 * _FINE), y - 6 * _FINE), f"{count}",
                 fill=_INK, font=_font(11), anchor=beside)  # fmt: skip
    _save(image, path)


def draw_risk_coverage(path: Path, curve: Sequence[CurvePoint], title: str = "") -> None:
    """The share of photos kept, surest first, against the share of those outside their radius, and
    beside it what the certainties promised."""
    top = top_of([max(risk, stated) for _, risk, stated in curve])
    image, pen = _canvas(
        f"Risk and coverage: {title}" if title else "Risk and coverage",
        "line: how often they were wrong; dashes: how often their certainties said they would be",
        "share of photos kept, surest first",
        "share of those outside their radius",
        top,
    )
    for dash in _dashes([_at(kept, stated / top) for kept, _, stated in curve]):
        pen.line(dash, fill=_FAINT, width=2 * _FINE)
    if len(curve) > 1:
        pen.line(
            [_at(kept, risk / top) for kept, risk, _ in curve], fill=_LINE, width=2 * _FINE, joint="curve"
        )
    _save(image, path)


def text_plot(points: Sequence[tuple[float, float]], diagonal: bool = False, top: float = 1.0) -> list[str]:
    """Points as lines of text, x from 0 to 1, y from `top` down to 0."""
    grid = [[" "] * _COLUMNS for _ in range(_ROWS)]
    if diagonal:
        for column in range(_COLUMNS):
            grid[_row(column / (_COLUMNS - 1))][column] = "·"
    for x, y in points:
        grid[_row(y / top)][round(min(max(x, 0.0), 1.0) * (_COLUMNS - 1))] = "●"
    lines = [f"{100 * top * (1 - n / (_ROWS - 1)):4.0f} ┤{''.join(row)}" for n, row in enumerate(grid)]
    marks = "".join(f"{percent:<{(_COLUMNS - 1) // 4}}" for percent in (0, 25, 50, 75)) + "100"
    return [*lines, "     └" + "─" * _COLUMNS, "      " + marks]


def top_of(values: Sequence[float]) -> float:
    """The least of some round numbers that no value exceeds."""
    highest = max(values, default=1.0)
    return next(step for step in (0.1, 0.2, 0.3, 0.4, 0.5, 1.0) if highest <= step)


def _row(y: float) -> int:
    return round((1 - min(max(y, 0.0), 1.0)) * (_ROWS - 1))


def _canvas(title: str, subtitle: str, along: str, up: str, top: float) -> tuple["Image", "ImageDraw"]:
    from PIL import Image as images
    from PIL import ImageDraw as pens

    width, height = _LEFT + _SIDE + _RIGHT, _TOP + _SIDE + _BELOW
    image = images.new("RGB", (width * _FINE, height * _FINE), "white")
    pen = pens.Draw(image)
    for n in range(11):
        pen.line([_at(n / 10, 0), _at(n / 10, 1)], fill=_GRID, width=_FINE)
        pen.line([_at(0, n / 10), _at(1, n / 10)], fill=_GRID, width=_FINE)
        x, y = _at(n / 10, 0)
        pen.text((x, y + 8 * _FINE), f"{10 * n} %", fill=_INK, font=_font(11), anchor="ma")
        x, y = _at(0, n / 10)
        pen.text((x - 8 * _FINE, y), f"{10 * n * top:.3g} %", fill=_INK, font=_font(11), anchor="rm")
    pen.line([_at(0, 1), _at(0, 0), _at(1, 0)], fill=_INK, width=_FINE)
    pen.text((16 * _FINE, 16 * _FINE), title, fill=_INK, font=_fitting(pen, title, 15, width - 32))
    pen.text((16 * _FINE, 38 * _FINE), subtitle, fill=_FAINT, font=_fitting(pen, subtitle, 11, width - 32))
    pen.text((_LEFT * _FINE, 76 * _FINE), up, fill=_INK, font=_font(12), anchor="lm")
    pen.text(
        ((_LEFT + _SIDE) * _FINE, (_TOP + _SIDE + 36) * _FINE), along, fill=_INK, font=_font(12), anchor="rm"
    )
    return image, pen


def _dashes(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Of a line that goes to the right, however far its points lie apart."""
    if len(points) < 2:
        return []
    x, y = np.array(points).T
    starts = np.arange(x[0], x[-1], 2 * _DASH * _FINE)
    ends = np.minimum(starts + _DASH * _FINE, x[-1])
    return [
        [(float(a), float(np.interp(a, x, y))), (float(b), float(np.interp(b, x, y)))]
        for a, b in zip(starts, ends, strict=True)
    ]


def _save(image: "Image", path: Path) -> None:
    from PIL.Image import Resampling

    image.resize((image.width // _FINE, image.height // _FINE), Resampling.LANCZOS).save(path)


def _font(size: int) -> "ImageFont | FreeTypeFont":
    from PIL import ImageFont as fonts

    return fonts.load_default(size * _FINE)


def _fitting(pen: "ImageDraw", text: str, size: int, width: int) -> "ImageFont | FreeTypeFont":
    """The largest font up to `size` in which the text is not cut at the edge."""
    while size > _SMALLEST and pen.textlength(text, font=_font(size)) > width * _FINE:
        size -= 1
    return _font(size)


def _at(x: float, y: float) -> tuple[float, float]:
    return (_LEFT + x * _SIDE) * _FINE, (_TOP + (1 - y) * _SIDE) * _FINE
