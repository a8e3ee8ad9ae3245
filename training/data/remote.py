"""Bytes from wherever they lie: a local path, HTTP(S), or any address fsspec knows (s3://, gs://…).

Gives whole files. Polite to servers: connections are kept and reused, a busy server is waited
for as long as it asks, failures are tried again at growing intervals. Knows nothing of images.
"""

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import geotagger
from geotagger.errors import TrainingError

_IS_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_AGENT = f"geotagger/{geotagger.__version__}"
_TRIES = 6
_CONNECT_TRIES = 4  # nobody there at all is told within the minute
_CONNECTIONS = 64


class MissingError(Exception):
    """The address holds nothing: asking again would not help."""


class UnreachableError(Exception):
    """The address could not be reached, or broke off each time."""


def is_remote(address: str) -> bool:
    return bool(_IS_ADDRESS.match(address))


def joined(base: str, address: str) -> str:
    """`address` below `base`, unless it can stand alone."""
    if not base or is_remote(address) or address.startswith("/"):
        return address
    return f"{base.rstrip('/')}/{address}"


def read(address: str, *, tries: int = _TRIES) -> bytes:
    """The whole content; MissingError or UnreachableError, each with a short reason."""
    if address.startswith(("http://", "https://")):
        return _read_http(address, tries)
    if is_remote(address):
        return _read_fsspec(address)
    try:
        return Path(address).read_bytes()
    except FileNotFoundError:
        raise MissingError("no such file") from None
    except OSError as error:
        raise UnreachableError(error.strerror or str(error)) from None


def _read_http(address: str, tries: int) -> bytes:
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
    try:
        answer = _connections().request("GET", address, retries=retry)
    except urllib3.exceptions.HTTPError as error:
        cause = getattr(error, "reason", None) or error
        raise UnreachableError(f"{type(cause).__name__}: {cause}") from None
    if answer.status != 200:
        raise MissingError(f"HTTP {answer.status}")
    return bytes(answer.data)


@lru_cache(maxsize=1)
def _connections() -> Any:
    import urllib3

    return urllib3.PoolManager(
        maxsize=_CONNECTIONS,
        block=False,
        timeout=urllib3.Timeout(connect=10, read=60),
        headers={"User-Agent": _AGENT},
    )


def _read_fsspec(address: str) -> bytes:
    try:
        import fsspec

        files, path = fsspec.core.url_to_fs(address)
        return bytes(files.cat_file(path))  # in one request, where opening a file would make three
    except FileNotFoundError:
        raise MissingError("no such object") from None
    except ImportError as error:
        raise TrainingError(f"{address}: this kind of address needs another package: {error}") from None
    except Exception as error:
        # every store has errors of its own: botocore's, for one, are no OSErrors
        name = type(error).__name__
        advice = " (a public bucket? set FSSPEC_S3_ANON=true)" if "Credentials" in name else ""
        raise UnreachableError(f"{name}: {error}{advice}") from None
