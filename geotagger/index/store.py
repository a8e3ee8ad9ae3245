"""The SQLite file under the index: opening it, transactions, and errors in the user's words.

Every statement of the room passes through a `Store`, so that a full disk, a second writer or a
damaged file becomes an IndexUnusableError wherever it is met. Knows no table.
"""

import contextlib
import itertools
import os
import sqlite3
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from geotagger.archive.mounts import is_on_network
from geotagger.errors import IndexUnusableError
from geotagger.index import misplaced, rectangles
from geotagger.index.damage import Damage
from geotagger.index.refusals import refusal_of
from geotagger.index.schema import APPLICATION_ID, VERSION, migrate

Mode = Literal["write", "read", "snapshot"]

OPENED: set[str] = set()
"""The files that this process had open: where to look when a row is not as we write them."""

_BUSY_MS = 30_000
_CACHE_KIB = 32_768
_HEADER = b"SQLite format 3\0"


class Store:
    """One connection. Threads may share it if they take turns: one transaction at a time.
    `has_rectangles`: queries may go by the R*Tree; `has_misplaced`: estimates without a place on the Earth
    are found at once. `damage`: rows that were passed over."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self.connection = connection
        self.path = path
        self.damage = Damage(path)
        self._depth = 0
        OPENED.add(path)
        self.has_rectangles = rectangles.are_kept(connection)
        self.has_misplaced = misplaced.is_kept(connection)

    def show_only(self, photo_ids: Iterable[int]) -> None:
        """From now on questions on this connection see these photos alone: a view stands before the table.
        Not for a connection that writes."""
        are_shown = "in (select id from temp.shown)"
        lacking = "select * from main.photos_without_place"
        self.execute("pragma query_only = off")
        self.execute("create temp table shown (id integer primary key)")
        self.execute(f"create temp view photos as select * from main.photos where id {are_shown}")
        self.execute(f"create temp view photos_without_place as {lacking} where photo_id {are_shown}")
        with self.batch():
            self.execute_many("insert into temp.shown (id) values (?)", ((n,) for n in photo_ids))
        self.execute("pragma query_only = on")

    def execute(self, sql: str, values: Sequence[Any] = ()) -> sqlite3.Cursor:
        try:
            return self.connection.execute(sql, values)
        except sqlite3.Error as error:
            raise refusal_of(self.path, error) from error

    def execute_many(self, sql: str, values: Iterable[Sequence[Any]]) -> None:
        try:
            self.connection.executemany(sql, values)
        except sqlite3.Error as error:
            raise refusal_of(self.path, error) from error

    def rows(self, sql: str, values: Sequence[Any] = ()) -> list[Any]:
        rows: list[Any] = self._taken(sql, values, sqlite3.Cursor.fetchall)
        return rows

    def row(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """The first row, or None."""
        return self._taken(sql, values, sqlite3.Cursor.fetchone)

    def _taken(self, sql: str, values: Sequence[Any], take: Callable[[sqlite3.Cursor], Any]) -> Any:
        try:
            return take(self.connection.execute(sql, values))
        except sqlite3.Error as error:
            if self._takes_bytes_for_text(error):
                return self._taken(sql, values, take)
            raise refusal_of(self.path, error) from error

    def stream(self, sql: str, values: Sequence[Any] = ()) -> Iterator[Any]:
        """Rows as they are found; nothing may be written before the last one is taken."""
        cursor, given = self.execute(sql, values), 0
        while True:
            try:
                chunk = cursor.fetchmany(500)
            except sqlite3.Error as error:
                if self._takes_bytes_for_text(error):
                    yield from itertools.islice(self.stream(sql, values), given, None)
                    return
                raise refusal_of(self.path, error) from error
            if not chunk:
                return
            yield from chunk
            given += len(chunk)

    def _takes_bytes_for_text(self, error: sqlite3.Error) -> bool:
        """Whether a text that is no UTF-8 stopped it: such come as bytes from now on; slower for all."""
        # an error without a number is Python's, not SQLite's
        if hasattr(error, "sqlite_errorcode") or self.connection.text_factory is text_or_bytes:
            return False
        self.connection.text_factory = text_or_bytes
        return True

    @contextlib.contextmanager
    def batch(self) -> Iterator[None]:
        """One transaction: all of it is kept, on the disk, when the block ends, or nothing of it
        when an error leaves the block. A batch inside a batch belongs to the outer one."""
        if self._depth == 0:
            self.execute("begin immediate")
        self._depth += 1
        try:
            yield
        except BaseException:
            self._depth -= 1
            if self._depth == 0 and self.connection.in_transaction:
                self.connection.rollback()
            raise
        self._depth -= 1
        if self._depth == 0:
            try:
                self.execute("commit")
            except IndexUnusableError:
                if self.connection.in_transaction:
                    self.connection.rollback()
                raise

    def close(self) -> None:
        self.connection.close()
        self.damage.tell()


def open_store(path: Path, mode: Mode = "write") -> Store:
    """Opens or makes the file; see `geotagger.index.open_index`."""
    try:
        if mode == "write":
            return _open_to_write(path)
        if mode == "read":
            return _open_to_read(path)
        return _open_snapshot(path)
    except sqlite3.Error as error:
        raise refusal_of(str(path), error) from error


def _open_to_write(path: Path) -> Store:
    _check_header(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise IndexUnusableError(
            f"{path}: the index cannot be made there ({error.strerror}); choose another place for the index"
        ) from error
    # for its owner alone: SQLite gives its side files the rights of the index
    with contextlib.suppress(OSError):
        # O_EXCL does not go through a link that leads nowhere, SQLite does
        os.close(os.open(os.path.realpath(path), os.O_CREAT | os.O_EXCL, 0o600))
    connection = _connect(uri_of(path, "rwc"))
    try:
        version = _check(connection, path)
        if not is_on_network(str(path.parent)):
            # its shared memory does not work over a network; where it cannot be had, SQLite does without
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        # what is forgotten shall not stand on in free pages of the file
        connection.execute("pragma secure_delete = on")
        if version < VERSION:
            _bring_up(connection, path)
        elif not os.access(path, os.W_OK):
            raise IndexUnusableError(
                f"{path}: the index may not be written; give yourself the right to, or use another index"
            )
        rectangles.keep_up(connection)
        misplaced.keep_up(connection)
    except BaseException:
        connection.close()
        raise
    return Store(connection, str(path))


def _open_to_read(path: Path) -> Store:
    _check_header(path)
    if not is_there(path):
        raise IndexUnusableError(f"{path}: there is no index there; `geotagger tag` makes one")
    connection, version = _reader(path)
    if version < VERSION:
        connection.close()
        return _open_snapshot(path)
    return Store(connection, str(path))


def _open_snapshot(path: Path) -> Store:
    # "" is a private database of SQLite's own, kept in memory while small and on disk beyond
    _check_no_pipe(path)
    copy = _connect("")
    try:
        if _has_content(path):
            source, _ = _reader(path)
            with contextlib.closing(source):
                source.backup(copy)
        if copy.execute("pragma user_version").fetchone()[0] < VERSION:
            _bring_up(copy, path)
        rectangles.keep_up(copy)
        misplaced.keep_up(copy)
    except BaseException:
        copy.close()
        raise
    return Store(copy, str(path))


def _reader(path: Path) -> tuple[sqlite3.Connection, int]:
    """A connection that writes nothing, and the index's version."""
    _check_header(path)
    try:
        # with the right to write, the last to close a WAL index takes its two side files away again
        return _checked_reader(uri_of(path, "rw"), path)
    except sqlite3.OperationalError:
        if os.access(path.parent, os.W_OK) or _has_content(Path(f"{path}-wal")):
            raise
        # the side files cannot be made in a folder that may not be written; nobody else can be writing either
        return _checked_reader(uri_of(path, "ro") + "&immutable=1", path)


