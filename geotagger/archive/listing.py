"""Lists the photos under some paths: names, sizes and times, a folder at a time.

Paths are `str` with undecodable bytes as surrogates (`os.fsdecode`), so every name a file
system can hold survives. Folders come parents first, in the order of their names; memory stays
at one folder's files. Nothing is opened: `fingerprint` is the only function that reads a file.
"""

import contextlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from geotagger.archive.names import (
    FILM_EXTENSIONS,
    PHOTO_EXTENSIONS,
    SIDECAR_EXTENSION,
    TEMPORARY_PREFIX,
    is_at_or_below,
    is_excluded,
    is_left_out,
    is_left_out_below,
    is_photo_name,
)
from geotagger.archive.passed import PassedOver, Problem
from geotagger.archive.sidecars import mirrored, newest_sidecar_ns, sidecars_in
from geotagger.archive.stamps import mtime_ns
from geotagger.archive.takeout import TAKEOUT_EXTENSION, TakeoutNames
from geotagger.errors import ArchiveError

Listed = tuple[str, int, int, int]
"""Name, size, mtime_ns, and the mtime_ns of the photo's sidecar (0: it has none)."""

FINGERPRINT_BYTES = 65_536


class FileEntry(NamedTuple):
    """One photo file. `path` is absolute and, but for links inside the archive, without links.
    Where there are several sidecars (`IMG.CR2.xmp`, `IMG.xmp`, Takeout's JSON, and those in sidecar folders)
    the latest time counts; 0 says that there is none."""

    path: str
    size: int
    mtime_ns: int
    inode: int
    device: int
    sidecar_mtime_ns: int = 0


@dataclass(frozen=True, slots=True)
class Folder:
    """The photos directly inside one folder, ordered by name. `whole` is False when only some
    of its files were asked for. `unreadable` folders have no files and may have had some.
    `has_leftovers`: a run that was cut off left temporary files of ours there, or where a sidecar
    folder mirrors it."""

    path: str
    files: list[Listed]
    whole: bool = True
    unreadable: bool = False
    has_leftovers: bool = False

    def entry(self, listed: Listed) -> FileEntry:
        """The file with its inode, asked of the disk now; raises OSError when it is gone."""
        path = os.path.join(self.path, listed[0])
        now = os.stat(path)
        return FileEntry(path, now.st_size, mtime_ns(now), now.st_ino, now.st_dev, listed[3])


def walk(
    paths: Sequence[str],
    *,
    exclude: Sequence[str] = (),
    sidecar_folders: Sequence[str] = (),
    problem: Problem | None = None,
) -> Iterator[FileEntry]:
    """Every photo under the paths, once. See `folders`."""
    report = _silent if problem is None else problem
    for folder in folders(paths, exclude=exclude, sidecar_folders=sidecar_folders, problem=report):
        for listed in folder.files:
            try:
                yield folder.entry(listed)
            except OSError as error:
                report(PassedOver(os.path.join(folder.path, listed[0]), _reason(error)))


def folders(
    paths: Sequence[str],
    *,
    exclude: Sequence[str] = (),
    sidecar_folders: Sequence[str] = (),
    problem: Problem | None = None,
) -> Iterator[Folder]:
    """Every folder under the paths with its photos, parents first.

    `exclude` are shell patterns matched against a name and against the path below the walked
    one. Sidecars are looked for beside photos and in `sidecar_folders`. Links to files and folders
    are followed when they lead out of the walked paths; links that lead back in would show a
    photo twice and are passed over, and one that leads to a folder above itself is reported.
    Folders that vanish or may not be read are reported and yielded as `unreadable`.

    Raises ArchiveError when none of the paths can be read.
    """
    report = _silent if problem is None else problem
    inside, single = _sorted_out(paths, report)
    if not inside and not single:
        raise ArchiveError(
            f"{', '.join(paths)}: nothing there can be read, so nothing was changed; is the disk mounted?"
        )
    listing = _Listing(tuple(inside), tuple(exclude), tuple(sidecar_folders), report)
    for root in inside:
        yield from listing.below(root)
    for parent, names in single.items():
        if not is_at_or_below(parent, inside):
            yield _named_files(parent, sorted(names), sidecar_folders, report)


def count_photos(paths: Sequence[str], stopped: Callable[[], bool], exclude: Sequence[str] = ()) -> int:
    """About how many photos lie at the paths, for a progress bar: names only, no links, and folders that
    cannot be read count nothing. Ends early when `stopped`."""
    waiting, photos = list(paths), 0
    while waiting and not stopped():
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if exclude and is_left_out_below(entry.path, paths, exclude):
                        continue
                    if is_photo_name(entry.name):
                        photos += 1
                    elif entry.is_dir(follow_symlinks=False) and not is_left_out(entry.name):
                        waiting.append(entry.path)
        except NotADirectoryError:
            photos += 1
        except OSError:
            continue
    return photos


