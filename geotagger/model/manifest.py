"""pack.toml: what a model pack says of itself.

Reads and writes the file and checks every value; errors name the file, the key and its line.
Knows nothing of cells or of networks.
"""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import tomli_w

from geotagger.errors import PackError, UsageError
from geotagger.model.preprocessing import Preprocessing, preprocessing_of, table_of

FORMAT = 1
_OPENING = "# A model pack of geotagger; docs/models.md explains the keys.\n"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of the pack: its size and checksum when it was written."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Source:
    """A file that the pack was made from. `checksum` says whose word `sha256` is: "published"
    when it was compared with what the publisher states, "as received" when nothing is published."""

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
class Manifest:
    """temperature: probabilities p become p^(1/temperature), normalised, so that certainties come
    out right; 1 leaves them. classes, features: widths of the network's two outputs (features None
    where it has but one). suspect: how many classes are level-30 leaf cells. training: what it was
    trained on, by whom, how, as free text by key. calibration: how the temperature was found."""

    name: str
    version: str
    licence: str
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    temperature: float = 1.0
    description: str = ""
    created: str = ""
    classes: int = 0
    suspect: int = 0
    features: int | None = None
    files: Mapping[str, FileRecord] = field(default_factory=dict)
    sources: tuple[Source, ...] = ()
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
        "temperature": float(manifest.temperature),
        "input": table_of(manifest.preprocessing),
        "output": _without_none(
            {"classes": manifest.classes, "suspect": manifest.suspect, "features": manifest.features}
        ),
        "files": {name: asdict(record) for name, record in manifest.files.items()},
        "training": dict(manifest.training),
        "calibration": dict(manifest.calibration),
        "source": [asdict(source) for source in manifest.sources],
        "accuracy": [_without_none(asdict(row)) for row in manifest.accuracy],
        "variant": [_without_none(asdict(variant)) for variant in manifest.variants],
    }
    kept = {key: value for key, value in table.items() if value not in ({}, [])}
    path.write_text(_OPENING + tomli_w.dumps(kept), encoding="utf-8")


def read_manifest(path: Path) -> Manifest:
    """Reads pack.toml; PackError says which key of which line is wrong."""
    try:
        text = path.read_bytes().decode("utf-8")
        table = tomllib.loads(text)
    except FileNotFoundError:
        raise PackError(f"{path}: no such file; {path.parent} is not a model pack") from None
    except OSError as error:
        raise PackError(f"{path}: cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PackError(f"{path}: not TOML: {error}; mend it, or import or pull the model again") from None
    return _Reading(path, text, table).manifest()


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in value
    )


_FIELD_KINDS: dict[Any, tuple[Callable[[object], bool], str]] = {
    int: (_is_whole, "a whole number"),
    int | None: (_is_whole, "a whole number"),
    str: (lambda value: isinstance(value, str), "a text"),
    tuple[float, ...]: (_is_numbers, "a list of numbers"),
    Mapping[str, Any]: (lambda value: isinstance(value, dict), "a table"),
}


