"""What an answer is made of: JSON that any browser takes, and errors in one line."""

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from geotagger.errors import (
    ArchiveBusyError,
    GeotaggerError,
    IndexUnusableError,
    PhotoError,
    UsageError,
)
from geotagger.index.soundness import damaged_rows

Endpoint = Callable[[Request], Response]


def answer(value: Any, status: int = 200) -> Response:
    """Pure ASCII, so that names which are not UTF-8 survive; never markup, whatever it holds."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json")


def problem(text: str, status: int) -> Response:
    return answer({"error": text}, status)


def in_one_line(endpoint: Endpoint) -> Endpoint:
    """An error of ours becomes an answer with its line; so does one that nobody foresaw, without its
    trace: rows of the index that are damaged are named, as a command names them."""

    @wraps(endpoint)
    def run(request: Request) -> Response:
        try:
            return endpoint(request)
        except UsageError as error:
            return problem(str(error), 400)
        except PhotoError as error:
            return problem(str(error), 404)
        except ArchiveBusyError as error:
            return problem(str(error), 409)
        except IndexUnusableError as error:
            return problem(str(error), 503)
        except GeotaggerError as error:
            return problem(str(error), 500)
        except Exception as error:
            if damaged := damaged_rows():
                return problem("; ".join(damaged), 503)
            return problem(f"geotagger made a mistake ({type(error).__name__}: {error})", 500)

    return run


def number(request: Request, name: str, low: float, high: float, default: float | None = None) -> float:
    """A number out of the query, within bounds. Raises UsageError."""
    text = request.query_params.get(name)
    if text is None and default is not None:
        return default
    try:
        value = float(text or "")
    except ValueError:
        raise UsageError(f"{name}: a number is wanted") from None
    if not low <= value <= high:
        raise UsageError(f"{name}: {value:g} is not between {low:g} and {high:g}")
    return value


def whole(request: Request, name: str, default: int | None = None, *, low: int = 0) -> int:
    """A whole number out of the query that SQLite can hold. Raises UsageError."""
    text = request.query_params.get(name)
    if text is None and default is not None:
        return default
    return whole_number(name, text, low=low)


def whole_number(name: str, value: object, *, low: int = 0) -> int:
    """The same of a text or a JSON value."""
    is_text = (
        isinstance(value, str) and len(value) <= 20 and value.lstrip("-").isdecimal() and value.isascii()
    )
    if is_text or (isinstance(value, int) and not isinstance(value, bool)):
        number = int(value)  # type: ignore[call-overload]
        if low <= number < 1 << 63:
            return int(number)
    raise UsageError(f"{name}: a whole number is wanted")
