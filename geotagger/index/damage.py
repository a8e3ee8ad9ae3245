"""Rows of an index that were passed over, not being as anybody writes them: to be named to whoever asked.

Each open index has a list of its own. What nobody has taken of it when a question ends is told as a warning,
which a command turns into lines and an exit code. Takes words, gives them back.
"""

import warnings

from geotagger.errors import DamagedIndexWarning

_MOST_NAMED = 20


class Damage:
    """path: the index's."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._rows: dict[str, None] = {}

    def pass_over(self, what: str) -> None:
        """`what`: a row, named so that somebody finds it, as "row 7 of estimates". The same one may be passed
        over many times."""
        if len(self._rows) <= _MOST_NAMED:
            self._rows[what] = None

    def taken(self) -> list[str]:
        """A line for each, the first twenty; they are not told again."""
        rows, self._rows = list(self._rows), {}
        lines = [f"{self._path}: {what} is damaged, and counts for nothing" for what in rows[:_MOST_NAMED]]
        return [*lines, f"{self._path}: more rows are damaged"] if len(rows) > _MOST_NAMED else lines

    def tell(self) -> None:
        """The same as warnings."""
        for line in self.taken():
            warnings.warn(line, DamagedIndexWarning, stacklevel=3)
