"""Where the future begins: photos and tracks are not from there, and what says so is wrong.

By this machine's clock, where it can be right. One that was lost shows a time before this geotagger was made
(a machine without a battery begins in 1970): by such a clock every new photo would be from the future.
"""

from datetime import UTC, datetime, timedelta

MADE = datetime(2026, 11, 1)
"""No clock that is right shows less, in UTC."""

_A_LIFETIME = timedelta(days=30 * 365)


def is_clock_lost() -> bool:
    return _now() < MADE


def present() -> datetime:
    """The present in UTC, without a zone. Where the clock is lost nobody knows it: it may be any time of the
    next decades."""
    return _now() if not is_clock_lost() else MADE + _A_LIFETIME


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