class _Reading:
    """One pack.toml under examination."""

    def __init__(self, path: Path, text: str, table: dict[str, Any]) -> None:
        self.path, self.text, self.table = path, text, table

    def manifest(self) -> Manifest:
        table = self.table
        version = self.take(table, "format", int, "a whole number")
        if version != FORMAT:
            newer = (
                "a newer geotagger made this pack; update geotagger" if version > FORMAT else "it must be 1"
            )
            raise self.wrong("format", f"format {version} is not known; {newer}")
        name = self.take(table, "name", str, "a text", lambda v: bool(_NAME.fullmatch(v)))
        output = self.take(table, "output", dict, "a table")
        return Manifest(
            name=name,
            version=self.take(table, "version", str, "a text"),
            licence=self.take(table, "licence", str, "a text"),
            preprocessing=self.preprocessing(),
            temperature=float(
                self.take(table, "temperature", int | float, "a number above 0", lambda v: 0 < v < math.inf)
            ),
            description=self.take(table, "description", str, "a text", default=""),
            created=str(table.get("created", "")),
            classes=self.take(output, "classes", int, "a whole number above 0", lambda v: v > 0),
            suspect=self.take(output, "suspect", int, "a whole number", lambda v: v >= 0, default=0),
            features=self.take(output, "features", int, "a whole number", lambda v: v > 0, default=None),
            files={
                key: self.record(key, value)
                for key, value in self.take(table, "files", dict, "a table").items()
            },
            sources=tuple(self.row(Source, row, "source") for row in self.rows("source")),
            accuracy=tuple(self.accuracy(row) for row in self.rows("accuracy")),
            variants=tuple(self.row(Variant, row, "variant") for row in self.rows("variant")),
            training=self.take(table, "training", dict, "a table", default={}),
            calibration=self.take(table, "calibration", dict, "a table", default={}),
        )

    def preprocessing(self) -> Preprocessing:
        try:
            return preprocessing_of(self.take(self.table, "input", dict, "a table"))
        except UsageError as error:
            raise self.wrong(str(error).split(" ", 1)[0], f"[input] {error}") from None

    def record(self, name: str, value: Any) -> FileRecord:
        if "/" in name or "\\" in name or name.startswith("."):
            raise self.wrong(name, f"[files] {name!r} is not a file of the pack's own folder")
        record: FileRecord = self.row(FileRecord, value, "files")
        if not _SHA256.fullmatch(record.sha256):
            raise self.wrong(name, f"[files] {name}: {record.sha256!r} is not a SHA-256 checksum")
        return record

    def accuracy(self, value: Any) -> Accuracy:
        row: Accuracy = self.row(Accuracy, value, "accuracy")
        if len(row.km) != len(row.percent):
            raise self.wrong("accuracy", f"accuracy of {row.test_set}: km and percent must be equally long")
        return row

    def rows(self, key: str) -> list[Any]:
        rows: list[Any] = self.take(self.table, key, list, "a list of tables", default=[])
        return rows

    def row(self, kind: type[Any], value: Any, section: str) -> Any:
        """A dataclass from a table, field by field, strictly."""
        if not isinstance(value, dict):
            raise self.wrong(section, f"{section} must be a table")
        known = {f.name: f for f in fields(kind)}
        for key in value:
            if key not in known:
                raise self.wrong(key, f"{section}.{key} is not known")
        ready: dict[str, Any] = {}
        for key, f in known.items():
            if key not in value:
                if f.default is f.default_factory:  # both MISSING: no default
                    raise self.wrong(section, f"{section}.{key} is missing")
                continue
            accepts, wanted = _FIELD_KINDS[f.type]
            if not accepts(value[key]):
                raise self.wrong(key, f"{section}.{key} must be {wanted}, not {value[key]!r}")
            ready[key] = tuple(value[key]) if isinstance(value[key], list) else value[key]
        return kind(**ready)

    def take(
        self,
        table: Mapping[str, Any],
        key: str,
        kind: Any,
        wanted: str,
        accepts: Callable[[Any], bool] = lambda _: True,
        **default: Any,
    ) -> Any:
        if key not in table:
            if "default" in default:
                return default["default"]
            raise PackError(f"{self.path}: {key} is missing; mend it, or import or pull the model again")
        value = table[key]
        if isinstance(value, bool) or not isinstance(value, kind) or not accepts(value):
            raise self.wrong(key, f"{key} must be {wanted}, not {value!r}")
        return value

    def wrong(self, key: str, what: str) -> PackError:
        """The line is that of the first `key =` or `[key]`, which is the only one for most keys."""
        at = re.search(rf'^\s*\[*"?(?:[\w"]+\.)?{re.escape(key)}"?\s*(?:=|\])', self.text, re.MULTILINE)
        line = f"line {self.text[: at.end()].count(chr(10)) + 1}: " if at else ""
        return PackError(f"{self.path}: {line}{what}; mend it, or import or pull the model again")


def _without_none(table: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in table.items() if value is not None}
