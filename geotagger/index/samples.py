"""Photos drawn at random for `review --sample`, and what their owner found about their circles.

What an owner chooses to look at says little of what they passed over, so certainties are judged by these
alone. Drawn are as many from each tenth of certainty as there are, so that the rare ones are seen, too.
Takes and gives values; what the verdicts teach is not known here."""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from geotagger.index.soundness import are_numbers, is_place
from geotagger.index.store import Store, now

STRATA = 10


@dataclass(frozen=True, slots=True)
class Sample:
    """A photo, its estimate as it was drawn, the tenth of its confidence, how many photos it stands for, and
    whether it was taken inside the circle, None where nobody has said."""

    photo_id: int
    estimate_id: int | None
    latitude: float
    longitude: float
    radius_km: float
    confidence: float
    stratum: int
    weight: float
    is_inside: bool | None


class Samples:
    def __init__(self, store: Store) -> None:
        self._store = store

    def draw(self, count: int, rng: random.Random, after_run: int = 0) -> int:
        """Draws until so many wait for a verdict; how many are new. Of estimates that later runs than
        `after_run` made: those state their certainty as it is stated today."""
        waiting = self._store.row("select count(*) from samples where inside is null")[0]
        strata: dict[int, list[tuple[int, int, float, float, float, float]]] = {}
        for row in self._store.rows(
            "select photo_id, estimates.id, latitude, longitude, radius_km, confidence from estimates"
            " join photos on photos.id = photo_id where current = 1 and missing_since is null"
            " and rung not in ('camera', 'sidecar', 'manual') and confirmed_by is null and verdict is null"
            " and not exists (select 1 from samples where samples.photo_id = photos.id)"
            " and coalesce(run_id, 0) > ? order by photo_id",
            (after_run,),
        ):
            if is_place(*row[2:]):
                strata.setdefault(stratum_of(row[5]), []).append(row)
            else:
                self._store.damage.pass_over(f"row {row[1]} of estimates")
        sizes = _shares({n: len(rows) for n, rows in strata.items()}, max(0, count - waiting))
        with self._store.batch():
            for stratum, size in sizes.items():
                rows = strata[stratum]
                for photo_id, estimate_id, *circle in rng.sample(rows, size):
                    self._store.execute(
                        "insert into samples (photo_id, drawn, seen_estimate, latitude, longitude, radius_km,"
                        " confidence, stratum, weight) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                        (photo_id, now(), estimate_id, *circle, stratum, len(rows) / size),
                    )
        return sum(sizes.values())

    def waiting(self) -> list[int]:
        """The photos that wait for a verdict, in the order of their drawing, which is that of no
        certainty."""
        rows = self._store.rows(
            "select samples.photo_id from samples join photos on photos.id = samples.photo_id"
            " where inside is null and missing_since is null order by samples.photo_id"
        )
        return [photo_id for (photo_id,) in rows]

    def of(self, photo_id: int) -> Sample | None:
        samples = self._of("photo_id = ?", (photo_id,))
        return samples[0] if samples else None

    def judged(self) -> list[Sample]:
        return self._of("inside is not null order by photo_id")

    def judge(self, verdicts: Iterable[tuple[int, bool | None]]) -> None:
        """(photo id, whether it was taken inside its circle; None: nobody has said)."""
        with self._store.batch():
            self._store.execute_many(
                "update samples set inside = ? where photo_id = ?",
                [(None if inside is None else int(inside), photo_id) for photo_id, inside in verdicts],
            )

    def forget(self) -> None:
        """What was judged has taught what it had to, and the next sample starts anew."""
        self._store.execute("delete from samples")

    def progress(self) -> dict[str, int]:
        row = self._store.row("select count(*), count(inside) from samples")
        return {"drawn": row[0], "judged": row[1]}

    def _of(self, condition: str, values: tuple[object, ...] = ()) -> list[Sample]:
        rows = self._store.rows(
            "select photo_id, seen_estimate, latitude, longitude, radius_km, confidence, stratum, weight,"
            f" inside from samples where {condition}",
            values,
        )
        fields = [[*row[:8], None if row[8] is None else bool(row[8])] for row in rows]
        samples = []
        for one in fields:
            if is_place(*one[2:6]) and None not in one[6:8] and are_numbers((one[1], *one[6:8])):
                samples.append(Sample(*one))
            else:
                self._store.damage.pass_over(f"row {one[0]} of samples")
        return samples


def stratum_of(confidence: float) -> int:
    return max(0, min(STRATA - 1, int(confidence * STRATA)))


def _shares(sizes: dict[int, int], count: int) -> dict[int, int]:
    """As many of each stratum, as far as it has them; what small ones lack, larger ones give."""
    shares = dict.fromkeys(sizes, 0)
    while sum(shares.values()) < min(count, sum(sizes.values())):
        for stratum in sorted(sizes):
            if shares[stratum] < sizes[stratum] and sum(shares.values()) < count:
                shares[stratum] += 1
    return {stratum: share for stratum, share in shares.items() if share}
