"""What the owner asked of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from geotagger.defaults import CERTAINTY, MIN_CONFIDENCE
from geotagger.estimate.kinds.table import BY_DEFAULT, KINDS
from geotagger.writing import Writing

if TYPE_CHECKING:
    from geotagger.model.pack import ModelPack


@dataclass(frozen=True, slots=True)
class TagOptions:
    """`model`: a pack's name or folder, "none" for no visual evidence, None for the installed one;
    `variant`: one that `models quantize` made, None for the fastest that passed its checks. `precision`:
    write so that this share lies inside its radius, by what `evaluate --calibrate` found; it stands in for
    `min_confidence`. `kinds`: the kinds of evidence that are listened to, as estimate/kinds/table.py names
    them. `clocks`: "CAMERA=+1h03m". `again`: photos that an older model placed are looked at once more.
    `reconsider`: what is written and would not be written today is moved or taken out. `all_images`:
    screenshots, scans and graphics too. `with_roots`: other archives whose photos help, in this and every
    later run. `looked`: folders of what `look` saw before. `batch_size` and `readers` None: what suits the
    machine. `processes`: that read files beside this one, where there are many new ones; `look_processes`:
    that look at pictures, None for one a GPU where there are several. `reference_by_pack`: the kind
    `reference` is listened to where the model's pack says that its features are worth it."""

    paths: tuple[str, ...]
    model: str | None = None
    engine: str = "auto"
    device: str = "auto"
    variant: str | None = None
    batch_size: int | None = None
    readers: int | None = None
    processes: int = 0
    look_processes: int | None = None
    within_km: float = 25.0
    min_confidence: float = MIN_CONFIDENCE
    precision: float | None = None
    certainty: float = CERTAINTY
    tracks: tuple[Path, ...] = ()
    clocks: tuple[str, ...] = ()
    kinds: tuple[str, ...] = BY_DEFAULT
    looked: tuple[Path, ...] = ()
    writing: Writing = field(default_factory=Writing)
    again: bool = False
    reconsider: bool = False
    all_images: bool = False
    dry_run: bool = False
    exclude: tuple[str, ...] = ()
    with_roots: tuple[str, ...] = ()
    wait: bool = False
    reference_by_pack: bool = False

    @property
    def reference(self) -> bool:
        """Whether the owner's geotagged photos are looked at too: what looks like them was perhaps taken
        there."""
        return "reference" in self.kinds


def kinds_of(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    """The kinds of evidence of a run by its recorded arguments; runs recorded some of them by fields of
    their own once."""
    if "kinds" in arguments:
        heard = set(arguments["kinds"]) | ({"sequence"} if arguments.get("sequence") else set())
        return tuple(kind.name for kind in KINDS if kind.name in heard)
    once = {
        "habits": arguments.get("habits", True),
        "time-zone": arguments.get("time_zone", True),
        "reference": arguments.get("reference", False),
        "sequence": arguments.get("sequence", True),
    }
    return tuple(kind.name for kind in KINDS if once.get(kind.name, kind.by_default))


def with_reference_by_pack(options: TagOptions, pack: "ModelPack | None") -> TagOptions:
    """With the owner's photos as reference where the pack says that its features are worth it. Rows of
    `look` have their own say: without features in them everything would be looked at again."""
    kinds = kinds_with_reference(options.kinds, pack, options.reference_by_pack and not options.looked)
    return replace(options, kinds=kinds, reference_by_pack=kinds != options.kinds)


def kinds_with_reference(kinds: tuple[str, ...], pack: "ModelPack | None", by_pack: bool) -> tuple[str, ...]:
    """The kinds of evidence, with `reference` where that is left to the pack and the pack is for it."""
    wanted = by_pack and pack is not None and pack.manifest.reference and pack.feature_size is not None
    if not wanted or "pictures" not in kinds:
        return kinds
    return tuple(kind.name for kind in KINDS if kind.name in (*kinds, "reference"))
