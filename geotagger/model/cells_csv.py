"""Lists of cells on disk: cells.csv of a pack, the published grids.txt, other tools' CSV.

Takes a file, gives a CellTable that keeps its promises: row i is class i, tokens are valid and
unique, no cell lies inside another, every mean lies inside its own cell. A list that does
not is refused, its lines named; above all one that a spreadsheet has saved, which turns
`47e064` into `4.7E+065` and drops leading zeros. Knows nothing of networks.
"""

import csv
import io
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from geotagger.cells import CellIds, CellTable, are_valid, leaf_ids, levels, ranges, tokens
from geotagger.coordinates import is_place
from geotagger.errors import PackError
from geotagger.model.plain_files import check_plain

HEADER = ("class", "cell", "latitude", "longitude", "photos", "spread_km", "suspect")

# The names other tools give the same columns (the published lists of GeoEstimation among them).
_COLUMNS = {
    "class": "class",
    "class_label": "class",
    "cell": "cell",
    "hex_id": "cell",
    "token": "cell",
    "latitude": "latitude",
    "latitude_mean": "latitude",
    "lat": "latitude",
    "longitude": "longitude",
    "longitude_mean": "longitude",
    "lng": "longitude",
    "lon": "longitude",
    "photos": "photos",
    "imgs_per_cell": "photos",
    "spread_km": "spread_km",
    "suspect": "suspect",
}
_NEEDED = ("cell", "latitude", "longitude")

_TOKEN = re.compile(r"[0-9a-fA-F]{1,16}")
_SCIENTIFIC = re.compile(r"\d([.,]\d+)?[eE]\+\d+")
_LARGEST_FILE = 1 << 28
_NAMED_LINES = 5


@dataclass
class _CellRows:
    """The columns as read, and the line of each row."""

    lines: list[int] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)
    lat: list[float] = field(default_factory=list)
    lng: list[float] = field(default_factory=list)
    photos: list[str] = field(default_factory=list)
    spread_km: list[str] = field(default_factory=list)
    suspect: list[bool] = field(default_factory=list)