def file_entry(path: str, sidecar_folders: Sequence[str] = ()) -> FileEntry:
    """One file as it stands on the disk now, with its sidecars. Raises OSError."""
    now = os.stat(path)
    sidecar_ns = newest_sidecar_ns(path, sidecar_folders)
    return FileEntry(path, now.st_size, mtime_ns(now), now.st_ino, now.st_dev, sidecar_ns)


def fingerprint(path: str) -> bytes:
    """16 bytes that tell a photo from every other: its size and its first 64 KiB, hashed (XXH3).
    The head of a photo holds its time, its maker note and its thumbnail. Raises OSError."""
    import xxhash

    with open(path, "rb") as photo:
        size = os.fstat(photo.fileno()).st_size
        return xxhash.xxh3_128_digest(size.to_bytes(8, "little") + photo.read(FINGERPRINT_BYTES))


class _Listing:
    def __init__(
        self,
        roots: tuple[str, ...],
        exclude: tuple[str, ...],
        sidecar_folders: tuple[str, ...],
        report: Problem,
    ) -> None:
        self._real_roots = tuple(os.path.realpath(root) for root in roots)
        self._exclude = exclude
        self._sidecar_folders = sidecar_folders
        self._report = report
        self._met_by_link: set[tuple[int, int]] = set()

    def below(self, root: str) -> Iterator[Folder]:
        waiting = [(root, False)]
        while waiting:
            path, through_link = waiting.pop()
            if through_link and not self._first_meeting(path):
                continue
            try:
                folder, below = self._read(path, root, through_link)
            except OSError as error:
                if path == root:
                    why = _reason(error)
                elif not isinstance(error, FileNotFoundError):
                    why = f"this folder cannot be read ({_reason(error)}); it was passed over"
                else:
                    why = "this folder vanished while the archive was read"
                self._report(PassedOver(path, why))
                yield Folder(path, [], unreadable=True)
                continue
            waiting.extend(sorted(below, reverse=True))
            yield folder

    def _read(self, path: str, root: str, through_link: bool) -> tuple[Folder, list[tuple[str, bool]]]:
        with _scanned(path) as entries:
            return self._sorted(path, root, entries, through_link)

    def _sorted(
        self, path: str, root: str, entries: "os._ScandirIterator[str]", through_link: bool
    ) -> tuple[Folder, list[tuple[str, bool]]]:
        # the loop that a rescan spends its time in: locals, no objects, one stat a photo
        files: list[Listed] = []
        below: list[tuple[str, bool]] = []
        has_leftovers = False
        sidecars: dict[str, int] = {}
        takeout: dict[str, int] = {}
        extensions, films, exclude = PHOTO_EXTENSIONS, FILM_EXTENSIONS, self._exclude
        for entry in entries:
            name = entry.name
            dot = name.rfind(".")
            extension = name[dot + 1 :].lower() if dot > 0 else ""
            if (extension in extensions or (extension in films and is_photo_name(name))) and name[0] != ".":
                try:
                    if not entry.is_file(follow_symlinks=False):
                        if entry.is_dir(follow_symlinks=False):
                            below.append((os.path.join(path, name), through_link))
                            continue
                        if not (entry.is_symlink() and self._leads_out(path, name) and entry.is_file()):
                            continue
                    now = entry.stat()
                except OSError as error:
                    self._report(PassedOver(os.path.join(path, name), _reason(error)))
                    continue
                files.append((name, now.st_size, mtime_ns(now), 0))
            elif extension == SIDECAR_EXTENSION and name[0] != ".":
                try:
                    sidecars[name[:-4].casefold()] = mtime_ns(entry.stat())
                except OSError:
                    continue
            elif extension == TAKEOUT_EXTENSION and name[0] != ".":
                try:
                    takeout[name] = mtime_ns(entry.stat())
                except OSError:
                    continue
            elif name.startswith(TEMPORARY_PREFIX):
                has_leftovers = True
            elif self._is_folder(entry):
                follow = entry.is_symlink()
                if not is_left_out(name) and (not follow or self._leads_out(path, name)):
                    below.append((os.path.join(path, name), through_link or follow))
        if exclude:
            files = [f for f in files if not self._excluded(os.path.join(path, f[0]), root)]
            below = [(p, linked) for p, linked in below if not self._excluded(p, root)]
        for elsewhere in self._sidecar_folders:
            more, left_there = sidecars_in(mirrored(elsewhere, path))
            sidecars |= {stem: max(mtime, sidecars.get(stem, 0)) for stem, mtime in more.items()}
            has_leftovers = has_leftovers or left_there
        if sidecars:
            files = [_with_sidecar(f, sidecars) for f in files]
        if takeout:
            names = TakeoutNames(takeout)
            files = [_with_takeout(f, max((takeout[n] for n in names.of(f[0])), default=0)) for f in files]
        files.sort()
        return Folder(path, files, has_leftovers=has_leftovers), below

    @staticmethod
    def _is_folder(entry: "os.DirEntry[str]") -> bool:
        try:
            return entry.is_dir()
        except OSError:
            return False

    def _leads_out(self, folder: str, name: str) -> bool:
        """True when a link leads to something that the walk does not meet anyway."""
        link = os.path.join(folder, name)
        try:
            target = os.path.realpath(link, strict=True)
        except OSError as error:
            why = f"a link that leads nowhere ({_reason(error)}); it was passed over"
            self._report(PassedOver(link, why, "link"))
            return False
        above = [*self._real_roots, os.path.realpath(folder)]
        if any(is_at_or_below(place, [target]) for place in above):
            why = f"a link that loops back to {target}; it was passed over"
            self._report(PassedOver(link, why, "link"))
            return False
        return not is_at_or_below(target, self._real_roots)

    def _first_meeting(self, path: str) -> bool:
        """Of a folder that a link led to: False when another link led there before."""
        try:
            now = os.stat(path)
        except OSError:
            return True
        key = (now.st_dev, now.st_ino)
        if key in self._met_by_link:
            return False
        self._met_by_link.add(key)
        return True

    def _excluded(self, path: str, root: str) -> bool:
        return is_excluded(os.path.basename(path), os.path.relpath(path, root), self._exclude)


