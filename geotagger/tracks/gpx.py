"""GPX 1.0 and 1.1: every point with a time, of tracks, routes and way points."""

from collections.abc import Iterator
from typing import IO
from xml.etree.ElementTree import iterparse

from geotagger.tracks.fields import number, utc_of
from geotagger.tracks.values import RECEIVER_ERROR_KM, Point


def read_gpx(file: IO[bytes]) -> Iterator[Point]:
    for _, element in iterparse(file, events=("end",)):
        if _local_name(element.tag) not in ("trkpt", "rtept", "wpt"):
            continue
        told = {_local_name(child.tag): (child.text or "").strip() for child in element}
        latitude, longitude = number(element.get("lat")), number(element.get("lon"))
        if latitude is not None and longitude is not None and "time" in told:
            utc = utc_of(told["time"], latitude, longitude)
            dop = number(told.get("hdop"))
            # a user range error of 5 m a unit of dilution is the usual civil figure
            error = max(RECEIVER_ERROR_KM, 0.005 * dop) if dop is not None else RECEIVER_ERROR_KM
            if utc is not None:
                yield utc, latitude, longitude, error
        element.clear()


def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2]
