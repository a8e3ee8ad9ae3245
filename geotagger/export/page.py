"""One HTML page with a map: coasts and borders, a dot for each photo, and what is known of it when one points
there. The page is whole in itself: it loads nothing, and sends nothing anywhere.

The lines are those of `gazetteer.borders`, to a tenth of a degree.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from geotagger.export.words import in_words, utf8
from geotagger.export.writing import MAKER
from geotagger.index.search import PhotoPlace

_FOLDER = Path(__file__).parents[1] / "data" / "page"


def page(photos: Iterable[PhotoPlace]) -> Iterator[str]:
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="generator" content="{MAKER}">\n'
        '<meta http-equiv="Content-Security-Policy" content="'
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>Photos</title>\n'
        f"<style>\n{_part('page.css')}</style>\n</head>\n<body>\n"
        '<canvas id="map" tabindex="0" aria-label="Map of the photos"></canvas>\n'
        '<div id="told" role="status"></div>\n<p id="how">Drag to move, wheel or + and − to zoom.</p>\n'
        '<script type="application/json" id="photos">[\n'
    )
    separator = ""
    for photo in photos:
        yield separator + _script_safe(_shown(photo))
        separator = ",\n"
    yield '\n]</script>\n<script type="application/json" id="lines">'
    yield _script_safe(_lines())
    yield f"</script>\n<script>\n{_part('page.js')}</script>\n</body>\n</html>\n"


def _shown(photo: PhotoPlace) -> list[object]:
    from geotagger.gazetteer.words import in_full

    where = in_full(photo.place, photo.place_km, photo.region, photo.country, photo.near_border)
    return [
        round(photo.latitude, 6),
        round(photo.longitude, 6),
        photo.radius_km,
        utf8(photo.path),
        (photo.taken or "")[:16].replace("T", " "),
        where,
        in_words(photo),
    ]


def _script_safe(value: object) -> str:
    """JSON in which no text can end the script that it stands in."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _lines() -> list[list[int]]:
    """Each line as x, y, x, y … in tenths of a degree."""
    from geotagger.gazetteer.borders import polylines

    lines = []
    for lng, lat in polylines():
        tenths: list[int] = []
        points = np.stack([lng, lat], axis=1)
        for x, y in (10 * points).round().astype(int).tolist():
            if tenths[-2:] != [x, y]:
                tenths += [x, y]
        if len(tenths) > 2:
            lines.append(tenths)
    return lines


def _part(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
