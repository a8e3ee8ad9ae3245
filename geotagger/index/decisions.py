"""What the owner decided about photos in `review`: what waits to be written, and what was.

A decision names the estimate that its owner saw, so that one made before an `undo`, or in another tab, is
known again as too old. Of a photo at most one waits. A correction of a clock waits in the same way. Takes
and gives values; what becomes of a decision is not known here."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from geotagger.index.damage import Damage
from geotagger.index.soundness import are_numbers, are_texts
from geotagger.index.store import Store, now, plain_text

Action = Literal["confirm", "move", "reject", "aside", "reopen", "clock"]
ACTIONS: tuple[Action, ...] = ("confirm", "move", "reject", "aside", "reopen", "clock")

Verdict = Literal["rejected", "aside"]
"""What stays with a photo: its place is wrong, and `tag` leaves it alone; or its owner will look later."""

_VERDICT_AFTER: dict[str, Verdict | None] = {"reject": "rejected", "aside": "aside"}


@dataclass(frozen=True, slots=True)
class Wish:
    """What the owner wants of a photo (`photo_id`) or, with the action `clock`, of a camera (`root_id`,
    `camera`, `shift_s`: seconds to add). `seen_estimate`: the estimate that was seen, None where there was
    none. A `move` has the place in degrees and how exactly it is meant."""

    action: Action
    photo_id: int | None = None
    seen_estimate: int | None = None
    latitude: float | None = None
    longitude: float | None = None
    radius_km: float | None = None
    root_id: int | None = None
    camera: str | None = None
    shift_s: float | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A wish that was recorded: when, and by which run it was carried out, None while it waits."""

    id: int
    wish: Wish
    decided: str
    run_id: int | None


class Decisions:
    def __init__(self, store: Store) -> None:
        self._store = store

    def pending(self) -> list[Decision]:
        """What waits, oldest first."""
        return self._of("state = 'pending' order by id")

    def of_run(self, run_id: int) -> list[Decision]:
        """What a run carried out and nobody undid."""
        return self._of("state = 'done' and run_id = ? order by id", (run_id,))

    def of_photo(self, photo_id: int) -> Decision | None:
        """What waits for a photo."""
        waiting = self._of("state = 'pending' and photo_id = ?", (photo_id,))
        return waiting[0] if waiting else None

    def add(self, wishes: Iterable[Wish]) -> list[int]:
        """Records wishes, each in place of the one that waits for the same photo or camera; their numbers. A
        number is never given again, also when the last one was taken back: a tab that saw it would take the
        next decision for that one."""
        ids = []
        with self._store.batch():
            (newest,) = self._store.row("select coalesce(max(id), 0) from decisions")
            number = max(newest, time.time_ns() // 1000)  # a browser holds whole numbers up to 2^53
            for wish in wishes:
                number += 1
                self._store.execute(
                    "delete from decisions where state = 'pending'"
                    " and photo_id is ? and root_id is ? and camera is ?",
                    (wish.photo_id, wish.root_id, plain_text(wish.camera)),
                )
                self._store.execute(
                    "insert into decisions (id, action, photo_id, seen_estimate, latitude, longitude,"
                    " radius_km, root_id, camera, shift_s, decided, state)"
                    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')",
                    (
                        number,
                        wish.action,
                        wish.photo_id,
                        wish.seen_estimate,
                        wish.latitude,
                        wish.longitude,
                        wish.radius_km,
                        wish.root_id,
                        plain_text(wish.camera),
                        wish.shift_s,
                        now(),
                    ),
                )
                ids.append(number)
        return ids

    def drop(self, ids: Iterable[int]) -> None:
        """Of these, those that wait are no more."""
        with self._store.batch():
            self._store.execute_many(
                "delete from decisions where state = 'pending' and id = ?", [(number,) for number in ids]
            )

    def carry_out(self, run_id: int, decisions: Iterable[Decision]) -> None:
        """They count from now on. Call it before what they ask for is written, so that a kill forgets no
        rejection."""
        with self._store.batch():
            for decision in decisions:
                self._store.execute(
                    "update decisions set state = 'done', run_id = ? where id = ?", (run_id, decision.id)
                )
                if decision.wish.photo_id is not None:
                    self._settle_verdict(decision.wish.photo_id)

    def put_off(self, decisions: Iterable[Decision]) -> None:
        """They could not be carried out, and wait again."""
        with self._store.batch():
            for decision in decisions:
                self._store.execute(
                    "update decisions set state = 'pending', run_id = null where id = ?", (decision.id,)
                )
                if decision.wish.photo_id is not None:
                    self._settle_verdict(decision.wish.photo_id)

    def undone(self, run_id: int, photo_ids: Sequence[int]) -> None:
        """What a run carried out about these photos was taken back."""
        with self._store.batch():
            for photo_id in photo_ids:
                self._store.execute(
                    "update decisions set state = 'undone' where state = 'done' and run_id = ?"
                    " and photo_id = ?",
                    (run_id, photo_id),
                )
                self._settle_verdict(photo_id)

    def clocks_undone(self, run_id: int) -> None:
        self._store.execute(
            "update decisions set state = 'undone' where state = 'done' and run_id = ? and action = 'clock'",
            (run_id,),
        )

    def latest_run(self) -> int | None:
        """The newest run that carried out something which nobody undid."""
        newest: int | None = self._store.row("select max(run_id) from decisions where state = 'done'")[0]
        return newest

    def _settle_verdict(self, photo_id: int) -> None:
        """The verdict on a photo is that of the last decision about it which stands."""
        row = self._store.row(
            "select action from decisions where photo_id = ? and state = 'done' order by run_id desc, id desc"
            " limit 1",
            (photo_id,),
        )
        verdict = None if row is None else _VERDICT_AFTER.get(row[0])
        self._store.execute("update photos set verdict = ? where id = ?", (verdict, photo_id))

    def _of(self, condition: str, values: tuple[object, ...] = ()) -> list[Decision]:
        damage = self._store.damage
        rows = self._store.rows(
            "select id, decided, run_id, action, photo_id, seen_estimate, latitude, longitude, radius_km,"
            f" root_id, camera, shift_s from decisions where {condition}",
            values,
        )
        return [Decision(row[0], Wish(*row[3:]), row[1], row[2]) for row in rows if _is_sound(row, damage)]


def _is_sound(row: Sequence[Any], damage: Damage) -> bool:
    """Whether a decision is one: a damaged row counts as none."""
    numbers = are_numbers((row[2], *row[4:6], row[8], row[9], row[11]))
    on_earth = are_numbers((row[6],), 90) and are_numbers((row[7],), 180)
    if row[3] in ACTIONS and numbers and on_earth and are_texts((row[1], row[10])):
        return True
    damage.pass_over(f"row {row[0]} of decisions")
    return False
