"""A file to write into whose content is taken away in pieces, for formats that want a file."""


class Sink:
    """What is written waits until it is taken; it cannot be read or sought."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> int:
        self._waiting.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits that could not be taken."""

    def close(self) -> None:
        self.closed = True

    def readable(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def take(self) -> bytes:
        data = b"".join(self._waiting)
        self._waiting.clear()
        return data
