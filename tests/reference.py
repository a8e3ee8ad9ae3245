"""Writes the command reference, `docs/commands.md`, from the program itself.

python -m tests.reference
"""

from pathlib import Path

import typer
import typer.cli

from geotagger.cli import build

REFERENCE = Path("docs/commands.md")


def reference() -> str:
    tree = build()
    context = typer.Context(tree, **tree.context_settings)
    text = typer.cli.get_docs_for_click(obj=tree, ctx=context, name="geotagger")
    note = "<!-- Generated: python -m tests.reference -->\n\n"
    return note + text.strip() + "\n"


if __name__ == "__main__":
    REFERENCE.write_text(reference(), encoding="utf-8")