@contextlib.contextmanager
def _scanned(path: str) -> "Iterator[os._ScandirIterator[str]]":
    """The entries of a folder, by its descriptor where the system can: the kernel then looks up
    a name for each stat, not a whole path."""
    if os.scandir not in os.supports_fd:
        with os.scandir(path) as entries:
            yield entries
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        with os.scandir(descriptor) as entries:
            yield entries
    finally:
        os.close(descriptor)


def _sorted_out(paths: Sequence[str], report: Problem) -> tuple[list[str], dict[str, list[str]]]:
    """Folders, none inside another, and single files by their folder."""
    roots: list[str] = []
    single: dict[str, list[str]] = {}
    for path in map(_real, paths):
        try:
            mode = os.stat(path).st_mode
        except OSError as error:
            report(PassedOver(path, _reason(error)))
            continue
        if stat.S_ISDIR(mode):
            roots.append(path)
        elif stat.S_ISREG(mode):
            single.setdefault(os.path.dirname(path), []).append(os.path.basename(path))
        else:
            report(PassedOver(path, "neither a file nor a folder; it was passed over", "special"))
    roots = sorted(set(roots))
    outer = [p for p in roots if not is_at_or_below(p, [q for q in roots if q != p])]
    return outer, single


def _real(path: str) -> str:
    """Without links on the way there; a file that is a link itself keeps its name."""
    if os.path.isdir(path):
        return os.path.realpath(path)
    absolute = os.path.abspath(path)
    return os.path.join(os.path.realpath(os.path.dirname(absolute)), os.path.basename(absolute))


def _named_files(parent: str, names: list[str], sidecar_folders: Sequence[str], report: Problem) -> Folder:
    """The files that the user named, whatever their extension."""
    files: list[Listed] = []
    for name in dict.fromkeys(names):
        path = os.path.join(parent, name)
        try:
            now = os.stat(path)
        except OSError as error:
            report(PassedOver(path, _reason(error)))
            continue
        files.append((name, now.st_size, mtime_ns(now), newest_sidecar_ns(path, sidecar_folders)))
    return Folder(parent, files, whole=False)


def _with_sidecar(listed: Listed, sidecars: dict[str, int]) -> Listed:
    name, size, changed_ns, _ = listed
    folded = name.casefold()
    mtime = max(sidecars.get(folded, 0), sidecars.get(folded[: folded.rfind(".")], 0))
    return (name, size, changed_ns, mtime) if mtime else listed


def _with_takeout(listed: Listed, record_ns: int) -> Listed:
    return (*listed[:3], record_ns) if record_ns > listed[3] else listed


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()


def _silent(what: PassedOver) -> None:
    del what
