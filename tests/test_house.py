"""The house itself: lint, format, strict types, one-way flow, and documentation that cannot drift."""

import ast
import graphlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperCommand, TyperGroup

from geotagger.cli import build
from tests.reference import REFERENCE, reference

ROOT = Path(__file__).parents[1]

FLOW = (
    "gazetteer",
    "archive",
    "photo",
    "model",
    "engine",
    "text",
    "look",
    "tracks",
    "estimate",
    "metadata",
    "index",
    "tag",
    "evaluate",
    "export",
    "web",
    "handoff",
    "api",
    "cli",
)
"""The rooms in the order a photo passes them; each may import only what stands left of it."""

MOST_LINES = 400
"""A module that passes these is asking to become two."""


@pytest.mark.timeout(900)  # types without a cache, on a busy machine
@pytest.mark.parametrize(
    "check",
    [("ruff", "check", "."), ("ruff", "format", "--check", "."), ("mypy",)],
    ids=["lint", "format", "types"],
)
def test_the_code_passes(check: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, "-m", *check], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def _room(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "geotagger" and len(parts) > 1 and parts[1] in FLOW else None


def test_rooms_import_only_what_stands_left_of_them() -> None:
    backwards = set()
    for path in (ROOT / "geotagger").rglob("*.py"):
        here = _room(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for module in _imports(path):
            there = _room(module)
            if here and there and FLOW.index(there) > FLOW.index(here):
                backwards.add(f"{path.relative_to(ROOT)} imports {module}")
            if module.split(".")[0] == "training" and here != "cli":
                backwards.add(f"{path.relative_to(ROOT)} imports {module}")
    assert not backwards


def test_every_room_stands_in_the_order_in_the_table_and_in_the_picture() -> None:
    rooms = {path.parent.name for path in (ROOT / "geotagger").glob("*/__init__.py")}
    assert rooms == set(FLOW)
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(\w+)` \|", page, re.M)) == rooms
    picture = (ROOT / "docs" / "flow.svg").read_text(encoding="utf-8")
    words = set(re.findall(r"\w+", " ".join(re.findall(r">([^<>]+)<", picture))))
    assert rooms <= words, rooms - words


def test_every_file_that_the_page_of_the_house_names_is_there() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    today = re.sub(r"## What stood twice.*?(?=^## )", "", page, flags=re.M | re.S)
    named = set(re.findall(r"`((?:\w+/)+\w+\.py|(?:\w+/)+)`", today))
    missing = {name for name in named if not any((ROOT / base / name).exists() for base in ("", "geotagger"))}
    assert len(named) > 20
    assert not missing


def test_no_files_import_each_other_in_a_circle() -> None:
    """Imports inside functions count, too; those for types alone do not."""
    files = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for room in ("geotagger", "training")
        for path in (ROOT / room).rglob("*.py")
    }
    graph = {module: _imported(path) & files.keys() - {module} for module, path in files.items()}
    graphlib.TopologicalSorter(graph).prepare()  # CycleError names the files of a circle


def test_no_file_of_the_package_is_longer_than_a_reader_bears() -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines())
        for room in ("geotagger", "training")
        for path in (ROOT / room).rglob("*.py")
    }
    assert not {name: lines for name, lines in sizes.items() if lines > MOST_LINES}


FOREIGN_MESSAGES = {
    "geotagger/engine/onnx_build.py": "the loader of the system tells a library it lacks in words alone",
    "geotagger/engine/mxnet_runner.py": "MXNet has one class of errors; its text says that memory ran out",
    "geotagger/engine/openvino_runner.py": "so has OpenVINO",
    "geotagger/photo/decode.py": "so has libheif",
    "training/fit/processes.py": "gloo tells in words alone that another process went away",
}
"""Files that must read the text of another library's errors, and why. Ours carry what happened as values.
(ONNX Runtime's are read by engine/memory.py, for all who run it.)"""

_OF_TEXT = {
    "startswith",
    "endswith",
    "removeprefix",
    "removesuffix",
    "partition",
    "rpartition",
    "replace",
    "find",
}
_OF_PATTERNS = {"search", "match", "fullmatch", "findall", "sub"}


def test_nothing_is_decided_by_the_words_of_an_error() -> None:
    readers = {
        str(path.relative_to(ROOT)): lines
        for room in ("geotagger", "training")
        for path in (ROOT / room).rglob("*.py")
        if (lines := list(_lines_that_read_messages(path.read_text(encoding="utf-8"))))
    }
    assert readers.keys() == FOREIGN_MESSAGES.keys(), readers


@pytest.mark.parametrize(
    "wrong",
    [
        "if path in str(error): pass",
        "if str(error) == 'a link': pass",
        "if str(error).startswith('a link'): pass",
        "reason = str(error).partition(';')[0]",
        "text = str(error)\n    if text.lower().endswith('left alone'): pass",
        "if PATTERN.search(str(error)): pass",
        "if error.reason.startswith('a link'): pass",
        "if 'link' in outcome.reason: pass",
        "if 'link' in error.args[0]: pass",
        "if 'link' in f'{error}': pass",
    ],
)
def test_a_decision_by_the_words_of_an_error_is_found(wrong: str) -> None:
    assert list(_lines_that_read_messages(f"try:\n    pass\nexcept OSError as error:\n    {wrong}\n"))


@pytest.mark.parametrize(
    "right",
    [
        "said = ' '.join(str(error).split())[:120]",
        "if error.errno in (1, 2): pass",
        "print(str(error).strip())",
    ],
)
def test_words_of_an_error_may_be_shown(right: str) -> None:
    assert not list(_lines_that_read_messages(f"try:\n    pass\nexcept OSError as error:\n    {right}\n"))


def _lines_that_read_messages(code: str) -> Iterator[int]:
    """Where a comparison, a method of texts or a pattern is given an error's text, or a record's reason."""
    tree = ast.parse(code)
    errors = {node.name for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler) and node.name}
    errors |= {
        node.arg
        for node in ast.walk(tree)
        if isinstance(node, ast.arg) and node.annotation and ast.unparse(node.annotation).endswith("Error")
    }
    texts: set[str] = set()

    def is_message(node: ast.AST) -> bool:
        for part in ast.walk(node):
            if isinstance(part, ast.Attribute) and part.attr in ("reason", "message"):
                return not isinstance(node, ast.List)
            if isinstance(part, ast.Name) and part.id in texts:
                return True
            if isinstance(part, ast.Attribute) and part.attr == "args" and _is_name(part.value, errors):
                return True
            if isinstance(part, ast.FormattedValue) and _is_name(part.value, errors):
                return True
            if isinstance(part, ast.Call) and _is_name(part.func, {"str"}):
                return any(_is_name(argument, errors) for argument in part.args)
        return False

    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and _is_of(node.value, "str") and is_message(node.value):
            texts |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides, operators = [node.left, *node.comparators], node.ops
            is_of_none = any(isinstance(side, ast.Constant) and side.value is None for side in sides)
            if not is_of_none and operators and any(map(is_message, sides)):
                yield node.lineno
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of_text = node.func.attr in _OF_TEXT and is_message(node.func.value)
            of_pattern = node.func.attr in _OF_PATTERNS and any(map(is_message, node.args))
            if of_text or of_pattern:
                yield node.lineno


def _is_of(node: ast.AST, function: str) -> bool:
    return any(isinstance(part, ast.Call) and _is_name(part.func, {function}) for part in ast.walk(node))


def _is_name(node: ast.AST, names: set[str]) -> bool:
    return isinstance(node, ast.Name) and node.id in names


def _imported(path: Path) -> set[str]:
    """The modules that a file imports when it runs; of `from room import part` the part that is a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            parts = {f"{node.module}.{alias.name}" for alias in node.names}
            modules |= {part for part in parts if _is_file(part)} or {node.module}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
    return modules


def _is_file(module: str) -> bool:
    path = ROOT.joinpath(*module.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _commands(group: TyperGroup, name: str) -> Iterator[tuple[str, TyperCommand]]:
    for key, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from _commands(command, f"{name} {key}")
        else:
            assert isinstance(command, TyperCommand)
            yield f"{name} {key}", command


COMMANDS = dict(_commands(build(), "geotagger"))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example_and_json(name: str) -> None:
    command = COMMANDS[name]
    assert command.help, f"{name} has no help"
    assert name in command.help, f"the help of {name} shows no example of it"
    flags = {flag for parameter in command.params for flag in parameter.opts}
    assert "--json" in flags, f"{name} has no --json"
    for parameter in command.params:
        assert getattr(parameter, "help", None), f"{name} {parameter.name} is not explained"


def test_the_command_reference_is_what_the_program_says() -> None:
    shipped = (ROOT / REFERENCE).read_text(encoding="utf-8")
    assert shipped == reference(), "write it anew: python -m tests.reference"


def test_documents_link_to_files_that_exist() -> None:
    missing = []
    for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "benchmarks").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8")):
            if not (document.parent / target).exists():
                missing.append(f"{document.relative_to(ROOT)} → {target}")
    assert not missing
