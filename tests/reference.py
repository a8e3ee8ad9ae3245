"""Writes the command reference, `docs/commands.md`, from the program itself.

python -m tests.reference
"""

from pathlib import Path

import typer
import typer.cli
from typer.core import TyperGroup
from typer.main import get_command

from geotagger.cli import build

REFERENCE = Path("docs/commands.md")


def command_tree() -> TyperGroup:
    tree = get_command(build())
    assert isinstance(tree, TyperGroup)
    return tree


def reference() -> str:
    tree = command_tree()
    text = typer.cli.get_docs_for_click(obj=tree, ctx=typer.Context(tree), name="geotagger")
    note = "<!-- Generated: python -m tests.reference -->\n\n"
    return note + text.strip() + "\n"


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
