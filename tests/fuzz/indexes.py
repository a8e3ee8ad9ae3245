"""Fuzzes every command with damaged indexes: rows of every table get values that nobody wrote.

    python -m tests.fuzz.indexes [--indexes 1000] [--first 0] [--seconds S]

An archive is tagged once, with a track, a place of its owner's and a run that was undone. Then, for each
number, a copy of index and archive is made, some cells are spoiled, all commands are run on it, and the
library and the page ask for rows of every kind. No command may end in a traceback or take longer than a
minute; exit codes are those of the documentation; every photo can still be read, and what is no photo is as
it was. The number makes the damage again.
"""

import argparse
import contextlib
import io
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np

import geotagger as library
from geotagger.cli import main as command_line
from geotagger.errors import GeotaggerError
from geotagger.estimate.values import Posterior
from geotagger.index import Index, open_index
from geotagger.index.decisions import Wish
from geotagger.index.mapping import by_ids, clusters, in_cell, moments, without_place
from geotagger.index.search import Box, Near, Query
from geotagger.photo.facts import read_facts
from geotagger.tag.sampling import correction_of
from geotagger.text import READER
from geotagger.text.values import PlaceRatios, TownRatio
from geotagger.web.days import Days
from geotagger.web.reading import as_json
from tests.fuzz.verdict import BrokenRuleError
from tests.tag.scenes import LATITUDE, LONGITUDE, START, walk_through_town

SECONDS_ALLOWED = 60
CODES = {0, 1, 2, 3, 4, 5}
_NOT_DAMAGED = ("sqlite_", "estimates_rectangles_")

_VALUES: tuple[Any, ...] = (
    None,
    0,
    1,
    -1,
    2**31,
    2**63 - 1,
    -(2**63),
    1.5,
    -1e308,
    1e308,
    float("inf"),
    "",
    "x",
    "é\ud800"[:1],
    "0",
    "null",
    "[]",
    "{}",
    "[1]",
    '["a"]',
    '{"a": 1}',
    "[[[",
    '{"kind": "exif"}',
    "NaN",
    "1e999",
    "[null, null]",
    '{"model": 1}',
    "2024-05-17",
    "2024-05-17 10:00:00+00:00",
    "9999-99-99",
    "/",
    "/etc/passwd",
    "../..",
    "a\0b",
    b"",
    b"\xff\xfe\0",
    b"{}",
    b"\0" * 64,
    b"[1, 2",
    "[" * 2000,
    "1" * 400,
    "camera",
    "manual",
    "exif",
    "done",
)


def commands(archive: Path) -> list[list[str]]:
    """All that ask, then those that change."""
    photo, other = str(archive / "IMG_0001.jpg"), str(archive / "IMG_0004.jpg")
    return [
        ["status"],
        ["status", "--json"],
        ["runs"],
        ["runs", "--json"],
        ["query", "--near", "48.2,16.37"],
        ["query", "--json"],
        ["query", "--since", "2020", "--json"],
        ["query", "--bbox", "40,10,50,20"],
        ["why", photo],
        ["why", other, "--json"],
        ["export"],
        ["export", "--format", "kml"],
        ["export", "--format", "csv"],
        ["export", "--format", "gpx"],
        ["clocks"],
        ["tracks"],
        ["tracks", "--json"],
        ["roots"],
        ["handoff", "photoprism"],
        ["undo", "--dry-run"],
        ["undo", "1", "--dry-run", "--json"],
        ["tag", str(archive), "--model", "none", "--dry-run", "--json"],
        ["evaluate", str(archive), "--model", "none", "--json"],
        ["place", "48.2,16.37", other],
        ["tag", str(archive), "--model", "none"],
        ["undo", "--yes"],
        ["undo", "1", "--yes"],
        ["forget", "--estimates", str(archive), "--yes"],
        ["tag", str(archive), "--model", "none", "--json"],
        ["undo", "--yes"],
    ]


def run(arguments: list[str]) -> tuple[int, str]:
    """Exit code, and what was said on standard error. BrokenRuleError for what no command may do."""
    errors = io.StringIO()
    signal.alarm(SECONDS_ALLOWED)
    try:
        with contextlib.redirect_stdout(_Sink()), contextlib.redirect_stderr(errors):
            command_line(arguments)
        code: object = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        raise BrokenRuleError(f"geotagger {' '.join(arguments)}\n{traceback.format_exc()}") from None
    finally:
        signal.alarm(0)
    if code not in CODES or "Traceback" in errors.getvalue():
        raise BrokenRuleError(f"geotagger {' '.join(arguments)}: exit {code}\n{errors.getvalue()}")
    return int(str(code)), errors.getvalue()


class _Sink(io.TextIOWrapper):
    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", errors="surrogateescape")