def _checked_reader(uri: str, path: Path) -> tuple[sqlite3.Connection, int]:
    connection = _connect(uri)
    try:
        connection.execute("pragma query_only = on")
        return connection, _check(connection, path)
    except BaseException:
        connection.close()
        raise


def _bring_up(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("begin immediate")
    try:
        # another run may have made the tables while this one waited
        version = _check(connection, path)
        if version < VERSION:
            migrate(connection, version)
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.rollback()
        raise


def _connect(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        connection.execute(f"pragma busy_timeout = {_BUSY_MS}")
        connection.execute("pragma foreign_keys = on")
        connection.execute(f"pragma cache_size = -{_CACHE_KIB}")
    except BaseException:
        connection.close()
        raise
    return connection


def _check(connection: sqlite3.Connection, path: Path) -> int:
    """The version of an index of ours, 0 for an empty database."""
    application: int = connection.execute("pragma application_id").fetchone()[0]
    version: int = connection.execute("pragma user_version").fetchone()[0]
    tables: int = connection.execute("select count(*) from sqlite_master").fetchone()[0]
    if tables == 0 and application in (0, APPLICATION_ID):
        return 0
    if application != APPLICATION_ID:
        raise IndexUnusableError(
            f"{path}: this is another program's database, not an index of geotagger; it was left as it is; "
            "choose another file for the index"
        )
    if version > VERSION:
        raise IndexUnusableError(
            f"{path}: made by a newer geotagger (index version {version}, this one knows {VERSION}); "
            "it was left as it is; install the newer geotagger or choose another file for the index"
        )
    return version


def _check_no_pipe(path: Path) -> None:
    """Before it is opened: a pipe would be waited for without end."""
    with contextlib.suppress(OSError):
        if stat.S_IFMT(path.stat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
            raise IndexUnusableError(
                f"{path}: this is a pipe or a device, not an index; choose another file for the index"
            )


def _check_header(path: Path) -> None:
    _check_no_pipe(path)
    try:
        with path.open("rb") as file:
            head = file.read(len(_HEADER))
    except FileNotFoundError:
        return
    except OSError as error:
        raise IndexUnusableError(
            f"{path}: the index cannot be read ({error.strerror}); choose another file for the index"
        ) from error
    if head and head != _HEADER:
        raise IndexUnusableError(
            f"{path}: this is not an index (not an SQLite file, or damaged); it was left as it is; "
            "choose another file for the index, or move this one away to start anew"
        )


def is_there(path: Path) -> bool:
    """Whether an index may be there: True also where one may not look."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def uri_of(path: Path, mode: str) -> str:
    return f"file:{quote(os.fsencode(path.absolute()))}?mode={mode}"


def text_or_bytes(text: bytes) -> str | bytes:
    with contextlib.suppress(UnicodeDecodeError):
        return text.decode()
    return text


def path_column(path: str) -> str | bytes:
    """A path as the index keeps it: text, or the file system's own bytes where they are not UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def path_of(column: str | bytes) -> str:
    """A path; one that no file has, where the column is damaged."""
    if isinstance(column, bytes):
        column = os.fsdecode(column)
    return column.replace("\0", "\ufffd") if isinstance(column, str) else str(column)


def plain_text(text: str | None) -> str | None:
    """Text from a photo's metadata without the lone surrogates that SQLite cannot store."""
    return None if text is None else text.encode("utf-8", "replace").decode()


def signed(number: int) -> int:
    """Inode and device numbers may need all 64 bits; SQLite's integers have a sign."""
    return number - (1 << 64) if number >= 1 << 63 else number


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
