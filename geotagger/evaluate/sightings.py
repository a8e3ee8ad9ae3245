"""The photos of an archive as an evaluation needs them: what each says of itself, where it was truly
taken, and what the network sees. Works from the files; the index is not asked."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from geotagger.archive import walk
from geotagger.errors import PhotoError
from geotagger.estimate.clock import Clocked
from geotagger.estimate.names import areas_of
from geotagger.estimate.timeline import stated_error_km
from geotagger.estimate.values import OWN_FIXES, Fix
from geotagger.evaluate.trial import Sighting
from geotagger.index.fixes import VAGUE_KM
from geotagger.index.photos import IndexedPhoto
from geotagger.metadata import FoundPosition
from geotagger.photo.values import Facts
from geotagger.tag.file_facts import read_with_sidecars
from geotagger.tag.options import TagOptions
from geotagger.tag.reading import position_of

if TYPE_CHECKING:
    from geotagger.model.pack import ModelPack


def read_sightings(
    paths: Sequence[str],
    pack: "ModelPack | None",
    note: Callable[[str], None],
    *,
    features: bool = False,
    sidecar_folders: Sequence[str] = (),
    manual: Mapping[str, Fix] = MappingProxyType({}),
    numbers: Mapping[str, int] = MappingProxyType({}),
) -> list[Sighting]:
    """Every photo below the paths. Its place is the camera's, a sidecar's or the owner's, never an
    estimate. With `features` what the network's last layer sees is kept, too. `manual`: places that the
    index has from the owner, more exactly than a file can hold them. `numbers`: of photos in the index;
    those come first, in their order, as photos of one second do in a run."""
    sightings = []
    for entry in walk(paths, problem=lambda left: note(str(left))):
        try:
            sighting = _sighting(entry.path, *read_with_sidecars(entry.path, sidecar_folders))
            given = manual.get(os.path.realpath(entry.path))
            if given is not None:
                # what its owner chose to confirm is no fair sample: it teaches, but tests nothing
                is_truth = given.rung == "manual"
                sighting = replace(sighting, place=replace(given, rung="manual"), is_truth=is_truth)
            sightings.append(sighting)
        except PhotoError as error:
            note(str(error))
    sightings = in_order(sightings, numbers)
    return sightings if pack is None else _looked_at(sightings, pack, note, features)


def in_order(sightings: Sequence[Sighting], numbers: Mapping[str, int]) -> list[Sighting]:
    """Those that the index knows first, in its order, as photos of one second come in a run."""
    return sorted(sightings, key=lambda one: numbers.get(os.path.realpath(one.name), math.inf))


def companion(photo: IndexedPhoto) -> Sighting | None:
    """A photo of an archive that only helps, as the index has it, whether its disk is there or not: it
    teaches, and tests nothing."""
    if photo.facts is None:
        return None
    sighting = _sighting(photo.path, photo.facts, ())
    place = None
    if (
        not photo.facts.is_scan
        and photo.is_placed_for_good
        and photo.latitude is not None
        and photo.longitude is not None
    ):
        error_km = stated_error_km(photo.radius_km)
        place = Fix(photo.latitude, photo.longitude, error_km, photo.rung or "camera")
    return replace(sighting, place=place, is_companion=True)


def _sighting(path: str, facts: Facts, beside: Sequence[FoundPosition]) -> Sighting:
    """As `tag` records it, with the same one of several positions."""
    position = position_of(facts, beside)
    estimate = None if position is None else position[0]
    place = None
    if estimate is not None and estimate.rung in OWN_FIXES and not facts.is_scan:
        error_km = stated_error_km(estimate.radius_km)
        place = Fix(estimate.latitude, estimate.longitude, error_km, estimate.rung)
    wrote = facts.fix is not None and not (facts.fix.mark and facts.fix.mark.is_estimate)
    wrote = wrote and not facts.is_scan
    clocked = Clocked(
        None if facts.taken is None else facts.taken.local,
        None if facts.taken is None else facts.taken.offset,
        facts.gps_utc,
        facts.camera,
        facts.fix.latitude if wrote and facts.fix else None,
        facts.fix.longitude if wrote and facts.fix else None,
        facts.is_time_undecided,
    )
    named = areas_of(facts.named.city, facts.named.region, facts.named.country) if facts.named else ()
    is_truth = place is None or place.rung != "sidecar" or place.error_km < VAGUE_KM
    return Sighting(
        path,
        clocked,
        place=place,
        named=named,
        is_truth=is_truth,
        is_photograph=not facts.not_a_photo,
        software=facts.software,
    )


def _looked_at(
    sightings: list[Sighting], pack: "ModelPack", note: Callable[[str], None], features: bool
) -> list[Sighting]:
    import numpy as np

    from geotagger.tag.network import Network

    network = Network(pack, TagOptions(paths=()), note)
    looked_at = list(sightings)
    try:
        at_once = network.batch_size() * network.lanes()
        for first in range(0, len(sightings), at_once):
            rows, pixels = [], []
            for n in range(first, min(first + at_once, len(sightings))):
                try:
                    pixels.append(network.read(sightings[n].name))
                    rows.append(n)
                except PhotoError as error:
                    note(str(error))
            if rows:
                for n, said in zip(rows, network.say(np.stack(pixels)), strict=True):
                    seen = said.features if features else None
                    looked_at[n] = replace(sightings[n], posterior=said.posterior, features=seen)
    finally:
        network.close()
    return looked_at
