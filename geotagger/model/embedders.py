"""From an embedder, a gallery and what embeds places to a pack: what `models pull geoclip` ends in.

Takes files on disk and the gallery's embeddings, leaves a whole pack or nothing. The classes are the S2
cells of a partition of the gallery; the gallery's places in a cell are its `photos`, which makes them the
network's own prior. Knows nothing of downloads or runtimes.
"""

import dataclasses
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from geotagger.errors import PackError, UsageError
from geotagger.model.gallery import Gallery, write_gallery
from geotagger.model.gallery_network import POINTS, GalleryHead, write_gallery_network
from geotagger.model.manifest import GalleryRecord, Manifest
from geotagger.model.onnx_extend import blaming, read_network
from geotagger.model.pack import ENCODER, GALLERY, ModelPack, check_free, write_pack
from geotagger.partition import Thresholds, classes_of, partition

GALLERY_CELLS = Thresholds(t1=20, t2=1, max_level=13)
"""Of 100,000 places some 12,664 cells, 9 km in radius in the median; t2 = 1 leaves no place without one."""

MOST_SCALE = 10_000
"""With more the likeliest place has all the probability wherever a float32 tells two cosines apart."""


@dataclass(frozen=True, eq=False)
class EmbedderFiles:
    """network: pictures → embedding. gallery: the places compared with. embeddings: float32 (rows, d), of
    the gallery, of any length, out of the file `embedded_by` or by the encoder. scale: what cosines are
    multiplied with. encoder: the network that embeds places, kept in the pack so that any place can be
    scored; None where there is none."""

    network: Path
    gallery: Gallery
    embeddings: NDArray[np.float32]
    scale: float
    encoder: Path | None = None
    embedded_by: Path | None = None


def import_embedder(
    files: EmbedderFiles,
    folder: Path,
    manifest: Manifest,
    *,
    replace: bool = False,
    check: Callable[[ModelPack], object] | None = None,
) -> ModelPack:
    """Writes the pack. check: as `write_pack` takes it. Raises PackError that names the file at
    fault, UsageError where `folder` is taken."""
    check_free(folder, replace)
    network, gallery = read_network(files.network), files.gallery
    if not 0 < files.scale <= MOST_SCALE:
        raise UsageError(
            f"the logit scale is {files.scale:g}; a number above 0 and up to {MOST_SCALE:,} is wanted, that "
            "which the network was trained with (CLIP's is 100 at most, GeoCLIP's 39.7)"
        )
    embeddings = unit_rows(
        files.embeddings, len(gallery), files.embedded_by or files.encoder or files.network
    )
    cells = partition(gallery.lat, gallery.lng, GALLERY_CELLS)
    head = GalleryHead(embeddings, classes_of(cells, gallery.lat, gallery.lng), files.scale)

    def keep_beside(target: Path) -> None:
        write_gallery(target / GALLERY, gallery)
        if files.encoder:
            shutil.copyfile(files.encoder, target / ENCODER)

    record = GalleryRecord(
        rows=len(gallery),
        points=min(POINTS, len(gallery)),
        scale=float(files.scale),
        encoder=ENCODER if files.encoder else "",
    )
    with blaming(files.network, folder):
        return write_pack(
            folder,
            dataclasses.replace(manifest, gallery=record, precision=network.precision_of(manifest.precision)),
            cells,
            lambda target: write_gallery_network(network, head, manifest.preprocessing.input_size, target),
            beside=keep_beside,
            check=check,
            replace=replace,
        )


def unit_rows(embeddings: NDArray[np.float32], rows: int, path: Path) -> NDArray[np.float32]:
    """The embeddings at length 1, float32 (rows, d), changed in place; PackError where they cannot be."""
    if embeddings.ndim != 2 or len(embeddings) != rows:
        raise PackError(
            path, f"embeddings of shape {embeddings.shape} do not belong to a gallery of {rows:,} places"
        )
    lengths = np.sqrt(np.einsum("ij,ij->i", embeddings, embeddings, dtype=np.float64))
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        bad = int(np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))[0])
        raise PackError(path, f"the embedding of place {bad + 1} of the gallery is not a direction")
    np.divide(embeddings, lengths[:, None], out=embeddings, casting="same_kind")
    return embeddings
