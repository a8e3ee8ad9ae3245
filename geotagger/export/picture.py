"""What the index has, as a picture: where the photos lie, and when they were taken.

A map of the part of the world where they are, with borders and coasts of Natural Earth, and below it a
timeline. Takes a summary and the spots of its photos, gives the bytes of a PNG. Knows no index.
"""

import io
import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont, PngImagePlugin

from geotagger.export.writing import MAKER
from geotagger.gazetteer.borders import polylines
from geotagger.index.summary import ArchiveSummary, Spot
from geotagger.index.timeline import columns

_WIDTH, _HEIGHT = 1600, 1100
_MAP = (40, 110, 1560, 780)
_TIME = (40, 850, 1560, 1040)
_MOST_COLUMNS = 304
_LEAST_DEG = 4.0
"""The height of the map at least, so that one spot still shows its country."""
_MARGIN = 0.15
_MOST_SOUTH, _MOST_NORTH = -85.0, 85.0

_PAPER, _INK, _LINE, _SEA = "#ffffff", "#1f2933", "#9aa5b1", "#f2f6fa"
_COLOURS = {"estimate": "#dd6b20", "camera": "#2b6cb0", "sidecar": "#2c7a7b", "manual": "#2f855a"}
_NAMES = {"camera": "from cameras", "sidecar": "from sidecars", "manual": "from you", "estimate": "estimated"}
_WITHOUT = "#cbd2d9"


def picture(summary: ArchiveSummary, spots: Sequence[Spot]) -> bytes:
    """The PNG, 1600 by 1100 pixels."""
    image = Image.new("RGB", (_WIDTH, _HEIGHT), _PAPER)
    draw = ImageDraw.Draw(image)
    total, placed = summary.photos, summary.placed
    line = f"{placed:,} of {total:,} photo{' has' if total == 1 else 's have'} a place"
    draw.text((40, 28), line, fill=_INK, font=ImageFont.load_default(34))
    _draw_legend(draw, spots)
    _draw_map(image, spots)
    _draw_timeline(draw, summary)
    metadata = PngImagePlugin.PngInfo()
    metadata.add_text("Software", MAKER)
    file = io.BytesIO()
    image.save(file, "PNG", pnginfo=metadata)
    return file.getvalue()


def _draw_legend(draw: ImageDraw.ImageDraw, spots: Sequence[Spot]) -> None:
    font, x = ImageFont.load_default(20), 40.0
    for kind, name in _NAMES.items():
        if photos := sum(spot.photos for spot in spots if spot.kind == kind):
            draw.ellipse((x, 80, x + 14, 94), fill=_COLOURS[kind])
            text = f"{photos:,} {name}"
            draw.text((x + 22, 74), text, fill=_INK, font=font)
            x += 60 + draw.textlength(text, font)


def _draw_map(image: Image.Image, spots: Sequence[Spot]) -> None:
    left, top, right, bottom = _MAP
    west, south, degrees, squeeze = _extent(spots)
    scale = (bottom - top) / degrees
    sheet = Image.new("RGB", (right - left, bottom - top), _SEA)
    draw = ImageDraw.Draw(sheet)

    def at(lng: float, lat: float) -> tuple[float, float]:
        return (lng - west) * squeeze * scale, (bottom - top) - (lat - south) * scale

    for lng, lat in polylines():
        x, y = (lng - west) * squeeze * scale, (bottom - top) - (lat - south) * scale
        if x.max() < 0 or x.min() > right - left or y.max() < 0 or y.min() > bottom - top:
            continue
        # lines that lead around the world are two: drawn through they would cross the map
        for part in np.split(np.arange(len(x)), np.flatnonzero(np.abs(np.diff(lng)) > 180) + 1):
            if len(part) > 1:
                draw.line(list(zip(x[part].tolist(), y[part].tolist(), strict=True)), fill=_LINE, width=1)
    for spot in sorted(spots, key=lambda one: -one.photos):
        x0, y0 = at(spot.longitude, spot.latitude)
        size = 6 + 4 * math.log10(spot.photos)
        box = (x0 - size, y0 - size, x0 + size, y0 + size)
        draw.ellipse(box, fill=_COLOURS[spot.kind], outline=_PAPER)
    image.paste(sheet, (left, top))
    ImageDraw.Draw(image).rectangle((left, top, right, bottom), outline=_LINE)


def _extent(spots: Sequence[Spot]) -> tuple[float, float, float, float]:
    """West and south edges and height of the map in degrees, and how much narrower a degree of longitude is
    drawn than one of latitude."""
    left, top, right, bottom = _MAP
    aspect = (right - left) / (bottom - top)
    lats = [spot.latitude for spot in spots] or [-55.0, 75.0]
    lngs = [spot.longitude for spot in spots] or [-180.0, 180.0]
    middle_lat, middle_lng = (min(lats) + max(lats)) / 2, (min(lngs) + max(lngs)) / 2
    squeeze = max(0.2, math.cos(math.radians(middle_lat)))
    height = max(max(lats) - min(lats), (max(lngs) - min(lngs)) * squeeze / aspect, _LEAST_DEG)
    height = min(height * (1 + 2 * _MARGIN), _MOST_NORTH - _MOST_SOUTH)
    south = min(max(middle_lat - height / 2, _MOST_SOUTH), _MOST_NORTH - height)
    return middle_lng - height * aspect / squeeze / 2, south, height, squeeze


def _draw_timeline(draw: ImageDraw.ImageDraw, summary: ArchiveSummary) -> None:
    left, top, right, bottom = _TIME
    line, name = columns(summary.months, _MOST_COLUMNS)
    font = ImageFont.load_default(20)
    if not line:
        draw.text((left, top), "no photo says when it was taken", fill=_INK, font=font)
        return
    most = max(column.share.photos for column in line)
    wide = (right - left) / max(len(line), 12)
    title = f"a column a {name}, the highest {most:,} photos; dark: with a place, light: without"
    draw.text((left, top - 44), title, fill=_INK, font=font)
    for n, column in enumerate(line):
        x = left + n * wide
        gap = 1 if wide > 3 else 0
        for photos, colour in ((column.share.photos, _WITHOUT), (column.share.placed, _INK)):
            if photos:
                height = max(2.0, (bottom - top) * photos / most)
                draw.rectangle((x, bottom - height, x + max(wide - gap - 1, 0), bottom), fill=colour)
    draw.line((left, bottom, right, bottom), fill=_LINE)
    draw.text((left, bottom + 8), line[0].begins, fill=_INK, font=font)
    if len(line) > 1:
        end = left + len(line) * wide
        text = line[-1].begins
        draw.text(
            (max(end - draw.textlength(text, font), left + 110), bottom + 8), text, fill=_INK, font=font
        )
