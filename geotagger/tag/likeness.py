"""What is alike: the owner's geotagged photos that look like one, for `why` of a run that compared pictures.

Looks at the one photo with the run's model, and at the features of references that such a run kept beside
the index.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from geotagger import cells
from geotagger.errors import PhotoError
from geotagger.estimate.reference import References, alike
from geotagger.estimate.values import Alike
from geotagger.index import Index
from geotagger.index.photos import IndexedPhoto
from geotagger.index.store import path_of
from geotagger.tag.kept_features import KeptFeatures
from geotagger.tag.network import Network
from geotagger.tag.options import TagOptions

if TYPE_CHECKING:
    from geotagger.model.pack import ModelPack


@dataclass(frozen=True, slots=True)
class LikePhoto:
    """A place of the owner's photos that look like it, and the probability that this one was taken there too.
    `path`: one of the photos there, None where the index knows none any more."""

    latitude: float
    longitude: float
    share: float
    path: str | None


def alike_of(
    index: Index, photo: IndexedPhoto, pack: "ModelPack", note: Callable[[str], None]
) -> tuple[Alike | None, tuple[LikePhoto, ...]]:
    """None where nothing was kept to compare with, or the photo cannot be looked at, which is noted."""
    kept = References.load(index.features_folder / f"{photo.root_id}-{pack.digest}")
    if kept is None:
        note("reference: of your geotagged photos nothing is kept to compare with, so it is left out")
        return None, ()
    network = Network(pack, TagOptions(paths=()), note)
    network.references = kept
    try:
        (said,) = network.say(network.read(photo.path)[None])
    except PhotoError as error:
        note(f"{error}; what is alike is left out")
        return None, ()
    finally:
        network.close()
    if said.alike is None:
        return None, ()
    rows = zip(said.alike.lat.tolist(), said.alike.lng.tolist(), said.alike.weight.tolist(), strict=True)
    leading = sorted(rows, key=lambda row: -row[2])
    return said.alike, tuple(LikePhoto(*row, _photo_at(index, *row[:2])) for row in leading)


def alike_beside(
    index: Index, photo: IndexedPhoto, outing: Sequence[IndexedPhoto], pack: "ModelPack", kept: KeptFeatures
) -> tuple[dict[int, Alike], bool]:
    """The same of the other photos of its outing, by their numbers, from what is kept of them; and whether
    that is all that a model has seen of these."""
    references = References.load(index.features_folder / f"{photo.root_id}-{pack.digest}")
    shown = [one for one in outing if one.posterior is not None and one.id != photo.id]
    features = {one.id: row for one in shown if (row := kept.of(one)) is not None}
    if references is None or not features:
        return {}, not shown
    said = alike(references, np.stack(list(features.values())))
    return dict(zip(features, said, strict=True)), len(features) == len(shown)


def _photo_at(index: Index, latitude: float, longitude: float) -> str | None:
    """A photo whose own place is exactly this."""
    leaf = int(cells.to_signed(cells.leaf_ids([latitude], [longitude]))[0])
    row = index.store.row(
        "select roots.path, photos.path from estimates join photos on photos.id = photo_id"
        " join roots on roots.id = root_id where leaf = ? and current = 1 order by photo_id limit 1",
        (leaf,),
    )
    return None if row is None else f"{path_of(row[0])}/{path_of(row[1])}"
