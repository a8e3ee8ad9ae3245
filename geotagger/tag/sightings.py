"""The photos of an archive as an evaluation needs them: what each says of itself, where it was truly
taken, and what the network sees. Works from the files; the index is not asked."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from geotagger.archive import walk
from geotagger.errors import PhotoError
from geotagger.estimate.clock import Clocked
from geotagger.estimate.evaluation import Sighting
from geotagger.metadata import sidecar_positions
from geotagger.photo.facts import read_facts
from geotagger.tag.options import TagOptions

if TYPE_CHECKING:
    from geotagger.model.pack import ModelPack

_GPS_ERROR_KM = 0.01


def read_sightings(
    paths: Sequence[str], pack: "ModelPack | None", note: Callable[[str], None], *, features: bool = False
) -> list[Sighting]:
    """Every photo below the paths. Its place is the camera's, a sidecar's or the owner's, never an
    estimate. With `features` what the network's last layer sees is kept, too."""
    found = []
    for entry in walk(paths, problem=lambda left: note(str(left))):
        try:
            facts = read_facts(entry.path)
            # what may be Google's own estimate is no truth
            beside = [
                p
                for p in sidecar_positions(entry.path)
                if p.error_km is None and not (p.mark and p.mark.is_estimate)
            ]
        except PhotoError as error:
            note(str(error))
            continue
        if facts.not_a_photo:
            continue
        place: tuple[float | None, float | None] = (None, None)
        error_km = _GPS_ERROR_KM
        if facts.fix is not None and not (facts.fix.mark and facts.fix.mark.is_estimate):
            place = facts.fix.latitude, facts.fix.longitude
            if facts.fix.error_m is not None:
                error_km = facts.fix.error_m / 1000
        elif beside:
            place = beside[0].latitude, beside[0].longitude
        clocked = Clocked(
            None if facts.taken is None else facts.taken.local,
            None if facts.taken is None else facts.taken.offset,
            facts.gps_utc,
            facts.camera,
            *place,
        )
        found.append(Sighting(entry.path, clocked, error_km))
    return found if pack is None else _looked_at(found, pack, note, features)


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
