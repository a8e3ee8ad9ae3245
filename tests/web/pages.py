"""The page as its owner starts it: the command in a process of its own, asked over the loopback address."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.commands import Geotagger


@dataclass(frozen=True)
class Page:
    """`address` holds the token and ends in a slash."""

    address: str
    process: "subprocess.Popen[bytes]"

    @property
    def origin(self) -> str:
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def token(self) -> str:
        return urlsplit(self.address).path.strip("/")

    def get(self, path: str, **query: Any) -> Any:
        answer = httpx.get(self.address + path, params=query, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, told: dict[str, Any], code: int = 200) -> Any:
        answer = httpx.post(self.address + path, json=told, headers={"origin": self.origin}, timeout=120)
        assert answer.status_code == code, answer.text
        return answer.json()


@contextmanager
def open_page(geotagger: Geotagger, *arguments: object) -> Iterator[Page]:
    process = geotagger.start("review", "--no-browser", "--json", *arguments)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read().decode()
        yield Page(json.loads(line)["address"], process)
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
        process.stderr.close()
