"""The commands `places add`, `list` and `remove`: names of the owner's own for places."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from geotagger.cli.common import JsonOption, emit, ends_cleanly, printable, say
from geotagger.cli.distances import distance_reader
from geotagger.cli.tables import radius as radius_in_words
from geotagger.cli.wording import PlainGroup
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.gazetteer.saved import SavedPlace

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="What you call the place, e.g. home.")]


@ends_cleanly
def add(
    name: NameArgument,
    where: Annotated[
        str, typer.Argument(metavar="LAT,LNG|PLACE", help="Where it is, in any form that --near takes.")
    ],
    radius: Annotated[
        float | None,
        typer.Option(
            "--radius",
            metavar="KM",
            parser=distance_reader(),
            help="How far around it the place reaches: 0.2, 200m, 2mi.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Give a place a name of your own, for `--near` and `place`. It goes before towns of that name.

    Example: `geotagger places add home 48.8584,2.2945 --radius 0.2`
    """
    from geotagger.cli.asking import spot_of
    from geotagger.cli.places import are_coordinates
    from geotagger.gazetteer.saved import SavedPlace, save_place

    if are_coordinates(name):
        raise UsageError(f"{name}: coordinates and single letters are no name")
    spot = spot_of("LAT,LNG", where)
    meant = radius if radius is not None else spot.radius_km
    place = SavedPlace(name.strip(), spot.latitude, spot.longitude)
    if meant is not None:
        place = SavedPlace(place.name, place.latitude, place.longitude, meant)
    save_place(place)
    if as_json:
        emit(_record(place))
    else:
        say(f"{place.name} is {place.latitude:.5f},{place.longitude:.5f}, {radius_in_words(place.radius_km)}")


@ends_cleanly
def listed(as_json: JsonOption = False) -> None:
    """List your places.

    Example: `geotagger places list`
    """
    from geotagger.gazetteer.saved import saved_places

    places = saved_places().values()
    for place in places:
        if as_json:
            emit(_record(place))
        else:
            where = f"{place.latitude:.5f},{place.longitude:.5f}"
            sys.stdout.write(f"{printable(place.name)}\t{where}\t{radius_in_words(place.radius_km)}\n")
    if not places and not as_json:
        say("no place is saved yet; `geotagger places add home LAT,LNG` saves one")


@ends_cleanly
def remove(name: NameArgument, as_json: JsonOption = False) -> None:
    """Forget one of your places. Photos that were placed there stay as they are.

    Example: `geotagger places remove home`
    """
    from geotagger.gazetteer.saved import forget_place

    gone = forget_place(name)
    if as_json:
        emit(_record(gone))
    else:
        say(f"{gone.name} is forgotten")


def _record(place: "SavedPlace") -> dict[str, object]:
    return {
        "name": place.name,
        "latitude": place.latitude,
        "longitude": place.longitude,
        "radius_km": place.radius_km,
    }


def register(app: typer.Typer) -> None:
    places = typer.Typer(
        cls=PlainGroup, no_args_is_help=True, help="Places with names of your own: home, the cabin."
    )
    places.command("add")(add)
    places.command("list")(listed)
    places.command("remove")(remove)
    app.add_typer(places, name="places")
