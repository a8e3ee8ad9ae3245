"""`evaluate`: how good the estimates are on an archive, seen on photos that know their place."""

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from geotagger.api.runs import heard
from geotagger.api.values import Paths, StrPath, check_radius, index_file, path_of, several, words
from geotagger.archive.names import check_is_there
from geotagger.errors import UsageError
from geotagger.evaluate import archive
from geotagger.evaluate.archive import Evaluation, EvaluationOptions, Way
from geotagger.tag.listener import Listener, Progress

_USUAL = EvaluationOptions(paths=())
_WAYS: tuple[Way, ...] = ("single", "days", "timeless")


def evaluate(
    paths: Paths,
    *,
    share: float = _USUAL.share,
    seeds: Iterable[int] = _USUAL.seeds,
    ways: Iterable[Way] = _USUAL.ways,
    within_km: float = _USUAL.within_km,
    certainty: float = _USUAL.certainty,
    min_confidence: float = _USUAL.min_confidence,
    precision: float | None = None,
    tracks: Paths = (),
    clocks: str | Iterable[str] = (),
    kinds: Collection[str] | None = None,
    reference_by_pack: bool | None = None,
    model: StrPath | None = None,
    calibrate: bool = False,
    index: StrPath | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> list[Evaluation]:
    """Hides places of photos that have one, predicts them as `tag` would, and compares: one evaluation for
    each way of hiding.

    `share`: how much to hide, with each of the `seeds`. `ways`: "single" photos, whole "days",
    or single photos with their times ("timeless").
    `certainty`: what a radius should hold. `min_confidence`, `precision`: as in `tag`; `Evaluation.line` is
    what they come to. The others are as in `tag`. Nothing is written into photos; with `calibrate` the
    index keeps what was learned, for `tag(..., precision=...)` on these photos, under the archive's lock,
    for which it waits. `progress` is given lines for the owner.

    Raises UsageError, also where too few photos know their place; ModelError, SourceError, ArchiveError,
    IndexUnusableError.
    """
    if not 0 < share < 1:
        raise UsageError(f"share is {share}; more than 0 and less than 1 is wanted")
    if not 0 < certainty < 1:
        raise UsageError(f"certainty is {certainty}; more than 0 and less than 1 is wanted")
    check_radius("within_km", within_km)
    chosen, wanted_ways, drawn = several(paths), words(ways), tuple(seeds)
    if not chosen:
        raise UsageError("no path was given; say whose places are to be hidden")
    for path in chosen:
        check_is_there(path)
    if not drawn or min(drawn) < 0:
        raise UsageError("seeds are whole numbers from 0 on, one at least")
    if not wanted_ways or not set(wanted_ways) <= set(_WAYS):
        raise UsageError(f"{', '.join(wanted_ways)}: ways of hiding are {' and '.join(_WAYS)}")
    if calibrate and set(wanted_ways) == {"timeless"}:
        raise UsageError("photos without their times teach no calibration; add single or days to ways")
    kinds_heard, model_heard = heard(kinds, None if model is None else path_of(model))
    options = EvaluationOptions(
        paths=chosen,
        model=model_heard,
        share=share,
        seeds=drawn,
        ways=tuple(way for way in _WAYS if way in wanted_ways),
        within_km=within_km,
        certainty=certainty,
        min_confidence=min_confidence,
        precision=precision,
        kinds=kinds_heard,
        clocks=words(clocks),
        tracks=tuple(map(Path, several(tracks))),
        calibrate=calibrate,
        reference_by_pack=kinds is None if reference_by_pack is None else reference_by_pack,
    )
    listener = Listener(progress)
    evaluations = list(archive.evaluate(options, index_file(index), listener.note))
    listener.finish()
    return evaluations
