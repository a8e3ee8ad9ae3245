"""The owner's geotagged photos as reference (`tag --reference`): what the network's last layer sees of
each, kept in a folder beside the index, so that every photo is looked at once for each model."""

from collections.abc import Iterator

import numpy as np
from xxhash import xxh3_64_intdigest

from geotagger.estimate.reference import FEWEST_REFERENCES, References, references
from geotagger.estimate.values import OWN_FIXES
from geotagger.index.photos import Known
from geotagger.photo.formats import NOT_LOOKED_AT
from geotagger.tag.network import Network, Said
from geotagger.tag.rootrun import RootRun


def gather_references(run: RootRun, network: Network) -> References | None:
    """The references of the root as they are now: kept ones whose photos still have their places,
    and those of photos that were not looked at yet. None where the model has no features, or too
    few photos have a place."""
    if run.pack is None or run.pack.feature_size is None:
        run.listener.note("--reference: this model tells no features, so it is left out")
        return None
    folder = run.index.features_folder / f"{run.root.id}-{run.pack.digest}"
    kept = References.load(folder)
    looked_at = {} if kept is None else dict(zip(kept.ids.tolist(), kept.features, strict=True))
    placed = [known for known in run.index.company(run.root_ids).in_time() if _is_reference(known)]
    new = [known for known in placed if _name(known) not in looked_at]
    run.listener.phase("Looking at references", len(new))
    if network.features is not None:
        kept_rows = [known for known in new if known.id in network.features]
        looked_at.update({_name(known): network.features[known.id] for known in kept_rows})
        new = [known for known in new if known.id not in network.features]
    looked_at.update(_features(run, network, new))
    chosen = [known for known in placed if _name(known) in looked_at]
    if len(chosen) < FEWEST_REFERENCES:
        run.listener.note("--reference: too few photos know where they were taken, so it is left out")
        return None
    found = references(
        np.stack([looked_at[_name(known)] for known in chosen]),
        np.array([known.latitude for known in chosen], dtype=np.float64),
        np.array([known.longitude for known in chosen], dtype=np.float64),
        np.array([np.nan if known.utc is None else known.utc for known in chosen]),
        np.array([_name(known) for known in chosen], dtype=np.uint64),
    )
    if not run.options.dry_run:
        found.save(folder)
    return found


def _is_reference(known: Known) -> bool:
    if known.facts is None or known.facts.not_a_photo or known.facts.format in NOT_LOOKED_AT:
        return False
    return known.rung in OWN_FIXES


def _name(known: Known) -> int:
    """Of a photo as it was looked at. Its number in the index will not do: an index that is made anew counts
    from one again."""
    return xxh3_64_intdigest(f"{known.path}\0{known.size}\0{known.mtime_ns}".encode(errors="surrogateescape"))


def _features(
    run: RootRun, network: Network, photos: list[Known]
) -> Iterator[tuple[int, np.ndarray[tuple[int], np.dtype[np.float32]]]]:
    for known, said in network.seen(photos, lambda _: True, run.readers):
        run.listener.advance(1)
        if isinstance(said, Said) and said.features is not None:
            yield _name(known), said.features
        if run.is_stopped:
            return