class _Faults:
    """What is wrong, by line: a handful is named, the rest counted."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by_line: dict[int, str] = {}
        self.by_spreadsheet = False

    def add(self, line: int, what: str, *, by_spreadsheet: bool = False) -> None:
        self.by_line.setdefault(line, what)
        self.by_spreadsheet |= by_spreadsheet

    def raise_if_any(self, advice: str = "the list was not used; mend it or fetch it again") -> None:
        if not self.by_line:
            return
        if self.by_spreadsheet:
            advice = (
                "a spreadsheet has saved this list and its tokens cannot be restored: "
                "fetch it again and do not open it in a spreadsheet"
            )
        ordered = sorted(self.by_line.items())
        named = "; ".join(f"line {line}: {what}" for line, what in ordered[:_NAMED_LINES])
        more = len(ordered) - _NAMED_LINES
        tail = f"; and {more} more lines" if more > 1 else "; and 1 more line" if more == 1 else ""
        raise PackError(self.path, f"{named}{tail}; {advice}")


def read_cells(path: Path) -> CellTable:
    """Reads grids.txt (token, latitude, longitude between blanks; line i is class i) or a CSV
    with a header. PackError names the file, the lines and what is wrong with them."""
    text = text_of(path)
    faults = _Faults(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise PackError(path, "the list of cells is empty; fetch it again")
    rows = (
        _read_csv(text, path, faults) if "," in first or ";" in first else _read_blank_separated(text, faults)
    )
    photos = _numbers_of(rows.photos, rows.lines, "a number of photos", faults)
    spread_km = _numbers_of(rows.spread_km, rows.lines, "a spread in km", faults)
    if not rows.tokens:
        raise PackError(path, "the list of cells has a header but no cells; fetch it again")
    sound = [row for row, line in enumerate(rows.lines) if line not in faults.by_line]
    table = CellTable(
        ids=_ids_of(rows.tokens[row] for row in sound),
        lat=np.array([rows.lat[row] for row in sound]),
        lng=np.array([rows.lng[row] for row in sound]),
        photos=None if photos is None else np.array([photos[row] for row in sound]).astype(np.int64),
        spread_km=None if spread_km is None else np.array([spread_km[row] for row in sound]),
    )
    lines = [rows.lines[row] for row in sound]
    _check(table, lines, [rows.tokens[row] for row in sound], faults)
    if rows.suspect:
        said = np.array([rows.suspect[row] for row in sound])
        for row in np.flatnonzero(table.suspect != said).tolist():
            faults.add(lines[row], "suspect must be `yes` for a leaf cell (level 30) and empty for others")
    faults.raise_if_any()
    return table


def check_cells(table: CellTable, path: Path) -> None:
    """The same checks for a table that comes from elsewhere; lines are those `write_cells` gives it."""
    columns = [table.lat, table.lng, table.photos, table.spread_km]
    if not len(table) or any(column is not None and len(column) != len(table) for column in columns):
        raise PackError(path, "the columns of the cells have different lengths, or there are none")
    faults = _Faults(path)
    lines = list(range(2, len(table) + 2))
    for row in np.flatnonzero(~are_valid(table.ids)).tolist():
        faults.add(lines[row], f"{int(table.ids[row]):016x} is not an S2 cell")
    for row in np.flatnonzero(~((np.abs(table.lat) <= 90) & (np.abs(table.lng) <= 180))).tolist():
        faults.add(lines[row], f"{table.lat[row]}, {table.lng[row]} is no place on the Earth")
    faults.raise_if_any("nothing was written")
    _check(table, lines, tokens(table.ids), faults)
    faults.raise_if_any("nothing was written")


def write_cells(path: Path, table: CellTable) -> None:
    """Writes cells.csv; floats in the shortest form that reads back as the same bits."""
    rows: list[Sequence[object]] = []
    suspect = table.suspect.tolist()
    lat, lng = table.lat.tolist(), table.lng.tolist()
    photos = [""] * len(table) if table.photos is None else table.photos.tolist()
    spread = [""] * len(table) if table.spread_km is None else table.spread_km.tolist()
    for i, token in enumerate(tokens(table.ids)):
        rows.append((i, token, lat[i], lng[i], photos[i], spread[i], "yes" if suspect[i] else ""))
    with path.open("w", encoding="ascii", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        writer.writerows(rows)


def text_of(path: Path, what: str = "list of cells") -> str:
    """A small text file; PackError where it is none, with `what` it was to be."""
    check_plain(path)
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise PackError(path, f"{size:,} bytes is too large for a {what}; give the right file")
        raw = path.read_bytes()
    except FileNotFoundError:
        raise PackError(path, f"no such file; a {what} is needed") from None
    except OSError as error:
        raise PackError(path, f"cannot be read ({error.strerror})") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise PackError(path, f"line {line} is not text; give a {what}") from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise PackError(path, f"line {line} holds a zero byte; the file is damaged, fetch it again")
    return text


def _read_blank_separated(text: str, faults: _Faults) -> _CellRows:
    rows = _CellRows()
    for line, content in enumerate(text.rstrip().split("\n"), start=1):
        fields = content.split()
        if len(fields) != 3:
            faults.add(line, f"{shown(content)} is not a token, a latitude and a longitude")
        else:
            _take_place(rows, line, fields[0], fields[1], fields[2], faults)
    return rows


def _read_csv(text: str, path: Path, faults: _Faults) -> _CellRows:
    delimiter = ";" if ";" in text.split("\n", 1)[0] else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = _CellRows()
    try:
        header = [_COLUMNS.get(name.strip().lower(), "") for name in next(reader)]
        missing = [name for name in _NEEDED if name not in header]
        if missing:
            raise PackError(
                path,
                f"line 1: no column {' nor '.join(missing)}; a list of cells starts with {','.join(HEADER)}",
            )
        at = {name: header.index(name) for name in header if name}
        for fields in reader:
            if fields:
                _take_csv_row(rows, reader.line_num, fields, at, len(header), faults)
    except csv.Error as error:
        raise PackError(path, f"line {reader.line_num}: {error}; fetch the list again") from None
    return rows


def _take_csv_row(
    rows: _CellRows, line: int, fields: list[str], at: dict[str, int], width: int, faults: _Faults
) -> None:
    if len(fields) != width:
        faults.add(line, f"{len(fields)} fields where the header has {width}")
        fields = [""] * width  # so that classes keep counting behind the fault
    of = {name: fields[column].strip() for name, column in at.items()}
    due = len(rows.tokens)
    if of.get("class", str(due)) != str(due):
        faults.add(line, f"class {shown(of['class'])} where {due} is due")
    _take_place(rows, line, of["cell"], of["latitude"], of["longitude"], faults)
    rows.photos.append(of.get("photos", ""))
    rows.spread_km.append(of.get("spread_km", ""))
    if "suspect" in of:
        rows.suspect.append(of["suspect"] == "yes")
        if of["suspect"] not in ("", "yes"):
            faults.add(line, f"suspect must be `yes` or empty, not {shown(of['suspect'])}")


def _numbers_of(values: list[str], lines: list[int], what: str, faults: _Faults) -> list[float] | None:
    """A column that is filled in for every cell or for none."""
    if not any(values):
        return None
    numbers = []
    for line, text in zip(lines, values, strict=True):
        value = number(text)
        if value is None or value < 0:
            faults.add(line, f"{shown(text)} is not {what}")
        numbers.append(value or 0.0)
    return numbers


def _take_place(rows: _CellRows, line: int, token: str, lat: str, lng: str, faults: _Faults) -> None:
    """Always appends a row, so that classes keep counting behind a fault."""
    if _SCIENTIFIC.fullmatch(token):
        faults.add(line, f"{shown(token)} is a number, not an S2 token", by_spreadsheet=True)
    elif not _TOKEN.fullmatch(token):
        faults.add(line, f"{shown(token)} is not an S2 token")
    latitude, longitude = number(lat), number(lng)
    if latitude is None or longitude is None or not is_place(latitude, longitude):
        faults.add(line, f"{shown(lat)}, {shown(lng)} is no place on the Earth")
        latitude = longitude = 0.0
    rows.lines.append(line)
    rows.tokens.append(token)
    rows.lat.append(latitude)
    rows.lng.append(longitude)


def _check(table: CellTable, lines: Sequence[int], names: Sequence[str], faults: _Faults) -> None:
    """What no single line can tell. Adds to `faults`; the tokens are hexadecimal here."""
    own_leaf = leaf_ids(table.lat, table.lng)
    valid = are_valid(table.ids)
    inside = valid & _holds(table.ids, own_leaf)
    for row in np.flatnonzero(~inside).tolist():
        name = names[row]
        if was := _before_spreadsheet(name, own_leaf[row]):
            faults.add(lines[row], f"{name} was {was}", by_spreadsheet=True)
        elif not valid[row]:
            faults.add(lines[row], f"{name} is not an S2 token")
        else:
            place = f"{table.lat[row]}, {table.lng[row]}"
            faults.add(lines[row], f"the mean {place} is not inside the cell {name}")
    if not len(table) or not valid.all():
        return
    first, last = ranges(table.ids)
    order = np.lexsort((levels(table.ids), first))  # of cells that begin together the larger first
    reach = np.maximum.accumulate(last[order])
    for k in np.flatnonzero(first[order][1:] <= reach[:-1]).tolist():
        row = order[k + 1]
        # the nearest earlier cell that ends no sooner is the one that holds this
        holder = next(order[j] for j in range(k, -1, -1) if last[order[j]] >= first[row])
        if table.ids[row] == table.ids[holder]:
            a, b = sorted((int(row), int(holder)))
            faults.add(lines[b], f"{names[b]} is the cell of line {lines[a]} again")
        else:
            faults.add(lines[row], f"{names[row]} lies inside {names[holder]} of line {lines[holder]}")


def _holds(ids: CellIds, leaves: CellIds) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    first, last = ranges(ids)
    return np.asarray((first <= leaves) & (leaves <= last))


def _before_spreadsheet(token: str, leaf: np.uint64) -> str | None:
    """The token that a spreadsheet made this of, if one holds the mean: `0478` becomes 478 and
    `478e4` becomes 4780000."""
    was = ["0" * zeros + token for zeros in (1, 2)]
    if token.isdecimal():
        zeros = len(token) - len(token.rstrip("0"))
        was += [f"{token[:-e]}e{pad}{e}" for e in range(1, zeros + 1) for pad in ("", "0", "00")]
    was = [name for name in was if len(name) <= 16]
    ids = _ids_of(was)
    fits = are_valid(ids) & _holds(ids, np.full(len(was), leaf))
    return next((name for name, fit in zip(was, fits.tolist(), strict=True) if fit), None)


def _ids_of(names: Iterable[str]) -> CellIds:
    return np.array([int(name.ljust(16, "0"), 16) for name in names], dtype=np.uint64)


def number(text: str) -> float | None:
    """None for what is no finite number."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def shown(text: str) -> str:
    """As it stands in the file, cut to a length that a message can hold."""
    text = text.strip()
    return f"`{text[:40]}{'…' if len(text) > 40 else ''}`"
