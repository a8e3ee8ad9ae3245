"""The progress bar of a terminal: a bar while it is known how many photos there are, one line that moves
where it is not, and never a bar that stands still."""

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column
from rich.text import Text


class _KnownOnly(ProgressColumn):
    """Another column, left out of phases whose end is not known."""

    def __init__(self, column: ProgressColumn, instead: ProgressColumn | None = None) -> None:
        super().__init__(table_column=column.get_table_column())
        self._column, self._instead = column, instead

    def render(self, task: Task) -> object:  # type: ignore[override]
        if task.total is not None:
            return self._column.render(task)
        return Text("") if self._instead is None else self._instead.render(task)


def progress_bar() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        _KnownOnly(BarColumn(bar_width=None, table_column=Column(ratio=1))),
        TextColumn("{task.fields[through]}"),
        TextColumn("{task.fields[rate]}"),
        _KnownOnly(TimeRemainingColumn(), TimeElapsedColumn()),
        console=Console(stderr=True),
        transient=True,
        expand=True,
    )
