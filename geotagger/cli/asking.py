"""How a command is told which photos: one set of options, read by one parser into one value (`Filters`)
with a `Query` of the index room in it. Wrong words raise UsageError.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from geotagger.archive.names import is_at_or_below
from geotagger.cli.common import say, say_cut_off
from geotagger.cli.distances import distance_reader
from geotagger.cli.places import are_coordinates, box, coordinates, country_of, near_by, short_plus_code
from geotagger.defaults import MIN_CONFIDENCE
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.gazetteer.finding import Named
    from geotagger.index import Index
    from geotagger.index.regions import Polygons
    from geotagger.index.search import Query


MOST = 2**63 - 1
"""The largest number that an index counts to."""


class Rung(StrEnum):
    """The ladder, spelt out for the help text; a test holds it against estimate.values.RUNGS."""

    visual = "visual"
    neighbours = "neighbours"
    track = "track"
    sidecar = "sidecar"
    camera = "camera"
    manual = "manual"


class Sorting(StrEnum):
    distance = "distance"
    taken = "taken"
    confidence = "confidence"
    path = "path"


_USUAL_RADIUS_KM = 25.0


@dataclass(frozen=True)
class FilterOptions:
    """The one language in which photos are chosen, for every command that chooses some."""

    panel: ClassVar = "More ways to choose photos"
    common: ClassVar[tuple[str, ...]] = ("near", "radius", "country", "place", "since", "until", "path")

    near: Annotated[
        str | None,
        typer.Option(
            "--near",
            metavar="LAT,LNG|PLACE",
            help='Around here: "48.8584,2.2945", "48°51\'30"N 2°17\'40"E", geo:…, a Plus Code, a town: '
            '"Lyon", "Paris, US", or a place that you saved: "home".',
        ),
    ] = None
    radius: Annotated[
        float | None,
        typer.Option(
            "--radius",
            metavar="KM",
            parser=distance_reader(),
            help="How far around --near: 30, 500m, 20mi. [default: 25]",
        ),
    ] = None
    probability: Annotated[
        float | None,
        typer.Option(
            "--probability",
            metavar="0–1",
            min=0.0,
            max=1.0,
            help="Instead, photos that were taken within --radius of --near at least so probably.",
        ),
    ] = None
    nearest: Annotated[
        int | None,
        typer.Option(
            "--nearest",
            min=1,
            max=MOST,
            metavar="N",
            help="The N photos nearest to --near, however far they are.",
        ),
    ] = None
    bbox: Annotated[
        str | None,
        typer.Option(
            "--bbox",
            metavar="SOUTH,WEST,NORTH,EAST",
            help="Between two corners, each as LAT,LNG; west may be east of east across the date line.",
        ),
    ] = None
    within: Annotated[
        Path | None,
        typer.Option(
            "--within",
            metavar="FILE.geojson",
            help="Inside the polygons of a GeoJSON file; they may cross the date line.",
        ),
    ] = None
    cell: Annotated[
        str | None, typer.Option("--cell", metavar="TOKEN", help="Inside an S2 cell, as in 47e66f.")
    ] = None
    country: Annotated[
        str | None, typer.Option("--country", metavar="NAME|CODE", help="In a country: Spain or ES.")
    ] = None
    place: Annotated[
        str | None,
        typer.Option(
            "--place",
            metavar="NAME",
            help="Where the nearest town is this or a quarter of it, or in this region: Sitges, Catalonia.",
        ),
    ] = None
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="Taken then or later: 2024, 2024-05, 2024-05-17, or a time."
        ),
    ] = None
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="Taken then or earlier; the whole day or year counts."),
    ] = None
    source: Annotated[
        list[Rung] | None,
        typer.Option(
            "--source",
            metavar="|".join(Rung),
            help="Only positions of this kind of evidence; may be given several times.",
        ),
    ] = None
    camera: Annotated[
        str | None, typer.Option("--camera", metavar="TEXT", help="Cameras that have this in their name.")
    ] = None
    path: Annotated[
        list[str] | None,
        typer.Option(
            "--path",
            metavar="PATH|PATTERN",
            help="A photo, a folder, or a pattern of whole paths such as `*/Raw/*`; several may be given.",
        ),
    ] = None
    run: Annotated[
        str | None, typer.Option("--run", metavar="RUN", help="Positions of this run; see runs.")
    ] = None
    written: Annotated[
        bool, typer.Option("--written", help="Only positions that geotagger wrote into photos or sidecars.")
    ] = False
    min_confidence: Annotated[
        float | None,
        typer.Option(
            "--min-confidence",
            metavar="0–1",
            min=0.0,
            max=1.0,
            help="Only positions at least this certain. [default: what stands in a photo, or is "
            f"{MIN_CONFIDENCE} certain]",
        ),
    ] = None
    all_guesses: Annotated[bool, typer.Option("--all", help="Uncertain guesses too.")] = False
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, max=MOST, metavar="N", help="At most so many photos.")
    ] = None
    sort: Annotated[
        Sorting | None,
        typer.Option("--sort", help="The order; unless told by distance around --near, else by time."),
    ] = None


@dataclass(frozen=True)
class NarrowingOptions(FilterOptions):
    """The same for commands that take files first: in a panel of their own."""

    panel: ClassVar = "Photos chosen as query does"
    common: ClassVar[tuple[str, ...]] = ()


@dataclass(frozen=True, slots=True)
class Filters:
    """What the owner typed, read as far as it can be without an index. `spot`: the place taken, in words."""

    query: "Query"
    run: str | None = None
    spot: str | None = None

    def of(self, index: "Index") -> "Query":
        """The query, its run looked up. UsageError for a run that is none."""
        if self.run is None:
            return self.query
        return replace(self.query, run_id=index.runs.find(self.run).id)


@contextlib.contextmanager
def open_to_ask(index_file: Path | None) -> "Iterator[Index | None]":
    """The index to read; None, with a word, when the user's own does not exist yet."""
    from geotagger.index import index_exists, open_index

    if index_file is None and not index_exists():
        say("nothing has been tagged yet, so there is no index; `geotagger tag PATH` makes one")
        yield None
        return
    with open_index(index_file, mode="read") as index:
        say_cut_off(index)
        yield index


