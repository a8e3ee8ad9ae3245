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
from collections.abc import Iterator, Mapping, Sequence
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

_INSTEAD = {"min_confidence": "precision", "precision": "min_confidence"}
"""Options of which one finds the other: what is said of one goes before what was said of the other, too."""

StatedSetting = dict[str, tuple[str, Any]]
"""What a file or the environment says: an option's flag, with underscores → the key or the variable that said
it and the value."""


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
    defaults = _for_group(group, settings, settings.table, (), ())
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
    outer: tuple[StatedSetting, ...],
    trail: tuple[str, ...],
) -> dict[str, Any]:
    """outer: what is said of all commands, each table before those that stand farther left."""
    tables = (*outer, _setting_from(table, trail))
    defaults: dict[str, Any] = {}
    for name, command in group.commands.items():
        own = table.get(name)
        own = own if isinstance(own, dict) else {}
        here = (*trail, name)
        if isinstance(command, TyperGroup):
            defaults[name] = _for_group(command, settings, own, tables, here)
        else:
            assert isinstance(command, TyperCommand)
            of_tag = table.get("tag") if name in _AS_TAG and not trail else None
            as_tag = _setting_from(of_tag, ("tag",)) if isinstance(of_tag, dict) else {}
            shared = {flag: stated for flag, stated in as_tag.items() if flag in _AS_TAG[name]}
            defaults[name] = _for_command(
                command, settings, (*tables, shared, _setting_from(own, here)), here
            )
    return defaults


def _for_command(
    command: TyperCommand, settings: Settings, tables: Sequence[StatedSetting], trail: tuple[str, ...]
) -> dict[str, Any]:
    parameters = {
        flag: parameter
        for parameter in command.params
        if parameter.name is not None and (flag := _flag_of(parameter)) is not None
    }
    stated: StatedSetting = {}
    for table in tables:
        own = {flag: said for flag, said in table.items() if flag in parameters}
        settings.used.update(key for key, _ in own.values())
        stated = _over(
            stated, {flag: (f"{settings.path}: {key}", value) for flag, (key, value) in own.items()}
        )
    for variables in _variables(settings.environment, parameters, trail):
        stated = _over(stated, variables)
    defaults: dict[str, Any] = {}
    context = typer.Context(command)
    for flag, parameter in parameters.items():
        if flag in stated:
            assert parameter.name is not None
            source, value = stated[flag]
            defaults[parameter.name] = [value] if _is_list(parameter) and isinstance(value, str) else value
            try:
                parameter.process_value(context, defaults[parameter.name])
            except typer.BadParameter as error:
                said = f"{source} = {defaults[parameter.name]!r}: {what_is_wrong(error)}"
                raise UsageError(said) from error
    return defaults


def _over(stated: StatedSetting, later: StatedSetting) -> StatedSetting:
    """What was stated, and what goes before it."""
    return {flag: said for flag, said in stated.items() if _INSTEAD.get(flag) not in later} | later


def _variables(
    environment: Mapping[str, str], parameters: Mapping[str, Any], trail: tuple[str, ...]
) -> Iterator[StatedSetting]:
    """Those of every command, those of `tag` that count here, and those of this command alone."""
    name = "_".join(trail)
    for start, flags in (("", parameters), ("tag_", _AS_TAG.get(name, set())), (f"{name}_", parameters)):
        stated: StatedSetting = {}
        for flag in flags:
            variable = f"GEOTAGGER_{start}{flag}".upper().replace("-", "_")
            text = environment.get(variable)
            if text is not None and flag in parameters:
                # several values of one option are separated as the folders of PATH are
                stated[flag] = (variable, text.split(os.pathsep) if _is_list(parameters[flag]) else text)
        yield stated


def _flag_of(parameter: Any) -> str | None:
    """The first long name of an option, with underscores."""
    return next((o[2:].replace("-", "_") for o in parameter.opts if o.startswith("--")), None)


def _is_list(parameter: Any) -> bool:
    return bool(getattr(parameter, "multiple", False))
