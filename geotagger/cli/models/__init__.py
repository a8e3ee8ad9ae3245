"""`geotagger models`: which models there are, what they are, fetching, importing and quantising them."""

import typer

from geotagger.cli.models import importing, listing, pulling, quantize


def register(app: typer.Typer) -> None:
    models = typer.Typer(
        no_args_is_help=True,
        help="The models that recognise places: which are installed, which can be had.",
    )
    models.command("list")(listing.list_models)
    models.command("show")(listing.show_model)
    models.command("pull")(pulling.pull_model)
    models.command("import")(importing.import_model)
    quantize.register(models)
    app.add_typer(models, name="models")
