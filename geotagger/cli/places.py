"""Places as people type them."""

from geotagger.errors import UsageError
from geotagger.geo import is_place


def coordinates(text: str, asked_by: str) -> tuple[float, float]:
    """Latitude and longitude of "48.8584,2.2945". UsageError, in the name of the option or argument
    that asked, for anything else and for what is not on the Earth."""
    try:
        latitude, longitude = (float(part) for part in text.split(","))
    except ValueError:
        raise UsageError(
            f"{asked_by} {text.strip()}: not a place; say LAT,LNG in degrees, e.g. 48.8584,2.2945"
        ) from None
    if not is_place(latitude, longitude):
        raise UsageError(
            f"{asked_by} {text.strip()}: not on the Earth; latitude is −90…90, longitude −180…180"
        )
    return latitude, longitude
