"""Writing a position: into the photo where that does no harm, otherwise into a sidecar.

Two steps, so that a journal can be kept between them: `prepare` makes the finished, checked file
beside the old one and says in an `Edit` how to undo it; `commit` gives it the name.
"""

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from dataclasses import replace as changed_copy

from geotagger.archive import is_sidecar_name
from geotagger.errors import PlaceTakenError, WriteError, WriteRefusedError
from geotagger.marks import text_of
from geotagger.metadata import gps, proof, replace, sidecar, verify, xmp
from geotagger.metadata.containers import layout_of
from geotagger.metadata.edit import Edit, EditKind, patches_of
from geotagger.metadata.layout import Layout, LayoutChange, RefusedError
from geotagger.metadata.overlong import OverlongError, seen_behind
from geotagger.metadata.rdf import XmpError
from geotagger.metadata.replace import Temporary
from geotagger.metadata.sidecar import Sidecars
from geotagger.metadata.source import ByteSource, MemorySource
from geotagger.metadata.splice import Splice, ordered
from geotagger.metadata.tiff import Tiff, TiffError, graft
from geotagger.metadata.values import FoundPosition, Position
from geotagger.writing import Writing


@dataclass(frozen=True, slots=True)
class PreparedWrite:
    """A finished file beside the one it will replace. `edit` belongs into the journal before
    `commit`. `note` says why a sidecar was chosen where the photo itself would have been better;
    None otherwise."""

    edit: Edit
    temporary: Temporary
    note: str | None = None

    @property
    def folder(self) -> str:
        """The folder to be given to `sync_folders` after the commit."""
        return os.path.dirname(self.temporary.target)


def prepare(path: str, position: Position, writing: Writing = Writing()) -> PreparedWrite:
    """Makes the file that will hold `position`, beside the one it replaces; nothing else changes.

    A position that geotagger did not write is a PlaceTakenError unless `writing.overwrite` allows to
    replace it, as is an estimate where the owner's own place stands.

    Raises WriteError; WriteRefusedError when it could only be done with harm. Both leave the
    photo and its sidecar as they were.
    """
    mode, sidecars = writing.mode, Sidecars.of(writing)
    if mode == "none":
        raise ValueError("mode none writes nothing; there is nothing to prepare")
    if mode == "sidecar":
        return _prepare_sidecar(path, position, sidecars, writing, None)
    if not writing.overwrite and (beside := sidecars.existing(path)) is not None:
        _check_sidecar_free(beside, position)
    try:
        return prepare_photo(path, position, writing)
    except PlaceTakenError:
        raise
    except WriteRefusedError as refused:
        if mode == "exif":
            raise
        return _prepare_sidecar(path, position, sidecars, writing, refused.reason)
    except WriteError as error:
        if mode == "exif" or writing.sidecar_folder is None:
            raise
        return _prepare_sidecar(path, position, sidecars, writing, error.reason)


def commit(prepared: PreparedWrite) -> None:
    """Gives the finished file its name, in one step of the file system. The name is durable after
    `sync_folders([prepared.folder])`. WriteError when another program changed the old file
    meanwhile, or it cannot be replaced; then all is as it was."""
    replace.take_place(prepared.temporary)


def abandon(prepared: PreparedWrite) -> None:
    """Throws the finished file away."""
    replace.drop(prepared.temporary)


def prepare_photo(path: str, position: Position, writing: Writing) -> PreparedWrite:
    """The photo itself with the position; as `prepare`."""
    target = os.path.realpath(path)
    with replace.opened(target) as source, refusals(path):
        layout = layout_of(source, target)
        if not writing.overwrite:
            verify.check_readable(path, layout)
            check_free(path, verify.positions_in(layout), position)
        replace.check_replaceable(path, source)
        try:
            splices = layout.splices(change_to(layout, position, mark_xmp=True))
        except RefusedError:
            splices = layout.splices(change_to(layout, position, mark_xmp=False))
        removed = [source.read(s.offset, s.length) for s in splices]

        def check(written: ByteSource) -> None:
            new = layout_of(written, target)
            verify.check_added(layout, new, position)
            proof.check_blocks(new, layout)  # or undo would not take it back

        temporary = replace.write_changed(target, source, splices, check, writing.durable)
        edit = edit_of(path, source, splices, removed, temporary, position)
    return PreparedWrite(edit, temporary)


