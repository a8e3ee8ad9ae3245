"""The wire format of protocol buffers, as far as ONNX files need it (protobuf.dev, "Encoding").

Takes bytes, mapped or in memory, and gives where each field of a message lies, so that a file of any
size is looked at without reading its weights; and the few bytes that stand before a field that is
written. Knows nothing of what the fields mean.
"""

import mmap
from collections.abc import Iterator
from typing import NamedTuple

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Field(NamedTuple):
    """One field of a message: its number, where its key begins, and where its value starts and ends."""

    number: int
    begin: int
    start: int
    end: int


class MalformedError(Exception):
    """Bytes that are no message."""


def fields(data: mmap.mmap, start: int, end: int) -> Iterator[Field]:
    """The fields of the message that lies between `start` and `end`, in their order."""
    at = start
    while at < end:
        begin = at
        key, at = read_varint(data, at, end)
        wire = key & 7
        if wire == VARINT:
            _, stop = read_varint(data, at, end)
        elif wire == BYTES:
            length, at = read_varint(data, at, end)
            stop = at + length
        elif wire in (FIXED64, FIXED32):
            stop = at + (8 if wire == FIXED64 else 4)
        else:
            raise MalformedError
        if stop > end:
            raise MalformedError
        yield Field(key >> 3, begin, at, stop)
        at = stop


def fields_of(data: mmap.mmap, within: Field, number: int) -> Iterator[Field]:
    """The fields of one number in the message that `within` holds."""
    return (field for field in fields(data, within.start, within.end) if field.number == number)


def read_varint(data: mmap.mmap, at: int, end: int) -> tuple[int, int]:
    """The number at `at`, and where what follows it starts."""
    value = shift = 0
    while at < end and shift < 70:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise MalformedError


def text(data: mmap.mmap, field: Field) -> str:
    return data[field.start : field.end].decode("utf-8")


def varint(value: int) -> bytes:
    """The bytes of a number."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def head(number: int, length: int) -> bytes:
    """What stands before the value of a field of `length` bytes."""
    return varint(number << 3 | BYTES) + varint(length)
