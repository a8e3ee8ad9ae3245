"""Groups of options that commands share, each option declared once.

A group is a frozen dataclass whose fields are options. `grouped` gives a command the options of the groups
among its parameters; the command receives the groups filled in. In the help the options of a group stand in
its `panel`, but for its `common` ones: these stand in the first panel, with the command's own.
"""

import copy
import inspect
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import typer

from geotagger.cli.common import IndexOption
from geotagger.cli.distances import distance_reader
from geotagger.errors import UsageError

if TYPE_CHECKING:
    from geotagger.writing import Writing

CHOICE = "Which photos"
WRITING = "Writing"
EVIDENCE = "Evidence"
ENGINE = "Engine"
RUN = "The run itself"
"""The panels of the help, in the order in which `tag` has them."""

ModelOption = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help="What looks at pictures, or none. [default: what is installed]"
    ),
]
WithinOption = Annotated[
    float,
    typer.Option(
        "--within",
        metavar="KM",
        parser=distance_reader(0.001),
        rich_help_panel=EVIDENCE,
        help="The largest error radius to put up with: 25, 500m, 20mi.",
    ),
]


@dataclass(frozen=True)
class WritingOptions:
    """How positions are written."""

    panel: ClassVar = WRITING
    common: ClassVar = ("write",)

    write: Annotated[
        Literal["auto", "exif", "sidecar", "none"],
        typer.Option(
            "--write",
            metavar="WHERE",
            help="exif, sidecar, none; auto: a sidecar only where EXIF is not safe.",
        ),
    ] = "auto"
    sidecar_style: Annotated[
        Literal["full", "stem"],
        typer.Option(
            "--sidecar-style", metavar="STYLE", help="Name new sidecars IMG.CR2.xmp (full) or IMG.xmp (stem)."
        ),
    ] = "full"
    sidecar_folder: Annotated[
        Path | None,
        typer.Option(
            "--sidecar-folder",
            metavar="FOLDER",
            resolve_path=True,
            help="Put new sidecars there, for read-only archives; later runs read them there.",
        ),
    ] = None

    write_names: Annotated[
        bool,
        typer.Option(
            "--write-names", help="Write what the place is called, too: city, region and country, into XMP."
        ),
    ] = False

    @property
    def writing(self) -> "Writing":
        from geotagger.writing import Writing

        return Writing(self.write, self.sidecar_style, self.sidecar_folder, names=self.write_names)


@dataclass(frozen=True)
class ChoiceOptions:
    """Which photos below the paths a run is about."""

    panel: ClassVar = CHOICE
    common: ClassVar = ("exclude",)

    exclude: Annotated[
        list[str] | None,
        typer.Option("--exclude", metavar="PATTERN", help="Leave out, e.g. 'Exports/*'; repeatable."),
    ] = None
    all_images: Annotated[
        bool, typer.Option("--all-images", help="Take screenshots, scans and graphics too.")
    ] = False


@dataclass(frozen=True)
class NetworkOptions:
    """What the network runs on."""

    panel: ClassVar = ENGINE

    device: Annotated[
        str,
        typer.Option(
            "--device",
            metavar="DEVICE",
            help="auto, cpu, cuda, cuda:0,2, tensorrt, coreml, directml, openvino.",
        ),
    ] = "auto"
    variant: Annotated[
        str | None,
        typer.Option(
            "--variant",
            metavar="VARIANT",
            help="fp32, or a variant made by models quantize. [default: the fastest that passed]",
        ),
    ] = None
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size", metavar="N", min=1, help="Photos a device looks at together. [default: by trial]"
        ),
    ] = None
    readers: Annotated[
        int | None,
        typer.Option("--readers", metavar="N", min=1, help="Photos decoded at a time. [default: one a core]"),
    ] = None
    look_processes: Annotated[
        int | None,
        typer.Option(
            "--look-processes",
            metavar="N",
            min=1,
            help="Processes that look at pictures. [default: one a GPU where there are several, else 1]",
        ),
    ] = None


@dataclass(frozen=True)
class EngineOptions(NetworkOptions):
    """The same, and what runs it."""

    engine: Annotated[
        str,
        typer.Option(
            "--engine", metavar="ENGINE", help="What runs the model: auto, onnxruntime, openvino, mxnet."
        ),
    ] = "auto"


@dataclass(frozen=True)
class RunOptions:
    """What holds for a run as a whole."""

    panel: ClassVar = RUN

    index: IndexOption = None
    wait: Annotated[
        bool,
        typer.Option("--wait", help="Wait while another run holds the archive, instead of ending with 4."),
    ] = False


def precision_asked(context: typer.Context, precision: float | None) -> float | None:
    """--precision as it counts: not from the settings where --min-confidence was typed, for what is typed
    goes before them. UsageError where both were typed in this command: the one finds the other."""
    sources = [context.get_parameter_source(name) for name in ("precision", "min_confidence")]
    is_typed, least_is_typed = (one is not None and one.name == "COMMANDLINE" for one in sources)
    if is_typed and least_is_typed:
        raise UsageError("--precision finds the confidence to ask for; give it or --min-confidence, not both")
    return None if least_is_typed else precision


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of every dataclass among its parameters as options of its own."""
    groups: dict[str, Any] = {}
    options: dict[str, inspect.Parameter] = {}
    for name, parameter in inspect.signature(command).parameters.items():
        kind = parameter.annotation
        if isinstance(kind, type) and is_dataclass(kind):
            groups[name] = kind
            for field in fields(kind):
                default = parameter.empty if field.default is MISSING else field.default
                options[field.name] = inspect.Parameter(
                    field.name,
                    inspect.Parameter.KEYWORD_ONLY,
                    default=default,
                    annotation=_in_panel(field.type, field.name, kind),
                )
        else:
            options[name] = parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)

    def run(**given: Any) -> None:
        filled = {
            name: kind(**{field.name: given.pop(field.name) for field in fields(kind)})
            for name, kind in groups.items()
        }
        command(**filled, **given)

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(list(options.values()))  # type: ignore[attr-defined]
    run.__annotations__ = {name: option.annotation for name, option in options.items()}
    return run


def _in_panel(annotation: Any, name: str, group: Any) -> Any:
    """The annotation of an option, which says that it stands in the panel of its group."""
    panel = getattr(group, "panel", None)
    if panel is None or name in getattr(group, "common", ()):
        return annotation
    option = copy.copy(annotation.__metadata__[0])
    option.rich_help_panel = option.rich_help_panel or panel
    return Annotated[annotation.__origin__, option]
