"""TOML files of ours, read strictly: packs and the catalogue.

Every value that is taken is checked for its kind, tables become dataclasses field by field, and
errors name the file, the line and the key. Knows nothing of what the values mean.
"""

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, TypeVar

from geotagger.errors import PackError
from geotagger.model.plain_files import check_plain
from geotagger.model.preprocessing import Preprocessing, PreprocessingError, preprocessing_of
from geotagger.small_files import LARGEST_TOML, read_small, toml_of

Kind = TypeVar("Kind")


class TomlReading:
    """One file under examination. `advice` ends every error: what the reader can do."""

    def __init__(self, path: Path, missing: str, advice: str) -> None:
        self.path, self.advice = path, advice
        check_plain(path)
        try:
            raw = read_small(path, LARGEST_TOML)
            self.text = raw.decode("utf-8", "replace")
            self.table: dict[str, Any] = toml_of(raw)
        except FileNotFoundError:
            raise PackError(path, f"no such file; {missing}") from None
        except OSError as error:
            raise PackError(path, f"cannot be read ({error.strerror})") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise PackError(path, f"not TOML: {error}; {advice}") from None
        except ValueError as error:
            raise PackError(path, f"{error}; {advice}") from None

    def take(
        self,
        table: Mapping[str, Any],
        key: str,
        kind: Any,
        wanted: str,
        accepts: Callable[[Any], bool] = lambda _: True,
        **default: Any,
    ) -> Any:
        """The value of `key`, or `default=` where it is missing and one is given."""
        if key not in table:
            if "default" in default:
                return default["default"]
            raise PackError(self.path, f"{key} is missing; {self.advice}")
        value = table[key]
        if isinstance(value, bool) is not (kind is bool) or not isinstance(value, kind) or not accepts(value):
            raise self.wrong(key, f"{key} must be {wanted}, not {_shown(value)}")
        return value

    def preprocessing(self, table: Mapping[str, Any]) -> Preprocessing:
        try:
            return preprocessing_of(self.take(table, "input", dict, "a table"))
        except PreprocessingError as error:
            raise self.wrong(error.key, f"input: {error}") from None

    def rows(self, kind: type[Kind], table: Mapping[str, Any], key: str) -> tuple[Kind, ...]:
        """A list of tables as dataclasses; empty where it is missing."""
        return tuple(
            self.row(kind, row, key) for row in self.take(table, key, list, "a list of tables", default=[])
        )

    def row(self, kind: type[Kind], value: Any, section: str) -> Kind:
        """A dataclass from a table, field by field."""
        if not isinstance(value, dict):
            raise self.wrong(section, f"{section} must be a table")
        choices = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
        ready: dict[str, Any] = {}
        for key in value:
            if key not in choices:
                raise self.wrong(key, f"{section}.{key} is not known; known are {', '.join(choices)}")
            accepts, wanted = _FIELD_KINDS[choices[key].type]
            if not accepts(value[key]):
                raise self.wrong(key, f"{section}.{key} must be {wanted}, not {_shown(value[key])}")
            ready[key] = tuple(value[key]) if isinstance(value[key], list) else value[key]
        lacking = [
            name
            for name, field in choices.items()
            if name not in ready and field.default is MISSING and field.default_factory is MISSING
        ]
        if lacking:
            raise self.wrong(section, f"{section} lacks {' and '.join(lacking)}")
        return kind(**ready)

    def wrong(self, key: str, what: str) -> PackError:
        """The line is that of the first `key =` or `[key]`, the only one for most keys."""
        at = re.search(rf'^\s*\[*"?(?:[\w"]+\.)*?"?{re.escape(key)}"?\s*(?:=|\])', self.text, re.MULTILINE)
        line = f"line {self.text[: at.end()].count(chr(10)) + 1}: " if at else ""
        return PackError(self.path, f"{line}{what}; {self.advice}")


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "…"


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_numbers(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(n, int | float) and not isinstance(n, bool) and math.isfinite(n) for n in value
    )


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


_FIELD_KINDS: dict[Any, tuple[Callable[[object], bool], str]] = {
    int: (_is_whole, "a whole number"),
    int | None: (_is_whole, "a whole number"),
    float: (lambda value: _is_numbers([value]), "a number"),
    bool: (lambda value: isinstance(value, bool), "true or false"),
    str: (lambda value: isinstance(value, str), "a text"),
    str | None: (lambda value: isinstance(value, str), "a text"),
    tuple[float, ...]: (_is_numbers, "a list of numbers"),
    tuple[str, ...]: (_is_texts, "a list of texts"),
    Mapping[str, Any]: (lambda value: isinstance(value, dict), "a table"),
}
