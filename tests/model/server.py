"""A web server on loopback that misbehaves as it is told."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Served:
    """content: by path. faults: what happens to the next GETs of a path, one each: `(status,)` to
    answer, a number of bytes of the body after which the connection drops, or None for a good
    answer. linked, linked_bytes: the checksum and the size that an answer states. claims: how many bytes
    Content-Length states too many (or, negative, too few)."""

    content: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Any]] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    claims: int = 0
    announces_length: bool = True
    redirects: dict[str, str] = field(default_factory=dict)
    linked: dict[str, str] = field(default_factory=dict)
    linked_bytes: dict[str, int | str] = field(default_factory=dict)
    retry_after: str = ""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    tokens: list[str | None] = field(default_factory=list)
    address: str = ""

    def url(self, path: str) -> str:
        return self.address + path


class _Handler(BaseHTTPRequestHandler):
    served: Served

    def do_GET(self) -> None:
        served = self.served
        served.requests.append((self.path, self.headers.get("Range")))
        served.tokens.append(self.headers.get("Authorization"))
        fault = next(iter(served.faults.get(self.path, [])), None)
        if self.path in served.faults:
            served.faults[self.path] = served.faults[self.path][1:]
        if self.path in served.redirects:
            self.send_response(302)
            self.send_header("Location", served.redirects[self.path])
            self.send_linked()
            self.end_headers()
        elif isinstance(fault, tuple):
            self.send_response(fault[0])
            if served.retry_after:
                self.send_header("Retry-After", served.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path not in served.content:
            self.send_error(404)
        else:
            self.send_content(served.content[self.path], fault)

    def send_content(self, content: bytes, drop_after: int | None) -> None:
        served, start = self.served, 0
        etag = served.etags.get(self.path, f'"{hash(content)}"')
        asked = self.headers.get("Range")
        if asked and served.ranges and self.headers.get("If-Range") == etag:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(content)}")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if etag:
            self.send_header("ETag", etag)
        self.send_linked()
        if served.announces_length:
            self.send_header("Content-Length", str(len(content) - start + served.claims))
        self.end_headers()
        body = content[start:]
        with suppress(ConnectionError):  # the client may go away first, which some tests want
            self.wfile.write(body if drop_after is None else body[:drop_after])
            self.wfile.flush()
            if drop_after is not None or served.claims:
                self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def send_linked(self) -> None:
        if self.path in self.served.linked:
            self.send_header("X-Linked-Etag", f'"{self.served.linked[self.path]}"')
        if self.path in self.served.linked_bytes:
            self.send_header("X-Linked-Size", str(self.served.linked_bytes[self.path]))

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def serving() -> Iterator[Served]:
    served = Served()
    handler = type("Handler", (_Handler,), {"served": served})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    served.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
