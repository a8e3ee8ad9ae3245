"""The questions of the page: what is where, what went together, and why a photo is placed where it is.

Each takes a request and gives JSON; nothing is changed.
"""

import json
import os
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from geotagger import __version__
from geotagger.errors import UnreadablePhotoError, UsageError
from geotagger.gazetteer.words import in_full, in_words
from geotagger.index import Index
from geotagger.index.decisions import Decision
from geotagger.index.mapping import (
    COUNTED_RUNGS,
    ListedPhoto,
    by_ids,
    clusters,
    count_all,
    count_open,
    count_without_place,
    in_cell,
    in_span,
    without_place,
)
from geotagger.index.search import Box
from geotagger.web.answers import answer, number, whole
from geotagger.web.house import House
from geotagger.web.lanes import lanes_of

PAGE = 100
OUTING_PAGE = 1000
_DEEPEST = 24


class Reading:
    def __init__(self, house: House) -> None:
        self._house = house

    def state(self, _: Request) -> Response:
        """What the page shows first and asks for again after every change."""
        with self._house.shown() as index:
            return answer(
                {
                    "version": __version__,
                    "archives": [
                        {"id": root.id, "path": root.path, "is_there": os.path.isdir(root.path)}
                        for root in index.roots.all()
                    ],
                    "photos": count_all(index.store),
                    "open": count_open(index.store),
                    "without_place": count_without_place(index.store),
                    "pending": [pending_as_json(decision) for decision in index.decisions.pending()],
                    "runs": _runs(index),
                    "sample": index.samples.progress(),
                    "write": self._house.writing.mode,
                    "tiles": self._house.basemap is not None,
                }
            )

    def clusters(self, request: Request) -> Response:
        """Photos in the box of the map, counted by cells of some 64 pixels."""
        box = Box(
            number(request, "south", -90, 90),
            _turned(number(request, "west", -720, 720)),
            number(request, "north", -90, 90),
            _turned(number(request, "east", -720, 720)),
        )
        if number(request, "east", -720, 720) - number(request, "west", -720, 720) >= 360:
            box = Box(box.south, -180.0, box.north, 180.0)
        # a cell of level z is 64 pixels wide on a map of zoom z, where 256 · 2^z pixels go round the Earth
        level = min(_DEEPEST, int(number(request, "zoom", 0, 24)))
        rungs = [rung for rung in request.query_params.get("rungs", "").split(",") if rung]
        if not set(rungs) <= set(COUNTED_RUNGS):
            raise UsageError("rungs: there is no such kind")
        is_open = request.query_params.get("open") == "1"
        with self._house.shown() as index:
            in_box = clusters(index.store, box, level, rungs=rungs, is_open=is_open)
        return answer({"level": level, "clusters": [{**asdict(c), "cell": str(c.cell)} for c in in_box]})

    def cell(self, request: Request) -> Response:
        """A page of the photos of one cluster."""
        offset = whole(request, "offset", 0)
        level = whole(request, "level")
        if level > _DEEPEST:
            raise UsageError("level: there is no such level")
        with self._house.shown() as index:
            photos = in_cell(
                index.store, whole(request, "cell", low=-(1 << 63)), level, offset=offset, limit=PAGE + 1
            )
            return answer(_page(index, photos, offset))

    def tray(self, request: Request) -> Response:
        """A page of the photos without a place."""
        offset = whole(request, "offset", 0)
        with self._house.shown() as index:
            photos = without_place(index.store, offset=offset, limit=PAGE + 1)
            return answer(_page(index, photos, offset))

    def outings(self, request: Request) -> Response:
        """A page of the list of outings, newest first; with `open` only those with something to look at."""
        offset = whole(request, "offset", 0)
        with self._house.shown() as index:
            days = self._house.days.of(index)
            if request.query_params.get("open") == "1":
                days = [day for day in days if day.is_open]
            page = days[offset : offset + PAGE]
            firsts = {photo.id: photo for photo in by_ids(index.store, [day.first for day in page])}
            words = _words_of(index, page)
        listed = [
            {**asdict(day), "archive": firsts[day.first].root, "words": words.get(day.first, [])}
            for day in page
            if day.first in firsts
        ]
        return answer({"outings": listed, "of": len(days), "next": _next(offset, len(days))})

    def outing(self, request: Request) -> Response:
        """A page of the photos of an outing, what was recorded meanwhile, and the fixes before and after."""
        root_id, first, last = (whole(request, name) for name in ("root", "first", "last"))
        offset = whole(request, "offset", 0)
        with self._house.shown() as index:
            photos = in_span(index.store, root_id, first, last, offset=offset, limit=OUTING_PAGE + 1)
            page = _page(index, photos, offset, OUTING_PAGE)
            return answer({**page, **lanes_of(index, root_id, photos[:OUTING_PAGE])})

    def sample(self, _: Request) -> Response:
        """The photos that were drawn at random and wait for a verdict."""
        with self._house.shown() as index:
            ids = index.samples.waiting()
            return answer({**_page(index, by_ids(index.store, ids[:PAGE]), 0), "of": len(ids)})

    def photo(self, request: Request) -> Response:
        """All that is recorded of one photo."""
        photo_id = whole_in_path(request)
        with self._house.shown() as index:
            photos = by_ids(index.store, [photo_id])
            if not photos:
                raise UnreadablePhotoError(f"photo {photo_id}", "the index does not know it, or it is gone")
            current = index.estimates.current(photo_id)
            waiting = index.decisions.of_photo(photo_id)
            candidates = () if current is None else current.estimate.candidates
            from geotagger.gazetteer.naming import names_of

            names = names_of([c.latitude for c in candidates], [c.longitude for c in candidates])
            return answer(
                {
                    **as_json(photos[0], waiting),
                    "candidates": [
                        {**asdict(c), "where": in_words(n.place, n.place_km, n.region, n.country)}
                        for c, n in zip(candidates, names, strict=True)
                    ],
                    "doubt": None if current is None else current.doubt,
                    "rungs": [] if current is None else list(current.estimate.rungs),
                }
            )


