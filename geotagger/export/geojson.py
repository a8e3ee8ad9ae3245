"""GeoJSON (RFC 7946). File names stay exact, as Python's surrogateescape writes them."""

import json
from collections.abc import Iterable, Iterator

from geotagger.export.words import NAMES
from geotagger.index.search import PhotoPlace


def geojson(places: Iterable[PhotoPlace]) -> Iterator[str]:
    """One FeatureCollection, a feature a line."""
    yield '{"type": "FeatureCollection", "features": ['
    separator = "\n"
    for photo in places:
        feature = {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [photo.longitude, photo.latitude]},
            "properties": {
                "path": photo.path,
                "status": photo.status,
                "taken": photo.taken,
                "radius_km": photo.radius_km,
                "confidence": photo.confidence,
                "rung": photo.rung,
                "cell": photo.cell,
                "model": photo.model,
                "run": photo.run,
                "camera": photo.camera,
                **{name: getattr(photo, name) for name in NAMES},
                **({} if photo.distance_km is None else {"distance_km": photo.distance_km}),
            },
        }
        yield separator + json.dumps(feature, allow_nan=False)
        separator = ",\n"
    yield "\n]}\n"
