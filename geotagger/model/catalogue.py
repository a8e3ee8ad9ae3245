"""The published models that geotagger can fetch, as models/catalogue.toml lists them.

Takes the shipped catalogue or another file of the same form (a mirror's, a test's), gives
its models. Fetches nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from geotagger.errors import ModelNotInstalledError, UsageError
from geotagger.model.manifest import SHA256, Accuracy, accuracy_rows, check_name
from geotagger.model.preprocessing import Preprocessing
from geotagger.model.toml_reading import TomlReading

FILE_NAME = "catalogue.toml"
ROLES = {
    "mxnet": ("symbol", "params", "cells"),
    "gallery": ("network", "encoder", "gallery"),
    "classifier": ("network", "cells"),
}
"""The files that each kind of model is made of: a checkpoint of MXNet; an embedder with a gallery of places
and what embeds them; an ONNX classifier with its cells."""


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """address, mirrors: tried in this order. bytes, sha256: None where nobody published them; `checksum`
    says where the known came from. size: about how many bytes, where the exact number is not known.
    precision: of a network that is published in several, else empty; gflop, memory: what it costs then: a
    photo's 10⁹ operations of the probe of engine/speed.py, and bytes while it runs."""

    role: str
    address: str
    mirrors: tuple[str, ...] = ()
    bytes: int | None = None
    size: int | None = None
    sha256: str | None = None
    checksum: str = ""
    precision: str = ""
    gflop: float = 0.0
    memory: int | None = None

    @property
    def addresses(self) -> tuple[str, ...]:
        return (self.address, *self.mirrors)

    @property
    def about_bytes(self) -> int | None:
        return self.bytes if self.bytes is not None else self.size


@dataclass(frozen=True, slots=True)
class Advice:
    """What a person needs to choose. purpose: what it is good for. recommended: to whoever has none.
    caution: what may go wrong, such as an address that may be dead.
    gallery_bytes: what the pack of an embedder holds beside what was fetched, its gallery's embeddings.
    reference: whether its features are worth comparing with the owner's own photos."""

    purpose: str
    recommended: bool = False
    caution: str = ""
    gallery_bytes: int = 0
    reference: bool = False


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """One model of the catalogue; `files` has a file for each role of its kind, the network one for each
    precision, the one that is pulled unless told first. scale: of a gallery's cosines."""

    name: str
    kind: str
    version: str
    description: str
    licence: str
    advice: Advice
    preprocessing: Preprocessing
    files: tuple[PublishedFile, ...]
    accuracy: tuple[Accuracy, ...]
    training: Mapping[str, Any]
    scale: float = 1.0

    @property
    def precisions(self) -> tuple[str, ...]:
        return tuple(file.precision for file in self.files if file.precision)

    def download_bytes(self, precision: str | None) -> int:
        """About how many, as far as it is known."""
        return sum(file.about_bytes or 0 for file in self.files_in(precision))

    def files_in(self, precision: str | None) -> tuple[PublishedFile, ...]:
        """One file for each role; UsageError where the network is not published in that precision."""
        precision = precision or next(iter(self.precisions), "fp32")
        if precision not in (self.precisions or ("fp32",)):
            have = ", ".join(self.precisions) or "fp32"
            raise UsageError(f"{self.name} is not published in {precision}; it is in {have}")
        return tuple(file for file in self.files if file.precision in ("", precision))


def shipped_catalogue() -> Path:
    """The catalogue inside the installed package, or the one of the checkout."""
    package = Path(__file__).parents[1]
    shipped = package / "shipped_models" / FILE_NAME
    return shipped if shipped.is_file() else package.parent / "models" / FILE_NAME


def read_catalogue(path: Path | None = None) -> dict[str, PublishedModel]:
    """The models by name, from `path` or the shipped catalogue; PackError says what is wrong with it."""
    path = path or shipped_catalogue()
    reading = TomlReading(path, "give a catalogue of models", "mend the catalogue")
    models = reading.take(reading.table, "models", dict, "a table of models")
    return {name: _model(reading, name, table) for name, table in models.items()}


def recommended() -> PublishedModel | None:
    """The model of the shipped catalogue for whoever has none."""
    return next((model for model in read_catalogue().values() if model.advice.recommended), None)


def published_model(name: str, models: Mapping[str, PublishedModel]) -> PublishedModel:
    if name not in models:
        raise ModelNotInstalledError(
            f"the catalogue has no model {name} (it has {', '.join(models) or 'none'}); "
            "`geotagger models import` makes a pack of files you have"
        )
    return models[name]


def _model(reading: TomlReading, name: str, table: Any) -> PublishedModel:
    check_name(name)
    if not isinstance(table, dict):
        raise reading.wrong(name, f"{name} must be a table")
    kind = reading.take(table, "kind", str, f"one of {', '.join(ROLES)}", ROLES.__contains__, default="mxnet")
    files = reading.rows(PublishedFile, table, "files")
    roles = [file.role for file in files if not file.precision or file.precision == _first_precision(files)]
    if sorted(roles) != sorted(ROLES[kind]):
        raise reading.wrong(name, f"{name} needs one file for each of the roles {', '.join(ROLES[kind])}")
    for file in files:
        _check_file(reading, name, file)
    return PublishedModel(
        name=name,
        kind=kind,
        version=reading.take(table, "version", str, "a text"),
        description=reading.take(table, "description", str, "a text"),
        licence=reading.take(table, "licence", str, "a text"),
        advice=reading.row(Advice, table["advice"], "advice") if "advice" in table else Advice(""),
        preprocessing=reading.preprocessing(table),
        files=files,
        accuracy=accuracy_rows(reading, table),
        training=reading.take(table, "training", dict, "a table", default={}),
        scale=float(reading.take(table, "scale", int | float, "a number above 0", _is_above_0, default=1.0)),
    )


def _first_precision(files: tuple[PublishedFile, ...]) -> str:
    return next((file.precision for file in files if file.precision), "")


def _is_above_0(value: float) -> bool:
    return 0 < value < math.inf


def _check_file(reading: TomlReading, name: str, file: PublishedFile) -> None:
    for address in file.addresses:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise reading.wrong("address", f"{name}: {address!r} is not an http(s) address")
    if file.sha256 is not None and not SHA256.fullmatch(file.sha256):
        raise reading.wrong("sha256", f"{name}: {file.sha256!r} is not a SHA-256 checksum")
