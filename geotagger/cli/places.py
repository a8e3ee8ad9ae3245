"""Places as people type them. Knows nothing of arrays: what only parses must start fast."""

from geotagger.errors import UsageError


def coordinates(asked_by: str, text: str) -> tuple[float, float]:
    """Latitude and longitude of "48.8584,2.2945". UsageError, in the name of the option or argument
    that asked, for anything else and for what is not on the Earth."""
    latitude, longitude = numbers(asked_by, text, 2, "LAT,LNG in degrees, as in 48.8584,2.2945")
    check_on_earth(asked_by, latitude, longitude)
    return latitude, longitude


def numbers(asked_by: str, text: str, count: int, wanted: str) -> list[float]:
    """So many numbers between commas or semicolons; `wanted` says in a UsageError what is wanted."""
    try:
        found = [float(part) for part in text.replace(";", ",").split(",")]
    except ValueError:
        found = []
    if len(found) != count:
        raise UsageError(f"{asked_by} {text.strip()}: cannot be read; wanted is {wanted}")
    return found


def check_on_earth(asked_by: str, latitude: float, longitude: float) -> None:
    if not (abs(latitude) <= 90 and abs(longitude) <= 180):
        raise UsageError(
            f"{asked_by}: {latitude:g},{longitude:g} is not on the Earth; "
            "latitudes are −90 to 90, longitudes −180 to 180"
        )
