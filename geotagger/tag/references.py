"""The owner's geotagged photos as reference (`tag --reference`): what the network's last layer sees of
each, kept in a folder beside the index, so that every photo is looked at once for each model."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from xxhash import xxh3_64_intdigest

from geotagger.engine.speed import kept_rate
from geotagger.estimate.reference import FEWEST_REFERENCES, References, references, spread_out
from geotagger.estimate.values import OWN_FIXES
from geotagger.estimate.words import span
from geotagger.index.photos import IndexedPhoto
from geotagger.photo.formats import NOT_LOOKED_AT
from geotagger.tag.network import Network, PictureEvidence
from geotagger.tag.rootrun import RootRun

if TYPE_CHECKING:
    from geotagger.model.pack import ModelPack

_TOO_FEW = "reference: too few photos know where they were taken, so it is left out"


def gather_references(run: RootRun, network: Network) -> References | None:
    """The references of the root as they are now: kept ones whose photos still have their places,
    and those of photos that were not looked at yet. None where the model has no features, or too
    few photos have a place."""
    if run.pack is None or run.pack.feature_size is None:
        run.listener.note("reference: this model tells no features, so it is left out")
        return None
    folder = run.index.features_folder / f"{run.root.id}-{run.pack.digest}"
    kept = References.load(folder)
    looked_at = {} if kept is None else dict(zip(kept.ids.tolist(), kept.features, strict=True))
    placed = [photo for photo in run.index.company(run.root_ids).in_time() if _is_reference(photo)]
    chosen_rows = spread_out(
        np.array([photo.latitude for photo in placed], dtype=np.float64),
        np.array([photo.longitude for photo in placed], dtype=np.float64),
    )
    placed = [placed[n] for n in chosen_rows]
    if len(placed) < FEWEST_REFERENCES:
        run.listener.note(_TOO_FEW)
        return None
    new = [photo for photo in placed if _name(photo) not in looked_at]
    run.listener.phase("Looking at references", len(new))
    if network.features is not None:
        kept_rows = [photo for photo in new if photo.id in network.features]
        looked_at.update({_name(photo): network.features[photo.id] for photo in kept_rows})
        new = [photo for photo in new if photo.id not in network.features]
    if new:
        run.listener.note(_cost(run.pack, len(new), len(placed)))
    looked_at.update(_features(run, network, new))
    chosen = [photo for photo in placed if _name(photo) in looked_at]
    if len(chosen) < FEWEST_REFERENCES:
        run.listener.note(_TOO_FEW)
        return None
    gallery = references(
        np.stack([looked_at[_name(photo)] for photo in chosen]),
        np.array([photo.latitude for photo in chosen], dtype=np.float64),
        np.array([photo.longitude for photo in chosen], dtype=np.float64),
        np.array([np.nan if photo.utc is None else photo.utc for photo in chosen]),
        np.array([_name(photo) for photo in chosen], dtype=np.uint64),
    )
    if not run.options.dry_run:
        gallery.save(folder)
    return gallery


def _cost(pack: "ModelPack", new: int, all_of_them: int) -> str:
    precisions = [pack.manifest.precision, *(variant.precision for variant in pack.manifest.variants)]
    rate = kept_rate(pack.name, *precisions)
    time = "" if rate is None else f", about {span(new / rate)} here"
    kilobytes = all_of_them * 2 * (pack.feature_size or 0) / 1e3
    kept = f"{kilobytes / 1e3:.0f} MB" if kilobytes >= 1e3 else f"{kilobytes:.0f} kB"
    return (
        f"pictures are compared with {all_of_them:,} of your geotagged ones; {new:,} of these are looked at "
        f"for that, once{time} ({kept} are kept; --without reference leaves it out)"
    )


def _is_reference(photo: IndexedPhoto) -> bool:
    if photo.facts is None or photo.facts.not_a_photo or photo.facts.format in NOT_LOOKED_AT:
        return False
    return photo.rung in OWN_FIXES


def _name(photo: IndexedPhoto) -> int:
    """Of a photo as it was looked at. Its number in the index will not do: an index that is made anew counts
    from one again."""
    return xxh3_64_intdigest(f"{photo.path}\0{photo.size}\0{photo.mtime_ns}".encode(errors="surrogateescape"))


def _features(
    run: RootRun, network: Network, photos: list[IndexedPhoto]
) -> Iterator[tuple[int, np.ndarray[tuple[int], np.dtype[np.float32]]]]:
    for photo, said in network.seen(photos, lambda _: True, run.readers, run.listener.finish):
        run.listener.advance(1)
        if isinstance(said, PictureEvidence) and said.features is not None:
            yield _name(photo), said.features
        if run.is_stopped:
            return