def read_filters(options: FilterOptions) -> Filters:
    """What was typed, as far as it can be read without an index. UsageError for what cannot be, or
    contradicts itself."""
    from geotagger.index.search import Near, Query

    for flag, is_given in (
        ("--radius", options.radius is not None),
        ("--nearest", options.nearest is not None),
        ("--probability", options.probability is not None),
    ):
        if options.near is None and is_given:
            raise UsageError(f"{flag} goes with --near, which says around where")
    if options.nearest is not None and options.radius is not None:
        raise UsageError("--nearest asks for any distance, --radius for one; give one of them")
    if options.nearest is not None and options.probability is not None:
        raise UsageError("--probability is about a circle, --nearest about none; give one of them")
    if options.sort is Sorting.distance and options.near is None:
        raise UsageError("--sort distance needs --near, the place to measure from")
    since, until = (
        None if moment is None else _moment(flag, moment)
        for flag, moment in (("--since", options.since), ("--until", options.until))
    )
    if since is not None and until is not None and since[0] >= until[1]:
        raise UsageError(
            f"--since {options.since} is after --until {options.until}; no time lies between them"
        )
    if options.all_guesses and options.min_confidence is not None:
        raise UsageError("--all asks for every guess, --min-confidence for certain ones; give one of them")
    named = None if options.place is None else _named(options.place)
    named_country = None if named is None else named.country
    spot, centre = None, None
    if options.near is not None:
        place = spot_of("--near", options.near)
        radius = options.radius
        if radius is None:
            radius = max(_USUAL_RADIUS_KM, place.radius_km or 0.0) if place.is_saved else _USUAL_RADIUS_KM
        centre = Near(place.latitude, place.longitude, radius)
        around = "" if options.nearest is not None else f" within {centre.radius_km:g} km"
        spot = f"{around} of {place}"
    country = named_country if options.country is None else country_of(options.country)
    if options.place is not None or country is not None:
        from geotagger.gazetteer.words import country_name

        area = ", ".join(filter(None, (options.place, country and country_name(country))))
        spot = f"{spot or ''} in {area}"
    query = Query(
        near=centre,
        nearest=options.nearest,
        box=None if options.bbox is None else box(options.bbox),
        within=None if options.within is None else _polygons(options.within),
        cell=options.cell,
        country=country,
        places=() if named is None else named.names,
        towns=() if named is None else named.towns,
        since=None if since is None else since[0],
        until=None if until is None else until[1],
        rungs=tuple(rung.value for rung in options.source or ()),
        camera=options.camera,
        paths=tuple(map(_whole_path, options.path or ())),
        is_written=options.written,
        min_confidence=options.min_confidence or 0.0,
        probability=options.probability,
        is_sure=options.min_confidence is None and options.probability is None and not options.all_guesses,
        limit=options.limit,
        sort=None if options.sort is None else options.sort.value,
    )
    return Filters(query, options.run, spot)


