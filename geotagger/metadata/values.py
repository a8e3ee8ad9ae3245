"""The values that enter and leave the metadata room.

`Position` is what to write. Knows nothing of files.
"""

from dataclasses import dataclass

from geotagger.coordinates import is_believable, is_place
from geotagger.marks import Mark

TEMPORARY_PREFIX = ".geotagger-"
TEMPORARY_SUFFIX = ".tmp"
TEMPORARY_PATTERN = r"^\.geotagger-[0-9a-z_]+\.tmp$"
"""The names (not paths) of half-written files, to be passed over by whoever walks an archive."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place to be written: WGS-84 degrees, and what it says of itself.

    ValueError when it is not a place on the Earth, or within metres of 0,0, which stands for "not
    known".
    """

    latitude: float
    longitude: float
    mark: Mark

    def __post_init__(self) -> None:
        if not is_place(self.latitude, self.longitude):
            raise ValueError(f"not a place on the Earth: {self.latitude}, {self.longitude}")
        if not is_believable(self.latitude, self.longitude):
            raise ValueError("0,0 is what receivers write while they do not know their place")


@dataclass(frozen=True, slots=True)
class FoundPosition:
    """A position read from metadata; `mark` is None when a camera or another program wrote it. `error_km`:
    how far off it may be, None for what a fix is taken for."""

    latitude: float
    longitude: float
    mark: Mark | None = None
    error_km: float | None = None