def lay_out(folder: Path) -> Path:
    """An archive with a history in its index; the archive's folder."""
    archive = folder / "photos"
    walk_through_town(archive, 12, size=32)
    track = folder / "walk.gpx"
    points = "".join(
        f'<trkpt lat="{LATITUDE + n * 1e-4}" lon="{LONGITUDE}"><time>'
        f"{(START + timedelta(minutes=n)).isoformat()}Z</time></trkpt>"
        for n in range(40)
    )
    track.write_text(
        f'<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>{points}</trkseg></trk></gpx>'
    )
    for arguments in (
        ["tag", str(archive), "--model", "none"],
        ["undo", "--yes"],
        ["tag", str(archive), "--model", "none", "--track", str(track), "--clock", "Scene One=+5"],
        ["place", "48.21,16.38", str(archive / "IMG_0003.jpg")],
        ["tag", str(archive), "--model", "none"],
    ):
        run(arguments)
    with open_index(folder / "index.db") as index:
        fill_other_tables(index)
    return archive


def fill_other_tables(index: Index) -> None:
    """Rows that a network, `--with text`, `review` and `handoff` leave."""
    (root,), (run_of_tag, *_) = index.roots.all(), index.runs.latest()
    one, other, third, *_ = (photo.id for photo in index.photos.in_time(root.id))
    model = index.runs.model_id("tiny", "1", "digest")
    seen = Posterior(np.array([4, 2, 0], dtype=np.int32), np.array([0.6, 0.3, 0.1], dtype=np.float32))
    index.photos.put_posteriors(model, [(number, seen) for number in (one, other, third)])
    town = TownRatio(48.2, 16.37, 10.0, 8.0, 2.0)
    ratios = PlaceRatios((("AT", 8.0), ("DE", 2.0)), 0.5, (town,))
    index.texts.put(READER, [(one, ratios), (other, ratios), (third, None)])
    index.samples.draw(4, random.Random(0))
    index.samples.judge([(index.samples.waiting()[0], True)])
    camera = Wish("clock", root_id=root.id, camera="Scene One", shift_s=60.0)
    index.decisions.add([Wish("aside", one), Wish("move", other, None, 48.2, 16.37, 1.0), camera])
    index.handoffs.add(run_of_tag.id, _SERVER, [(one, "asset", 48.2, 16.37)])


_SERVER = "http://photos.example"


def ask_for_all_rows(path: Path) -> None:
    """As a program does that uses the library, and as the page does. Raises BrokenRuleError."""
    box, questions = Box(-90, -180, 90, 180), Query(near=Near(48.2, 16.37, 500))
    asked: list[Callable[[Index], object]] = [
        lambda index: library.status(index=index),
        lambda index: list(library.query(index=index)),
        lambda index: list(library.query(questions, index=index)),
        lambda index: (library.clocks(index=index), library.tracks(index=index), library.roots(index=index)),
        lambda index: index.texts.of(range(1, 20), READER),
        lambda index: (index.samples.judged(), index.samples.waiting(), correction_of(index)),
        lambda index: (index.decisions.pending(), index.handoffs.given_to(_SERVER)),
        lambda index: [
            list(index.photos.in_time(root.id, number)) for root in index.roots.all() for number in (None, 1)
        ],
        lambda index: [list(index.named.nameless([root.id])) for root in index.roots.all()],
        lambda index: [
            in_cell(index.store, found.cell, 9, offset=0, limit=9) for found in clusters(index.store, box, 9)
        ],
        lambda index: (without_place(index.store, offset=0, limit=9), list(moments(index.store))),
        lambda index: [as_json(photo, None) for photo in by_ids(index.store, range(1, 20))],
        lambda index: Days().of(index),
    ]
    for ask in asked:
        try:
            with contextlib.suppress(GeotaggerError), open_index(path, mode="read") as index:
                ask(index)
        except Exception:
            raise BrokenRuleError(f"asked from Python\n{traceback.format_exc()}") from None


