"""Carries a plan out, and takes it back: what Immich was given is remembered in the index, by run.

Each call is recorded when it was answered, so a handoff that is cut off can be taken back as far as it came.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from geotagger.errors import HandoffError, HandoffRefusedError, UsageError
from geotagger.handoff.immich import AT_ONCE, Immich
from geotagger.handoff.matching import Gift, HandoffPlan
from geotagger.index import Index
from geotagger.index.handoffs import Handed
from geotagger.index.runs import Status

_NOT_THIS_ASSET = 400
"""How Immich answers about an asset that is not the key's owner's, or not there."""

_TAKEN_AWAY = "taken away: Immich was told 0,0, and has no place for it once its jobs are through"

_SAME_DEG = 1e-4
"""Immich rounds what it was told; ten metres are the same place."""


@dataclass(frozen=True, slots=True)
class GivenPlace:
    path: str
    status: str
    reason: str
    latitude: float | None = None
    longitude: float | None = None


Tell = Callable[[GivenPlace], None]


@dataclass(frozen=True, slots=True)
class Handover:
    """What a handoff came to: its run, the places that were given, and in how many calls."""

    run: int
    given: int
    calls: int


def give(index: Index, immich: Immich, plan: HandoffPlan, tell: Tell) -> Handover:
    """One call for each place. An asset that Immich refuses (somebody else's, or deleted since) costs itself
    alone. Raises HandoffError; what was given until then is remembered."""
    run = index.runs.begin("handoff", {"server": immich.address, "photos": len(plan.gifts)})
    ended: Status = "failed"
    given = calls = 0
    try:
        for (latitude, longitude), gifts in plan.by_place().items():
            for part, refusal, tries in _answers(immich, list(_parts(gifts)), latitude, longitude):
                calls += tries
                if refusal is not None:
                    tell(GivenPlace(part[0].path, "failed", str(refusal)))
                    continue
                index.handoffs.add(
                    run.id, immich.address, [(g.photo_id, g.asset, latitude, longitude) for g in part]
                )
                given += len(part)
                for gift in part:
                    tell(GivenPlace(gift.path, "written", f"given to Immich, known by its {gift.how}",
                               latitude, longitude))  # fmt: skip
        ended = "done"
    finally:
        index.runs.end(run.id, ended, {"written": given})
    return Handover(run.id, given, calls)


def _answers(
    immich: Immich, parts: list[list[Gift]], latitude: float, longitude: float
) -> Iterator[tuple[list[Gift], HandoffRefusedError | None, int]]:
    """Immich refuses a call as a whole: one that it refuses is halved until one asset is left. With each
    answer goes how many calls it took."""
    tries = 0
    while parts:
        part = parts.pop(0)
        tries += 1
        try:
            immich.give([gift.asset for gift in part], latitude, longitude)
        except HandoffRefusedError as error:
            if error.code != _NOT_THIS_ASSET:
                raise
            if len(part) == 1:
                yield part, error, tries
                tries = 0
            else:
                half = len(part) // 2
                parts[:0] = [part[:half], part[half:]]
        else:
            yield part, None, tries
            tries = 0


def take_back(index: Index, immich: Immich, run_id: int | None, tell: Tell) -> int:
    """What the newest handoff to this server gave, or that run; how many places were taken away. One that was
    changed in Immich since stays."""
    handed = index.handoffs.given_to(immich.address, run_id)
    if not handed:
        raise UsageError(f"{immich.address}: nothing that was given to it is left to take back")
    paths = {photo.id: photo.path for photo in index.photos.get([one.photo_id for one in handed])}
    ours: list[Handed] = []
    for one in handed:
        path = paths.get(one.photo_id, one.asset)
        try:
            asset = immich.asset(one.asset)
        except HandoffRefusedError as error:
            if error.code not in (_NOT_THIS_ASSET, 404):
                raise
            tell(GivenPlace(path, "kept", "Immich does not have it any more"))
            index.handoffs.taken_back([one.id])
            continue
        except HandoffError as error:
            tell(GivenPlace(path, "failed", str(error)))
            continue
        near = (
            asset.latitude is not None
            and asset.longitude is not None
            and abs(asset.latitude - one.latitude) <= _SAME_DEG
            and abs(asset.longitude - one.longitude) <= _SAME_DEG
        )
        if near:
            ours.append(one)
        else:
            tell(GivenPlace(path, "kept", "its place in Immich is no longer the one it was given"))
            index.handoffs.taken_back([one.id])
    for start in range(0, len(ours), AT_ONCE):
        part = ours[start : start + AT_ONCE]
        immich.take_away([one.asset for one in part])
        index.handoffs.taken_back([one.id for one in part])
        for one in part:
            tell(GivenPlace(paths.get(one.photo_id, one.asset), "restored", _TAKEN_AWAY))
    return len(ours)


def _parts(gifts: Sequence[Gift]) -> Iterator[list[Gift]]:
    rest = iter(gifts)
    while part := list(islice(rest, AT_ONCE)):
        yield part
