"""What the fuzzers hold against."""


class BrokenRuleError(Exception):
    """An input that shows a fault of ours."""
