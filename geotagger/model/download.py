"""Fetches one file over HTTP: whole, checked, resumed where it broke off.

Takes an address and a folder, leaves the whole file there, or a `.part` of it with the server's
mark of the version it belongs to, so that the next attempt goes on where this one ended
(RFC 9110: Range 14.2, If-Range 13.1.5). Proxies are those of the environment. Knows nothing of models.

What it guards against: dropped and stalled connections, refused ranges, a file that changed
between attempts, wrong sizes, redirects from https to http. What it cannot: a publisher who has
another file at the address and no known checksum to tell it by.
"""

import errno
import hashlib
import http.client
import json
import os
import re
import shutil
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from filelock import FileLock, Timeout

from geotagger import __version__
from geotagger.errors import DownloadError

Progress = Callable[[int, int | None], object]
"""Called with the bytes there are by now and the whole size, None while nobody said it."""

_CHUNK = 1 << 18
_LARGEST_UNANNOUNCED = 1 << 32  # where neither the server nor the catalogue states a size
_TIMEOUT_S = 30.0
_ATTEMPTS = 4  # in a row without a single new byte
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429, 500, 502, 503, 504})
_OF_RIGHTS = (401, 403)
_SIZE = "[0-9]{1,18}"
"""What is longer is no size, and Python makes no number of thousands of digits."""
_LONGEST_WAIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Received:
    """is_stated: whether the server itself stated this checksum, as hubs do that keep files by it."""

    path: Path
    bytes: int
    sha256: str
    is_stated: bool = False


class _BrokenOffError(Exception):
    """The connection failed; another attempt may do better, after `wait_s` if the server said so."""

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


def fetch(
    address: str,
    folder: Path,
    *,
    expected_bytes: int | None = None,
    expected_sha256: str | None = None,
    token: str | None = None,
    progress: Progress | None = None,
) -> Received:
    """The file at `address`, whole and checked, in `folder`, from an earlier attempt if it is
    there already. token: a bearer's, for the host of `address` alone. DownloadError names the address
    and what was kept."""
    transfer = _Transfer(address, folder, expected_bytes, progress, token)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(transfer):
            if os.path.exists(transfer.whole):
                transfer.recall_stated()
            else:
                _persist(transfer)
            received = transfer.checked(expected_sha256)
            transfer.progress(received.bytes, received.bytes)
            return received
    except Timeout:
        raise DownloadError(f"{address}: another geotagger is fetching it; wait for that one") from None
    except OSError as error:
        what = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error))
        raise DownloadError(
            f"{address}: cannot be stored in {folder} ({what}); what came so far is kept, "
            "make room and pull again"
        ) from None


@contextmanager
def _locked(transfer: "_Transfer") -> Iterator[None]:
    """Keeps another geotagger from the same file. The lock's own file goes with it: removed while
    held, so that nobody finds it free and gone."""
    lock = FileLock(transfer.path("lock"), timeout=0)
    with lock:
        try:
            yield
        finally:
            with suppress(OSError):
                transfer.path("lock").unlink()


def forget(address: str, folder: Path) -> None:
    """Removes what an earlier `fetch` left of the file."""
    transfer = _Transfer(address, folder, None, None)
    for path in (transfer.whole, *(transfer.path(kind) for kind in ("part", "json", "lock"))):
        with suppress(OSError):
            path.unlink()


def _persist(transfer: "_Transfer") -> None:
    idle, most = 0, transfer.there()
    while True:
        try:
            transfer.attempt()
            return
        except _BrokenOffError as broken:
            idle = 0 if transfer.there() > most else idle + 1
            most = max(most, transfer.there())
            if idle >= _ATTEMPTS:
                raise DownloadError(
                    f"{transfer.address}: {broken}, {_ATTEMPTS} times in a row; "
                    f"{transfer.there():,} bytes are kept, pull again to go on from there"
                ) from None
            time.sleep(
                min(_LONGEST_WAIT_S, 2.0 ** max(0, idle - 1) if broken.wait_s is None else broken.wait_s)
            )


