"""The undo journal: what was about to be written into which photo, and what came of it.

An entry is `intended` before its photo is touched, then `done` or `abandoned`; `undone` after
an undo, `forgotten` when the estimate was taken out for good. An edit is the metadata room's own
serialised value, opaque here. After a crash the `pending` entries are those that must be looked
at: the photo is either as before or as intended.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from geotagger.archive import is_at_or_below
from geotagger.index.store import Store, path_column, path_of

State = Literal["intended", "done", "undone", "forgotten", "abandoned"]


Chosen = Sequence[str] | frozenset[str]
"""Photos: a sequence names files and folders, an empty one all; a set is the photos themselves."""


def is_chosen(path: str, some: Chosen) -> bool:
    if isinstance(some, frozenset):
        return path in some
    return not some or is_at_or_below(path, some)


@dataclass(frozen=True, slots=True)
class Intent:
    """`path` is the photo's, absolute; `edit` what the metadata room needs to undo it."""

    photo_id: int | None
    path: str
    edit: bytes


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """`path` is where the photo is now, as far as the index knows. `covered` is True when another, later
    run wrote the same photo and was not undone: its bytes are no longer this entry's."""

    id: int
    run_id: int
    photo_id: int | None
    path: str
    edit: bytes
    state: State
    covered: bool


class Journal:
    def __init__(self, store: Store) -> None:
        self._store = store

    def intend(self, run_id: int, intents: Sequence[Intent]) -> list[int]:
        """Records what is about to be written; on the disk when this returns (or when the batch
        around it ends), so write photos only after that. Gives the entries' ids."""
        with self._store.batch():
            return [
                self._store.execute(
                    "insert into journal (run_id, photo_id, path, edit, state)"
                    " values (?, ?, ?, ?, 'intended')",
                    (run_id, intent.photo_id, path_column(intent.path), intent.edit),
                ).lastrowid
                or 0
                for intent in intents
            ]

    def settle(self, entry_ids: Iterable[int], state: State) -> None:
        """Records what came of entries. The edits of those that can never be undone are dropped."""
        with self._store.batch():
            ids = [(state, entry_id) for entry_id in entry_ids]
            self._store.execute_many("update journal set state = ? where id = ?", ids)
            if state in ("abandoned", "forgotten"):
                self._store.execute_many(
                    "update journal set edit = x'' where state = ? and id = ?",
                    ids,
                )

    def pending(self) -> list[JournalEntry]:
        """What runs that did not end properly left between intent and outcome, oldest first."""
        return self._of("journal.state = 'intended' order by journal.id")

    def pending_of(self, run_id: int) -> list[JournalEntry]:
        """Those of one run, newest first."""
        return self._of(
            "journal.run_id = ? and journal.state = 'intended' order by journal.id desc", (run_id,)
        )

    def done_by(self, run_id: int, only: Chosen = (), chunk: int = 500) -> Iterator[JournalEntry]:
        """What a run wrote and nobody undid, newest first; `only` these files or what is below
        these folders. Entries may be settled while this goes on."""
        wanted = only if isinstance(only, frozenset) else [os.path.abspath(path) for path in only]
        before = 1 << 62
        while True:
            entries = self._of(
                "journal.run_id = ? and journal.state = 'done' and journal.id < ?"
                " order by journal.id desc limit ?",
                (run_id, before, chunk),
            )
            if not entries:
                return
            for entry in entries:
                if is_chosen(entry.path, wanted):
                    yield entry
            before = entries[-1].id

    def done_in(self, photo_id: int) -> list[JournalEntry]:
        """What was written into a photo or beside it and nobody undid, newest first."""
        return self._of(
            "journal.photo_id = ? and journal.state = 'done' order by journal.id desc", (photo_id,)
        )

    def undone_by(self, run_id: int) -> set[int]:
        """The numbers of the photos into which a run wrote, and in which that was undone."""
        rows = self._store.rows(
            "select distinct photo_id from journal where run_id = ? and state = 'undone'"
            " and photo_id is not null",
            (run_id,),
        )
        return {photo_id for (photo_id,) in rows}

    def photos_of(self, run_id: int, only: Chosen = ()) -> int:
        """How many photos hold what a run wrote; `only` as for `done_by`."""
        if not only:
            return int(
                self._store.row(
                    "select count(distinct path) from journal where run_id = ? and state = 'done'", (run_id,)
                )[0]
            )
        return len({entry.path for entry in self.done_by(run_id, only)})

    def forgotten_of(self, run_id: int, only: Chosen = ()) -> int:
        """How many photos of a run lost its estimate to `forget`; `only` as for `done_by`."""
        wanted = only if isinstance(only, frozenset) else [os.path.abspath(path) for path in only]
        entries = self._of("journal.run_id = ? and journal.state = 'forgotten'", (run_id,))
        return len({entry.path for entry in entries if is_chosen(entry.path, wanted)})

    def _of(self, condition: str, values: tuple[object, ...] = ()) -> list[JournalEntry]:
        rows = self._store.rows(
            "select journal.id, journal.run_id, journal.photo_id, journal.path, journal.edit, journal.state,"
            " roots.path, photos.path, exists (select 1 from journal as later where later.photo_id ="
            " journal.photo_id and later.run_id > journal.run_id and later.state = 'done')"
            " from journal left join photos on photos.id = journal.photo_id"
            f" left join roots on roots.id = photos.root_id where {condition}",
            values,
        )
        return [
            JournalEntry(
                id=row[0],
                run_id=row[1],
                photo_id=row[2],
                path=_path(row[3], row[6], row[7]) or f"entry {row[0]} of the journal",
                edit=row[4] if isinstance(row[4], bytes) else b"",
                state=row[5],
                covered=bool(row[8]),
            )
            for row in rows
        ]


def _path(journalled: object, root: object, below: object) -> str | None:
    """Where the photo is now, or was; None where the row is damaged."""
    columns = [journalled] if below is None else [root, below]
    if not all(isinstance(column, str | bytes) for column in columns):
        return None
    path = os.path.join(*(path_of(column) for column in columns if isinstance(column, str | bytes)))
    return None if "\0" in path else path
