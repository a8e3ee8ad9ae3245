"""The photos of the index: where each file is, what its facts are, what the model said of it.

Paths come in and go out absolute, as `str` with surrogates for bytes that are not UTF-8.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geotagger.archive.listing import FileEntry
from geotagger.estimate.clock import Clocked
from geotagger.estimate.values import OWN_FIXES, FixSeries, Posterior
from geotagger.index import facts_columns
from geotagger.index.estimates import Estimates
from geotagger.index.fixes import fixes_of
from geotagger.index.photo_values import name_if_damaged, sound_number, sound_posterior, sound_text
from geotagger.index.roots import Root
from geotagger.index.store import Store, now, path_column, path_of, plain_text, signed
from geotagger.photo.values import SCAN, Facts

_RECORD_COLUMNS = (
    "size",
    "mtime_ns",
    "sidecar_mtime_ns",
    "device",
    "inode",
    "fingerprint",
    "error",
    "utc",
    "utc_error_s",
    *facts_columns.COLUMNS,
)

_RECORD = (
    f"insert into photos (root_id, folder_id, path, {', '.join(_RECORD_COLUMNS)})"
    f" values ({', '.join('?' * (3 + len(_RECORD_COLUMNS)))})"
    " on conflict (folder_id, path) do update set missing_since = null, "
    + ", ".join(f"{column} = excluded.{column}" for column in _RECORD_COLUMNS)
    + " returning id"
)


@dataclass(frozen=True, slots=True)
class Record:
    """What is to be remembered of one file. `utc`: resolved POSIX seconds, `utc_error_s` its
    standard deviation. `error`: why the photo could not be read (facts None): it is then not
    tried again until it changes. `fingerprint`: `archive.fingerprint`, by which a renamed
    copy on another disk is known again."""

    entry: FileEntry
    facts: Facts | None = None
    utc: float | None = None
    utc_error_s: float = 0.0
    error: str | None = None
    fingerprint: bytes | None = None


@dataclass(frozen=True, slots=True)
class IndexedPhoto:
    """One photo as the index knows it. `rung` is that of its current estimate, and the place,
    `confidence`, `estimate_model_id` belong to it; None without one; `weighed` stands for the evidence
    that it was last held against, `doubt` says why it would not be written today. `is_confirmed`: the owner
    said of it that the photo was taken inside its circle; `verdict`: what they decided of the photo, see
    `index.decisions`. `posterior` is that of
    the model asked for, None when the photo has none. `other_utc`: as probable as `utc`, where it may be
    either."""

    id: int
    root_id: int
    path: str
    size: int
    mtime_ns: int
    sidecar_mtime_ns: int
    facts: Facts | None
    utc: float | None
    utc_error_s: float
    error: str | None
    rung: str | None
    confidence: float | None
    radius_km: float | None
    estimate_model_id: int | None
    written: str | None
    posterior: Posterior | None
    latitude: float | None = None
    longitude: float | None = None
    cell: str | None = None
    weighed: int | None = None
    doubt: str | None = None
    verdict: str | None = None
    is_confirmed: bool = False
    other_utc: float | None = None

    @property
    def is_placed_for_good(self) -> bool:
        """Whether its place is known, not estimated: its own, or an estimate that the owner confirmed."""
        return self.rung in OWN_FIXES or self.is_confirmed


@dataclass(frozen=True, slots=True)
class Timed:
    """A photo's clock, and the time that was made of it when it was last resolved."""

    id: int
    utc: float | None
    clocked: Clocked
    other_utc: float | None = None


_HAS_TIME = "typeof(photos.utc) in ('real', 'integer')"

