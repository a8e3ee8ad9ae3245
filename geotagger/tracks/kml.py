"""KML 2.2 and KMZ, which is KML in a zip: gx:Track (when beside coord), and placemarks with a point and a
time stamp."""

import zipfile
from collections.abc import Iterator, Sequence
from typing import IO
from xml.etree.ElementTree import iterparse

from geotagger.tracks.fields import number, utc_of
from geotagger.tracks.values import LARGEST_BYTES, RECEIVER_ERROR_KM, Point


def read_kmz(file: IO[bytes]) -> Iterator[Point]:
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            if entry.filename.lower().endswith(".kml"):
                if entry.file_size > LARGEST_BYTES:
                    raise ValueError(f"{entry.filename} unpacks to more than 2 GiB")
                with archive.open(entry) as unpacked:
                    yield from read_kml(unpacked)


def read_kml(file: IO[bytes]) -> Iterator[Point]:
    for _, element in iterparse(file, events=("end",)):
        if _local_name(element.tag) == "Track":
            times = [child.text or "" for child in element if _local_name(child.tag) == "when"]
            places = [(child.text or "").split() for child in element if _local_name(child.tag) == "coord"]
            for when, place in zip(times, places, strict=False):
                yield from _timed(when, place)
            element.clear()
        elif _local_name(element.tag) == "Placemark":
            whens = [c.text or "" for c in element.iter() if _local_name(c.tag) == "when"]
            begins = [c.text or "" for c in element.iter() if _local_name(c.tag) == "begin"]
            for point in (c for c in element.iter() if _local_name(c.tag) == "Point"):
                coordinates = "".join(
                    c.text or "" for c in point.iter() if _local_name(c.tag) == "coordinates"
                )
                for when in (whens or begins)[:1]:
                    yield from _timed(when, coordinates.strip().split(","))
            element.clear()


def _timed(when: str, place: Sequence[str]) -> Iterator[Point]:
    """KML has the longitude first."""
    if len(place) < 2:
        return
    longitude, latitude = number(place[0]), number(place[1])
    if latitude is None or longitude is None:
        return
    utc = utc_of(when, latitude, longitude)
    if utc is not None:
        yield utc, latitude, longitude, RECEIVER_ERROR_KM


def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2]
