"""Taking positions of ours out again, by the marks in the files, without any index.

The exact old bytes are `undo`'s business, which has the journal. Here a photo or sidecar loses
the position that geotagger wrote and the fields that say so; everything else stays, also a place
that somebody else put beside those fields.
"""

import math
import os
from collections.abc import Sequence

from geotagger.archive import is_sidecar_name
from geotagger.errors import WriteRefusedError
from geotagger.marks import text_of
from geotagger.metadata import gps, replace, sidecar, verify, xmp, xmp_names
from geotagger.metadata.containers import layout_of
from geotagger.metadata.edit import Edit, EditKind
from geotagger.metadata.layout import Layout, LayoutChange, RefusedError
from geotagger.metadata.rdf import XmpError
from geotagger.metadata.sidecar import Sidecars
from geotagger.metadata.source import ByteSource
from geotagger.metadata.splice import Splice
from geotagger.metadata.tiff import TagEntry, Tiff, TiffError, ungraft
from geotagger.metadata.values import FoundPosition
from geotagger.metadata.write import PreparedWrite, difference, edit_of, refusals

_SAME_PLACE_DEG = 1e-6
"""Ten centimetres: another program may have rounded the position when it wrote it again."""


def forget(path: str, sidecar_folders: Sequence[str] = (), *, durable: bool = True) -> list[str]:
    """Takes every estimate of ours out of a photo, or a sidecar, and of the sidecars that it has beside
    it and in these folders; the files that changed, whose folders are to be given to `sync_folders`.

    Places that the owner gave stay. Raises WriteError, WriteRefusedError.
    """
    changed = []
    for target in targets_of(path, sidecar_folders):
        prepared = prepare_removal(target, durable=durable)
        if prepared is not None:
            replace.take_place(prepared.temporary)
            changed.append(prepared.temporary.target)
        elif is_sidecar_name(target) and holds_nothing_else(target):
            with replace.as_write_error(target):
                os.unlink(target)
            changed.append(target)
    return changed


def would_forget(path: str, sidecar_folders: Sequence[str] = ()) -> list[str]:
    """The files that `forget` would change; nothing is written. Raises WriteError, WriteRefusedError."""
    targets = []
    for target in targets_of(path, sidecar_folders):
        with replace.opened(os.path.realpath(target)) as source, refusals(target):
            replace.check_replaceable(target, source)
            splices, _ = _splices_of(target, source, None)
        if splices or (is_sidecar_name(target) and holds_nothing_else(target)):
            targets.append(target)
    return targets


def targets_of(path: str, sidecar_folders: Sequence[str]) -> list[str]:
    """The photo, and the sidecars that it has; a sidecar by itself."""
    if is_sidecar_name(path):
        return [path]
    beside = (Sidecars(folder=folder).existing(path) for folder in (None, *sidecar_folders))
    return [path, *(sidecar for sidecar in beside if sidecar is not None)]


def prepare_removal(path: str, *, only: Edit | None = None, durable: bool = True) -> PreparedWrite | None:
    """Makes the photo or sidecar at `path` without the estimates in it, or without the position or the names
    that the edit `only` wrote; None when there is no such position, or nothing else in it.
    Raises WriteError."""
    target = os.path.realpath(path)
    with replace.opened(target) as source, refusals(path):
        replace.check_replaceable(path, source)
        splices, layout = _splices_of(path, source, only)
        if not splices:
            return None
        removed = [source.read(s.offset, s.length) for s in splices]

        def check(written: ByteSource) -> None:
            # a sidecar is written whole; that its bytes read back is check enough
            if layout is not None:
                check_removed(layout, layout_of(written, target), only)

        temporary = replace.write_changed(target, source, splices, check, durable)
        kind: EditKind = "sidecar" if layout is None else "exif"
        return PreparedWrite(edit_of(path, source, splices, removed, temporary, None, kind), temporary)


def _splices_of(path: str, source: ByteSource, only: Edit | None) -> tuple[list[Splice], Layout | None]:
    """What must go from a file, and how a photo is laid out; None of a sidecar, and of a file that we do
    not write into, from which nothing goes."""
    target = os.path.realpath(path)
    head = source.read(0, 16)
    if is_sidecar_name(target) or head.lstrip(b"\xef\xbb\xbf \r\n").startswith(b"<"):
        return _sidecar_splices(path, source, only), None
    try:
        layout = layout_of(source, target)
    except RefusedError:
        return [], None
    return layout.splices(removal(layout, only)), layout


