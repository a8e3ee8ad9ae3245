"""Streams in pieces: so many at a time are read, written or committed together."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")


def chunks(stream: Iterable[T], size: int) -> Iterator[list[T]]:
    source = iter(stream)
    while chunk := list(islice(source, size)):
        yield chunk
