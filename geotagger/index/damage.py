"""Rows of an index that a command passed over, not being as anybody writes them: to be named at its end.

Takes words, gives them back. One process, one list: a command reads the same row many times.
"""

_MOST_NAMED = 20

_passed: dict[str, None] = {}


def pass_over(what: str) -> None:
    """`what`: a row, named so that somebody finds it, as "row 7 of estimates"."""
    if len(_passed) <= _MOST_NAMED:
        _passed[what] = None


def passed_over() -> list[str]:
    """A line for each, and how to be rid of them."""
    named = list(_passed)
    _passed.clear()
    lines = [f"the index: {what} is damaged, and counts for nothing" for what in named[:_MOST_NAMED]]
    return [*lines, "the index: more of its rows are damaged"] if len(named) > _MOST_NAMED else lines