@dataclass(frozen=True, slots=True)
class Spot:
    """A place that somebody typed. `name`: what it is called, None of coordinates. `radius_km`: how far the
    town or the saved place reaches, None of coordinates."""

    latitude: float
    longitude: float
    name: str | None = None
    radius_km: float | None = None
    is_saved: bool = False

    def __str__(self) -> str:
        return self.name or f"{self.latitude:.5f},{self.longitude:.5f}"


def spot_of(asked_by: str, text: str) -> Spot:
    """Coordinates, a place of the owner's, a short Plus Code with its town, or a town's middle."""
    if are_coordinates(text):
        return Spot(*coordinates(asked_by, text))
    from geotagger.gazetteer.saved import saved_place

    if (own := saved_place(text)) is not None:
        return Spot(own.latitude, own.longitude, own.name, own.radius_km, is_saved=True)
    from geotagger.gazetteer.finding import the_place

    plus = short_plus_code(text)
    place, others = the_place(text if plus is None else plus[1])
    if others:
        more = "" if len(others) == 1 else f" and {len(others) - 1} more"
        asked = f"{asked_by} {text}" if asked_by.startswith("-") else text
        say(f"{asked}: taking {place}, the most populous; there is also {others[0]}{more}")
    if plus is not None:
        return Spot(*near_by(plus[0], place.latitude, place.longitude))
    return Spot(place.latitude, place.longitude, str(place), place.radius_km)


def typed_filters(context: typer.Context, options: FilterOptions) -> FilterOptions | None:
    """What was typed in this command, without the settings, which are meant for questions and not for what
    changes photos; None where nothing was."""
    typed = {
        field.name: getattr(options, field.name)
        for field in fields(FilterOptions)
        if (source := context.get_parameter_source(field.name)) is not None and source.name == "COMMANDLINE"
    }
    return FilterOptions(**typed) if typed else None


def chosen_photos(index: "Index", options: FilterOptions, below: Sequence[str] = ()) -> list[str]:
    """The photos of the index that answer, with or without a place, at or below `below`."""
    from geotagger.index.search import chosen

    photos = chosen(index.store, narrowing_query(index, options))
    places = [os.path.realpath(path) for path in below]
    return [path for path in photos if not places or is_at_or_below(path, places)]


def asks_where(query: "Query") -> bool:
    """Whether only photos with a place can answer."""
    named = query.country or query.places or query.towns
    return bool(query.near or query.box or query.within or query.cell or named)


def narrowing_query(index: "Index", options: FilterOptions) -> "Query":
    """What was typed to choose photos by, with or without a place. UsageError for what is no choice."""
    query = read_filters(options).of(index)
    if query.nearest is not None or query.probability is not None:
        raise UsageError("--nearest and --probability are for query and export")
    if not asks_where(query) and options.min_confidence is None:
        query = replace(query, is_sure=False)
    return query


def _polygons(path: Path) -> "Polygons":
    from geotagger.index.regions import read_polygons

    return read_polygons(path)


def _named(text: str) -> "Named":
    from geotagger.gazetteer.finding import named_in

    return named_in(text)


def _whole_path(text: str) -> str:
    if os.path.lexists(text):
        return os.path.realpath(text)
    if any(sign in text for sign in "*?["):
        return text if text.startswith(("*", "/")) else f"*{text}"
    return os.path.realpath(text)


def _moment(option: str, text: str) -> tuple[datetime, datetime]:
    """The beginning and the end of the time that the text names: a year, month, day or moment."""
    parts = re.fullmatch(r"(\d{4})(?:-(\d\d?)(?:-(\d\d?))?)?", text.strip())
    try:
        if parts is None:
            moment = datetime.fromisoformat(text.strip())
            return moment, moment + timedelta(microseconds=1)
        year, month, day = (int(part) if part else None for part in parts.groups())
        start = datetime(year or 1, month or 1, day or 1)
        if day:
            return start, start + timedelta(days=1)
        return start, datetime(start.year + (month in (None, 12)), (start.month % 12 + 1) if month else 1, 1)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{option} {text}: not a time; wanted is 2024, 2024-05, 2024-05-17 or 2024-05-17T14:30"
        ) from None