def change_to(layout: Layout, position: Position, mark_xmp: bool) -> LayoutChange:
    """What must change in a photo so that it says `position`, and nothing in it contradicts.

    With `mark_xmp` an estimate's model, run and cell also go into the XMP of a JPEG, in fields of
    our own; EXIF alone has them in GPSProcessingMethod.
    """
    exif: dict[int, list[Splice]] = {}
    several = len(layout.blocks) > 1
    holding = [n for n, block in enumerate(layout.blocks) if several and verify.position_in(block)]
    for number in holding or range(len(layout.blocks)):
        try:
            tiff = Tiff(layout.blocks[number])
            old = tiff.gps_directory()
            entries = gps.merged(old.entries if old else (), position, tiff.order)
            file, end = layout.blocks[number].behind or (MemorySource(b""), 0)
            seen = file.read(end, seen_behind(tiff, file.size - end))
            exif[number] = graft(tiff, entries, seen)
        except OverlongError as error:
            raise RefusedError(str(error)) from None
        except TiffError as error:
            if holding or (len(layout.blocks) == 1 and layout.format != "jpeg"):
                raise RefusedError(str(error)) from None
            continue
        if not holding:
            break
    marking = mark_xmp and position.mark.is_estimate and layout.takes_new_xmp
    changed_xmp: dict[int, list[Splice]] = {}
    for number, packet in enumerate(layout.packets):
        try:
            if xmp.speaks_of_gps(packet):
                changed_xmp[number] = xmp.with_position(packet, position)
            elif xmp.is_marked(packet) or (marking and number == 0):
                changed_xmp[number] = xmp.with_mark(packet, position)
        except XmpError as error:
            if xmp.speaks_of_gps(packet):
                raise RefusedError(f"its XMP holds a position, and {error}") from None
    if xmp.speaks_of_gps(layout.extended_xmp):
        raise RefusedError("its extended XMP holds a position, which would contradict")
    return LayoutChange(
        exif=exif,
        xmp=changed_xmp,
        new_exif=None if exif else gps.standalone(position),
        new_xmp=xmp.new_mark_packet(position) if marking and not layout.packets else None,
    )


def check_free(path: str, positions: Iterable[FoundPosition], position: Position) -> None:
    """PlaceTakenError unless every position that is there may be replaced unasked."""
    for one in positions:
        if one.mark is None:
            there = f"{one.latitude:.5f}, {one.longitude:.5f}"
            raise PlaceTakenError(
                path, f"it has a position already ({there})", "left alone, --overwrite replaces it"
            )
        if position.mark.is_estimate and not one.mark.is_estimate:
            raise PlaceTakenError(
                path, "its place was given by the owner, which no estimate replaces", "left alone"
            )


def _check_sidecar_free(beside: str, position: Position) -> None:
    unreadable = sidecar.unreadable_position_in(beside)
    if unreadable is not None:
        raise PlaceTakenError(
            beside,
            f"it has a position that cannot be read ({unreadable})",
            "left alone, --overwrite replaces it",
        )
    there = sidecar.position_in(beside)
    check_free(beside, [] if there is None else [there], position)


@contextlib.contextmanager
def refusals(path: str) -> Iterator[None]:
    """Turns what the containers say into errors that name the photo."""
    try:
        yield
    except RefusedError as refused:
        raise WriteRefusedError(path, str(refused), "left as it is, use a sidecar") from None
    except verify.MismatchError as mismatch:
        raise WriteRefusedError(
            path, f"the new file failed its check, {mismatch}", "left as it is, use a sidecar"
        ) from None
    except OSError as error:
        with replace.as_write_error(path):
            raise error


def edit_of(
    path: str,
    source: ByteSource,
    splices: list[Splice],
    removed: list[bytes],
    temporary: Temporary,
    position: Position | None,
    kind: EditKind = "exif",
) -> Edit:
    """The edit of a file that has an old version."""
    return Edit(
        target=temporary.target,
        photo=path,
        kind=kind,
        created=False,
        patches=patches_of(splices, removed),
        old_size=source.size,
        new_size=source.size + sum(s.growth for s in splices),
        kept_hash=temporary.kept_hash,
        added_hash=temporary.added_hash,
        mtime_ns=source.status.st_mtime_ns,
        latitude=position.latitude if position else None,
        longitude=position.longitude if position else None,
        method=text_of(position.mark) if position else None,
    )


