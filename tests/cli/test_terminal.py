"""A terminal obeys what stands in names of files, in photos and in an index that somebody else made: none of
their control characters reaches it. What programs read stays as it is."""

import os
import pty
import sys
from collections.abc import Callable

import pytest
from rich.markup import escape
from rich.table import Table

from geotagger.cli.common import say, screen, write_whole
from geotagger.cli.tables import print_lines, print_table

HOSTILE = "a\x1b]0;PWN\x07\x1b[31m\u009b2J\u202e\rb [/] :cat:"
SHOWN = "a\\x1b]0;PWN"


def as_a_terminal_gets_it(show: Callable[[], None]) -> bytes:
    """What comes to a terminal that is standard output and error."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream, os.fdopen(ours, "rb", buffering=0) as terminal:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(sys, "stdout", stream)
            patched.setattr(sys, "stderr", stream)
            patched.setenv("COLUMNS", "300")
            show()
        stream.flush()
        return terminal.read(1 << 16)


def in_a_table() -> None:
    table = Table("name", title=escape(HOSTILE))
    table.add_row(escape(HOSTILE))
    screen().print(table)


@pytest.mark.parametrize(
    "show",
    [
        lambda: say(HOSTILE),
        lambda: screen().print(escape(HOSTILE)),
        in_a_table,
        lambda: print_table(["name"], [[HOSTILE]]),
        lambda: print_lines([[HOSTILE]]),
        lambda: write_whole([f"path,place\r\n{HOSTILE},x\r\n"]),
        lambda: write_whole([os.fsencode(HOSTILE) + b"\0"]),
    ],
)
def test_control_characters_are_shown_to_a_terminal_as_escapes(show: Callable[[], None]) -> None:
    shown = as_a_terminal_gets_it(show)
    for one in ("\x1b]", "\x1b[31m", "\x07", "\u009b", "\u202e", "\rb"):
        assert one.encode() not in shown
    assert SHOWN.encode() in shown  # Rich leaves out some of the others
    assert b" [/] :cat:" in shown


def test_what_a_program_reads_keeps_every_byte(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    with os.fdopen(os.dup(1), "w") as stream, pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "stdout", stream)
        write_whole([b"/photos/\xff\x1b\0", f"{HOSTILE}\r\n"])
    assert capfdbinary.readouterr().out == b"/photos/\xff\x1b\0" + f"{HOSTILE}\r\n".encode()
