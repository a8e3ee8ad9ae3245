"""What typer says of commands, options and wrong values, put into the words of those who read it.

Takes the command tree, and typer's errors. Knows nothing of what any command does.
"""

import copy
import functools
import inspect
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption


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
    errors: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    if not errors:
        return error.message.rstrip(".")
    kind, value, limits = errors[0]["type"], errors[0]["input"], errors[0].get("ctx", {})
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
        elif isinstance(command, TyperCommand):
            command.format_help = functools.partial(_show_short, command)  # type: ignore[method-assign]


def _show_short(command: TyperCommand, context: Any, formatter: Any) -> None:
    """The help on a screen: what the command is for, the example and the options come first, what else is
    to be said comes last, and a default stands in the line of its option. docs/commands.md has it all in the
    order of the docstring."""
    shown = copy.copy(command)
    first, *more = inspect.cleandoc(command.help or "").split("\n\n")
    examples = [paragraph for paragraph in more if paragraph.startswith("Example")]
    shown.help = "\n\n".join([first, *examples])
    shown.epilog = "\n\n".join(paragraph for paragraph in more if paragraph not in examples)
    usage, parameters = command.get_usage(context), command.get_params(context)
    shown.get_usage = lambda ctx: usage  # type: ignore[method-assign]  # noqa: ARG005
    shown.get_params = lambda ctx: [_in_a_line(one, ctx) for one in parameters]  # type: ignore[method-assign]
    type(command).format_help(shown, context, formatter)


def _in_a_line(parameter: Any, context: Any) -> Any:
    """The option or argument with what typer says on a second line in its first."""
    shown = copy.copy(parameter)
    shown.required, shown.show_default = False, False
    if parameter.required:
        shown.help = f"{parameter.help} [required]"
    elif parameter.show_default and not getattr(parameter, "is_flag", False):
        default = parameter.get_default(context, call=False)
        if default not in (None, ""):
            value = f"{default:g}" if isinstance(default, float) else getattr(default, "value", default)
            shown.help = f"{parameter.help} [default: {value}]"
    return shown


def _hide_type(parameter: Any) -> None:
    if isinstance(parameter, TyperArgument):
        parameter.display_type_rich = lambda ctx: None  # type: ignore[method-assign]  # noqa: ARG005
    elif isinstance(parameter, TyperOption):
        parameter.min = parameter.max = None  # as shown; what is checked stands elsewhere
        if parameter.is_flag:
            parameter.metavar = ""