def removal(layout: Layout, only: Edit | None) -> LayoutChange:
    """What must change in a photo so that it holds no position of ours, nor what one of ours says of
    itself beside a place that somebody else put there since."""
    exif: dict[int, list[Splice]] = {}
    dropped_exif: set[int] = set()
    for number, block in enumerate(layout.blocks):
        try:
            tiff = Tiff(block)
            directory = tiff.gps_directory()
        except TiffError:
            continue  # nothing that we could have written
        left = _entries_left(directory.entries, tiff.order, only) if directory else []
        if directory is None or len(left) == len(directory.entries):
            continue
        if not left and verify.holds_only_gps(block) and layout.format != "heif":
            dropped_exif.add(number)
            continue
        try:
            exif[number] = ungraft(tiff, left)
        except TiffError as error:
            raise RefusedError(str(error)) from None
    # undoing one edit: our fields beside a position in EXIF that is not meant may be of another one
    has_position = any(verify.position_in(block) for block in layout.blocks)
    mark_alone = not has_position or bool(exif or dropped_exif)
    changed_xmp: dict[int, list[Splice]] = {}
    dropped_xmp: set[int] = set()
    for number, packet in enumerate(layout.packets):
        try:
            splices = _packet_splices(packet, only, mark_alone)
        except XmpError:
            continue  # nothing that we could have written
        if splices is None:
            dropped_xmp.add(number)
        elif splices:
            changed_xmp[number] = splices
    return LayoutChange(
        exif=exif,
        xmp=changed_xmp,
        dropped_exif=frozenset(dropped_exif),
        dropped_xmp=frozenset(dropped_xmp),
    )


def check_removed(old: Layout, new: Layout, only: Edit | None) -> None:
    """MismatchError unless `new` is `old` without what `removal` takes out."""
    verify.check_the_rest(old, new)
    if list(verify.positions_in(new)) != [p for p in verify.positions_in(old) if not _is_meant(p, only)]:
        raise verify.MismatchError("the position is still in it, or another one is not")
    if removal(new, only) != LayoutChange():
        raise verify.MismatchError("what the estimate says of itself is still in it")


def _entries_left(entries: Sequence[TagEntry], order: str, only: Edit | None) -> list[TagEntry]:
    """The removal from a GPS directory: what stays of it."""
    position = gps.read(entries, order)
    if position is not None and _is_meant(position, only):
        return gps.without_position(entries)
    return gps.without_estimate(entries, order) if only is None else list(entries)


def _packet_splices(packet: bytes, only: Edit | None, mark_alone: bool) -> list[Splice] | None:
    """The removal from a packet of XMP; None when all of it goes. With `only`, what stands there without
    a position goes if `mark_alone`. XmpError when the packet cannot be read."""
    if only is not None and (names := only.names_mark) is not None:
        return xmp_names.without_names(packet, names)
    position = xmp.position_of(packet)
    if position is not None and _is_meant(position, only):
        return xmp.without_position(packet)
    if only is None or (position is None and mark_alone):
        return xmp.without_estimate(packet)
    return []


def _sidecar_splices(path: str, source: ByteSource, only: Edit | None) -> list[Splice]:
    old = source.read(0, sidecar.LARGEST_SIDECAR_BYTES + 1)
    try:
        splices = _packet_splices(sidecar.in_utf8(old), only, mark_alone=False)
        return difference(old, sidecar.changed(old, splices)) if splices else []
    except XmpError as error:
        raise WriteRefusedError(path, f"it cannot be read as XMP, {error}", "left alone") from None


def holds_nothing_else(path: str, only: Edit | None = None) -> bool:
    """Whether a file is a sidecar with nothing in it but an estimate of ours, or the position that the
    edit `only` wrote."""
    with replace.opened(path) as source:
        data = source.read(0, sidecar.LARGEST_SIDECAR_BYTES + 1)
    try:
        return _packet_splices(sidecar.in_utf8(data), only, mark_alone=False) is None
    except XmpError:
        return False


def _is_meant(position: FoundPosition, only: Edit | None) -> bool:
    if position.mark is None:
        return False
    if only is None:
        return position.mark.is_estimate
    return (
        only.latitude is not None
        and only.longitude is not None
        and math.isclose(position.latitude, only.latitude, rel_tol=0, abs_tol=_SAME_PLACE_DEG)
        and math.isclose(position.longitude, only.longitude, rel_tol=0, abs_tol=_SAME_PLACE_DEG)
        and text_of(position.mark) == only.method
    )