@contextlib.contextmanager
def environment(folder: Path) -> Iterator[None]:
    """The commands find index, home and settings below `folder` only."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith(("GEOTAGGER_", "XDG_"))]:
        del os.environ[name]
    os.environ.update(
        HOME=str(folder),
        GEOTAGGER_INDEX=str(folder / "index.db"),
        GEOTAGGER_MODELS=str(folder / "models"),
        **{f"XDG_{kind}_HOME": str(folder / kind.lower()) for kind in ("DATA", "STATE", "CONFIG", "CACHE")},
    )
    alarm = signal.signal(signal.SIGALRM, _too_slow)
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, alarm)
        os.environ.clear()
        os.environ.update(before)


def _too_slow(*_: object) -> None:
    raise BrokenRuleError(f"took longer than {SECONDS_ALLOWED} s")


def spoil(index: Path, draw: random.Random) -> list[str]:
    """Puts other values into some cells; which."""
    said = []
    with contextlib.closing(sqlite3.connect(index)) as database:
        database.execute("pragma ignore_check_constraints = on")
        database.execute("pragma foreign_keys = off")
        tables = [
            name
            for (name,) in database.execute(
                "select name from sqlite_master where type = 'table' order by name"
            )
            if not name.startswith(_NOT_DAMAGED)
        ]
        for _ in range(draw.choice((1, 1, 2, 5, 20))):
            table = draw.choice(tables)
            columns = [row[1] for row in database.execute(f"pragma table_info({table})")]
            try:
                rows = [row[0] for row in database.execute(f"select rowid from {table}")]
            except sqlite3.Error:
                continue  # a table without row numbers
            if not rows:
                continue
            column, row, value = (
                draw.choice(columns),
                draw.choice(rows),
                _value(draw, database, table, columns),
            )
            try:
                database.execute(f"update {table} set {column} = ? where rowid = ?", (value, row))
                said.append(f"{table}.{column} of {row} = {value!r:.60}")
            except (sqlite3.Error, OverflowError, UnicodeError):
                continue  # a constraint of the table holds it off
        database.commit()
    return said


def _value(draw: random.Random, database: sqlite3.Connection, table: str, columns: list[str]) -> Any:
    """Something of the list, or a value of elsewhere in the table, whole, cut or with one byte changed."""
    if draw.random() < 0.5:
        return draw.choice(_VALUES)
    found = database.execute(
        f"select {draw.choice(columns)} from {table} order by random() limit 1"
    ).fetchone()
    value = found[0] if found else None
    if isinstance(value, str | bytes) and value:
        at = draw.randrange(len(value))
        if draw.random() < 0.5:
            return value[:at]
        if isinstance(value, str):
            return value[:at] + draw.choice("0[]{}\"'x-,") + value[at + 1 :]
        return value[:at] + bytes([draw.randrange(256)]) + value[at + 1 :]
    return value


def check_one(folder: Path, number: int) -> None:
    """Damages a copy of what is in `folder` and runs all commands. Raises BrokenRuleError."""
    draw = random.Random(number)
    shutil.rmtree(folder / "photos")
    shutil.copytree(folder / "kept" / "photos", folder / "photos")
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        with contextlib.suppress(FileNotFoundError):
            (folder / name).unlink()
    shutil.copy(folder / "kept" / "index.db", folder / "index.db")
    damage = spoil(folder / "index.db", draw)
    shutil.copy(folder / "index.db", folder / "spoiled.db")  # what commands settle is not asked for any more
    strangers = {path: path.read_bytes() for path in folder.glob("*.txt")}
    listed = commands(folder / "photos")
    # the order decides what is left for the later ones to find
    for arguments in listed if draw.random() < 0.5 else draw.sample(listed, len(listed)):
        try:
            run(arguments)
        except BrokenRuleError as error:
            raise BrokenRuleError(f"index {number}: {'; '.join(damage)}\n{error}") from None
    try:
        ask_for_all_rows(folder / "spoiled.db")
    except BrokenRuleError as error:
        raise BrokenRuleError(f"index {number}: {'; '.join(damage)}\n{error}") from None
    for photo in (folder / "photos").glob("*.jpg"):
        read_facts(photo)
    if strangers != {path: path.read_bytes() for path in folder.glob("*.txt")}:
        raise BrokenRuleError(f"index {number}: a file that is no photo was changed; {damage}")


def fuzz(folder: Path, numbers: range, seconds: float) -> int:
    """How many indexes were damaged before the time was over."""
    began = time.monotonic()
    with environment(folder):
        lay_out(folder)
        (folder / "words.txt").write_text("not a photo")
        (folder / "kept").mkdir()
        shutil.copytree(folder / "photos", folder / "kept" / "photos")
        with contextlib.closing(sqlite3.connect(folder / "index.db")) as database:
            database.execute("pragma wal_checkpoint(truncate)")
        shutil.copy(folder / "index.db", folder / "kept" / "index.db")
        for done, number in enumerate(numbers):
            if time.monotonic() - began > seconds:
                return done
            check_one(folder, number)
    return len(numbers)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--indexes", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, metavar="N", help="start at index number N")
    parser.add_argument("--seconds", type=float, default=float("inf"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = fuzz(Path(folder), range(options.first, options.first + options.indexes), options.seconds)
        except BrokenRuleError as error:
            sys.exit(str(error))
    print(f"{done} damaged indexes, {len(commands(Path()))} commands each: nothing found")


if __name__ == "__main__":
    main()
