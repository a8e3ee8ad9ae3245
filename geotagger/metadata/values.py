"""The values that enter and leave the metadata room.

`Position` is what to write; `WriteMode` and `SidecarStyle` say where. Knows nothing of files.
"""

import math
from dataclasses import dataclass
from typing import Literal

from geotagger.geo import is_place
from geotagger.marks import Mark

WriteMode = Literal["auto", "exif", "sidecar", "none"]
"""`auto`: into the photo where its container can take it without harm, otherwise a sidecar.
`exif`: into the photo or not at all. `sidecar`: never into the photo. `none`: nothing."""

SidecarStyle = Literal["full", "stem"]
"""How a new sidecar of IMG.CR2 is named: `full` IMG.CR2.xmp, `stem` IMG.xmp."""

TEMPORARY_PREFIX = ".geotagger-"
TEMPORARY_SUFFIX = ".tmp"
TEMPORARY_PATTERN = r"^\.geotagger-[0-9a-z_]+\.tmp$"
"""The names (not paths) of half-written files, to be passed over by whoever walks an archive."""


_NOWHERE_DEG = 1e-9
"""Less than what EXIF can tell from zero."""


@dataclass(frozen=True, slots=True)
class Position:
    """A place to be written: WGS-84 degrees, metres above sea level, and what it says of itself.

    ValueError when it is not a place on the Earth, or exactly 0,0, which stands for "not known".
    """

    latitude: float
    longitude: float
    mark: Mark
    altitude_m: float | None = None

    def __post_init__(self) -> None:
        if not is_place(self.latitude, self.longitude):
            raise ValueError(f"not a place on the Earth: {self.latitude}, {self.longitude}")
        if abs(self.latitude) < _NOWHERE_DEG and abs(self.longitude) < _NOWHERE_DEG:
            raise ValueError("0,0 is what receivers write while they do not know their place")
        if self.altitude_m is not None and not (
            math.isfinite(self.altitude_m) and abs(self.altitude_m) < 1e6
        ):
            raise ValueError(f"not an altitude in metres: {self.altitude_m}")


@dataclass(frozen=True, slots=True)
class FoundPosition:
    """A position read from metadata; `mark` is None when a camera or another program wrote it."""

    latitude: float
    longitude: float
    mark: Mark | None = None
    altitude_m: float | None = None
