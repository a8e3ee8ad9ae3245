"""What is known of one photo before anybody guesses: its facts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from geotagger.marks import Mark
from geotagger.photo.formats import VIDEO_FORMATS


@dataclass(frozen=True, slots=True)
class CaptureTime:
    """`local`: the camera's clock, naive, with sub-seconds. `offset`: EXIF OffsetTimeOriginal,
    None when the camera did not write one. `is_of_change`: it is the time of the file's last change, for want
    of another; told only where the file is read."""

    local: datetime
    offset: timedelta | None = None
    is_of_change: bool = False


_FARTHEST_OFFSET = timedelta(hours=14)


def of_the_earth(offset: timedelta) -> timedelta | None:
    """An offset from UTC as a clock on Earth may have it; None for any other."""
    return offset if abs(offset) <= _FARTHEST_OFFSET else None


@dataclass(frozen=True, slots=True)
class GpsFix:
    """A position found in the photo. Degrees, metres. `utc` is the GPS time stamp, naive UTC.
    `mark` is set when geotagger wrote the position; None means a camera or another program did.
    `dimensions` is GPSMeasureMode: 2 without and 3 with altitude, None when not told."""

    latitude: float
    longitude: float
    altitude_m: float | None = None
    error_m: float | None = None
    dop: float | None = None
    utc: datetime | None = None
    mark: Mark | None = None
    dimensions: int | None = None


@dataclass(frozen=True, slots=True)
class NamedPlace:
    """Where a photo says in words that it was taken, as it spells them; "" for what it does not name.
    `country` is a name or an ISO 3166 code."""

    city: str = ""
    region: str = ""
    country: str = ""

    @classmethod
    def of(cls, city: str, region: str, country: str, code: str) -> "NamedPlace":
        """A code of two letters says which country it is in any language; one of three only where no name
        does."""
        return cls(city, region, code if len(code) == 2 else country or code)

    def __bool__(self) -> bool:
        return bool(self.city or self.region or self.country)


SCAN = "scan: "
"""How `not_a_photo` begins for what a scanner made."""


@dataclass(frozen=True, slots=True)
class Facts:
    """`format` is what the bytes are, whatever the name says: "jpeg", "heic", "avif", "png",
    "webp", "tiff", "dng", "cr2", "cr3", "nef", "arw", "raf", "orf", "rw2". width and height
    are as stored, before `orientation` (EXIF 1–8) is applied. `camera` joins maker, model and
    serial number where known. `not_a_photo` says why the file looks like a screenshot, a scan
    or a graphic; None when it looks like a photograph. `software` is what wrote it, as it says, a phone's
    system mostly. `problems` are things wrong with the
    metadata that did not stop us (an absurd date, GPS of 0,0). `unreadable_position` says why a position
    that the photo names, somebody's word, cannot be read; None when it names none, or `fix` is it. `named`
    is where it says in words that it was taken. A film with both `taken` and `gps_utc` tells one time,
    and not which of the two it is; see `is_time_undecided`."""

    format: str
    width: int
    height: int
    orientation: int = 1
    taken: CaptureTime | None = None
    gps_utc: datetime | None = None
    camera: str | None = None
    fix: GpsFix | None = None
    not_a_photo: str | None = None
    problems: tuple[str, ...] = ()
    unreadable_position: str | None = None
    named: NamedPlace = NamedPlace()
    software: str = ""

    @property
    def is_time_undecided(self) -> bool:
        """Whether `taken` is a film's creation time, which may be its camera's own or, as the standard has
        it, UTC; `gps_utc` is the same."""
        return self.format in VIDEO_FORMATS and self.taken is not None and self.gps_utc is not None

    @property
    def is_scan(self) -> bool:
        """Whether its time is that of the scanner, and says nothing of when the camera was at its place."""
        return self.not_a_photo is not None and self.not_a_photo.startswith(SCAN)
