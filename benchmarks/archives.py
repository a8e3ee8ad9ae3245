"""The archives that certainties are measured on: real ones, and people who do not exist."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.sequences import real_archives
from benchmarks.strangers import STRANGERS
from geotagger.estimate.clock import Clocked
from geotagger.estimate.tracks import Tracks
from geotagger.evaluate.trial import Sighting
from tests.estimate.archives import PEOPLE


@dataclass(frozen=True, slots=True)
class Archive:
    """`group` is the row of the table; archives of one group are pooled."""

    group: str
    name: str
    sightings: Sequence[Sighting]
    tracks: Tracks


def archives(data: Path, people: int, first_person: int, strangers: str | None = None) -> Iterator[Archive]:
    if strangers is not None:
        yield from of_people(STRANGERS[strangers], people, first_person)
        return
    for name, sightings, tracks in real_archives(data):
        yield Archive(name + ("*" if name == "dog-signs" else ""), name, sightings, tracks)
    for n, path in enumerate(sorted((data / "archives").glob("*.csv"))):
        group = "archives odd*" if n % 2 == 0 else "archives even"
        yield Archive(group, path.stem, read_places(path), Tracks())
    yield from of_people(PEOPLE, people, first_person)


def of_people(
    kinds: Mapping[str, Callable[[int], list[Sighting]]], people: int, first_person: int
) -> Iterator[Archive]:
    for kind, person in kinds.items():
        for n in range(people):
            yield Archive(kind, f"{kind} {n}", person(first_person + n), Tracks())


def read_places(path: Path) -> list[Sighting]:
    """One of ../shared/data/archives; its places are rounded to 0.001 degrees."""
    with path.open(newline="") as file:
        return [
            Sighting(
                f"{n:05}",
                Clocked(
                    datetime.fromisoformat(row["taken"]),
                    _offset(row["utc_offset"]),
                    None,
                    f"camera {row['camera']}" if row["camera"] else None,
                    float(row["latitude"]),
                    float(row["longitude"]),
                ),
            )
            for n, row in enumerate(csv.DictReader(file))
        ]


def _offset(text: str) -> timedelta | None:
    if not text:
        return None
    hours, minutes = text[1:].split(":")
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return -offset if text[0] == "-" else offset
