"""What the page may ask to be done: decide, take a decision back, write what waits, undo a run.

Nothing is written into a photo but by `write` and `undo`. A decision names what its tab saw; where that is
no longer so, it is refused for that photo and the others go on."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import anyio.from_thread
from starlette.requests import Request
from starlette.responses import Response

from geotagger.coordinates import is_believable
from geotagger.errors import UsageError
from geotagger.estimate.values import OWN_FIXES
from geotagger.index import Index
from geotagger.index.decisions import Action, Wish
from geotagger.tag.decisions import OWN_PLACE, carry_out
from geotagger.tag.outcome import Outcome
from geotagger.tag.undo import undo
from geotagger.tag.undoable import run_to_undo
from geotagger.web.answers import answer, problem, whole_number
from geotagger.web.house import House
from geotagger.web.reading import pending_as_json

MOST_AT_ONCE = 20_000
_ABOUT_PHOTOS: tuple[Action, ...] = ("confirm", "move", "reject", "aside", "reopen")
_LEAST_RADIUS_KM, _LARGEST_RADIUS_KM = 0.001, 20_000.0
_LONGEST_CLOCK_S = 100 * 365.25 * 86400

CHANGED = "its place is another one since this page saw it"
ELSEWHERE = "another tab has decided about it since this page saw it"


class Acting:
    def __init__(self, house: House) -> None:
        self._house = house

    def decide(self, request: Request) -> Response:
        """{action, photos: [[id, estimate seen, decision seen], …], latitude, longitude, radius_km}"""
        order = _body(request)
        action = order.get("action")
        if action not in _ABOUT_PHOTOS:
            raise UsageError("action: there is no such decision")
        latitude, longitude, radius_km = _place(order) if action == "move" else (None, None, None)
        seen = _seen(order.get("photos"))
        with self._house.index("write") as index, index.batch():
            accepted, refused = _sorted_out(index, action, seen)
            before = [d for d in index.decisions.pending() if d.wish.photo_id in accepted]
            index.decisions.add(
                Wish(action, photo_id, estimate, latitude, longitude, radius_km)
                for photo_id, estimate in accepted.items()
            )
            pending = index.decisions.pending()
        return answer(
            {
                "refused": refused,
                "before": [pending_as_json(decision) for decision in before],
                "pending": [pending_as_json(decision) for decision in pending],
            }
        )

    def clock(self, request: Request) -> Response:
        """{root, camera, shift_s, seen}: seconds to add to the camera's clock, instead of what was told
        before; `seen`: the number of the correction that the page saw waiting, or null."""
        order = _body(request)
        camera, shift_s = order.get("camera"), _number("shift_s", order, -_LONGEST_CLOCK_S, _LONGEST_CLOCK_S)
        root_id = whole_number("root", order.get("root"))
        with self._house.index("write") as index:
            if not isinstance(camera, str) or camera not in index.photos.cameras(root_id):
                raise UsageError("camera: no photo of this archive was taken with it")
            wishes = {(d.wish.root_id, d.wish.camera): d.id for d in index.decisions.pending()}
            if wishes.get((root_id, camera)) != order.get("seen"):
                return problem(f"{camera}: {ELSEWHERE}", 409)
            index.decisions.add([Wish("clock", root_id=root_id, camera=camera, shift_s=shift_s)])
            return answer({"pending": [pending_as_json(d) for d in index.decisions.pending()]})

    def retract(self, request: Request) -> Response:
        """{ids: […]} of decisions that wait; all of them without. Answers which these were."""
        order = _body(request)
        with self._house.index("write") as index:
            ids = None if "ids" not in order else {whole_number("ids", n) for n in _list(order["ids"], "ids")}
            dropped = [d for d in index.decisions.pending() if ids is None or d.id in ids]
            index.decisions.drop({decision.id for decision in dropped})
            return answer(
                {
                    "dropped": [pending_as_json(d) for d in dropped],
                    "pending": [pending_as_json(d) for d in index.decisions.pending()],
                }
            )

    def write(self, request: Request) -> Response:
        """Carries out all that waits."""
        _body(request)
        outcomes: list[Outcome] = []
        if not self._house.hand.acquire(blocking=False):
            return problem("another tab is writing; look again in a moment", 409)
        try:
            written = carry_out(self._house.index_path, self._house.writing, outcomes.append)
        finally:
            self._house.hand.release()
        return answer(
            {
                "run": None if written.run is None else written.run.id,
                "counts": dict(written.tally.statuses),
                "lesson": written.lesson,
                "outcomes": [asdict(outcome) for outcome in outcomes],
            }
        )

    def undo(self, request: Request) -> Response:
        """{run}: the number of the run, as the page showed it."""
        run_id = whole_number("run", _body(request).get("run"))
        outcomes: list[Outcome] = []
        if not self._house.hand.acquire(blocking=False):
            return problem("another tab is writing; look again in a moment", 409)
        try:
            with self._house.index("write") as index:
                tally = undo(index, run_to_undo(index, str(run_id)), (), outcomes.append)
        finally:
            self._house.hand.release()
        return answer(
            {
                "run": run_id,
                "counts": dict(tally.statuses),
                "outcomes": [asdict(outcome) for outcome in outcomes],
            }
        )


ShownState = tuple[int, int | None, int | None]
"""A photo, the estimate and the decision that the page saw of it."""


def _sorted_out(
    index: Index, action: Action, seen: Sequence[ShownState]
) -> tuple[dict[int, int | None], list[dict[str, Any]]]:
    """The photos of which the page saw what is so, with their estimates, and the others, with why."""
    ids = [photo_id for photo_id, _, _ in seen]
    by_id = {photo.id: photo for photo in index.photos.get(ids)}
    waiting = {d.wish.photo_id: d.id for d in index.decisions.pending()}
    accepted: dict[int, int | None] = {}
    refused: list[dict[str, Any]] = []
    for photo_id, estimate_id, decision_id in seen:
        photo, current = by_id.get(photo_id), index.estimates.current(photo_id)
        why = None
        if photo is None:
            why = "the index does not know it any more"
        elif (None if current is None else current.id) != estimate_id:
            why = CHANGED
        elif waiting.get(photo_id) != decision_id:
            why = ELSEWHERE
        elif action in ("confirm", "reject", "move") and photo.rung in OWN_FIXES:
            why = None if action == "move" and photo.rung == "manual" else OWN_PLACE
        elif action == "confirm" and current is None:
            why = "it has no place to confirm"
        if why is None:
            accepted[photo_id] = estimate_id
        else:
            refused.append({"id": photo_id, "reason": why})
    return accepted, refused


def _body(request: Request) -> Mapping[str, Any]:
    try:
        body = json.loads(anyio.from_thread.run(request.body))
    except (ValueError, RecursionError):
        raise UsageError("the question is not JSON") from None
    if not isinstance(body, dict):
        raise UsageError("the question is not a JSON object")
    return body


def _list(value: object, name: str) -> list[Any]:
    if not isinstance(value, list) or len(value) > MOST_AT_ONCE:
        raise UsageError(f"{name}: a list of at most {MOST_AT_ONCE} is wanted")
    return value


def _seen(value: object) -> list[ShownState]:
    seen = []
    for one in _list(value, "photos"):
        if not isinstance(one, list) or len(one) != 3:
            raise UsageError("photos: each is [id, estimate, decision]")
        photo_id, estimate_id, decision_id = one
        seen.append(
            (
                whole_number("photos", photo_id),
                None if estimate_id is None else whole_number("photos", estimate_id),
                None if decision_id is None else whole_number("photos", decision_id),
            )
        )
    if not seen:
        raise UsageError("photos: there are none")
    return seen


def _place(order: Mapping[str, Any]) -> tuple[float, float, float]:
    latitude, longitude = _number("latitude", order, -90, 90), _number("longitude", order, -720, 720)
    if not -180 <= longitude <= 180:
        longitude = (longitude + 180) % 360 - 180
    if not is_believable(latitude, longitude):
        raise UsageError("0,0 is what cameras write that do not know where they are; nobody believes it")
    radius_km = _number("radius_km", order, _LEAST_RADIUS_KM, _LARGEST_RADIUS_KM)
    return latitude, longitude, radius_km


def _number(name: str, order: Mapping[str, Any], low: float, high: float) -> float:
    value = order.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise UsageError(f"{name}: a number is wanted")
    if not low <= value <= high:
        raise UsageError(f"{name}: {value:g} is not between {low:g} and {high:g}")
    return float(value)
