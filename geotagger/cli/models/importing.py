"""`geotagger models import`: packs of the owner's files: MXNet checkpoints, ONNX classifiers, embedders."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from geotagger.cli.common import JsonOption, emit, ends_cleanly, say
from geotagger.cli.models.listing import SUSPECT, ForceOption, pack_record
from geotagger.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from geotagger.model.embedders import EmbedderFiles
    from geotagger.model.gallery import Gallery
    from geotagger.model.pack import ModelPack
    from geotagger.model.preprocessing import Preprocessing

_ONNX = "ONNX networks"
_SAME = 0.99
"""The cosine of two embeddings of one place, at least: other precisions differ by less."""


@ends_cleanly
def import_model(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="FILES",
            help="MXNet's three files in any order: *-symbol.json, *-NNNN.params and a list of cells.",
        ),
    ] = None,
    symbol: Annotated[
        Path | None, typer.Option("--symbol", metavar="FILE", help="The network: *-symbol.json.")
    ] = None,
    params: Annotated[
        Path | None, typer.Option("--params", metavar="FILE", help="The weights: *-NNNN.params.")
    ] = None,
    cells: Annotated[
        Path | None, typer.Option("--cells", metavar="FILE", help="The cells: grids.txt or a CSV.")
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="The pack's name; that of the network's file unless told."
        ),
    ] = None,
    input_size: Annotated[
        int, typer.Option("--input-size", metavar="PIXELS", help="The edge of the network's input.")
    ] = 224,
    pixels: Annotated[
        Literal["rn101-5k500", "imagenet", "clip"] | None,
        typer.Option("--pixels", help="Whose brightness and colours the network was trained on."),
    ] = None,
    crop: Annotated[
        Literal["centre", "squash"],
        typer.Option("--crop", help="The middle square, or the whole picture out of proportion."),
    ] = "centre",
    scale: Annotated[
        float | None,
        typer.Option("--scale", metavar="NUMBER", help="What full brightness becomes, instead of --pixels'."),
    ] = None,
    resampling: Annotated[
        Literal["bilinear", "box", "hamming", "bicubic", "lanczos", "bilinear-unfiltered"] | None,
        typer.Option("--resampling", help="The filter that shrinks pictures, instead of --pixels'."),
    ] = None,
    licence: Annotated[
        str, typer.Option("--licence", metavar="TEXT", help="The licence of the weights.")
    ] = "not stated",
    keep_mxnet: Annotated[
        bool, typer.Option("--keep-mxnet", help="Keep the MXNet files in the pack, for --engine mxnet.")
    ] = False,
    onnx: Annotated[
        Path | None,
        typer.Option(
            "--onnx",
            metavar="FILE",
            help="A network in ONNX, with --cells or with --gallery.",
            rich_help_panel=_ONNX,
        ),
    ] = None,
    normalise: Annotated[
        Literal["none", "softmax", "sum"],
        typer.Option(
            "--normalise", help="How a classifier's scores become probabilities.", rich_help_panel=_ONNX
        ),
    ] = "none",
    gallery: Annotated[
        Path | None,
        typer.Option(
            "--gallery",
            metavar="FILE",
            help="A CSV of the places that an embedder's answer is compared with.",
            rich_help_panel=_ONNX,
        ),
    ] = None,
    embeddings: Annotated[
        Path | None,
        typer.Option(
            "--embeddings",
            metavar="FILE",
            help="Theirs: a .npy, float (places, width).",
            rich_help_panel=_ONNX,
        ),
    ] = None,
    encoder: Annotated[
        Path | None,
        typer.Option(
            "--encoder",
            metavar="FILE",
            help="An ONNX network that embeds places, instead of --embeddings.",
            rich_help_panel=_ONNX,
        ),
    ] = None,
    logit_scale: Annotated[
        float,
        typer.Option(
            "--logit-scale",
            metavar="NUMBER",
            help="What cosines are multiplied with before the softmax.",
            rich_help_panel=_ONNX,
        ),
    ] = 1.0,
    force: ForceOption = False,
    as_json: JsonOption = False,
) -> None:
    """Makes a pack of files you have: a checkpoint of MXNet (without MXNet), or a network in ONNX, a
    classifier with its cells or an embedder with a gallery of places.

    Example: `geotagger models import --symbol RN101-5k500-symbol.json --params RN101-5k500-0012.params
    --cells grids.txt --name my-model`
    """
    from geotagger.engine.checking import check_answers
    from geotagger.model.classifiers import import_classifier
    from geotagger.model.embedders import import_embedder
    from geotagger.model.importing import import_checkpoint, version_of
    from geotagger.model.manifest import Manifest, check_name
    from geotagger.model.pack import models_folder

    if onnx is None:
        if gallery or embeddings or encoder:
            raise UsageError(
                "--gallery, --embeddings and --encoder go with --onnx, the network of the pictures"
            )
        symbol, params, cells = _three_files(files or [], symbol, params, cells)
        network, version, origin = symbol, version_of(params), f"the MXNet checkpoint {params.name}"
    else:
        if symbol or params or files or keep_mxnet:
            raise UsageError("--onnx takes no files of MXNet; give --cells or --gallery")
        network, version, origin = onnx, "1", f"the ONNX network {onnx.name}"
    how = _pixels(pixels or ("rn101-5k500" if onnx is None else None), input_size, crop, scale, resampling)
    manifest = Manifest(
        name=check_name(name or network.name.removesuffix(network.suffix).removesuffix("-symbol").lower()),
        version=version,
        licence=licence,
        description=f"Imported from {origin}",
        preprocessing=how,
    )
    folder = models_folder() / manifest.name
    if onnx is None:
        assert symbol is not None
        assert params is not None
        assert cells is not None
        pack = import_checkpoint(symbol, params, cells, folder, manifest, replace=force, keep=keep_mxnet)
    elif gallery is not None:
        parts = _embedder(onnx, gallery, embeddings, encoder, logit_scale)
        pack = import_embedder(parts, folder, manifest, replace=force, check=check_answers)
    elif cells is not None:
        pack = import_classifier(
            onnx, cells, folder, manifest, normalise=normalise, replace=force, check=check_answers
        )
    else:
        raise UsageError("--onnx needs --cells, a classifier's list, or --gallery, an embedder's places")
    _say_installed(pack, folder)
    if as_json:
        emit(pack_record(pack))


def _say_installed(pack: "ModelPack", folder: Path) -> None:
    say(f"{pack.name} is installed in {folder}: {len(pack.cells):,} cells")
    if pack.manifest.suspect:
        say(f"{pack.manifest.suspect} of its cells are suspect: {SUSPECT}")
    if pack.gallery is not None and pack.gallery.duplicates:
        say(f"{pack.gallery.duplicates:,} of the gallery's {len(pack.gallery):,} places stand in it twice")


def _pixels(
    like: str | None, input_size: int, crop: str, scale: float | None, resampling: str | None
) -> "Preprocessing":
    from geotagger.model.preprocessing import LIKE

    if like is None:
        raise UsageError(f"--onnx needs --pixels, one of {', '.join(LIKE)}: wrong pixels fail silently")
    changes = {"scale": scale, "resampling": resampling}
    changed = {key: value for key, value in changes.items() if value is not None}
    return replace(LIKE[like], input_size=input_size, crop=crop, **changed)  # type: ignore[arg-type]


def _embedder(
    network: Path, gallery: Path, embeddings: Path | None, encoder: Path | None, scale: float
) -> "EmbedderFiles":
    from geotagger.engine.encoding import PlaceEncoder
    from geotagger.model.embedders import EmbedderFiles
    from geotagger.model.gallery import check_columns, read_gallery

    places = read_gallery(gallery)
    if doubt := check_columns(places, gallery):
        say(doubt)
    if embeddings is not None:
        made = _array(embeddings)
        if encoder is not None:
            _check_same(encoder, embeddings, places, made)
    elif encoder is not None:
        made = PlaceEncoder(encoder).embed(places.lat, places.lng)
    else:
        raise UsageError("--gallery needs --embeddings, a .npy of its places', or --encoder to make them")
    return EmbedderFiles(network, places, made, scale, encoder, embedded_by=embeddings)


def _check_same(encoder: Path, embeddings: Path, places: "Gallery", made: "NDArray[np.float32]") -> None:
    """UsageError where the encoder, which will score other places, does not make these embeddings."""
    import numpy as np

    from geotagger.engine.encoding import PlaceEncoder

    rows = np.unique(np.linspace(0, len(places) - 1, min(64, len(places))).astype(np.int64))
    own = PlaceEncoder(encoder).embed(places.lat[rows], places.lng[rows])
    others = made[rows] if made.ndim == 2 and len(made) == len(places) else made
    if own.shape == others.shape:
        lengths = np.linalg.norm(own, axis=1) * np.linalg.norm(others, axis=1)
        if (np.einsum("ij,ij->i", own, others) >= _SAME * lengths).all():
            return
    raise UsageError(
        f"{embeddings}: are not what {encoder} makes of the gallery's places, which scores others by it; "
        "give those that belong together, or one of them"
    )


def _array(path: Path) -> "NDArray[np.float32]":
    import numpy as np

    from geotagger.model.plain_files import check_plain

    check_plain(path)
    try:
        # mapped: a header that promises more than the file has is found before room is made for it
        return np.array(np.load(path, mmap_mode="r", allow_pickle=False), dtype=np.float32)
    except Exception as error:  # numpy's reader of headers lets through what Python's raises
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not an array of numbers"
        raise UsageError(f"{path}: cannot be read ({why}); give a .npy of float (places, width)") from None


def _three_files(
    files: list[Path], symbol: Path | None, params: Path | None, cells: Path | None
) -> tuple[Path, Path, Path]:
    """Files given without an option are told apart by their endings."""
    given: dict[str, Path | None] = {"--symbol": symbol, "--params": params, "--cells": cells}
    for file in files:
        role = {".json": "--symbol", ".params": "--params"}.get(file.suffix.lower(), "--cells")
        if given[role] is not None:
            raise UsageError(f"{file}: {given[role]} is the file for {role} already; give one of each kind")
        given[role] = file
    lacking = [role for role, file in given.items() if file is None]
    if lacking:
        raise UsageError(f"not given: {', '.join(lacking)}; a pack is made of a symbol, params and cells")
    three = [file for file in given.values() if file is not None]
    return three[0], three[1], three[2]