_KNOWN = (
    "select photos.id, photos.root_id, roots.path, photos.path, photos.size, photos.mtime_ns,"
    " photos.sidecar_mtime_ns, photos.utc, photos.utc_error_s, photos.error, e.rung, e.confidence,"
    " e.radius_km, e.model_id, e.written, q.classes, q.probabilities, e.latitude, e.longitude, e.cell,"
    " e.weighed, e.doubt, photos.verdict, e.confirmed_by, photos.other_utc, "
    + ", ".join(f"photos.{column}" for column in facts_columns.COLUMNS)
    + " from photos join roots on roots.id = photos.root_id"
    " left join estimates as e on e.photo_id = photos.id and e.current = 1"
    " left join posteriors as q on q.photo_id = photos.id and q.model_id = ?"
    " where "
)
_FACTS_AT = 25


class Photos:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._estimates = Estimates(store)
        self._folder_ids: dict[tuple[int, str], int] = {}

    def record(self, root: Root, records: Iterable[Record], *, same_pixels: bool = False) -> list[int]:
        """Adds or replaces photos of a root, and gives their ids in order. What was concluded from
        an older content goes: positions that stood in the file or its sidecar, estimates that
        were not written, posteriors. With `same_pixels` (only a sidecar or other metadata changed)
        posteriors and estimates stay."""
        ids = []
        with self._store.batch():
            for record in records:
                photo_id = self._record(root, record)
                ids.append(photo_id)
                self._forget_conclusions(photo_id, same_pixels)
        return ids

    def _forget_conclusions(self, photo_id: int, same_pixels: bool) -> None:
        if not same_pixels:
            self._store.execute("delete from posteriors where photo_id = ?", (photo_id,))
            self._store.execute("delete from texts where photo_id = ?", (photo_id,))
        if self._store.row("select 1 from estimates where photo_id = ? limit 1", (photo_id,)):
            self._estimates.content_changed(photo_id, same_pixels)

    def _record(self, root: Root, record: Record) -> int:
        entry = record.entry
        below = (
            os.path.relpath(entry.path, root.path) if root.path == "/" else entry.path[len(root.path) + 1 :]
        )
        facts = facts_columns.to_row(record.facts)
        row = self._store.row(
            _RECORD,
            (
                root.id,
                self.folder_id(root, os.path.dirname(below)),
                path_column(below),
                entry.size,
                entry.mtime_ns,
                entry.sidecar_mtime_ns,
                signed(entry.device),
                signed(entry.inode),
                record.fingerprint,
                plain_text(record.error),
                record.utc,
                record.utc_error_s,
                *facts,
            ),
        )
        photo_id: int = row[0]
        return photo_id

    def rewritten(self, photo_id: int, entry: FileEntry, fingerprint: bytes | None = None) -> None:
        """Our own write changed the file (or its sidecar): its new size and times are no change."""
        self._store.execute(
            "update photos set size = ?, mtime_ns = ?, sidecar_mtime_ns = ?, device = ?, inode = ?,"
            " fingerprint = coalesce(?, fingerprint) where id = ?",
            (
                entry.size,
                entry.mtime_ns,
                entry.sidecar_mtime_ns,
                signed(entry.device),
                signed(entry.inode),
                fingerprint,
                photo_id,
            ),
        )

    def set_utc(self, times: Iterable[tuple[int, float | None, float, float | None]]) -> None:
        """(photo id, utc, utc_error_s, other_utc) of photos whose clock is better understood now."""
        with self._store.batch():
            self._store.execute_many(
                "update photos set utc = ?, utc_error_s = ?, other_utc = ? where id = ?",
                [(utc, error, other, photo_id) for photo_id, utc, error, other in times],
            )

    def fail(self, photo_id: int, reason: str) -> None:
        """The photo could not be handled; it is not tried again until it changes."""
        self._store.execute("update photos set error = ? where id = ?", (plain_text(reason), photo_id))

    def find(self, path: str, model_id: int | None = None) -> IndexedPhoto | None:
        """The photo at this path, if the index knows it."""
        absolute = os.path.join(
            os.path.realpath(os.path.dirname(os.path.abspath(path))), os.path.basename(path)
        )
        for root_id, column in self._store.rows("select id, path from roots"):
            root = path_of(column).rstrip(os.sep) + os.sep
            if absolute.startswith(root):
                below = absolute[len(root) :]
                photos = self._photos_where(
                    "photos.folder_id = (select id from folders where root_id = ? and path = ?)"
                    " and photos.path = ?",
                    (model_id, root_id, path_column(os.path.dirname(below)), path_column(below)),
                )
                if photos:
                    return photos[0]
        return None

    def get(self, photo_ids: Sequence[int], model_id: int | None = None) -> list[IndexedPhoto]:
        """Photos by id, in the order of the ids; unknown ids are left out."""
        by_id: dict[int, IndexedPhoto] = {}
        for start in range(0, len(photo_ids), 500):
            part = list(photo_ids[start : start + 500])
            marks = ",".join("?" * len(part))
            for photo in self._photos_where(f"photos.id in ({marks})", (model_id, *part)):
                by_id[photo.id] = photo
        return [by_id[i] for i in photo_ids if i in by_id]

    def in_time(
        self, root_id: int, model_id: int | None = None, *, chunk: int = 1000
    ) -> Iterator[IndexedPhoto]:
        """The photos of a root that are there, by time, those without a time last. With the
        posterior of `model_id` where there is one. Reads a chunk at a time, so the index may be
        written meanwhile."""
        there, order = "photos.root_id = ? and photos.missing_since is null and", "photos.utc, photos.id"
        utc, last = -float("inf"), 0
        while part := self._photos_where(
            f"{there} (photos.utc, photos.id) > (?, ?) and {_HAS_TIME} order by {order} limit ?",
            (model_id, root_id, utc, last, chunk),
        ):
            yield from part
            utc, last = part[-1].utc or 0.0, part[-1].id
        last = 0
        while part := self._photos_where(
            f"{there} photos.utc is null and photos.id > ? order by photos.id limit ?",
            (model_id, root_id, last, chunk),
        ):
            yield from part
            last = part[-1].id
        offset = 0
        while part := self._photos_where(  # text is more than any number to SQLite: damaged rows
            f"{there} photos.utc >= '' order by {order} limit ? offset ?", (model_id, root_id, chunk, offset)
        ):
            yield from part
            offset += chunk

    def clocked(
        self, root_id: int, *, placed: bool = False, gone: bool = False, chunk: int = 1000
    ) -> Iterator[list[Timed]]:
        """What the readable photos of a root that are there say of their time, a chunk at a time, so
        the index may be written between two chunks. `placed`: only those with a place of their own; `gone`:
        those that are not there as well."""
        which = "and fix_latitude is not null" if placed else ""
        which += "" if gone else " and missing_since is null"
        last = 0
        while True:
            rows = self._store.rows(
                "select id, utc, other_utc, taken, utc_offset_s, gps_utc, camera,"
                f" iif(not_a_photo like '{SCAN}%', null, fix_latitude), fix_longitude, fix_mark, format"
                # the plus: through the index on times each chunk would look at every photo and sort
                " from photos where +root_id = ? and format is not null"
                f" and id > ? {which} order by id limit ?",
                (root_id, last, chunk),
            )
            if rows:
                yield [Timed(row[0], row[1], facts_columns.clocked(row[3:]), row[2]) for row in rows]
            if len(rows) < chunk:
                return
            last = rows[-1][0]

    def cameras(self, root_id: int) -> list[str]:
        """The names of all cameras that photos of a root were taken with."""
        rows = self._store.rows(
            "select distinct camera from photos where root_id = ? and camera is not null", (root_id,)
        )
        return [camera for (camera,) in rows]

    def count(self, root_id: int) -> int:
        """How many photos of a root are there."""
        photos: int = self._store.row(
            "select count(*) from photos where root_id = ? and missing_since is null", (root_id,)
        )[0]
        return photos

    def missing(self, root_id: int) -> NDArray[np.int64]:
        """The numbers of the photos of a root that are not there."""
        rows = self._store.rows(
            "select id from photos where root_id = ? and missing_since is not null", (root_id,)
        )
        return np.array([photo_id for (photo_id,) in rows], dtype=np.int64)

    def fixes(self, *root_ids: int, gone: bool = False) -> FixSeries:
        """The positions that cameras wrote into photos (nothing of ours but `manual`), and in their stead
        or where there are none those of sidecars and of the owner, and circles that the owner confirmed, with
        a time. `gone`: those of photos that are not there as well."""
        return fixes_of(self._store, root_ids, gone=gone)

    def put_posteriors(self, model_id: int, posteriors: Iterable[tuple[int, Posterior]]) -> None:
        """Keeps what a model said, so that fusing again needs no inference."""
        with self._store.batch():
            self._store.execute_many(
                "insert or replace into posteriors (photo_id, model_id, classes, probabilities)"
                " values (?, ?, ?, ?)",
                (
                    (
                        photo_id,
                        model_id,
                        posterior.classes.astype("<i4").tobytes(),
                        posterior.probabilities.astype("<f4").tobytes(),
                    )
                    for photo_id, posterior in posteriors
                ),
            )

    def mark_missing(self, photo_ids: Iterable[int]) -> None:
        """The files are gone. Their records stay: an archive may be unplugged and come back."""
        with self._store.batch():
            self._store.execute_many(
                "update photos set missing_since = ? where id = ? and missing_since is null",
                [(now(), photo_id) for photo_id in photo_ids],
            )

    def folders(self, place: str) -> list[str]:
        """The recorded folders of the root that is this place, absolute."""
        rows = self._store.rows(
            "select folders.path from folders join roots on roots.id = root_id where roots.path = ?",
            (path_column(place),),
        )
        return [os.path.join(place, path_of(path)) for (path,) in rows]

    def folder_id(self, root: Root, below: str) -> int:
        """The number of a folder of a root ("" is the root itself), made when new."""
        folder = self._folder_ids.get((root.id, below))
        if folder is None:
            column = path_column(below)
            self._store.execute(
                "insert into folders (root_id, path) values (?, ?) on conflict do nothing", (root.id, column)
            )
            folder = int(
                self._store.row("select id from folders where root_id = ? and path = ?", (root.id, column))[0]
            )
            self._folder_ids = {(root.id, below): folder}  # files come folder by folder
        return folder

    def _photos_where(self, condition: str, values: Sequence[Any]) -> list[IndexedPhoto]:
        rows = self._store.rows(_KNOWN + condition, values)
        photos = [
            IndexedPhoto(
                id=row[0],
                root_id=row[1],
                path=os.path.join(path_of(row[2]), path_of(row[3])),
                size=row[4],
                mtime_ns=row[5],
                sidecar_mtime_ns=row[6],
                facts=facts_columns.from_row(row[_FACTS_AT:]),
                utc=sound_number(row[7]),
                utc_error_s=sound_number(row[8]) or 0.0,
                error=sound_text(row[9]),
                rung=sound_text(row[10]),
                confidence=sound_number(row[11], 1),
                radius_km=sound_number(row[12]),
                estimate_model_id=row[13],
                written=sound_text(row[14]),
                posterior=sound_posterior(row[15], row[16]),
                latitude=sound_number(row[17], 90),
                longitude=sound_number(row[18], 180),
                cell=sound_text(row[19]),
                weighed=row[20],
                doubt=sound_text(row[21]),
                verdict=sound_text(row[22]),
                is_confirmed=row[23] is not None,
                other_utc=sound_number(row[24]),
            )
            for row in rows
        ]
        for photo, row in zip(photos, rows, strict=True):
            name_if_damaged(self._store.damage, photo, row, row[_FACTS_AT])
        return photos
