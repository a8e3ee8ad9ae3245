"""GPX 1.1, photos as way points."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from geotagger import __version__
from geotagger.export.words import decimal, described, utc_text, xml
from geotagger.index.search import PhotoPlace


def gpx(places: Iterable[PhotoPlace]) -> Iterator[str]:
    """Waypoints; their time is UTC and left out where only the camera's clock is known."""
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<gpx version="1.1" creator="geotagger {__version__}" xmlns="http://www.topografix.com/GPX/1/1">\n'
    )
    for photo in places:
        time = "" if photo.utc is None else f"<time>{utc_text(photo.utc)}</time>"
        # GPX longitudes end before 180, which is the same meridian as −180
        longitude = decimal(photo.longitude)
        longitude = "-180" if longitude == "180" else longitude
        yield (
            f'<wpt lat="{decimal(photo.latitude)}" lon="{longitude}">{time}'
            f"<name>{xml(Path(photo.path).name)}</name><desc>{xml(described(photo))}</desc>"
            f"<src>{xml(photo.path)}</src><type>{xml(photo.rung)}</type></wpt>\n"
        )
    yield "</gpx>\n"
