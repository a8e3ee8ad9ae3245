"""Bytes from wherever they lie: a local path, HTTP(S), or any address fsspec knows (s3://, gs://…).

Gives whole files, up to a bound: a server, or a device, may never come to an end. Polite to servers:
connections are kept and reused, a busy server is waited for as long as it asks, failures are tried again at
growing intervals. Knows nothing of images.
"""

import re
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import geotagger
from geotagger.errors import TrainingError
from geotagger.small_files import read_small

_IS_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_AGENT = f"geotagger/{geotagger.__version__}"
_TRIES = 6
_CONNECT_TRIES = 4  # nobody there at all is told within the minute
_CONNECTIONS = 64
_AT_A_TIME = 1 << 16

LARGEST_IMAGE = 256 << 20


class MissingError(Exception):
    """The address holds nothing: asking again would not help."""


class TooLongError(MissingError):
    """More than anybody would call one image, shard or manifest."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most:,} bytes; the rest was not read")


class UnreachableError(Exception):
    """The address could not be reached, or broke off each time."""


def is_remote(address: str) -> bool:
    return bool(_IS_ADDRESS.match(address))


def joined(base: str, address: str) -> str:
    """`address` below `base`, unless it can stand alone."""
    if not base or is_remote(address) or address.startswith("/"):
        return address
    return f"{base.rstrip('/')}/{address}"


def read(address: str, most: int = LARGEST_IMAGE, *, tries: int = _TRIES) -> bytes:
    """The whole content; MissingError where it is not there or longer than `most`, UnreachableError, each
    with a short reason."""
    if address.startswith(("http://", "https://")):
        return _read_http(address, most, tries)
    if is_remote(address):
        return _read_fsspec(address, most)
    try:
        return read_small(Path(address), most)
    except FileNotFoundError:
        raise MissingError("no such file") from None
    except ValueError:
        raise TooLongError(most) from None
    except OSError as error:
        raise UnreachableError(error.strerror or str(error)) from None


def _read_http(address: str, most: int, tries: int) -> bytes:
    import logging

    import urllib3

    logging.getLogger("urllib3").setLevel(logging.ERROR)  # what it tries again is no news
    retry = urllib3.Retry(
        total=tries,
        connect=min(tries, _CONNECT_TRIES),
        backoff_factor=0.5,
        backoff_max=60,
        backoff_jitter=0.5,
        status_forcelist=(408, 425, 429, 500, 502, 503, 504),
        respect_retry_after_header=True,
        raise_on_status=True,
    )
    for left in reversed(range(tries)):
        try:
            answer = _connections().request("GET", address, retries=retry, preload_content=False)
            try:
                if answer.status != 200:
                    # read to its end, what the server says of it leaves the connection for the next image
                    with suppress(TooLongError):
                        _within(_AT_A_TIME, answer.stream(_AT_A_TIME))
                    raise MissingError(f"HTTP {answer.status}")
                return _within(most, answer.stream(_AT_A_TIME))
            finally:
                answer.close()
        except urllib3.exceptions.MaxRetryError as error:
            raise UnreachableError(_why(error)) from None
        except urllib3.exceptions.HTTPError as error:  # it broke off in the middle
            if not left:
                raise UnreachableError(_why(error)) from None
            time.sleep(0.5)
    raise AssertionError("there is at least one try")


def _within(most: int, pieces: Iterable[bytes]) -> bytes:
    content = bytearray()
    for piece in pieces:
        content += piece
        if len(content) > most:
            raise TooLongError(most)
    return bytes(content)


def _why(error: Exception) -> str:
    cause = getattr(error, "reason", None) or error
    return f"{type(cause).__name__}: {cause}"


@lru_cache(maxsize=1)
def _connections() -> Any:
    import urllib3

    return urllib3.PoolManager(
        maxsize=_CONNECTIONS,
        block=False,
        timeout=urllib3.Timeout(connect=10, read=60),
        headers={"User-Agent": _AGENT},
    )


def _read_fsspec(address: str, most: int) -> bytes:
    try:
        import fsspec

        files, path = fsspec.core.url_to_fs(address)
        if files.async_impl:
            return _copied(files, path, most)
        content = bytes(files.cat_file(path, end=most + 1))
    except TooLongError:
        raise
    except FileNotFoundError:
        raise MissingError("no such object") from None
    except ImportError as error:
        raise TrainingError(f"{address}: this kind of address needs another package: {error}") from None
    except Exception as error:
        # every store has errors of its own: botocore's, for one, are no OSErrors
        name = type(error).__name__
        advice = " (a public bucket? set FSSPEC_S3_ANON=true)" if "Credentials" in name else ""
        raise UnreachableError(f"{name}: {error}{advice}") from None
    if len(content) > most:
        raise TooLongError(most)
    return content


def _copied(files: Any, path: str, most: int) -> bytes:
    """In one request, where opening a file would make three, and piece by piece: a store need not heed a
    range of bytes, and what it sends for one would be kept in memory to its end."""
    from fsspec.callbacks import Callback

    def check(size: int | None, value: int) -> None:
        if max(size or 0, value) > most:
            raise TooLongError(most)

    if hasattr(files, "max_concurrency"):
        files.max_concurrency = 1  # s3fs fetches what is large in ranges, each kept in memory to its end
    with TemporaryDirectory() as folder:
        copy = Path(folder, "copy")
        files.get_file(path, str(copy), callback=Callback(hooks={"bound": check}))
        return copy.read_bytes()