def new_sidecar(
    path: str, sidecars: Sidecars, packet: bytes, like: os.stat_result, writing: Writing
) -> tuple[Edit, Temporary]:
    """The edit that makes a photo's sidecar, which states neither a position nor names yet, and the file
    to be. `like`: the status of the photo, whose owner and rights it gets."""
    target = sidecars.path(path)
    make_folder(path, os.path.dirname(target), writing.durable)
    temporary = replace.write_new(target, packet, like, writing.durable)
    edit = Edit(
        target=target,
        photo=path,
        kind="sidecar",
        created=True,
        patches=patches_of([Splice(0, 0, packet)], [b""]),
        old_size=0,
        new_size=len(packet),
        kept_hash=temporary.kept_hash,
        added_hash=temporary.added_hash,
        mtime_ns=None,
        latitude=None,
        longitude=None,
        method=None,
    )
    return edit, temporary


def _prepare_sidecar(
    path: str, position: Position, sidecars: Sidecars, writing: Writing, note: str | None
) -> PreparedWrite:
    if is_sidecar_name(path):
        raise WriteRefusedError(path, "it is a sidecar itself", "left alone, name its photo instead")
    with replace.opened(path) as photo:
        with contextlib.suppress(RefusedError):
            if not writing.overwrite:
                layout = layout_of(photo, path)
                verify.check_readable(path, layout)
                check_free(path, verify.positions_in(layout), position)
        like = photo.status
    existing = sidecars.existing(path)
    if existing is None:
        edit, temporary = new_sidecar(path, sidecars, xmp.new_packet(position), like, writing)
        edit = changed_copy(
            edit,
            latitude=position.latitude,
            longitude=position.longitude,
            method=text_of(position.mark),
        )
        return PreparedWrite(edit, temporary, note)
    return prepare_merge(path, os.path.realpath(existing), position, writing, note)


def make_folder(path: str, folder: str, durable: bool) -> None:
    """The folder of a new sidecar of the photo `path`, and those above it, durable as names."""
    holding = []
    missing = folder
    while missing and not os.path.isdir(missing):
        missing = os.path.dirname(missing)
        holding.append(missing)
    with replace.as_write_error(path):
        os.makedirs(folder or ".", exist_ok=True)
    if durable:
        replace.sync_folders(holding)


def prepare_merge(
    path: str, target: str, position: Position, writing: Writing, note: str | None
) -> PreparedWrite:
    """The sidecar `target` of a photo with the position; as `prepare`."""
    with replace.opened(target) as source, refusals(path):
        replace.check_replaceable(target, source)
        old = source.read(0, sidecar.LARGEST_SIDECAR_BYTES + 1)
        try:
            if not writing.overwrite:
                with verify.unreadable_is_taken(target):
                    there = xmp.stated_position_in(sidecar.in_utf8(old))
                check_free(target, [] if there is None else [there], position)
            new = sidecar.merged(old, position)
            verify.check_packet(sidecar.in_utf8(new), position)
        except XmpError as error:
            raise WriteRefusedError(
                path, f"its sidecar {os.path.basename(target)} cannot be changed, {error}", "left alone"
            ) from None
        splices = difference(old, new)
        removed = [source.read(s.offset, s.length) for s in splices]
        temporary = replace.write_changed(target, source, splices, lambda _: None, writing.durable)
        edit = edit_of(path, source, splices, removed, temporary, position, "sidecar")
    return PreparedWrite(edit, temporary, note)


def difference(old: bytes, new: bytes) -> list[Splice]:
    """One splice from the first byte that differs to the last."""
    shorter = min(len(old), len(new))
    start = _common(old, new, shorter)
    end = _common(old[::-1], new[::-1], shorter - start)
    return ordered([Splice(start, len(old) - end - start, new[start : len(new) - end])])


def _common(one: bytes, other: bytes, limit: int) -> int:
    """How many first bytes are the same, at most `limit`; by halving, which compares whole runs."""
    same, differs = 0, limit + 1
    while differs - same > 1:
        middle = (same + differs) // 2
        if one[same:middle] == other[same:middle]:
            same = middle
        else:
            differs = middle
    return same