class _Transfer:
    def __init__(
        self,
        address: str,
        folder: Path,
        expected: int | None,
        progress: Progress | None,
        token: str | None = None,
    ) -> None:
        self.address, self.expected, self.token = address, expected, token
        self.progress = progress or (lambda *_: None)
        self.size_before: int | None = None
        self.stated: str | None = None
        base = re.sub(r"[^\w.-]", "_", unquote(urlsplit(address).path).rsplit("/", 1)[-1])[:80] or "file"
        key = hashlib.sha256(address.encode()).hexdigest()[:12]
        self.whole = folder / f"{key}-{base}"

    def path(self, kind: str) -> Path:
        return self.whole.with_name(f"{self.whole.name}.{kind}")

    def there(self) -> int:
        try:
            return self.path("part").stat().st_size
        except OSError:
            return 0

    def attempt(self) -> None:
        """One request; returns when the file is whole."""
        mark = self.mark() if self.there() else None
        headers = {"User-Agent": f"geotagger/{__version__}", "Accept-Encoding": "identity"}
        if mark is not None:
            headers |= {"Range": f"bytes={self.there()}-", "If-Range": mark}
        request = urllib.request.Request(self.address, headers=headers)
        if self.token:
            # not among the headers that a redirect takes along: it is for this host alone
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        redirects = _NoDowngrade()
        try:
            with urllib.request.build_opener(redirects).open(request, timeout=_TIMEOUT_S) as response:
                self.stated = redirects.stated or _stated_in(response.headers)
                linked = redirects.size or _linked_size(response.headers)
                self.check_size(linked)
                self.receive(response, linked)
        except urllib.error.HTTPError as error:
            error.close()
            self.refused(error)
        except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
            if isinstance(getattr(error, "reason", None), ssl.SSLCertVerificationError):
                raise DownloadError(
                    f"{self.address}: its certificate is not valid ({_reason(error)}); nothing was fetched"
                ) from None
            raise _BrokenOffError(_reason(error)) from None

    def receive(self, response: Any, linked: int | None) -> None:
        """linked: how long a hub says that the file is."""
        start, whole = self.start_and_size(response)
        self.check_size(whole)
        if linked is not None and whole not in (None, linked):
            self.restart()
            raise DownloadError(
                f"{self.address}: has {whole:,} bytes where its hub states {linked:,}; it was not used, pull "
                "again"
            )
        whole = linked if whole is None else whole
        self.check_room((whole or self.expected or 0) - start)
        if start == 0:
            self.remember(response.headers, whole)
        with self.path("part").open("r+b" if start else "wb") as file:
            file.seek(start)
            done = self.copy(response, file, start, whole)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        if whole is not None and done < whole:
            raise _BrokenOffError(f"the connection ended after {done:,} of {whole:,} bytes")
        self.check_size(done)
        self.path("json").unlink(missing_ok=True)
        if self.stated:  # a whole file may wait for others of its model
            self.path("json").write_text(json.dumps({"address": self.address, "stated": self.stated}))
        self.path("part").replace(self.whole)

    def start_and_size(self, response: Any) -> tuple[int, int | None]:
        """Where the body begins in the file, and how long the file is."""
        if response.status == 206:
            part = response.headers.get("Content-Range", "")
            stated = re.fullmatch(rf"bytes ({_SIZE})-({_SIZE})/({_SIZE})", part)
            if stated and int(stated[1]) == self.there() and self.size_before in (None, int(stated[3])):
                return int(stated[1]), int(stated[3])
            self.restart()
            raise _BrokenOffError("the server sent another part than the one asked for", 0.0)
        return 0, _size_in(response.headers, "Content-Length")

    def copy(self, response: Any, file: IO[bytes], done: int, whole: int | None) -> int:
        limit = whole if whole is not None else self.expected or _LARGEST_UNANNOUNCED
        self.progress(done, whole)
        while True:
            try:
                chunk = response.read(_CHUNK)
            except http.client.IncompleteRead as error:
                file.write(error.partial)
                raise
            except OSError as error:  # of the network; one of the disk comes from the writing below
                raise _BrokenOffError(_reason(error)) from None
            if not chunk:
                return done
            file.write(chunk)
            done += len(chunk)
            if done > limit:
                self.restart()
                raise DownloadError(
                    f"{self.address}: sends more than {limit:,} bytes; nothing was kept of it"
                )
            self.progress(done, whole)

    def check_size(self, size: int | None) -> None:
        if self.expected is not None and size is not None and size != self.expected:
            self.restart()
            raise DownloadError(
                f"{self.address}: has {size:,} bytes where {self.expected:,} are known to be right; "
                "it was not used, the publisher may have changed it"
            )

    def check_room(self, more: int) -> None:
        free = shutil.disk_usage(self.whole.parent).free
        if more > free:
            raise DownloadError(
                f"{self.address}: needs {more:,} more bytes in {self.whole.parent}, where {free:,} are free; "
                "make room and pull again"
            )

    def refused(self, error: urllib.error.HTTPError) -> None:
        if error.code == 416 and self.there():  # our part is no part of what is there now
            self.restart()
            raise _BrokenOffError("the file at the address has changed", 0.0)
        if error.code in _WORTH_ANOTHER_TRY:
            wait = error.headers.get("Retry-After", "")
            raise _BrokenOffError(
                f"the server answers {error.code} {error.reason}", float(wait) if wait.isdecimal() else None
            )
        asks = (
            "A Hugging Face hub that asks for a token is given HF_TOKEN. " if error.code in _OF_RIGHTS else ""
        )
        raise DownloadError(
            f"{self.address}: the server answers {error.code} {error.reason}; nothing was installed. {asks}"
            "If the file has moved, give a catalogue with its new address (--catalogue), or fetch it "
            "by other means and use `geotagger models import`"
        )

    def mark(self) -> str | None:
        """What names the version that the part belongs to; None, and no part, when nothing does."""
        try:
            state = json.loads(self.path("json").read_bytes())
            mark, self.size_before = state["mark"], state["bytes"]
            if state["address"] == self.address and isinstance(mark, str) and mark.isprintable():
                return mark
        except (OSError, ValueError, KeyError, TypeError):
            pass
        self.restart()
        return None

    def recall_stated(self) -> None:
        try:
            state = json.loads(self.path("json").read_bytes())
            self.stated = state["stated"] if state["address"] == self.address else None
        except (OSError, ValueError, KeyError, TypeError):
            self.stated = None

    def remember(self, headers: Message, whole: int | None) -> None:
        """If-Range wants a strong ETag; a date serves where there is none."""
        etag = headers.get("ETag", "")
        mark = etag if etag.startswith('"') else headers.get("Last-Modified")
        self.path("json").write_text(json.dumps({"address": self.address, "mark": mark, "bytes": whole}))

    def restart(self) -> None:
        for kind in ("part", "json"):
            self.path(kind).unlink(missing_ok=True)

    def checked(self, expected_sha256: str | None) -> Received:
        with self.whole.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
        if self.expected is not None and size != self.expected:
            self.whole.unlink()
            self.check_size(size)
        if expected_sha256 is not None and sha256 != expected_sha256:
            self.restart()
            self.whole.unlink()
            raise DownloadError(
                f"{self.address}: has the SHA-256 {sha256} where {expected_sha256} is known to be right; "
                "it was removed, the publisher may have changed it"
            )
        if expected_sha256 is None and self.stated not in (None, sha256):
            self.restart()
            self.whole.unlink()
            raise DownloadError(
                f"{self.address}: has the SHA-256 {sha256} where its server states {self.stated}; "
                "it was removed, pull again"
            )
        return Received(self.whole, size, sha256, is_stated=self.stated == sha256)


