"""What a run did as one JSON object in a file, for whoever watches runs that nobody sees."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from geotagger.errors import INTERRUPTED_EXIT_CODE, GeotaggerError

if TYPE_CHECKING:
    from geotagger.tag.outcome import Outcome, RunResult

_MOST_FAILURES = 1000


class RunSummary:
    """Gathers what a run says, and writes it when the run is over, however it ends. `exit_code`: what the
    command would end with now."""

    def __init__(self, file: Path | None, paths: list[str], *, dry_run: bool) -> None:
        self._file, self._paths, self._dry_run = file, paths, dry_run
        self.exit_code = 0
        self._failures: list[dict[str, str | None]] = []
        self._result: RunResult | None = None

    def outcome(self, outcome: "Outcome") -> None:
        if outcome.status == "failed" and len(self._failures) < _MOST_FAILURES:
            self._failures.append({"path": outcome.path, "reason": outcome.reason})

    @contextmanager
    def written(self) -> Iterator["RunSummary"]:
        """The file is there, whole, when this block is over."""
        started, begun = datetime.now(UTC), time.monotonic()
        self.exit_code, error = 0, None
        try:
            yield self
        except typer.Exit as ended:
            self.exit_code = ended.exit_code
            raise
        except GeotaggerError as ended:
            self.exit_code, error = ended.exit_code, str(ended)
            raise
        except KeyboardInterrupt:
            self.exit_code, error = INTERRUPTED_EXIT_CODE, "interrupted"
            raise
        except Exception as ended:  # what nobody foresaw must not read as a run that went well
            self.exit_code, error = 1, f"{type(ended).__name__}: {ended}"
            raise
        finally:
            if self._file is not None:
                seconds = round(time.monotonic() - begun, 3)
                self._write(self._file, self._record(started, seconds, error))
            self._failures, self._result = [], None

    def result(self, result: "RunResult") -> None:
        self._result = result

    def _record(self, started: datetime, seconds: float, error: str | None) -> dict[str, Any]:
        result = self._result
        record: dict[str, Any] = {
            "geotagger": "summary of a run",
            "paths": self._paths,
            "dry_run": self._dry_run,
            "started": started.isoformat(timespec="seconds"),
            "seconds": seconds,
            "exit_code": self.exit_code,
            "error": error,
            "run": None if result is None else result.run,
            "is_complete": result is not None and result.is_complete,
            "photos": 0 if result is None else result.tally.seen,
            "counts": {} if result is None else dict(result.tally.statuses),
            "placed_by": {} if result is None else dict(result.tally.rungs),
            "reasons": [],
            "failures": self._failures,
        }
        if result is not None:
            groups = result.tally.groups.most_common()
            record["reasons"] = [
                {"status": status, "reason": reason, "photos": photos} for (status, reason), photos in groups
            ]
        return record

    @staticmethod
    def _write(file: Path, record: dict[str, Any]) -> None:
        from geotagger.export.writing import write

        write([json.dumps(record, indent=None), "\n"], file, "summary")
