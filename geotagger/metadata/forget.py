"""Taking positions of ours out again, by the marks in the files, without any index.

The exact old bytes are `undo`'s business, which has the journal. Here a photo or sidecar loses
the position that geotagger wrote and the fields that say so; everything else stays.
"""

import math
import os
from collections.abc import Iterator, Sequence

from geotagger.archive import is_sidecar_name
from geotagger.errors import WriteRefusedError
from geotagger.marks import text_of
from geotagger.metadata import gps, replace, sidecar, verify, xmp
from geotagger.metadata.containers import layout_of
from geotagger.metadata.edit import Edit, EditKind
from geotagger.metadata.layout import Change, Layout, RefusedError
from geotagger.metadata.rdf import XmpError
from geotagger.metadata.sidecar import Sidecars
from geotagger.metadata.source import Source
from geotagger.metadata.splice import Splice
from geotagger.metadata.tiff import Tiff, TiffError, ungraft
from geotagger.metadata.values import FoundPosition
from geotagger.metadata.write import Prepared, difference, edit_of, refusals

_SAME_PLACE_DEG = 1e-6
"""Ten centimetres: another program may have rounded the position when it wrote it again."""


def forget(path: str, sidecar_folders: Sequence[str] = (), *, durable: bool = True) -> list[str]:
    """Takes every estimate of ours out of a photo, or a sidecar, and of the sidecars that it has beside
    it and in these folders; the files that changed, whose folders are to be given to `sync_folders`.

    Places that the owner gave stay. Raises WriteError, WriteRefusedError.
    """
    changed = []
    for target in _targets(path, sidecar_folders):
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
    found = []
    for target in _targets(path, sidecar_folders):
        with replace.opened(os.path.realpath(target)) as source, refusals(target):
            replace.check_replaceable(target, source)
            splices, _ = _splices_of(target, source, None)
        if splices or (is_sidecar_name(target) and holds_nothing_else(target)):
            found.append(target)
    return found


def _targets(path: str, sidecar_folders: Sequence[str]) -> list[str]:
    if is_sidecar_name(path):
        return [path]
    beside = (Sidecars(folder=folder).existing(path) for folder in (None, *sidecar_folders))
    return [path, *(sidecar for sidecar in beside if sidecar is not None)]


def prepare_removal(path: str, *, only: Edit | None = None, durable: bool = True) -> Prepared | None:
    """Makes the photo or sidecar at `path` without the estimates in it, or without the position
    that the edit `only` wrote; None when there is no such position, or nothing else in it.
    Raises WriteError."""
    target = os.path.realpath(path)
    with replace.opened(target) as source, refusals(path):
        replace.check_replaceable(path, source)
        splices, layout = _splices_of(path, source, only)
        if not splices:
            return None
        removed = [source.read(s.offset, s.length) for s in splices]

        def check(written: Source) -> None:
            # a sidecar is written whole; that its bytes read back is check enough
            if layout is not None:
                verify.check_removed(layout, layout_of(written, target))

        temporary = replace.write_changed(target, source, splices, check, durable)
        kind: EditKind = "sidecar" if layout is None else "exif"
        return Prepared(edit_of(path, source, splices, removed, temporary, None, kind), temporary)


def _splices_of(path: str, source: Source, only: Edit | None) -> tuple[list[Splice], Layout | None]:
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


def removal(layout: Layout, only: Edit | None) -> Change:
    """What must change in a photo so that it holds no position of ours."""
    exif: dict[int, list[Splice]] = {}
    dropped_exif: set[int] = set()
    for number, block in enumerate(layout.blocks):
        found = verify.position_in(block)
        if found is None or not _is_meant(found, only):
            continue
        try:
            tiff = Tiff(block)
            directory = tiff.gps_directory()
            left = gps.without_position(directory.entries) if directory else []
            if not left and verify.holds_only_gps(block) and layout.format != "heif":
                dropped_exif.add(number)
            else:
                exif[number] = ungraft(tiff, left)
        except TiffError as error:
            raise RefusedError(str(error)) from None
    # our fields beside a position in EXIF that is no longer ours say nothing false of their own
    held = any(verify.position_in(block) for block in layout.blocks)
    stands_alone = not held or bool(exif or dropped_exif)
    changed_xmp: dict[int, list[Splice]] = {}
    dropped_xmp: set[int] = set()
    for number, packet in enumerate(layout.packets):
        for splices in _packet_splices(packet, only, stands_alone):
            if splices is None:
                dropped_xmp.add(number)
            else:
                changed_xmp[number] = splices
    return Change(
        exif=exif,
        xmp=changed_xmp,
        dropped_exif=frozenset(dropped_exif),
        dropped_xmp=frozenset(dropped_xmp),
    )


def _packet_splices(packet: bytes, only: Edit | None, mark_alone: bool) -> Iterator[list[Splice] | None]:
    """The removal from one packet of XMP, when it holds what is meant."""
    try:
        found = xmp.position_of(packet)
        mark = xmp.mark_in(packet)
        if found is not None:
            meant = _is_meant(found, only)
        else:
            meant = mark_alone and mark is not None and mark.is_estimate
        if meant:
            yield xmp.without_position(packet)
    except XmpError:
        return  # nothing that we could have written


def _sidecar_splices(path: str, source: Source, only: Edit | None) -> list[Splice]:
    old = source.read(0, sidecar.LARGEST_SIDECAR_BYTES + 1)
    try:
        found = xmp.position_of(sidecar.in_utf8(old))
        if found is None or not _is_meant(found, only):
            return []
        new = sidecar.stripped(old)
    except XmpError as error:
        raise WriteRefusedError(f"{path}: it cannot be read as XMP, {error}; left alone") from None
    return difference(old, new) if new is not None else []


def holds_nothing_else(path: str, only: Edit | None = None) -> bool:
    """Whether a file is a sidecar with nothing in it but an estimate of ours, or the position that the
    edit `only` wrote."""
    with replace.opened(path) as source:
        data = source.read(0, sidecar.LARGEST_SIDECAR_BYTES + 1)
    try:
        found = xmp.position_of(sidecar.in_utf8(data))
        return found is not None and _is_meant(found, only) and sidecar.stripped(data) is None
    except XmpError:
        return False


def _is_meant(found: FoundPosition, only: Edit | None) -> bool:
    if found.mark is None:
        return False
    if only is None:
        return found.mark.is_estimate
    return (
        only.latitude is not None
        and only.longitude is not None
        and math.isclose(found.latitude, only.latitude, rel_tol=0, abs_tol=_SAME_PLACE_DEG)
        and math.isclose(found.longitude, only.longitude, rel_tol=0, abs_tol=_SAME_PLACE_DEG)
        and text_of(found.mark) == only.method
    )
