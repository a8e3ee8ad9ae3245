"""An archive evaluated: its photos read, their places hidden, predicted and compared; what that taught is
kept for `tag` where it is asked for.

Takes what the owner asked, gives an evaluation for each way of hiding as it is finished.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from geotagger.archive import lock
from geotagger.defaults import CERTAINTY, MIN_CONFIDENCE
from geotagger.errors import UsageError
from geotagger.estimate.calibration import Calibration, least_confidence, stated_certainty
from geotagger.estimate.corrections import doubts, parse_clocks
from geotagger.estimate.kinds.table import BY_DEFAULT
from geotagger.estimate.outing import Options
from geotagger.evaluate.calibrating import calibrate, picture_trust, stated_apart
from geotagger.evaluate.predictions import Hidden
from geotagger.evaluate.remembered import remembered
from geotagger.evaluate.sightings import in_order, read_sightings
from geotagger.evaluate.texts import with_texts
from geotagger.evaluate.trial import Setting, evaluate_archive
from geotagger.index import open_index
from geotagger.index.learned import CALIBRATION, SETTLED
from geotagger.tag.any_place import table_of
from geotagger.tag.corridor import by_root
from geotagger.tag.network import choose_pack
from geotagger.tag.options import kinds_with_reference
from geotagger.tag.texts import check_reader
from geotagger.tracks import load_tracks

FEWEST = 4
"""Photos with a place, below which hiding some leaves nothing to learn from."""

Way = Literal["single", "days", "timeless"]
"""Photos hidden one by one; whole days with all their photos; photos one by one, each with its time."""
_HIDDEN: Mapping[Way, str] = {
    "single": "of the photos, one by one,",
    "days": "of the days, with all their photos,",
    "timeless": "of the photos, one by one, with their times,",
}


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """`share`: how much to hide, with each of the seeds. `calibrate`: keep what was learned in the index, for
    `tag` on this archive. The others as in `tag.options.TagOptions`."""

    paths: tuple[str, ...]
    model: str | None = None
    share: float = 0.3
    seeds: tuple[int, ...] = (0, 1, 2)
    ways: tuple[Way, ...] = ("single", "days")
    within_km: float = 25.0
    certainty: float = CERTAINTY
    min_confidence: float = MIN_CONFIDENCE
    precision: float | None = None
    kinds: tuple[str, ...] = BY_DEFAULT
    clocks: tuple[str, ...] = ()
    tracks: tuple[Path, ...] = ()
    calibrate: bool = False
    reference_by_pack: bool = False


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One way of hiding, and what was said of the hidden photos. `placed`: how many had a place.
    `line`: the certainty from which on `tag` would write, with the settings given, over 1 where none does;
    `precision`: what it was asked by, None where the line itself was."""

    way: Way
    share: float
    seeds: tuple[int, ...]
    placed: int
    hidden: Sequence[Hidden]
    line: float = MIN_CONFIDENCE
    precision: float | None = None

    @property
    def what(self) -> str:
        """What was hidden, in words."""
        return f"{self.share:.0%} {_HIDDEN[self.way]} hidden"

    @property
    def drawn(self) -> str:
        """How that was drawn, and of how many."""
        first, last, several = self.seeds[0], self.seeds[-1], len(self.seeds) > 1
        seeds = f"seeds {', '.join(map(str, self.seeds))}" if several else f"seed {first}"
        if len(self.seeds) > 3 and self.seeds == tuple(range(first, last + 1)):
            seeds = f"seeds {first} to {last}"
        return f"({seeds}), of {self.placed} photos with a place"


