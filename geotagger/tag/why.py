"""The evidence behind one photo's place, weighed once more the way the run that placed it did.

Works from the index: its facts, fixes and posteriors, what was learned, and the options and tracks of
that run. Writes nothing.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from geotagger.archive import is_at_or_below
from geotagger.engine.cores import usable_cores
from geotagger.errors import ModelError, PhotoError, UsageError
from geotagger.estimate.explain import Explanation, explain
from geotagger.estimate.outing import certainty_inside
from geotagger.estimate.timeline import outings, surrounded, weighed
from geotagger.estimate.tracks import Tracks
from geotagger.estimate.values import OWN_FIXES, Alike
from geotagger.index import Index
from geotagger.index.photos import IndexedPhoto
from geotagger.index.runs import Run
from geotagger.tag.any_place import table_of
from geotagger.tag.disagreements import disagreements
from geotagger.tag.evidence import weighing
from geotagger.tag.kept_features import kept_features
from geotagger.tag.likeness import LikePhoto, alike_beside, alike_of
from geotagger.tag.network import choose_pack
from geotagger.tag.options import TagOptions, kinds_of
from geotagger.tag.recorded import told_clocks, tracks_in_force
from geotagger.tag.records import record_of
from geotagger.tag.standing import is_written_estimate
from geotagger.tag.texts import lines_in, open_reader, texts_of
from geotagger.text.ratios import ratios_of
from geotagger.text.values import Line, PlaceRatios
from geotagger.tracks import Track

_REMEMBERED = ("within_km", "min_confidence", "precision", "certainty", "all_images")
"""The options of a run that its estimates depend on; its kinds of evidence and its tracks do, too."""


@dataclass(frozen=True, slots=True)
class Why:
    """`run`: the one whose options were used, None where no run is known. `tracks`: those that spoke.
    `disagreements`: what file, index and the evidence of today do not agree on, a line each. `kinds`: the
    kinds of evidence that were listened to. `names`: the paths of the photos that have the fixes,
    `archives`: those that these are of. `alike`: where photos that look like it were taken, the likeliest
    first; of a run that compared pictures. `lines`: what stands in the picture, None where text was not
    listened to; `text`: what that says of places."""

    photo: IndexedPhoto
    explanation: Explanation
    run: Run | None
    tracks: tuple[str, ...]
    disagreements: tuple[str, ...]
    kinds: tuple[str, ...]
    names: Mapping[int | None, str]
    archives: Mapping[int | None, str]
    alike: tuple[LikePhoto, ...]
    lines: tuple[str, ...] | None = None
    text: PlaceRatios | None = None


def why(
    index: Index,
    photo_asked: IndexedPhoto,
    note: Callable[[str], None],
    *,
    model: str | None = None,
    within_km: float | None = None,
    tracks: Sequence[Path] = (),
    choose: Callable[[Sequence[str]], tuple[tuple[str, ...], str | None]] | None = None,
) -> Why:
    """What is not said is as it was in the run that placed the photo; `choose` gives the kinds of evidence to
    listen to and the model for them, from those of the run. Raises UsageError, ModelError, SourceError."""
    run = _run_of(index, photo_asked)
    arguments: dict[str, Any] = {} if run is None else run.arguments
    options = TagOptions(paths=(), **{k: arguments[k] for k in _REMEMBERED if k in arguments})
    kinds = kinds_of(arguments)
    if choose is not None:
        kinds, model = choose(kinds)
    if run is not None and model is None:
        folder = arguments.get("model")
        model = folder if folder is not None and os.path.isdir(folder) else run.model or "none"
    pack = choose_pack(model, note)
    # the index is open for reading: a model it has not met cannot be entered, and has said nothing
    met = None if pack is None else index.store.row("select id from models where digest = ?", (pack.digest,))
    if pack is not None and met is None:
        note(f"{pack.name} has not looked at this archive yet; `geotagger tag --model {pack.name}` lets it")
    model_id = None if met is None else int(met[0])
    root_ids = _company(index, photo_asked, arguments)
    company = index.company(root_ids)
    spoke = _tracks(index, root_ids, [*map(Path, arguments.get("tracks") or ()), *tracks], run, note)
    options = replace(options, within_km=within_km or options.within_km, model=model, kinds=kinds)
    table = None if pack is None else table_of(pack)
    model = None if pack is None else pack.digest
    here = [photo_asked.root_id]
    evidence = weighing(index, here, company.fixes(), options, spoke, table, model=model, keep=False)
    photos = company.in_time(model_id)
    cut = outings(photos, lambda member: member.utc)
    outing = next((o for o in cut if any(member.id == photo_asked.id for member in o)), None)
    if outing is None:
        raise UsageError(
            f"{photo_asked.path}: the photo was gone when `tag` last looked; there is nothing to weigh"
        )
    at = next(n for n, member in enumerate(outing) if member.id == photo_asked.id)
    texts = texts_of(index, outing, options)
    kept = None if pack is None else kept_features(index, replace(options, dry_run=True), pack, note)
    lines = _text_in(photo_asked, note) if "text" in options.kinds else None
    if lines is not None and photo_asked.id not in texts and (ratios := ratios_of(lines)) is not None:
        texts[photo_asked.id] = ratios
    records = [
        record_of(
            member,
            member.posterior,
            text=texts.get(member.id),
            all_images=options.all_images,
            features=None if kept is None else kept.of(member),
        )
        for member in outing
    ]
    alike: Alike | None = None
    like: tuple[LikePhoto, ...] = ()
    if "reference" in kinds and pack is not None:
        alike, like = alike_of(index, photo_asked, pack, note)
        records[at] = replace(records[at], alike=alike)
        others, is_all = alike_beside(index, photo_asked, outing, pack, kept) if kept else ({}, False)
        records = [replace(one, alike=others.get(one.key, one.alike)) for one in records]
        if alike is not None and not is_all:
            note("of this photo's outing not all pictures were compared with your geotagged ones here")
    explanation = explain(evidence, records, at)
    inside = None
    # what would be said without a kind of evidence, or with one more, contradicts nothing
    if is_written_estimate(photo_asked) and set(kinds) == set(kinds_of(arguments)):
        circle = photo_asked.latitude or 0.0, photo_asked.longitude or 0.0, photo_asked.radius_km or 0.0
        whole = weighed(evidence, surrounded(evidence, records))
        inside = certainty_inside(whole, at, evidence.movement, circle) or 0.0
    keys = [fix.key for fix in explanation.fixes if fix.key is not None]
    beside, roots = index.photos.get(keys), {root.id: root.path for root in index.roots.all()}
    own = {photo.id: photo.rung for photo in beside if photo.rung in OWN_FIXES}
    fixes = tuple(replace(fix, rung=own.get(fix.key or 0) or fix.rung) for fix in explanation.fixes)
    return Why(
        photo_asked,
        replace(explanation, fixes=fixes),
        run,
        tuple(track.name for track in spoke.tracks),
        disagreements(index, photo_asked, inside),
        options.kinds,
        {photo.id: photo.path for photo in beside},
        {photo.id: roots[photo.root_id] for photo in beside},
        like,
        None if lines is None else tuple(line.text for line in lines),
        texts.get(photo_asked.id),
    )


def _text_in(photo: IndexedPhoto, note: Callable[[str], None]) -> tuple[Line, ...] | None:
    """Read now, for it is kept nowhere; None where it cannot be."""
    try:
        return lines_in(photo.path, open_reader(usable_cores()))
    except (ModelError, PhotoError) as error:
        note(str(error))
        return None


def _company(index: Index, photo: IndexedPhoto, arguments: Mapping[str, Any]) -> tuple[int, ...]:
    """The archives that helped in the run that placed the photo: its own, those that were named with it, and
    those that the owner joined with them."""
    named = [
        root.id
        for root in index.roots.all()
        if any(is_at_or_below(os.path.realpath(path), [root.path]) for path in arguments.get("paths", ()))
    ]
    together = named if photo.root_id in named else []
    return index.roots.company_of([photo.root_id, *together])


def _run_of(index: Index, photo: IndexedPhoto) -> Run | None:
    """The tagging run that the photo's place is from; where it has one of its own, the latest."""
    kept = index.estimates.current(photo.id)
    tagging = [run for run in index.runs.latest() if run.command == "tag"]
    if kept is not None:
        own = [run for run in tagging if run.id == kept.run_id]
        tagging = own or tagging
    return tagging[0] if tagging else None


def _tracks(
    index: Index, root_ids: Sequence[int], paths: Sequence[Path], run: Run | None, note: Callable[[str], None]
) -> Tracks:
    """Those that are remembered of the archive, and those at `paths` that are there."""
    remembered = [track.path for root_id in root_ids for track in index.tracks.listed(root_id)]
    there = []
    for path in dict.fromkeys(paths):
        if os.path.exists(path):
            there.append(path)
        elif not any(is_at_or_below(one, [os.path.abspath(path)]) for one in remembered):
            if run is None or str(path) not in run.arguments.get("tracks", ()):
                there.append(path)  # reading it says what is wrong
                continue
            note(f"{path}: run {run.name} used this track, which is gone; --track says where it is now")
    given: Sequence[Track] = ()
    if there:
        from geotagger.tracks import load_tracks

        given = load_tracks(there, note, told_clocks(index, root_ids))
    return tracks_in_force(index, root_ids, given)
