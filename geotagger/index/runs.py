"""Runs: which command did what, when, with which model, and how it ended.

A run has a number and a name; the name is written into photos, so it must mean the same on
every machine: the date and six random hexadecimal digits.
"""

import json
import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from geotagger.errors import UsageError
from geotagger.index.damage import Damage
from geotagger.index.store import Store, now

Status = Literal["running", "done", "interrupted", "failed", "crashed"]

_LONGEST_PID = 10
_LONGEST_NUMBER = 18
"""Digits that surely fit the 64 bits of SQLite's numbers."""


@dataclass(frozen=True, slots=True)
class Run:
    """`started` and `ended` are ISO 8601 in UTC. `written` counts the photos whose change of this
    run can still be undone, `unsettled` those that it was about to change when it was cut off: only the
    files tell what came of them. A run that goes on has none. `undone` counts those that `undo` put back."""

    id: int
    name: str
    command: str
    arguments: dict[str, Any]
    model: str | None
    started: str
    ended: str | None
    status: str
    counts: dict[str, int]
    written: int
    unsettled: int
    undone: int


class Runs:
    def __init__(self, store: Store) -> None:
        self._store = store

    def model_id(self, name: str, version: str, digest: str) -> int:
        """The number under which a model's posteriors and estimates are kept."""
        with self._store.batch():
            self._store.execute(
                "insert into models (name, version, digest) values (?, ?, ?) on conflict (digest) do nothing",
                (name, version, digest),
            )
            row = self._store.row("select id from models where digest = ?", (digest,))
        number: int = row[0]
        return number

    def begin(self, command: str, arguments: Mapping[str, Any], model_id: int | None = None) -> Run:
        """Records that a run starts, and that runs of this machine whose process is gone crashed."""
        name = f"{datetime.now(UTC):%Y%m%d}-{secrets.token_hex(3)}"
        with self._store.batch():
            self.mark_crashed(self.newly_crashed())
            cursor = self._store.execute(
                "insert into runs (name, command, arguments, model_id, started, status, counts, machine,"
                " process) values (?, ?, ?, ?, ?, 'running', '{}', ?, ?)",
                (
                    name,
                    command,
                    json.dumps(dict(arguments), default=str),
                    model_id,
                    now(),
                    socket.gethostname(),
                    _process(os.getpid()),
                ),
            )
            return self._of("runs.id = ?", (cursor.lastrowid,))[0]

    def end(self, run_id: int, status: Status, counts: Mapping[str, int] | None = None) -> None:
        self._store.execute(
            "update runs set ended = ?, status = ?, counts = ? where id = ?",
            (now(), status, json.dumps(dict(counts or {})), run_id),
        )

    def latest(self, limit: int | None = None) -> list[Run]:
        """Newest first. A run whose process is gone without a word is `crashed`."""
        return self._of("1", (), f"limit {int(limit)}" if limit is not None else "")

    def find(self, text: str) -> Run:
        """The run of that number, name, or unique beginning of a name; raises UsageError."""
        is_number = text.isascii() and text.isdigit() and len(text) <= _LONGEST_NUMBER
        by_number = self._of("runs.id = ?", (int(text),)) if is_number else []
        matching = by_number or self._of("substr(runs.name, 1, ?) = ?", (len(text), text))
        if not matching:
            raise UsageError(f"there is no run {text}; `geotagger runs` lists them")
        if len(matching) > 1:
            raise UsageError(f"{text} begins the names of {len(matching)} runs; `geotagger runs` lists them")
        return matching[0]

    def latest_undoable(self) -> Run | None:
        """The newest run of which something is written in photos."""
        runs = self._of(
            "runs.id = (select max(run_id) from journal where state = 'done')",
        )
        return runs[0] if runs else None

    def cut_off(self) -> list[Run]:
        """Runs that ended between intent and outcome, newest first."""
        open_ended = self._of("runs.id in (select run_id from journal where state = 'intended')")
        return [run for run in open_ended if run.unsettled]

    def under_way(self) -> list[Run]:
        """Runs whose process is at work on this machine, newest first."""
        begun = self._of("status = 'running' and machine = ?", (socket.gethostname(),))
        return [run for run in begun if run.status == "running"]

    def lines_on_cut_off(self) -> list[str]:
        """A word on each of them, from those who only look."""
        return [
            f"run {run.id} was cut off, {run.unsettled} photo{'s' * (run.unsettled != 1)} to be settled by "
            f"`geotagger undo {run.id}` or the next `tag`"
            for run in self.cut_off()
        ]

    def _of(self, condition: str, values: tuple[Any, ...] = (), limit: str = "") -> list[Run]:
        rows = self._store.rows(
            "select runs.id, runs.name, command, arguments, models.name, started, ended, status, counts,"
            " machine, process,"
            " (select count(distinct path) from journal where run_id = runs.id and state = 'done'),"
            " (select count(distinct path) from journal where run_id = runs.id and state = 'intended'),"
            " (select count(distinct path) from journal where run_id = runs.id and state = 'undone')"
            " from runs left join models on models.id = model_id"
            f" where {condition} order by runs.id desc {limit}",
            values,
        )
        return [_run(row, self._store.damage) for row in rows]

    def newly_crashed(self) -> list[Run]:
        """Runs whose process is gone and that nothing was done about yet, newest first."""
        return [run for run in self._of("status = 'running'") if run.status == "crashed"]

    def mark_crashed(self, runs: Sequence[Run]) -> None:
        with self._store.batch():
            for run in runs:
                self._store.execute("update runs set status = 'crashed' where id = ?", (run.id,))


def _run(stored: Sequence[Any], damage: Damage) -> Run:
    row = [_readable(damage, stored[0], value) for value in stored]
    status = "crashed" if row[7] == "running" and _is_gone(row[9], row[10]) else row[7]
    return Run(
        id=row[0],
        name=row[1],
        command=row[2],
        arguments=_table(damage, row[0], row[3]),
        model=row[4],
        started=row[5],
        ended=row[6],
        status=status,
        counts={name: n for name, n in _table(damage, row[0], row[8]).items() if type(n) is int},
        written=row[11],
        unsettled=0 if status == "running" else row[12],
        undone=row[13],
    )


def _readable(damage: Damage, number: object, value: Any) -> Any:
    """A column's value. Bytes become text that can be shown: a damaged run can still be undone."""
    if not isinstance(value, bytes):
        return value
    damage.pass_over(f"row {number} of runs")
    return value.decode(errors="replace")


def _table(damage: Damage, number: object, text: object) -> dict[str, Any]:
    """A JSON object; empty where the row is damaged."""
    try:
        values = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        damage.pass_over(f"row {number} of runs")
        return {}
    return values


def _process(pid: int) -> str:
    """A process by its number and, where the system tells, when it started: numbers are reused."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        return f"{pid} {stat.rpartition(')')[2].split()[19]}"
    except (OSError, IndexError):
        return str(pid)


def _is_gone(machine: str | None, process: str | None) -> bool:
    if machine != socket.gethostname() or not isinstance(process, str):
        return False  # another machine's: nobody here can know
    number = process.partition(" ")[0]
    if not number.isascii() or not number.isdigit() or len(number) > _LONGEST_PID:
        return True  # a damaged row: no process has that number
    pid = int(number)
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return _process(pid) != process
