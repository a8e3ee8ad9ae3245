"""How a position written by geotagger is told from a camera's own.

Every position that geotagger writes carries its rung and, for an estimate, the certainty, the
model, the run and the cell. The mark stands twice: in EXIF GPSProcessingMethod, which every
reader shows, and in XMP properties of our own namespace. EXIF 2.32 knows no word for
"estimated" (its values are GPS, CELLID, WLAN and MANUAL), so the mark is free text that
starts with our name. It also names the place it speaks of: programs with which owners correct a
place change the coordinates and leave the rest, and that place is no longer ours. Read by the
photo room, written by the metadata room.
"""

import functools
import json
import math
import re
from dataclasses import asdict, dataclass

XMP_NAMESPACE = "https://geotagger.dev/ns/1.0/"
XMP_PREFIX = "geotagger"

_FIELD = re.compile(r"([a-z]+)=([^;]*)")

_SAME_PLACE_DEG = 1e-5
"""A metre: programs round the coordinates that they write again."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What a written position says of itself. `rung` is `manual` for a place the owner gave,
    anything lower is an estimate. `confidence` is the probability that the true place lies
    within `radius_km`; the cell is an S2 token."""

    rung: str
    confidence: float | None = None
    radius_km: float | None = None
    model: str | None = None
    run: str | None = None
    cell: str | None = None

    @property
    def is_estimate(self) -> bool:
        return self.rung != "manual"

    def states_error(self, error_m: float) -> bool:
        """Whether this is the radius that was written with the mark, as the error of its position."""
        return self.radius_km is not None and math.isclose(error_m, 1000 * self.radius_km, rel_tol=1e-3)


def processing_method(mark: Mark, latitude: float, longitude: float) -> str:
    """The text of GPSProcessingMethod beside this place, ASCII."""
    kind, _, rest = text_of(mark).partition("; ")
    return f"{kind}; at={place_text(latitude, longitude)}; {rest}"


def place_text(latitude: float, longitude: float) -> str:
    """A place as marks name it, in degrees."""
    return f"{latitude:.6f},{longitude:.6f}"


@functools.lru_cache(maxsize=64)
def text_of(mark: Mark) -> str:
    """What a mark says besides its place, ASCII; asked for several times for each photo."""
    fields = {
        "rung": mark.rung,
        "p": None if mark.confidence is None else f"{mark.confidence:.4g}",
        "radiuskm": None if mark.radius_km is None else f"{mark.radius_km:.4g}",
        "model": mark.model,
        "run": mark.run,
        "cell": mark.cell,
    }
    kind = "estimate" if mark.is_estimate else "place"
    fields_text = "; ".join(f"{name}={_plain(value)}" for name, value in fields.items() if value is not None)
    return f"geotagger {kind}; {fields_text}"


def mark_of(method: str, latitude: float, longitude: float) -> Mark | None:
    """The mark in a GPSProcessingMethod text; None when somebody else wrote it, or the place that
    stands beside it."""
    mark = mark_anywhere(method)
    if mark is None or not speaks_of(dict(_FIELD.findall(method)).get("at"), latitude, longitude):
        return None
    return mark


def mark_anywhere(method: str) -> Mark | None:
    """The mark in a GPSProcessingMethod text, whatever place stands beside it now; None when somebody
    else wrote it."""
    if not is_ours(method):
        return None
    fields = dict(_FIELD.findall(method))
    return Mark(
        rung=fields.get("rung", "visual"),
        confidence=_number(fields.get("p")),
        radius_km=_number(fields.get("radiuskm")),
        model=fields.get("model"),
        run=fields.get("run"),
        cell=fields.get("cell"),
    )


def is_ours(method: str) -> bool:
    """Whether we wrote this GPSProcessingMethod, wherever that was."""
    return method.startswith("geotagger ")


def speaks_of(at: str | None, latitude: float, longitude: float) -> bool:
    """Whether the place that a mark names is this one. Marks of early versions name none, and are
    believed."""
    if at is None:
        return True
    there = [_number(part) for part in at.split(",")]
    return len(there) == 2 and all(
        one is not None and abs(one - other) <= _SAME_PLACE_DEG
        for one, other in zip(there, (latitude, longitude), strict=True)
    )


@dataclass(frozen=True, slots=True)
class NamesMark:
    """The names of a place that geotagger wrote beside a position of this rung, and into which fields:
    of `NAME_FIELDS` those that were free. Names that are empty are not written."""

    rung: str
    city: str = ""
    region: str = ""
    country: str = ""
    code: str = ""
    fields: tuple[str, ...] = ()

    @property
    def is_estimate(self) -> bool:
        """Whether the place that they name is one, so that they go with it."""
        return self.rung not in ("camera", "sidecar", "manual")

    def values(self) -> dict[str, str]:
        """What each of the simple fields says, those left out that would say nothing."""
        named = dict(zip(NAME_FIELDS, (self.city, self.region, self.country, self.code), strict=False))
        return {field: name for field, name in named.items() if name}

    def to_json(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> "NamesMark | None":
        """None when it is not one."""
        try:
            fields = json.loads(text)
            mark = cls(**{**fields, "fields": tuple(fields["fields"])})
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        names = (mark.rung, mark.city, mark.region, mark.country, mark.code, *mark.fields)
        return mark if all(isinstance(name, str) for name in names) else None


NAME_FIELDS = ("City", "State", "Country", "CountryCode", "LocationCreated")
"""The fields of XMP that name a place, the last a structure with all of them."""


def _plain(value: str) -> str:
    return value.encode("ascii", "replace").decode().replace(";", ",").strip()


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
