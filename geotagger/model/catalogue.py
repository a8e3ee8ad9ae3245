"""The published models that geotagger can fetch, as models/catalogue.toml lists them.

Takes the shipped catalogue or another file of the same form (a mirror's, a test's), gives
its models. Fetches nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from geotagger.errors import ModelNotInstalledError
from geotagger.model.manifest import SHA256, Accuracy, accuracy_rows, check_name
from geotagger.model.preprocessing import Preprocessing
from geotagger.model.toml_reading import TomlReading

FILE_NAME = "catalogue.toml"
ROLES = ("symbol", "params", "cells")


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """bytes, sha256: None where nobody published them. `checksum` says where the known came from."""

    role: str
    address: str
    bytes: int | None = None
    sha256: str | None = None
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """One model of the catalogue; `files` has a file for each of `ROLES`."""

    name: str
    version: str
    description: str
    licence: str
    preprocessing: Preprocessing
    files: tuple[PublishedFile, ...]
    accuracy: tuple[Accuracy, ...]
    training: Mapping[str, Any]

    def file(self, role: str) -> PublishedFile:
        return next(file for file in self.files if file.role == role)


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
    files = reading.rows(PublishedFile, table, "files")
    if sorted(file.role for file in files) != sorted(ROLES):
        raise reading.wrong(name, f"{name} needs one file for each of the roles {', '.join(ROLES)}")
    for file in files:
        parts = urlsplit(file.address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise reading.wrong("address", f"{name}: {file.address!r} is not an http(s) address")
        if file.sha256 is not None and not SHA256.fullmatch(file.sha256):
            raise reading.wrong("sha256", f"{name}: {file.sha256!r} is not a SHA-256 checksum")
    return PublishedModel(
        name=name,
        version=reading.take(table, "version", str, "a text"),
        description=reading.take(table, "description", str, "a text"),
        licence=reading.take(table, "licence", str, "a text"),
        preprocessing=reading.preprocessing(table),
        files=files,
        accuracy=accuracy_rows(reading, table),
        training=reading.take(table, "training", dict, "a table", default={}),
    )
