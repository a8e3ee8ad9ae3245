"""`geotagger models quantize`: a faster variant of a model, made and checked on the owner's photos."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from geotagger.cli.common import JsonOption, emit, ends_cleanly, say
from geotagger.errors import SourceError, UnreadablePhotoError, UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from geotagger.engine.agreement import Agreement, Places
    from geotagger.engine.values import Outputs
    from geotagger.model.pack import ModelPack

_FEWEST_PHOTOS = 8
_READ_AT_ONCE = 32


def register(models: typer.Typer) -> None:
    """Adds the command to the `models` group."""
    models.command("quantize")(quantize_model)


@ends_cleanly
def quantize_model(
    name: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name, or the folder of a pack.")],
    photos: Annotated[
        list[Path],
        typer.Option("--photos", metavar="DIR", help="Your photos, to calibrate and check on; repeatable."),
    ],
    precision: Annotated[
        str, typer.Option("--precision", metavar="int8|fp16", help="int8 for processors, fp16 for GPUs.")
    ] = "int8",
    calibration: Annotated[
        int, typer.Option("--calibration", metavar="N", min=1, help="How many photos calibrate int8.")
    ] = 64,
    checks: Annotated[
        int,
        typer.Option("--checks", metavar="N", min=1, help="How many other photos the variant is checked on."),
    ] = 256,
    device: Annotated[
        str,
        typer.Option("--device", metavar="DEVICE", help="Where the variant is checked: auto, cpu, cuda, …"),
    ] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Makes a faster variant of a model and measures on your photos what it changes.

    The variant stays in the pack together with what was measured. `tag` uses it by itself only when
    fewer than 1 % of the photos moved by more than 25 km and it was faster.

    Example: `geotagger models quantize rn101-5k500 --photos ~/Photos`
    """
    from geotagger.engine.agreement import split
    from geotagger.engine.quantise import PRECISIONS
    from geotagger.model.manifest import FULL_PRECISION
    from geotagger.model.pack import find_pack

    if precision not in PRECISIONS:
        raise UsageError(f"--precision {precision}: unknown; known are {', '.join(PRECISIONS)}")
    pack = find_pack(name)
    if pack.manifest.precision != FULL_PRECISION:
        raise UsageError(f"{pack.name} is in {pack.manifest.precision} already; variants are made of fp32")
    inputs = _inputs(pack, photos, calibration + checks)
    calibrating, checking = split(len(inputs), calibration, checks)
    say(f"{len(calibrating)} photos calibrate, {len(checking)} others check")
    agreement = _make(pack, precision, device, inputs[: len(calibrating)], inputs[list(checking)])
    if as_json:
        emit({"model": pack.name, "variant": precision, **agreement.as_table()})
    for line in _report_lines(pack, precision, agreement):
        say(line) if as_json else typer.echo(line)


def _make(
    pack: "ModelPack",
    precision: str,
    device: str,
    calibration: "NDArray[np.float32]",
    checks: "NDArray[np.float32]",
) -> "Agreement":
    import dataclasses

    from geotagger.engine.agreement import compare
    from geotagger.engine.opening import open_engine
    from geotagger.engine.quantise import quantise
    from geotagger.model.manifest import Variant
    from geotagger.model.pack import save_manifest

    file = f"model.{precision}.onnx"
    how = quantise(pack.onnx_path, pack.folder / file, precision, calibration)
    made = {"kind": how, "photos": len(calibration) if how == "static" else 0}
    variant = Variant(precision, file, precision, calibration=made)
    others = tuple(one for one in pack.manifest.variants if one.name != precision)
    pack = save_manifest(pack, dataclasses.replace(pack.manifest, variants=(*others, variant)))
    original = open_engine(pack, device, variant=pack.manifest.precision)
    faster = open_engine(pack, device, original.batch_size, variant=precision)
    agreement = compare(original, faster, checks, _places(pack))
    checked = dataclasses.replace(variant, checks=agreement.as_table())
    save_manifest(pack, dataclasses.replace(pack.manifest, variants=(*others, checked)))
    return agreement


def _places(pack: "ModelPack") -> "Places":
    """The place that `tag` would write of each answer."""
    from geotagger.defaults import CERTAINTY
    from geotagger.engine.agreement import FAR_KM
    from geotagger.estimate.visual import places_of, posteriors

    def places(answers: "Outputs") -> "tuple[NDArray[np.float64], NDArray[np.float64]]":
        said = posteriors(
            answers.probabilities,
            pack.cells,
            pack.temperature,
            answers.points,
            answers.point_probabilities,
        )
        chosen_places = places_of(said, pack.cells, FAR_KM, CERTAINTY)
        return chosen_places.latitude, chosen_places.longitude

    return places


def _inputs(pack: "ModelPack", folders: Sequence[Path], wanted: int) -> "NDArray[np.float32]":
    """Up to `wanted` photos spread over all there are, in an order of chance that is always the same."""
    import random

    import numpy as np

    from geotagger.archive.listing import walk

    paths = [
        entry.path for entry in walk([str(folder) for folder in folders], problem=lambda left: say(str(left)))
    ]
    random.Random(0).shuffle(paths)
    pixels = []
    for one in _readable(pack, paths):
        pixels.append(one)
        if len(pixels) == wanted:
            break
    if len(pixels) < _FEWEST_PHOTOS:
        raise SourceError(
            f"{', '.join(map(str, folders))}: only {len(pixels)} photos to calibrate and check on; "
            f"at least {_FEWEST_PHOTOS} are needed, and some hundreds are better"
        )
    return np.stack(pixels)


def _readable(pack: "ModelPack", paths: Sequence[str]) -> "Iterator[NDArray[np.float32]]":
    from concurrent.futures import ThreadPoolExecutor

    from geotagger.engine.cores import usable_cores
    from geotagger.photo.pixels import read_photo

    def read(path: str) -> "NDArray[np.float32] | None":
        try:
            facts, pixels = read_photo(path, pack.preprocessing)
        except UnreadablePhotoError as error:
            say(str(error))
            return None
        return None if facts.not_a_photo else pixels

    with ThreadPoolExecutor(usable_cores()) as pool:
        for start in range(0, len(paths), _READ_AT_ONCE):
            some = pool.map(read, paths[start : start + _READ_AT_ONCE])
            yield from (pixels for pixels in some if pixels is not None)


def _report_lines(pack: "ModelPack", precision: str, agreement: "Agreement") -> list[str]:
    ratio = agreement.rate / agreement.rate_fp32
    if not agreement.passed:
        verdict = f"{precision} is kept, but used only when asked for: 1 % may move more than 25 km"
    elif not agreement.faster:
        verdict = f"{precision} is kept, but used only when asked for: it is not faster here"
    else:
        verdict = f"{pack.name} uses {precision} from now on"
    shift = f"median {agreement.shift_km_median:.3g} km, 99 % within {agreement.shift_km_p99:.3g} km"
    rates = f"{agreement.rate:.1f} ({agreement.runtime}) against {agreement.rate_fp32:.1f}"
    variation = f"{agreement.variation_mean:.3f} in the mean, {agreement.variation_most:.3f} at most"
    return [
        f"top-1 agreement with fp32: {agreement.top1:.1%} of {agreement.photos} photos",
        f"shift of the place: {shift}, {agreement.moved_far:.1%} moved more than 25 km",
        f"probability moved: {variation}",
        f"photos a second: {rates}, × {ratio:.2f}",
        verdict,
    ]
