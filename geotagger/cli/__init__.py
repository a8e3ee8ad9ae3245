"""The commands. Each module of this package parses, calls one room, and renders; no logic lives here."""

import typer

app = typer.Typer(
    name="geotagger",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Finds out where your photos were taken, writes it into them without harm, and remembers it.",
)


def main() -> None:
    app()
