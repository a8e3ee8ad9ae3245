"""Runs commands the way a user does: in a process of its own, with an index and a home of its own."""

import functools
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tests.forking import ForkServer


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The JSON lines of standard output; anything else there is an error."""
        return [json.loads(line) for line in self.out.splitlines()]

    def by_name(self) -> dict[str, dict[str, Any]]:
        return {os.path.basename(record["path"]): record for record in self.records}


class Geotagger:
    """`geotagger` with the home folder `home` and the index `home/index.db`."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.index = home / "index.db"
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("GEOTAGGER_", "XDG_"))},
            "HOME": str(home),
            "XDG_DATA_HOME": str(home / "data"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CONFIG_HOME": str(home / "config"),
            "GEOTAGGER_INDEX": str(self.index),
            "GEOTAGGER_MODELS": str(home / "models"),
        }

    def __call__(self, *arguments: object, code: int | None = 0, timeout: float = 120) -> Said:
        """Runs the command; `code` is the exit code to insist on."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            ended = self._run(arguments, out, err, timeout)
            out.seek(0)
            err.seek(0)
            said = Said(ended, out.read().decode(), err.read().decode(errors="surrogateescape"))
        assert "Traceback" not in said.err, said.err
        if code is not None:
            assert said.code == code, f"exit code {said.code}\n{said.out}\n{said.err}"
        return said

    def _run(self, arguments: Sequence[object], out: IO[bytes], err: IO[bytes], timeout: float) -> int:
        server, command = fork_server(), self.command(*arguments)
        if server is not None and server.can(self.environment):
            streams = out.fileno(), err.fileno()
            return server.run(command[3:], self.environment, self.home, streams, timeout)
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            timeout=timeout,
        )
        return done.returncode

    def start(self, *arguments: object) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def command(self, *arguments: object) -> list[str]:
        if self.home.is_dir():
            know_the_machine(self.home / ".cache")
        return [
            sys.executable,
            "-m",
            "geotagger",
            *(os.fspath(a) if isinstance(a, Path) else str(a) for a in arguments),
        ]


def know_the_machine(cache: Path) -> None:
    """How fast it is, as a user's caches know who has used it: to find out takes each core a second, and
    `tests/engine/test_speed.py` does."""
    speed = cache / "geotagger" / "speed.json"
    if not speed.exists():
        speed.parent.mkdir(parents=True, exist_ok=True)
        speed.write_text(json.dumps({_machine(): {"products": {"fp32": 100.0, "int8": 200.0}}}))


@functools.cache
def _machine() -> str:
    from geotagger.engine import speed

    return speed._machine()


@functools.cache
def fork_server() -> ForkServer | None:
    """What starts commands quickly; None where processes cannot be forked."""
    return ForkServer() if hasattr(os, "fork") and sys.platform == "linux" else None


def interrupt(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
