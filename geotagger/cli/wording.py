"""What typer says of options and of wrong values, put into the words of those who read it.

Takes the command tree, and typer's errors. Knows nothing of what any command does.
"""

from typing import Any

import typer
from typer.core import TyperArgument, TyperGroup, TyperOption


class PlainGroup(TyperGroup):
    """A group that says plainly what is wrong with a value of one of its commands."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = what_is_wrong(error)
            raise


def what_is_wrong(error: typer.BadParameter) -> str:
    """In plain words: by the kind of error that pydantic found (its documentation, "Validation
    Errors"); what typer found itself it says well enough."""
    found: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    if not found:
        return error.message.rstrip(".")
    kind, value, limits = found[0]["type"], found[0]["input"], found[0].get("ctx", {})
    if kind == "value_error":
        return str(limits["error"]).rstrip(".")
    if kind == "greater_than_equal":
        return f"{value} is too small; {limits['ge']:g} or more is wanted"
    if kind == "less_than_equal":
        return f"{value} is too large; {limits['le']:g} or less is wanted"
    wanted = {"float": "a number", "int": "a whole number", "bool": "true or false", "path": "a path"}
    return f"{value!r} is not {wanted.get(kind.partition('_')[0], 'what is wanted')}"


def hide_types(group: TyperGroup, context: typer.Context | None = None) -> None:
    """Takes the names of Python's types and the bounds of numbers out of the help of all commands:
    what is wanted stands in the metavar of an option, and an argument's name says it."""
    context = context or typer.Context(group, **group.context_settings)
    for command in (group, *group.commands.values()):
        for parameter in command.get_params(context):
            _hide_type(parameter)
        if isinstance(command, TyperGroup) and command is not group:
            hide_types(command, context)


def _hide_type(parameter: Any) -> None:
    if isinstance(parameter, TyperArgument):
        parameter.display_type_rich = lambda ctx: None  # type: ignore[method-assign]  # noqa: ARG005
    elif isinstance(parameter, TyperOption):
        parameter.min = parameter.max = None  # as shown; what is checked stands elsewhere
        if parameter.is_flag:
            parameter.metavar = ""
