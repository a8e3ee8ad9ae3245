"""XML as it streams by, whatever wrote it and whoever sent it.

Takes an open file, gives the elements that are asked for as they open and close. Bounded: no tree is kept,
and entities, which can blow a page up to a planet, are refused. Lenient where loggers are careless: blanks
before the declaration, bytes that are not of the declared encoding, prefixes that nobody declared. Knows no
format.
"""

import codecs
import re
import sys
from collections.abc import Collection, Iterator
from typing import IO, NamedTuple
from xml.parsers import expat

_PART_BYTES = 1 << 16
_LONGEST_TEXT = 16 << 20
"""A line of a long flight has some megabytes of coordinates."""
_LONGEST_TAG = 4 << 20
_DEEPEST = 1000
_DECLARED = re.compile(r"<\?xml[^>]*?encoding\s*=\s*[\"']([\w.:-]+)[\"']")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


class Event(NamedTuple):
    """An element that opens (with its attributes) or closes (with its own text); `depth` is 1 at the root.
    Names are without their prefix."""

    opens: bool
    name: str
    depth: int
    attributes: dict[str, str]
    text: str


class _Listener:
    """Gathers the events of the elements of these names until they are collected."""

    def __init__(self, names: Collection[str], most: int) -> None:
        self.events: list[Event] = []
        self._left = most
        self._names = frozenset(names)
        self._local: dict[str, str] = {}
        self._depth = 0
        self._text: list[str] = []
        self._length = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._left -= 1
        if self._left < 0:
            raise ValueError("it has far more elements than a track of its size does")
        if self._depth > _DEEPEST:
            raise ValueError(f"elements lie more than {_DEEPEST} deep in one another")
        self._text.clear()
        self._length = 0
        name = self._named(tag)
        if name in self._names:
            self.events.append(Event(True, name, self._depth, attributes, ""))

    def end(self, tag: str) -> None:
        name = self._named(tag)
        if name in self._names:
            self.events.append(Event(False, name, self._depth, {}, "".join(self._text).strip()))
        self._text.clear()
        self._length = 0
        self._depth -= 1

    def text(self, text: str) -> None:
        self._length += len(text)
        if self._length > _LONGEST_TEXT:
            raise ValueError("an element with a text of more than 16 MiB")
        self._text.append(text)

    def entity(self, name: str, *_: object) -> None:
        raise ValueError(f"it declares an entity ({name}), as no track needs and bombs do")

    def _named(self, tag: str) -> str:
        name = self._local.get(tag)
        if name is None:
            name = tag.rpartition(":")[2]
            if len(self._local) < 1000:
                self._local[tag] = name
        return name


def elements(file: IO[bytes], names: Collection[str], most: int = sys.maxsize) -> Iterator[Event]:
    """The elements of these local names, as they open and close; `most`: elements of any name. Raises
    ValueError where the file is no XML (any more), or asks for more than a track does; what came before has
    been given then."""
    listener = _Listener(names, most)
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    parser.StartElementHandler = listener.start
    parser.EndElementHandler = listener.end
    parser.CharacterDataHandler = listener.text
    parser.EntityDeclHandler = listener.entity
    fed = 0
    for part, last in _utf8(file):
        try:
            parser.Parse(part, last)
        except expat.ExpatError as error:
            yield from listener.events
            raise ValueError(f"no whole XML: {error}") from error
        except ValueError:
            yield from listener.events
            raise
        fed += len(part)
        if fed - parser.CurrentByteIndex > _LONGEST_TAG:
            raise ValueError("a tag of more than 4 MiB")
        yield from listener.events
        listener.events.clear()


def _utf8(file: IO[bytes]) -> Iterator[tuple[bytes, bool]]:
    """The text as UTF-8 from its first sign on, and whether it is the last part."""
    part = file.read(_PART_BYTES)
    decoder = codecs.getincrementaldecoder(_encoding(part))("replace")
    begun = False
    while True:
        following = file.read(_PART_BYTES)
        text = decoder.decode(part, not following)
        if not begun:
            text = text.lstrip("\ufeff \t\r\n\0")
            begun = bool(text)
        yield text.encode("utf-8", "replace"), not following
        if not following:
            return
        part = following


def _encoding(head: bytes) -> str:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding
    declared = _DECLARED.search(head[:1024].decode("latin-1"))
    try:
        name = codecs.lookup(declared[1]).name if declared else "utf-8"
    except LookupError:
        return "utf-8"
    # a declaration that can be read a byte a letter is not in UTF-16, whatever it says
    return "utf-8" if name.startswith(("utf-16", "utf-32")) else name
