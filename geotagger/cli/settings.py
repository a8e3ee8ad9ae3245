"""Settings from `geotagger.toml` and `GEOTAGGER_*`, as defaults for the options of every command.

A key at the top of the file is meant for every command that has an option of that name; a
table (`[tag]`, `[models.pull]`) for that command alone. The environment goes before the file,
the command line before both:

    min-confidence = 0.7            GEOTAGGER_MIN_CONFIDENCE=0.7
    [tag]
    model = "rn101-5k500"           GEOTAGGER_TAG_MODEL=rn101-5k500

What `[tag]` says of how photos are weighed and what is written counts for `evaluate`, too, which tells what
`tag` would do; its own table goes before.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from geotagger.cli.wording import what_is_wrong
from geotagger.errors import UsageError
from geotagger.small_files import LARGEST_TOML, read_small, toml_of

FILE_NAME = "geotagger.toml"
CONFIG_VARIABLE = "GEOTAGGER_CONFIG"

_AS_TAG = {
    "evaluate": {
        *("min_confidence", "precision", "within", "model", "track", "clock", "with", "without"),
        *("reference", "no_habits", "no_time_zone", "no_sequence"),
    }
}
"""Commands that tell what `tag` would do, and which of its settings are theirs."""

StatedSetting = dict[str, tuple[str, Any]]
"""What a file says: an option's flag, with underscores → the key that said it and the value."""


class Settings:
    """What file and environment say, and which keys of the file a command had a use for."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.path = _settings_file(environment)
        self.table = _read(self.path) if self.path else {}
        self.used: set[str] = set()


def default_map(group: TyperGroup, environment: Mapping[str, str]) -> dict[str, Any]:
    """The nested defaults that a command group takes: command → parameter → value. Raises
    UsageError for a file that cannot be read, a key that no command knows, and a value that its
    option cannot take."""
    settings = Settings(environment)
    defaults = _for_group(group, settings, settings.table, {}, ())
    if unknown := sorted(_keys(settings.table) - settings.used):
        raise UsageError(
            f"{settings.path}: no command has the setting {unknown[0]!r}; see `geotagger --help`"
        )
    return defaults


def _settings_file(environment: Mapping[str, str]) -> Path | None:
    if named := environment.get(CONFIG_VARIABLE):
        return Path(named)
    here = Path(FILE_NAME)
    if os.path.isfile(here):
        return here
    from platformdirs import user_config_path

    own = user_config_path("geotagger", appauthor=False) / FILE_NAME
    return own if os.path.isfile(own) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return toml_of(read_small(path, LARGEST_TOML))
    except OSError as error:
        raise UsageError(f"{path}: the settings cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from error


def _keys(table: Mapping[str, Any], prefix: str = "") -> set[str]:
    keys: set[str] = set()
    for key, value in table.items():
        keys |= _keys(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}"}
    return keys


def _setting_from(table: Mapping[str, Any], trail: tuple[str, ...]) -> StatedSetting:
    return {
        key.replace("-", "_"): (".".join((*trail, key)), value)
        for key, value in table.items()
        if not isinstance(value, dict)
    }


def _for_group(
    group: TyperGroup,
    settings: Settings,
    table: Mapping[str, Any],
    outer: StatedSetting,
    trail: tuple[str, ...],
) -> dict[str, Any]:
    values = outer | _setting_from(table, trail)
    defaults: dict[str, Any] = {}
    for name, command in group.commands.items():
        own = table.get(name)
        own = own if isinstance(own, dict) else {}
        here = (*trail, name)
        if isinstance(command, TyperGroup):
            defaults[name] = _for_group(command, settings, own, values, here)
        else:
            assert isinstance(command, TyperCommand)
            of_tag = table.get("tag") if name in _AS_TAG and not trail else None
            as_tag = _setting_from(of_tag, ("tag",)) if isinstance(of_tag, dict) else {}
            shared = {flag: stated for flag, stated in as_tag.items() if flag in _AS_TAG[name]}
            stated = values | shared | _setting_from(own, here)
            defaults[name] = _for_command(command, settings, stated, here)
    return defaults


def _for_command(
    command: TyperCommand, settings: Settings, values: StatedSetting, trail: tuple[str, ...]
) -> dict[str, Any]:
    defaults: dict[str, Any] = {}
    context = typer.Context(command)
    for parameter in command.params:
        flag = next((o[2:].replace("-", "_") for o in parameter.opts if o.startswith("--")), None)
        if flag is None or parameter.name is None:
            continue
        several = getattr(parameter, "multiple", False)
        source = ""
        if flag in values:
            key, value = values[flag]
            settings.used.add(key)
            source = f"{settings.path}: {key}"
            defaults[parameter.name] = [value] if several and isinstance(value, str) else value
        as_tag = [f"tag_{flag}"] if flag in _AS_TAG.get("_".join(trail), ()) else []
        for name in (flag, *as_tag, "_".join((*trail, flag))):
            variable = "GEOTAGGER_" + name.upper().replace("-", "_")
            if (text := settings.environment.get(variable)) is not None:
                source = variable
                # several values of one option are separated as the folders of PATH are
                defaults[parameter.name] = text.split(os.pathsep) if several else text
        if source:
            try:
                parameter.process_value(context, defaults[parameter.name])
            except typer.BadParameter as error:
                said = f"{source} = {defaults[parameter.name]!r}: {what_is_wrong(error)}"
                raise UsageError(said) from error
    return defaults
