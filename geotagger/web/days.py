"""The outings of an archive as a list: when, how many photos, where, by what, and how certain.

Takes the moments of all photos out of the index and cuts them where `estimate.timeline` cuts; gives values.
Kept until the index changes."""

import os
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from geotagger.estimate.timeline import outings
from geotagger.estimate.values import OWN_FIXES
from geotagger.gazetteer.words import country_name
from geotagger.index import Index
from geotagger.index.mapping import Moment, moments

_MOST_PLACES = 2


@dataclass(frozen=True, slots=True)
class Day:
    """An outing: its first and last photo, their times (POSIX seconds; None for photos without a time), how
    many photos there are, how many were placed by each rung, how many have no place, wait for a look, were
    confirmed, rejected or set aside; the range of certainties of what is estimated; and where it was."""

    root_id: int
    first: int
    last: int
    start: float | None
    end: float | None
    photos: int
    rungs: dict[str, int]
    without_place: int
    is_open: int
    confirmed: int
    rejected: int
    aside: int
    least: float | None
    most: float | None
    where: str


def days_of(photos: Iterable[Moment]) -> list[Day]:
    """Newest first; photos without a time come last, those of one root together."""
    timed: list[Day] = []
    timeless: list[Day] = []
    for _, of_root in groupby(photos, lambda moment: moment.root_id):
        left: list[Moment] = []
        for outing in outings(of_root, lambda moment: moment.utc):
            if outing[0].utc is None:
                left += outing
            else:
                timed.append(_day(outing))
        if left:
            timeless.append(_day(left))
    timed.sort(key=lambda day: -(day.start or 0.0))
    return timed + timeless


def _day(photos: Sequence[Moment]) -> Day:
    estimated = [p for p in photos if p.rung is not None and p.rung not in OWN_FIXES]
    certainties = [p.confidence for p in estimated if p.confidence is not None]
    return Day(
        photos[0].root_id,
        photos[0].id,
        photos[-1].id,
        photos[0].utc,
        photos[-1].utc,
        len(photos),
        dict(Counter(p.rung for p in photos if p.rung is not None)),
        sum(p.rung is None for p in photos),
        sum(not p.is_confirmed and p.verdict is None for p in estimated),
        sum(p.is_confirmed for p in photos),
        sum(p.verdict == "rejected" for p in photos),
        sum(p.verdict == "aside" for p in photos),
        min(certainties, default=None),
        max(certainties, default=None),
        _where(photos),
    )


def _where(photos: Sequence[Moment]) -> str:
    """ "Sitges, Catalonia, Spain", "Lyon and Paris, France", by where most photos are, with the region and
    the country that all share; empty where none has a place."""
    placed = [p for p in photos if p.rung is not None]
    if not placed:
        return ""
    places = [place for place, _ in Counter(p.place for p in placed if p.place).most_common(_MOST_PLACES)]
    regions, countries = ({getattr(p, of) for p in placed} - {None} for of in ("region", "country"))
    shared = list(regions) if len(regions) == 1 else []
    shared += map(country_name, countries if len(countries) == 1 else ())
    return ", ".join(dict.fromkeys(filter(None, [" and ".join(places), *shared]))) or "far from any town"


class Days:
    """The list for an index, made anew when the index has changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stamp: tuple[object, ...] | None = None
        self._days: list[Day] = []

    def of(self, index: Index) -> list[Day]:
        with self._lock:
            stamp = stamp_of(index.path)
            if stamp != self._stamp:
                self._days = days_of(moments(index.store))
                self._stamp = stamp
            return self._days


def stamp_of(path: Path) -> tuple[object, ...]:
    """Another one whenever something was committed to the index."""
    parts: list[object] = []
    for name in (path, f"{path}-wal"):
        try:
            there = os.stat(name)
            parts += [there.st_mtime_ns, there.st_size]
        except OSError:
            parts.append(None)
    return tuple(parts)
