"""What the index has: how many photos have a place, from what, and why the others have none.

Counts in SQL, so that an archive of millions is a few scans. A position counts when it stands in a file or is
at least SURE certain, as in `search`. Takes an open index, gives values.
"""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from geotagger.index.path_conditions import paths_condition
from geotagger.index.search import SURE
from geotagger.index.store import Store, path_of

BANDS = (
    (0.95, "95 % and more"),
    (0.9, "90 to 95 %"),
    (0.8, "80 to 90 %"),
    (0.5, "50 to 80 %"),
    (0.0, "below 50 %"),
)
"""Certainties from these on, in words."""


@dataclass(frozen=True, slots=True)
class PlacedShare:
    """Of so many photos so many have a place."""

    photos: int
    placed: int


@dataclass(frozen=True, slots=True)
class Spot:
    """Photos about one place, in degrees; `kind`: camera, sidecar, manual, or estimate."""

    latitude: float
    longitude: float
    kind: str
    photos: int


@dataclass(frozen=True)
class ArchiveSummary:
    """`own`: places by camera, sidecar and owner. `estimates`: those that count, by kind of evidence;
    `certainties`: the same by `BANDS`; `written` of them stand in a file. `left`: the others by why. The
    shares are by year and by month ("2024-05"; "no time" last), camera, folder, and the placed by country."""

    photos: int = 0
    own: Counter[str] = field(default_factory=Counter)
    estimates: Counter[str] = field(default_factory=Counter)
    certainties: Counter[str] = field(default_factory=Counter)
    written: int = 0
    left: Counter[str] = field(default_factory=Counter)
    years: dict[str, PlacedShare] = field(default_factory=dict)
    months: dict[str, PlacedShare] = field(default_factory=dict)
    cameras: dict[str, PlacedShare] = field(default_factory=dict)
    folders: dict[str, PlacedShare] = field(default_factory=dict)
    countries: dict[str, int] = field(default_factory=dict)

    @property
    def placed(self) -> int:
        return self.own.total() + self.estimates.total()


_OWN = {"camera": "camera", "sidecar": "sidecar", "manual": "you"}
_COUNTS = f"(e.id is not null and (e.written is not null or e.confidence >= {SURE}))"
_LEFT = (
    "case when photos.error is not null then 'could not be read'"
    " when photos.not_a_photo is not null then 'not a photograph'"
    " when e.id is not null then 'only an uncertain guess'"
    " when photos.utc is null and photos.taken is null then 'no time'"
    " else 'nothing near in time tells where' end"
)
_FROM = (
    " from photos join roots on roots.id = photos.root_id join folders on folders.id = photos.folder_id"
    " left join estimates as e on e.photo_id = photos.id and e.current = 1"
    " where photos.missing_since is null"
)


