"""Whether two runs said the same of photos."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest


def assert_same(one: Mapping[str, Sequence[Any]], other: Mapping[str, Sequence[Any]]) -> None:
    """But for the last bits: products of matrices of other shapes differ in them."""
    assert one.keys() == other.keys()
    for name, row in one.items():
        for mine, theirs in zip(row, other[name], strict=True):
            assert mine == (pytest.approx(theirs, abs=2e-6) if isinstance(theirs, float) else theirs), name