class _NoDowngrade(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to http, where anybody may answer, nor to anything but HTTP.
    stated, size: the SHA-256 by which the first server that says one keeps the file, and its size there. A
    redirect within one host, as of a repository that was renamed, takes a token along; no other does."""

    stated: str | None = None
    size: int | None = None

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        refusal = None
        if urlsplit(newurl).scheme not in ("http", "https"):
            refusal = f"redirects to {newurl}, which is not HTTP"
        elif req.full_url.startswith("https:") and not newurl.startswith("https:"):
            refusal = f"redirects to the unprotected {newurl}"
        if refusal:
            fp.close()
            raise DownloadError(f"{req.full_url}: the server {refusal}; not followed")
        self.stated = self.stated or _stated_in(headers)
        self.size = self.size or _linked_size(headers)
        onward = super().redirect_request(req, fp, code, msg, headers, newurl)
        token = req.unredirected_hdrs.get("Authorization")
        if onward is not None and token and urlsplit(newurl)[:2] == urlsplit(req.full_url)[:2]:
            onward.add_unredirected_header("Authorization", token)
        return onward


def _stated_in(headers: Any) -> str | None:
    """The SHA-256 that a server keeps the file by: the Hugging Face hub's X-Linked-Etag, the object id of
    Git LFS. Of a small file it is another hash, which is not looked at."""
    linked = headers.get("X-Linked-Etag", "").strip('"').lower()
    return linked if re.fullmatch("[0-9a-f]{64}", linked) else None


def _linked_size(headers: Any) -> int | None:
    """The size of the file that the hub's X-Linked-Etag names: X-Linked-Size."""
    return _size_in(headers, "X-Linked-Size")


def _size_in(headers: Any, name: str) -> int | None:
    stated = headers.get(name, "").strip()
    return int(stated) if re.fullmatch(_SIZE, stated) else None


def _reason(error: BaseException) -> str:
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, TimeoutError):
        return f"nothing came for {_TIMEOUT_S:.0f} seconds"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return f"the connection broke off ({cause if isinstance(cause, str) else type(cause).__name__})"
