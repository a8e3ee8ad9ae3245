"""Every error that a user of geotagger can meet, and the exit code it ends a command with.

    GeotaggerError                      1
    ├── UsageError                      2   a command was asked something it cannot do
    ├── ModelError                      3   no usable model
    │   ├── ModelNotInstalledError
    │   ├── ModelFileError                  one file of a model
    │   │   ├── PackError                       a pack on disk is damaged or contradicts itself
    │   │   └── CheckpointError                 MXNet files that cannot be read or converted
    │   ├── DownloadError                   a published file could not be fetched whole
    │   └── EngineError                     an engine or a device that this machine does not have
    │       └── StoppedError        130     its owner asked for an end, and it gave no answer
    ├── ArchiveBusyError                4   another run holds the archive
    ├── IndexUnusableError              5   the index is newer, corrupt, or cannot be opened
    ├── ArchiveError                    1   a directory vanished, or none of it can be read
    ├── PhotoError                      1   one photo; the run goes on
    │   ├── UnreadablePhotoError            not an image, truncated, or refused by its decoder
    │   │   └── TooLargeToSeeError          whole, as far as is seen, but its pixels would fill the memory
    │   └── WriteError                      could not be written; the original is as it was
    │       ├── NotCarriedOverError         a new file may not have the old one's owner or rights
    │       └── WriteRefusedError           cannot be written without harm: use a sidecar
    │           └── PlaceTakenError         a position stands there that is not to be replaced
    ├── SourceError                     1   a track, a label list or a data set that cannot be read
    ├── HandoffError                    1   a photo manager cannot be reached
    │   └── HandoffRefusedError             it answered that it will not do it
    └── TrainingError                   1   training cannot start or go on

An interrupted command (Ctrl-C) ends with 130; what was finished is kept.
"""

import os
from typing import ClassVar, Self

INTERRUPTED_EXIT_CODE = 130


class GeotaggerError(Exception):
    """An error to be shown to the user as one line, without a traceback."""

    exit_code: ClassVar[int] = 1


class DamagedIndexWarning(UserWarning):
    """A row of the index is not as geotagger writes it, and counted for nothing. A command says so and ends
    with 1."""


class UsageError(GeotaggerError):
    exit_code = 2


class ModelError(GeotaggerError):
    exit_code = 3


class ModelNotInstalledError(ModelError):
    pass


class ModelFileError(ModelError):
    """About one file of a model, or the folder of a pack. `path`: which, or the address that it came from;
    `reason`: what is wrong, without the path. The two make the line."""

    def __init__(self, path: str | os.PathLike[str], reason: str) -> None:
        super().__init__(os.fspath(path), reason)
        self.path, self.reason = os.fspath(path), reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"

    def of(self, path: str | os.PathLike[str], more: str = "") -> Self:
        """The same of the file under the name that its owner knows it by; `more`: what became of it."""
        return type(self)(path, f"{self.reason}; {more}" if more else self.reason)


class PackError(ModelFileError):
    pass


class CheckpointError(ModelFileError):
    pass


class DownloadError(ModelError):
    pass


class EngineError(ModelError):
    pass


class StoppedError(EngineError):
    exit_code = INTERRUPTED_EXIT_CODE


class ArchiveBusyError(GeotaggerError):
    exit_code = 4


class IndexUnusableError(GeotaggerError):
    exit_code = 5


class ArchiveError(GeotaggerError):
    pass


class PhotoError(GeotaggerError):
    """About one photo or sidecar. `path`: which; `reason`: what is wrong, without the path; `left`: what was
    left untouched and what to do, where there is more to say. The three make the line."""

    def __init__(self, path: str, reason: str, left: str = "") -> None:
        super().__init__(path, reason, left)
        self.path, self.reason, self.left = path, reason, left

    def __str__(self) -> str:
        return f"{self.path}: {self._said}"

    def about(self, path: str) -> str:
        """The line without the path, where it is this one: for a record that has the path beside it."""
        return self._said if self.path == path else str(self)

    @property
    def _said(self) -> str:
        return f"{self.reason}; {self.left}" if self.left else self.reason


class UnreadablePhotoError(PhotoError):
    pass


class TooLargeToSeeError(UnreadablePhotoError):
    pass


class WriteError(PhotoError):
    pass


class NotCarriedOverError(WriteError):
    pass


class WriteRefusedError(WriteError):
    pass


class PlaceTakenError(WriteRefusedError):
    pass


class SourceError(GeotaggerError):
    pass


class HandoffError(GeotaggerError):
    pass


class HandoffRefusedError(HandoffError):
    """`code`: of HTTP, as the server gave it."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text, code)
        self.code = code

    def __str__(self) -> str:
        return str(self.args[0])


class TrainingError(GeotaggerError):
    pass
