"""Garmin's Training Center XML, version 2: the track points of activities.

A course is planned: its times are those of a partner who was never there.
"""

from collections.abc import Iterator
from typing import IO

from geotagger.tracks.fields import number, utc_of
from geotagger.tracks.markup import elements
from geotagger.tracks.values import RECEIVER_ERROR_KM, Point

_NAMES = ("Trackpoint", "Course", "Time", "LatitudeDegrees", "LongitudeDegrees")


def read_tcx(file: IO[bytes]) -> Iterator[Point]:
    fields: dict[str, str] = {}
    courses = 0
    for event in elements(file, _NAMES):
        if event.name == "Course":
            courses += 1 if event.opens else -1
        elif event.opens:
            if event.name == "Trackpoint":
                fields = {}
        elif event.name != "Trackpoint":
            fields.setdefault(event.name, event.text)
        elif not courses:
            latitude, longitude = (
                number(fields.get("LatitudeDegrees")),
                number(fields.get("LongitudeDegrees")),
            )
            if latitude is not None and longitude is not None:
                utc = utc_of(fields.get("Time", ""), latitude, longitude)
                if utc is not None:
                    yield Point(utc, latitude, longitude, RECEIVER_ERROR_KM)