def evaluate(
    options: EvaluationOptions, index_path: Path | None, note: Callable[[str], None]
) -> Iterator[Evaluation]:
    """Nothing is written into photos. With `calibrate` the index keeps what was learned when the last was
    taken.

    Raises UsageError, ModelError, SourceError, ArchiveError, IndexUnusableError."""
    if "text" in options.kinds:
        check_reader()
    clocks = parse_clocks(options.clocks)
    pack = choose_pack(options.model, note)
    options = replace(options, kinds=kinds_with_reference(options.kinds, pack, options.reference_by_pack))
    likened = "reference" in options.kinds
    if likened and (pack is None or pack.feature_size is None):
        note("reference: no model that tells features looks at the pictures, so it is left out")
        likened = False
    before = remembered(
        index_path, options.paths, clocks, lambda corrections: load_tracks(options.tracks, note, corrections)
    )
    table = None if pack is None else table_of(pack)
    gallery = None if table is None or "known-places" not in options.kinds else table.gallery
    scores_places = gallery is not None and gallery.any_place is not None
    sightings = read_sightings(
        options.paths,
        pack,
        note,
        features=likened or scores_places,
        sidecar_folders=before.sidecar_folders,
        manual=before.manual,
        numbers=before.numbers,
    )
    if "text" in options.kinds:
        note(f"reading the text in {len(sightings)} pictures")
        sightings = with_texts(sightings)
    own = len(sightings)
    sightings = in_order([*sightings, *before.companions], before.numbers)
    placed = sum(sighting.can_be_hidden for sighting in sightings)
    if placed < FEWEST:
        raise UsageError(
            f"{', '.join(options.paths)}: {placed} of {own} photos know where they were taken; "
            f"at least {FEWEST} are needed to hide some"
        )
    for line in doubts(clocks, (sighting.clocked.camera for sighting in sightings)):
        note(line)
    least = options.min_confidence
    if options.precision is not None:
        looked = None if pack is None else pack.digest
        least = least_confidence(options.precision, before.calibration, looked)
    weighing = Options(options.within_km, stated_certainty(options.certainty, least))
    # what is learned now is learned from certainties that nothing has corrected yet
    is_corrected = before.calibration is not None and not options.calibrate
    earlier = before.calibration if is_corrected and before.calibration else Calibration.none()
    if pack is not None and not earlier.is_of(pack.digest):
        earlier = Calibration.none()
    sampled = None if options.calibrate else before.sampled
    temperature, misleads = earlier.temperature, earlier.misleads
    if options.calibrate and table is not None:
        temperature, misleads = picture_trust(sightings, table)
    evaluations = []
    for way in options.ways:
        setting = Setting(
            options.share,
            way == "days",
            weighing,
            before.clocks,
            likened,
            options.kinds,
            earlier.pictured,
            temperature,
            way == "timeless",
            sampled,
            misleads,
        )
        hidden = [
            one
            for seed in options.seeds
            for one in evaluate_archive(sightings, setting, seed, tracks=before.tracks, table=table)
        ]
        evaluations.append(
            Evaluation(way, options.share, options.seeds, placed, hidden, least, options.precision)
        )
        yield evaluations[-1]
    # of photos that have a time, as nearly all have
    timed = [evaluation.hidden for evaluation in evaluations if evaluation.way != "timeless"]
    if options.calibrate and timed:
        calibration = replace(
            calibrate(timed),
            temperature=temperature,
            misleads=misleads,
            model="" if pack is None else pack.digest,
        )
        if pack is not None:
            note(_how_true(timed, pack.name, temperature, misleads))
        _keep(calibration, options.paths, index_path, note)


def _how_true(ways: Sequence[Sequence[Hidden]], model: str, temperature: float, misleads: float) -> str:
    """What the calibrated certainties are worth where they were not learned."""
    said = (
        f"the temperature of {model} on this archive is {temperature:.2f}, and its pictures mislead in "
        f"{misleads:.0%} of the outings"
    )
    stated, inside, photos = stated_apart(ways)
    if not photos:
        return f"{said}; no hidden photo has a picture and an estimate"
    return (
        f"{said}; of {photos} estimates with a picture, each stated as the others teach it, "
        f"{stated:.0%} is stated and {inside:.0%} lie inside"
    )


def _keep(
    calibration: Calibration, paths: Sequence[str], index_path: Path | None, note: Callable[[str], None]
) -> None:
    places = [os.path.realpath(path) for path in paths]
    folders = [place if os.path.isdir(place) else os.path.dirname(place) for place in places]
    with (
        lock(list(dict.fromkeys(folders)), wait=True, waiting=note),
        open_index(index_path) as index,
    ):
        for root, _ in by_root(index, places):
            index.learned.put(root.id, CALIBRATION, calibration.to_dict())
            index.learned.forget(root.id, SETTLED)
    note(
        f"calibrated on {calibration.photos} hidden photos; `tag --precision` on {', '.join(paths)} uses it"
        " from now on, and with --reconsider also on what was written before"
    )
