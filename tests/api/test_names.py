"""What `import geotagger` gives, and what it costs."""

import importlib
import subprocess
import sys

import pytest

import geotagger


@pytest.mark.parametrize("name", geotagger.__all__)
def test_every_name_of_the_library_is_there_and_explained(name: str) -> None:
    value = getattr(geotagger, name)
    assert value.__name__ == name
    assert value.__doc__ or issubclass(value, geotagger.GeotaggerError)
    assert name in dir(geotagger)


def test_another_name_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="no attribute 'tagg'"):
        _ = geotagger.tagg  # type: ignore[attr-defined]


def _python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_library_imports_nothing_that_is_not_asked_for() -> None:
    loaded = "import sys, geotagger; print(*sorted(m for m in sys.modules if m.startswith('geotagger')))"
    rooms = _python(loaded).split()
    assert "geotagger.api" not in rooms
    assert not {"numpy", "PIL", "sqlite3", "typer", "rich"} & set(
        _python("import sys, geotagger; print(*sys.modules)").split()
    )


def test_reading_facts_needs_no_index_no_model_and_no_command_line() -> None:
    loaded = _python("import sys, geotagger; geotagger.read_facts; print(*sys.modules)").split()
    assert not {"onnxruntime", "typer", "rich", "sqlite3"} & set(loaded)


@pytest.mark.parametrize("room", ["tag.corridor", "evaluate.archive", "cli"])
def test_a_function_stays_what_it_is_when_the_room_of_its_name_is_imported(room: str) -> None:
    """Python would bind the room's name over the function's."""
    for order in (f"import geotagger.{room}; import geotagger", f"import geotagger; import geotagger.{room}"):
        assert _python(f"{order}; print(type(geotagger.tag) is type(geotagger.evaluate))").strip() == "True"
    importlib.import_module(f"geotagger.{room}")
    assert callable(geotagger.tag)


def test_all_names_can_be_imported_at_once() -> None:
    _python("from geotagger import *; tag; undo; Writing; UsageError")
