"""Waiting for photos to come: what `tag --watch` does between two runs."""

import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from geotagger.archive import is_photo_name, is_sidecar_name
from geotagger.archive.names import check_is_there
from geotagger.archive.takeout import TAKEOUT_EXTENSION
from geotagger.errors import ArchiveError, UsageError

if TYPE_CHECKING:
    from watchfiles import Change

_QUIET_MS = 1000
"""So long nothing must change before a run begins: cameras and synchronisers bring photos by the dozen."""
_LONGEST_MS = 60_000
_TURN_MS = 1000
_POLL_MS = 10_000
"""Between two looks through all folders, where the system's own news cannot be read."""


class Watched:
    """Folders that are watched from now on, also while a run goes on. The files `ours`, which a run writes,
    are no change."""

    def __init__(self, paths: Sequence[str], ours: Sequence[Path], stop: Event) -> None:
        try:
            from watchfiles import watch
        except ImportError:
            raise UsageError("--watch needs watchfiles: pip install 'photo-geotagger[watch]'") from None
        for path in paths:
            check_is_there(path)
        self._ours = {os.path.realpath(path) for path in ours}
        self._stop = stop
        self._paths = paths
        self._watch = partial(
            watch,
            *(os.path.realpath(path) for path in paths),
            watch_filter=self._is_news,
            debounce=_LONGEST_MS,
            step=_QUIET_MS,
            stop_event=stop,
            rust_timeout=_TURN_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        self._is_polling = False
        self._turns: Iterator[set[tuple[Change, str]]] = self._watch()
        self._turn()

    def wait(self) -> bool:
        """Waits until something has changed, and then for a moment without changes; False when asked to
        stop."""
        while not self._stop.is_set():
            if self._turn():
                return True
        return False

    def _turn(self) -> bool:
        odd_news = 0
        while True:
            try:
                return bool(next(self._turns, None)) or (odd_news > 0 and not self._stop.is_set())
            except RuntimeError as error:
                if odd_news == 3 and self._is_polling:
                    raise self._cannot(str(error)) from error
                if odd_news == 3:
                    self._is_polling, odd_news = True, 0
                    self._watch = partial(self._watch, force_polling=True, poll_delay_ms=_POLL_MS)
                # watchfiles ends at a name that is not UTF-8; the next run finds which it was. A folder of
                # such a name ends every watch but that which looks through all folders by itself
                odd_news += 1
                self._stop.wait(_QUIET_MS / 1000)
                self._turns = self._watch()
            except OSError as error:
                raise self._cannot(error.strerror or str(error)) from error

    def _cannot(self, why: str) -> ArchiveError:
        paths = ", ".join(self._paths)
        return ArchiveError(f"{paths}: cannot be watched ({why}); a timer does as well, see docs/cron.md")

    def _is_news(self, _: "Change", path: str) -> bool:
        name = os.path.basename(path)
        if name.startswith(".") or path in self._ours:
            return False
        # a folder that comes, or goes, is told by itself alone
        may_be_folder = not os.path.lexists(path) or os.path.isdir(path)
        return (
            is_photo_name(name)
            or is_sidecar_name(name)
            or name.lower().endswith(f".{TAKEOUT_EXTENSION}")
            or may_be_folder
        )
