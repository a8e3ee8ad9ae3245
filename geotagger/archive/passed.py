"""What a walk passes over, and why."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A path that the walk did not take in, and the reason, one line without the path. `kind`: what it is or
    why: a link that leads nowhere or in a circle, a special file, something that could not be read (and may
    hold photos), or the root of an archive that seems to be away."""

    path: str
    reason: str
    kind: Literal["link", "special", "unreadable", "away"] = "unreadable"

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


Problem = Callable[[PassedOver], None]
"""Called with what was passed over; the walk goes on."""
