"""What looks at pictures in one process: this one, or one that another started."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from geotagger.look.overlap import Pixels
from geotagger.look.shares import Share

Answer_co = TypeVar("Answer_co", covariant=True)


class Looker(Protocol[Answer_co]):
    """`batch_size` and `lanes` as an Engine has them; asking for either opens it."""

    def batch_size(self) -> int: ...
    def lanes(self) -> int: ...

    def read(self, path: str) -> Pixels:
        """(3, S, S) for the engine, from any thread; PhotoError where there is nothing to look at."""
        ...

    def say(self, batch: Pixels) -> Sequence[Answer_co]:
        """An answer for each of (n, 3, S, S), from `lanes` threads at once."""
        ...

    def close(self) -> None: ...


OpenLooker = Callable[[Share, Callable[[str], None]], Looker[Answer_co]]
"""Makes what looks, with a share of the machine and a listener of its notes. It goes to other processes, so
it is a function of a module, or a `partial` of one."""
