"""Estimates and the ladder: which position of a photo counts.

A photo may have an estimate on each rung; the highest rung's is `current`, and the only one that
queries see. A new estimate takes the place of the photo's older one on the same rung, never of
a higher one. One that was written into the file is kept beside its successor until the
successor is undone, so that after an undo index and file agree again. One that a run took out of the file
again, because it no longer holds, is kept in the same way and does not count.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from geotagger import cells
from geotagger.estimate.holding import Support
from geotagger.estimate.values import OWN_FIXES, RUNGS, Candidate, Estimate
from geotagger.gazetteer.naming import PlaceNames, names_of
from geotagger.index.damage import Damage
from geotagger.index.path_conditions import at_or_below
from geotagger.index.soundness import are_texts, is_on_earth, is_place, is_share
from geotagger.index.store import Store, path_of

Written = Literal["exif", "sidecar", "camera"]

_RANK = "case rung " + " ".join(f"when '{rung}' then {rank}" for rank, rung in enumerate(RUNGS)) + " end"

_GUESSED = tuple(rung for rung in RUNGS if rung not in OWN_FIXES)
_IS_GUESSED = f"exists (select 1 from estimates where photo_id = photos.id and rung in {_GUESSED})"
_IS_WRITTEN = "exists (select 1 from journal where photo_id = photos.id and state in ('done', 'intended'))"
_IS_BEING_WRITTEN = "exists (select 1 from journal where photo_id = photos.id and state = 'intended')"


@dataclass(frozen=True, slots=True)
class PhotoEstimate:
    """An estimate of a photo. A fix is one too: rung `camera`, `sidecar` or `manual`. `written`:
    "exif" or "sidecar" when we wrote it there, "camera" when it stands in the file anyway. `support`: what
    the estimate rests on."""

    photo_id: int
    estimate: Estimate
    model_id: int | None = None
    written: Written | None = None
    support: Support | None = None


_ESTIMATES_OF_A_RUN = 24
"""Bits: a run's estimates are numbered from here on; more than these take the next run's room, no harm."""


@dataclass(frozen=True, slots=True)
class StoredEstimate:
    """An estimate in the index."""

    id: int
    photo_id: int
    estimate: Estimate
    current: bool
    model_id: int | None
    run_id: int | None
    written: str | None
    support: Support | None
    doubt: str | None


class Estimates:
    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, run_id: int | None, placed: Sequence[PhotoEstimate]) -> list[bool]:
        """Keeps estimates; for each, whether it is now the photo's current one."""
        if not placed:
            return []
        lat, lng = [one.estimate.latitude for one in placed], [one.estimate.longitude for one in placed]
        leaves = cells.to_signed(cells.leaf_ids(lat, lng)).tolist()
        with self._store.batch():
            return [self._put(run_id, *row) for row in zip(placed, leaves, names_of(lat, lng), strict=True)]

    def _put(self, run_id: int | None, placed: PhotoEstimate, leaf: int, names: PlaceNames) -> bool:
        estimate = placed.estimate
        self._delete(
            "photo_id = ? and rung = ? and written is null and withdrawn_by is null",
            (placed.photo_id, estimate.rung),
        )
        cursor = self._store.execute(
            "insert into estimates (id, photo_id, rung, current, latitude, longitude, leaf, cell, cell_level,"
            " radius_km, confidence, rungs, evidence, model_id, run_id, written,"
            " country, region, place, place_km, near_border, rests_on, weighed)"
            f" values ((select max(?, coalesce(max(id), 0) + 1) from estimates), {', '.join('?' * 22)})",
            (
                # a number that an undone run gave is not given again: who saw that estimate has not seen this
                (run_id or 0) << _ESTIMATES_OF_A_RUN,
                placed.photo_id,
                estimate.rung,
                0,
                estimate.latitude,
                estimate.longitude,
                leaf,
                estimate.cell or None,
                _level(estimate.cell),
                estimate.radius_km,
                estimate.confidence,
                json.dumps(estimate.rungs),
                json.dumps(estimate.evidence) if estimate.evidence else None,
                placed.model_id,
                run_id,
                placed.written,
                names.country,
                names.region,
                names.place,
                names.place_km,
                names.near_border,
                None if placed.support is None else placed.support.to_json(),
                None if placed.support is None else placed.support.digest,
            ),
        )
        estimate_id = cursor.lastrowid or 0
        self._store.execute_many(
            "insert into candidates (estimate_id, place, latitude, longitude, probability, cell)"
            " values (?, ?, ?, ?, ?, ?)",
            (
                (estimate_id, place, c.latitude, c.longitude, c.probability, c.cell)
                for place, c in enumerate(estimate.candidates, 1)
            ),
        )
        return self._settle_current(placed.photo_id) == estimate_id

    def current(self, photo_id: int) -> StoredEstimate | None:
        rows = self._of("photo_id = ? and current = 1", (photo_id,))
        return rows[0] if rows else None

    def of_photo(self, photo_id: int) -> list[StoredEstimate]:
        """All estimates of a photo, highest rung and newest first."""
        return self._of(f"photo_id = ? order by {_RANK} desc, id desc", (photo_id,))

    def mark_written(self, run_id: int, photo_ids: Iterable[int], where: Written) -> None:
        """The run's estimates of these photos now stand in the file or its sidecar."""
        with self._store.batch():
            self._store.execute_many(
                "update estimates set written = ? where run_id = ? and photo_id = ? and current = 1",
                [(where, run_id, photo_id) for photo_id in photo_ids],
            )

    def undone(self, run_id: int, photo_ids: Iterable[int]) -> None:
        """What the run wrote into these photos was taken out again, or what it took out put back: its
        estimates go, as if it had never been, and what the file holds again counts. What the model saw
        stays remembered."""
        with self._store.batch():
            for photo_id in photo_ids:
                self._delete("photo_id = ? and run_id = ? and written is not null", (photo_id, run_id))
                self.reinstate(run_id, [photo_id])
                self._settle_current(photo_id)

    def not_written(self, run_id: int, photo_ids: Iterable[int]) -> None:
        """The files of these photos are as they were before the run: its estimates that are written nowhere
        go, and what it was to replace counts again."""
        with self._store.batch():
            for photo_id in photo_ids:
                self._delete("photo_id = ? and run_id = ? and written is null", (photo_id, run_id))
                self._store.execute(
                    "update estimates set withdrawn_by = null where photo_id = ? and withdrawn_by = ?",
                    (photo_id, run_id),
                )
                self._settle_current(photo_id)

    def reinstate(self, run_id: int, photo_ids: Iterable[int]) -> None:
        """Of these photos those whose estimate the run withdrew: their files are as they were before."""
        for photo_id in photo_ids:
            if self._store.row(
                "select 1 from estimates where photo_id = ? and withdrawn_by = ?", (photo_id, run_id)
            ):
                self.not_written(run_id, [photo_id])

    def withdraw(self, run_id: int, photo_ids: Iterable[int]) -> None:
        """The run takes the estimates that stand in these photos out of them, or puts others in their place:
        they count no more. Places of cameras and of the owner stay."""
        self._withdraw(run_id, photo_ids, "written in ('exif', 'sidecar')")

    def set_aside(self, run_id: int, photo_ids: Iterable[int]) -> None:
        """The guesses about these photos that stand in no file count no more; undoing the run brings them
        back."""
        self._withdraw(run_id, photo_ids, "written is null")

    def _withdraw(self, run_id: int, photo_ids: Iterable[int], which: str) -> None:
        marks = ",".join("?" * len(OWN_FIXES))
        with self._store.batch():
            for photo_id in photo_ids:
                self._store.execute(
                    "update estimates set withdrawn_by = ?, doubt = null where photo_id = ?"
                    f" and withdrawn_by is null and {which} and rung not in ({marks})",
                    (run_id, photo_id, *OWN_FIXES),
                )
                self._settle_current(photo_id)

    def confirm(self, run_id: int, photo_ids: Iterable[int]) -> None:
        """The owner says that these photos were taken inside the circles that count."""
        with self._store.batch():
            self._store.execute_many(
                "update estimates set confirmed_by = ?, doubt = null where photo_id = ? and current = 1",
                [(run_id, photo_id) for photo_id in photo_ids],
            )

    def unconfirm(self, run_id: int, photo_ids: Iterable[int]) -> None:
        """What a run confirmed of these photos is an estimate again."""
        with self._store.batch():
            self._store.execute_many(
                "update estimates set confirmed_by = null where confirmed_by = ? and photo_id = ?",
                [(run_id, photo_id) for photo_id in photo_ids],
            )

    def weighed_again(self, rows: Iterable[tuple[int, Support | None, str | None]]) -> None:
        """What was found about the current estimates of photos: (photo id, what it rests on today, None where
        that is not to be remembered, why it would not be written today, None where it would)."""
        with self._store.batch():
            for photo_id, support, doubt in rows:
                if support is not None:
                    self._store.execute(
                        "update estimates set rests_on = ?, weighed = ? where photo_id = ? and current = 1",
                        (support.to_json(), support.digest, photo_id),
                    )
                self._store.execute(
                    "update estimates set doubt = ? where photo_id = ? and current = 1", (doubt, photo_id)
                )

    def doubted(self, root_id: int) -> int:
        """How many written estimates of a root would not be written today, as far as they were weighed."""
        count: int = self._store.row(
            "select count(*) from estimates join photos on photos.id = photo_id"
            " where current = 1 and doubt is not null and root_id = ? and missing_since is null",
            (root_id,),
        )[0]
        return count

    def drop(self, photo_ids: Iterable[int], rungs: Sequence[str] = RUNGS) -> None:
        """Forgets the estimates of photos on some rungs, because their evidence is gone."""
        marks = ",".join("?" * len(rungs))
        with self._store.batch():
            for photo_id in photo_ids:
                self._delete(f"photo_id = ? and rung in ({marks})", (photo_id, *rungs))
                self._settle_current(photo_id)

    def written_below(self, places: Sequence[str]) -> list[str]:
        """The photos at or below these absolute paths in which an estimate of a run stands."""
        below, values = at_or_below(places)
        rows = self._store.rows(
            "select distinct roots.path, photos.path from photos join roots on roots.id = photos.root_id"
            f" where {below} and {_IS_GUESSED} and {_IS_WRITTEN}",
            values,
        )
        return [os.path.join(path_of(root), path_of(path)) for root, path in rows]

    def forget_guesses(self, places: Sequence[str]) -> set[int]:
        """Drops what was estimated of photos there and stands in none of them, nor beside them; the archives
        that these are of."""
        below, values = at_or_below(places)
        rows = self._store.rows(
            f"select photos.id, root_id, {_IS_WRITTEN} from photos join roots on roots.id = root_id"
            f" where {below} and {_IS_GUESSED} and not {_IS_BEING_WRITTEN}",
            values,
        )
        with self._store.batch():
            for photo_id, _, is_written in rows:
                # under what stands there, the owner's word or an estimate that could not be taken out
                which = " and written is null" if is_written else ""
                self._delete(f"photo_id = ? and rung in {_GUESSED}{which}", (photo_id,))
                self._settle_current(photo_id)
        return {root_id for _, root_id, _ in rows}

    def content_changed(self, photo_id: int, same_pixels: bool) -> None:
        """The file of a photo is another one now: what stood in it, and without `same_pixels` what
        was guessed from it and not written, counts no more. The owner's word does."""
        guesses = "" if same_pixels else " or (written is null and rung <> 'manual')"
        with self._store.batch():
            self._delete(f"photo_id = ? and (written = 'camera'{guesses})", (photo_id,))
            self._settle_current(photo_id)

    def _settle_current(self, photo_id: int) -> int | None:
        row = self._store.row(
            "select id from estimates where photo_id = ? and withdrawn_by is null"
            f" order by {_RANK} desc, id desc limit 1",
            (photo_id,),
        )
        chosen = None if row is None else int(row[0])
        self._store.execute(
            # `is`, not `=`: none may be left that counts
            "update estimates set current = (id is ?) where photo_id = ? and current <> (id is ?)",
            (chosen, photo_id, chosen),
        )
        return chosen

    def _delete(self, condition: str, values: Sequence[Any]) -> None:
        self._store.execute(
            f"delete from candidates where estimate_id in (select id from estimates where {condition})",
            values,
        )
        self._store.execute(f"delete from estimates where {condition}", values)

    def _of(self, condition: str, values: Sequence[Any]) -> list[StoredEstimate]:
        damage = self._store.damage
        rows = self._store.rows(
            "select id, photo_id, current, model_id, run_id, written, latitude, longitude, radius_km,"
            f" confidence, rung, rungs, cell, evidence, rests_on, doubt from estimates where {condition}",
            values,
        )
        return [
            StoredEstimate(
                id=row[0],
                photo_id=row[1],
                current=bool(row[2]),
                model_id=row[3],
                run_id=row[4],
                written=row[5],
                support=_support(damage, row[0], row[14]),
                doubt=row[15],
                estimate=Estimate(
                    latitude=row[6],
                    longitude=row[7],
                    radius_km=row[8],
                    confidence=row[9],
                    rung=row[10],
                    rungs=_lines(row[11]),
                    cell=row[12] or "",
                    candidates=self._candidates(row[0]),
                    evidence=_lines(row[13]),
                ),
            )
            for row in rows
            if _is_sound(row, damage)
        ]

    def _candidates(self, estimate_id: int) -> tuple[Candidate, ...]:
        rows = self._store.rows(
            "select latitude, longitude, probability, cell from candidates where estimate_id = ?"
            " order by place",
            (estimate_id,),
        )
        return tuple(
            Candidate(*row)
            for row in rows
            if is_on_earth(*row[:2]) and is_share(row[2]) and isinstance(row[3], str)
        )


def _is_sound(row: Sequence[Any], damage: Damage) -> bool:
    """Whether an estimate is one: a damaged row counts as none."""
    if is_place(*row[6:10]) and row[10] in RUNGS and are_texts((row[12],)):
        return True
    damage.pass_over(f"row {row[0]} of estimates")
    return False


def _support(damage: Damage, number: object, text: object) -> Support | None:
    """What an estimate rests on; None, as if that were not known, of a damaged row."""
    try:
        return Support.from_json(text) if isinstance(text, str) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        damage.pass_over(f"row {number} of estimates (what it rests on)")
        return None


def _lines(text: object) -> tuple[str, ...]:
    """A JSON list of words; empty where the row is damaged."""
    try:
        lines = json.loads(text) if isinstance(text, str) and text else []
    except (ValueError, RecursionError):
        return ()
    return tuple(map(str, lines)) if isinstance(lines, list) else ()


def _level(token: str) -> int | None:
    return int(cells.levels(cells.ids_of_tokens([token]))[0]) if token else None
