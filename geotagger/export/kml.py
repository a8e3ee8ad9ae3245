"""KML 2.2 (OGC 07-147r2)."""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from geotagger import __version__
from geotagger.export.words import described, details, utc_text, xml
from geotagger.export.writing import MAKER
from geotagger.index.search import PhotoPlace


def kml(
    places: Iterable[PhotoPlace], picture: Callable[[PhotoPlace], str | None] = lambda _: None
) -> Iterator[str]:
    """`picture` names a small picture of a photo beside the document; None where there is none."""
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>\n'
        f"<!-- {MAKER} {__version__} -->\n<name>Photos</name>\n"
    )
    for photo in places:
        # a time without a zone would be read as UTC, so the camera's clock alone is no time
        moment = photo.taken if photo.utc is None else utc_text(photo.utc)
        has_zone = photo.utc is not None or re.search(r"[+-]\d\d:\d\d$", photo.taken or "")
        when = f"<TimeStamp><when>{xml(moment)}</when></TimeStamp>" if has_zone else ""
        data = "".join(
            f'<Data name="{name}"><value>{xml(str(value))}</value></Data>'
            for name, value in details(photo).items()
            if value is not None
        )
        small = picture(photo)
        image = "" if small is None else f'<img src="{small}"/><br/>'
        yield (
            f"<Placemark><name>{xml(Path(photo.path).name)}</name>"
            f"<description>{xml(image + described(photo))}</description>{when}"
            f"<ExtendedData>{data}</ExtendedData>"
            f"<Point><coordinates>{photo.longitude!r},{photo.latitude!r}</coordinates></Point></Placemark>\n"
        )
    yield "</Document></kml>\n"