def whole_in_path(request: Request) -> int:
    number = int(request.path_params["photo_id"])
    if number >= 1 << 62:
        raise UnreadablePhotoError(f"photo {number}", "the index does not know it")
    return number


def as_json(photo: ListedPhoto, waiting: Decision | None) -> dict[str, Any]:
    """A photo as the page takes it; its path is below its archive."""
    fields = asdict(photo)
    fields["path"] = os.path.relpath(photo.path, photo.root)
    fields["name"] = os.path.basename(photo.path)
    fields["evidence"] = _lines(photo.evidence)
    fields["where"] = in_full(photo.place, photo.place_km, photo.region, photo.country, photo.near_border)
    fields["waiting"] = None if waiting is None else pending_as_json(waiting)
    return fields


def pending_as_json(decision: Decision) -> dict[str, Any]:
    return {"id": decision.id, **asdict(decision.wish), "decided": decision.decided}


def _page(index: Index, photos: list[ListedPhoto], offset: int, limit: int = PAGE) -> dict[str, Any]:
    waiting = {d.wish.photo_id: d for d in index.decisions.pending()}
    return {
        "photos": [as_json(photo, waiting.get(photo.id)) for photo in photos[:limit]],
        "next": offset + limit if len(photos) > limit else None,
    }


def _next(offset: int, total: int) -> int | None:
    return offset + PAGE if offset + PAGE < total else None


def _lines(text: str | None) -> list[str]:
    try:
        lines = json.loads(text) if text else []
    except (ValueError, RecursionError):
        return []
    return [str(line) for line in lines] if isinstance(lines, list) else []


def _words_of(index: Index, days: list[Any]) -> dict[int, list[str]]:
    """The evidence in words of the least certain estimate of each outing, as it was told when it was made."""
    words = {}
    for day in days:
        if day.start is None or not day.photos - day.without_place:
            continue
        row = index.store.row(
            "select evidence from photos join estimates on photo_id = photos.id and current = 1"
            " where root_id = ? and utc between ? and ? and missing_since is null and evidence is not null"
            " and rung not in ('camera', 'sidecar', 'manual') order by confidence limit 1",
            (day.root_id, day.start, day.end),
        )
        if row is not None:
            words[day.first] = _lines(row[0])
    return words


def _runs(index: Index) -> list[dict[str, Any]]:
    """The newest run that can be undone."""
    newest = index.runs.latest_undoable()
    decided = index.decisions.latest_run()
    if decided is not None and (newest is None or newest.id < decided):
        newest = index.runs.find(str(decided))
    if newest is None:
        return []
    return [
        {"id": newest.id, "command": newest.command, "started": newest.started, "written": newest.written}
    ]


def _turned(longitude: float) -> float:
    return longitude if -180 <= longitude <= 180 else (longitude + 180) % 360 - 180