def summarise(store: Store, paths: Sequence[str] = ()) -> ArchiveSummary:
    """Of all photos, or of those at or below some absolute paths."""
    below, values = _below(paths)
    source = _FROM + below
    own: Counter[str] = Counter()
    estimates: Counter[str] = Counter()
    certainties: Counter[str] = Counter()
    written = 0
    # a text is more than any number
    band = "case when not e.confidence between 0 and 1 then null "
    band += " ".join(f"when e.confidence >= {low} then {low}" for low, _ in BANDS) + " end"
    in_file = "count(case when e.written in ('exif', 'sidecar') then 1 end)"
    for rung, low, photos, in_files, first in store.rows(
        f"select e.rung, {band}, count(*), {in_file}, min(e.id){source} and {_COUNTS} group by 1, 2",
        values,
    ):
        if not isinstance(rung, str) or low is None:
            store.damage.pass_over(f"row {first} of estimates")
        elif rung in _OWN:
            own[_OWN[rung]] += photos
        else:
            estimates[rung] += photos
            certainties[dict(BANDS)[low]] += photos
            written += in_files
    month = "coalesce(substr(photos.taken, 1, 7), strftime('%Y-%m', photos.utc, 'unixepoch'), 'no time')"
    months = _shares(store, month, source, values)
    by_folder = store.rows(
        f"select roots.path, folders.path, count(*), sum({_COUNTS}), roots.id{source}"
        " group by folders.id order by 3 desc",
        values,
    )
    return ArchiveSummary(
        photos=store.row(f"select count(*){source}", values)[0],
        own=own,
        estimates=estimates,
        certainties=certainties,
        written=written,
        left=Counter(
            dict(store.rows(f"select {_LEFT}, count(*){source} and not {_COUNTS} group by 1", values))
        ),
        years=_by_year(months),
        months=months,
        cameras=_shares(store, "coalesce(photos.camera, 'no camera named')", source, values),
        folders={
            os.path.join(path_of(root), path_of(folder)).rstrip("/"): PlacedShare(photos, placed)
            for root, folder, photos, placed, number in by_folder
            if _is_path(store, root, f"row {number} of roots")
        },
        countries={
            country: photos
            for country, photos, first in store.rows(
                f"select e.country, count(*), min(e.id){source} and {_COUNTS} and e.country is not null"
                " group by 1 order by 2 desc",
                values,
            )
            if _is_text(store, country, f"row {first} of estimates (country)")
        },
    )


def _by_year(months: dict[str, PlacedShare]) -> dict[str, PlacedShare]:
    years: dict[str, PlacedShare] = {}
    for month, share in months.items():
        year = month.partition("-")[0]
        so_far = years.get(year, PlacedShare(0, 0))
        years[year] = PlacedShare(so_far.photos + share.photos, so_far.placed + share.placed)
    return years


def share_of(store: Store, paths: Sequence[str]) -> PlacedShare:
    """How many of the photos at or below some absolute paths have a place. Where a thousand of them do, no
    more are counted: an archive of millions is not read through for a hint."""
    below, values = _below(paths)
    plenty = f"select count(*) from (select 1{_FROM}{below} and {_COUNTS} limit {_PLENTY})"
    placed: int = store.row(plenty, values)[0]
    if placed == _PLENTY:
        return PlacedShare(placed, placed)
    return PlacedShare(store.row(f"select count(*){_FROM}{below}", values)[0], placed)


_PLENTY = 1000


def spots(store: Store, paths: Sequence[str] = (), *, step_deg: float = 1.0) -> list[Spot]:
    """Where the photos lie, gathered by whole degrees or finer, by what placed them."""
    below, values = _below(paths)
    rows = store.rows(
        "select round(e.latitude / ?), round(e.longitude / ?),"
        " case when e.rung in ('camera', 'sidecar', 'manual') then e.rung else 'estimate' end, count(*)"
        f"{_FROM}{below} and {_COUNTS} group by 1, 2, 3",
        [step_deg, step_deg, *values],
    )
    return [Spot(lat * step_deg, lng * step_deg, kind, photos) for lat, lng, kind, photos in rows]


def _below(paths: Sequence[str]) -> tuple[str, list[bytes | str]]:
    if not paths:
        return "", []
    condition, values = paths_condition(paths)
    return f" and {condition}", values


def _shares(store: Store, key: str, source: str, values: Sequence[bytes | str]) -> dict[str, PlacedShare]:
    rows = store.rows(
        f"select {key}, count(*), sum({_COUNTS}), min(photos.id){source} group by 1 order by 1", values
    )
    return {
        name: PlacedShare(photos, placed)
        for name, photos, placed, first in rows
        if _is_text(store, name, f"row {first} of photos")
    }


def _is_path(store: Store, path: object, where: str) -> bool:
    """Whether it is a root's: a damaged one is passed over."""
    if isinstance(path, str | bytes) and os.path.isabs(path):
        return True
    store.damage.pass_over(where)
    return False


def _is_text(store: Store, name: object, where: str) -> bool:
    """Whether it is a name to count by: a damaged one is passed over."""
    if isinstance(name, str):
        return True
    store.damage.pass_over(where)
    return False
