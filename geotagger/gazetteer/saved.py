"""Places with names of the owner's own: `home`, `the cabin`. They are kept in `places.toml` in the user's
configuration folder, for every index, and go before the gazetteer's.

Knows nothing of photos. A file that cannot be read is a UsageError that names it.
"""

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from geotagger.coordinates import is_place
from geotagger.errors import UsageError
from geotagger.gazetteer import fold
from geotagger.small_files import LARGEST_TOML, read_small, toml_of

_MEANT_KM = 0.1
"""How exactly a point is meant where no radius is told: as one picked on a map."""


@dataclass(frozen=True, slots=True)
class SavedPlace:
    """Degrees, and how far around it the place reaches."""

    name: str
    latitude: float
    longitude: float
    radius_km: float = _MEANT_KM


def file_of_places() -> Path:
    from platformdirs import user_config_path

    return user_config_path("geotagger", appauthor=False) / "places.toml"


def saved_places() -> dict[str, SavedPlace]:
    """By folded name, in the order of the file."""
    path = file_of_places()
    try:
        table = toml_of(read_small(path, LARGEST_TOML))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UsageError(f"{path}: your places cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise UsageError(f"{path}: your places cannot be read ({error})") from None
    return {fold(name): _place(path, name, value) for name, value in table.items()}


def _place(path: Path, name: str, value: object) -> SavedPlace:
    if isinstance(value, Mapping):
        numbers = [value.get(key, default) for key, default in
                   (("latitude", None), ("longitude", None), ("radius_km", _MEANT_KM))]  # fmt: skip
        if all(type(number) in (int, float) for number in numbers):
            latitude, longitude, radius_km = (float(number) for number in numbers)
            if is_place(latitude, longitude) and 0 <= radius_km <= 20_100:
                return SavedPlace(name, latitude, longitude, radius_km)
    raise UsageError(f"{path}: {name!r} is no place; wanted are latitude, longitude and radius_km as numbers")


def saved_place(text: str) -> SavedPlace | None:
    return saved_places().get(fold(text))


def save_place(place: SavedPlace) -> None:
    """Adds it, in place of one of the same name."""
    _write({**saved_places(), fold(place.name): place})


def forget_place(text: str) -> SavedPlace:
    """UsageError for one that is none."""
    places = saved_places()
    if (gone := places.pop(fold(text), None)) is None:
        hint = f"; saved are {', '.join(place.name for place in places.values())}" if places else ""
        raise UsageError(f"there is no saved place {text!r}{hint}")
    _write(places)
    return gone


def _write(places: Mapping[str, SavedPlace]) -> None:
    """Whole or not at all."""
    import tomli_w

    table = {
        place.name: {"latitude": place.latitude, "longitude": place.longitude, "radius_km": place.radius_km}
        for place in places.values()
    }
    path = file_of_places()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".geotagger-")
        try:
            with os.fdopen(descriptor, "wb") as file:
                tomli_w.dump(table, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(unfinished)
            raise
    except OSError as error:
        raise UsageError(f"{path}: the place could not be saved ({error.strerror})") from error
