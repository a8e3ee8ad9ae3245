"""pack.toml: what a model pack says of itself.

Reads and writes the file and checks every value; errors name the file, the key and its line.
Knows nothing of cells or of networks.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import tomli_w

from geotagger.errors import UsageError
from geotagger.model.preprocessing import Preprocessing, table_of
from geotagger.model.toml_reading import TomlReading

FORMAT = 1
FULL_PRECISION = "fp32"
_OPENING = "# A model pack of geotagger; docs/models.md explains the keys.\n"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of the pack: its size and checksum when it was written."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A file that the pack was made from. `checksum` says whose word `sha256` is: "published"
    when it was compared with what the publisher states, "stated by its server" when nothing is published but
    the server keeps the file by it, "as received" when nobody states one."""

    role: str
    address: str
    bytes: int
    sha256: str
    checksum: str = "as received"


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Percent of `photos` test photos within each of `km`. `origin` says who measured it."""

    test_set: str
    km: tuple[float, ...]
    percent: tuple[float, ...]
    photos: int | None = None
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """The same network in another precision, such as `int8`. `checks` holds what was measured
    of it against model.onnx, `calibration` what it was made with."""

    name: str
    file: str
    precision: str
    checks: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GalleryRecord:
    """Of a pack whose network compares an embedding with places. rows: of gallery.csv. points: how many
    of the likeliest the network names. scale: what cosines are multiplied with. encoder: the file of the
    network that embeds any place, empty where there is none."""

    rows: int
    points: int
    scale: float
    encoder: str = ""


@dataclass(frozen=True, slots=True)
class Manifest:
    """identity: what the network is, whatever precision its file has; packs of equal identity, cells and
    preprocessing are one model. Empty: the network is its file. precision: of model.onnx. gallery:
    None for a classifier.
    temperature: probabilities p become p^(1/temperature), normalised, so that certainties come out right;
    1 leaves them. classes, features: widths of the network's two outputs (features None where it has but
    one). reference: whether its features are worth comparing with the owner's photos. suspect: how many
    classes are level-30 leaf cells. training: what it was trained on, by whom,
    how, as free text by key. calibration: how the temperature was found."""

    name: str
    version: str
    licence: str
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    temperature: float = 1.0
    description: str = ""
    created: str = ""
    identity: str = ""
    precision: str = FULL_PRECISION
    gallery: GalleryRecord | None = None
    classes: int = 0
    suspect: int = 0
    features: int | None = None
    reference: bool = False
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    sources: tuple[ModelSource, ...] = ()
    accuracy: tuple[Accuracy, ...] = ()
    variants: tuple[Variant, ...] = ()
    training: Mapping[str, Any] = field(default_factory=dict)
    calibration: Mapping[str, Any] = field(default_factory=dict)


def check_name(name: str) -> str:
    """The name itself when it can name a folder anywhere; UsageError otherwise."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} cannot name a model; use up to 100 letters, digits, dots, dashes and underscores"
        )
    return name


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Writes pack.toml; what is unknown (None) or empty is left out."""
    table: dict[str, Any] = {
        "format": FORMAT,
        "name": manifest.name,
        "version": manifest.version,
        "description": manifest.description,
        "licence": manifest.licence,
        "created": manifest.created,
        "identity": manifest.identity,
        "temperature": float(manifest.temperature),
        "input": table_of(manifest.preprocessing),
        "output": _without_none(
            {
                "classes": manifest.classes,
                "suspect": manifest.suspect,
                "features": manifest.features,
                "reference": manifest.reference or None,
                "precision": None if manifest.precision == FULL_PRECISION else manifest.precision,
            }
        ),
        "gallery": asdict(manifest.gallery) if manifest.gallery else {},
        "files": {name: asdict(record) for name, record in manifest.files.items()},
        "training": _without_none(manifest.training),
        "calibration": _without_none(manifest.calibration),
        "source": [asdict(source) for source in manifest.sources],
        "accuracy": [_without_none(asdict(row)) for row in manifest.accuracy],
        "variant": [_without_none(asdict(variant)) for variant in manifest.variants],
    }
    kept = {
        key: value
        for key, value in table.items()
        if value not in ({}, []) and (key, value) != ("identity", "")
    }
    path.write_text(_OPENING + tomli_w.dumps(kept), encoding="utf-8")


def read_manifest(path: Path) -> Manifest:
    """Reads pack.toml; PackError says which key of which line is wrong."""
    missing = f"{path.parent} is not a model pack"
    reading = TomlReading(path, missing, "mend it, or import or pull the model again")
    table, take = reading.table, reading.take
    version = take(table, "format", int, "a whole number")
    if version != FORMAT:
        newer = "a newer geotagger made this pack; update geotagger" if version > FORMAT else "it must be 1"
        raise reading.wrong("format", f"format {version} is not known; {newer}")
    output = take(table, "output", dict, "a table")
    files = take(table, "files", dict, "a table", default={})
    return Manifest(
        name=take(table, "name", str, "a name", lambda v: bool(_NAME.fullmatch(v))),
        version=take(table, "version", str, "a text"),
        licence=take(table, "licence", str, "a text"),
        preprocessing=reading.preprocessing(table),
        temperature=float(
            take(table, "temperature", int | float, "a number above 0", lambda v: 0 < v < math.inf)
        ),
        description=take(table, "description", str, "a text", default=""),
        created=take(table, "created", str, "a text", default=""),
        identity=take(table, "identity", str, "a text", default=""),
        gallery=reading.row(GalleryRecord, table["gallery"], "gallery") if "gallery" in table else None,
        classes=take(output, "classes", int, "a whole number above 0", lambda v: v > 0),
        suspect=take(output, "suspect", int, "a whole number", lambda v: v >= 0, default=0),
        features=take(output, "features", int, "a whole number above 0", lambda v: v > 0, default=None),
        reference=take(output, "reference", bool, "true or false", default=False),
        precision=take(output, "precision", str, "a text", default=FULL_PRECISION),
        files={name: _file_record(reading, name, record) for name, record in files.items()},
        sources=reading.rows(ModelSource, table, "source"),
        accuracy=accuracy_rows(reading, table),
        variants=reading.rows(Variant, table, "variant"),
        training=take(table, "training", dict, "a table", default={}),
        calibration=take(table, "calibration", dict, "a table", default={}),
    )


def accuracy_rows(reading: TomlReading, table: Mapping[str, Any]) -> tuple[Accuracy, ...]:
    """The [[accuracy]] tables of a pack or of a model in the catalogue."""
    rows = reading.rows(Accuracy, table, "accuracy")
    for row in rows:
        if len(row.km) != len(row.percent):
            raise reading.wrong("accuracy", f"accuracy of {row.test_set}: km and percent differ in length")
    return rows


def _file_record(reading: TomlReading, name: str, value: Any) -> FileRecord:
    if "/" in name or "\\" in name or name.startswith("."):
        raise reading.wrong(name, f"files: {name!r} is not a file of the pack's own folder")
    record = reading.row(FileRecord, value, "files")
    if not SHA256.fullmatch(record.sha256):
        raise reading.wrong(name, f"files: {name}: {record.sha256!r} is not a SHA-256 checksum")
    return record


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    """TOML has no null: what is unknown is left out, in tables within tables too."""
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
        if value is not None
    }
