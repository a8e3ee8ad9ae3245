"""Runs commands the way a user does: in a process of its own, with an index and a home of its own."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


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
        done = subprocess.run(
            self.command(*arguments),
            env=self.environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
        )
        said = Said(done.returncode, done.stdout.decode(), done.stderr.decode(errors="surrogateescape"))
        assert "Traceback" not in said.err, said.err
        if code is not None:
            assert said.code == code, f"exit code {said.code}\n{said.out}\n{said.err}"
        return said

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
        return [
            sys.executable,
            "-m",
            "geotagger",
            *(os.fspath(a) if isinstance(a, Path) else str(a) for a in arguments),
        ]


def interrupt(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGINT)
