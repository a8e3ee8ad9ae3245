"""Writing the names of a place: into the XMP of a photo, or of its sidecar.

An edit of its own, apart from that of the position, so that photos which have their place from a camera can
be named, too: nothing but XMP changes. As `prepare` in two steps, with an `Edit` between them for the
journal. Names that somebody else gave stay, and where they are another place's nothing is written beside
them.
"""

import os
from dataclasses import replace as changed_copy

from geotagger.archive import is_sidecar_name
from geotagger.errors import WriteError, WriteRefusedError
from geotagger.marks import NamesMark
from geotagger.metadata import replace, sidecar, verify, xmp_names
from geotagger.metadata.containers import layout_of
from geotagger.metadata.layout import Layout, LayoutChange, RefusedError
from geotagger.metadata.rdf import XmpError
from geotagger.metadata.sidecar import Sidecars
from geotagger.metadata.source import ByteSource
from geotagger.metadata.write import PreparedWrite, difference, edit_of, new_sidecar, refusals
from geotagger.metadata.xmp_names import is_same_name, named_place
from geotagger.photo.values import NamedPlace
from geotagger.writing import Writing


def prepare_names(
    path: str, mark: NamesMark, writing: Writing = Writing(), elsewhere: NamedPlace = NamedPlace()
) -> PreparedWrite | None:
    """Makes the file that names the place of a photo, beside the one it replaces; None where the photo or its
    sidecar says so already, or names another place, as `elsewhere` in the photo (IPTC) may. A position in a
    sidecar has its names there.

    Raises WriteError; WriteRefusedError when it could only be done with harm.
    """
    mode, sidecars = writing.mode, Sidecars.of(writing)
    if mode == "none":
        raise ValueError("mode none writes nothing; there is nothing to prepare")
    beside = sidecars.existing(path)
    of_sidecar = NamedPlace() if beside is None else sidecar.named_place_in(beside)
    if not mark.values() or _contradicts(elsewhere, mark) or _contradicts(of_sidecar, mark):
        return None
    in_sidecar = beside is not None and sidecar.position_in(beside) is not None
    if mode == "sidecar" or (in_sidecar and mode == "auto"):
        return _prepare_in_sidecar(path, mark, sidecars, writing, None)
    try:
        return _prepare_in_photo(path, mark, writing)
    except WriteRefusedError as refused:
        if mode == "exif":
            raise
        return _prepare_in_sidecar(path, mark, sidecars, writing, refused.reason)
    except WriteError as error:
        if mode == "exif" or writing.sidecar_folder is None:
            raise
        return _prepare_in_sidecar(path, mark, sidecars, writing, error.reason)


def _contradicts(named: NamedPlace, mark: NamesMark) -> bool:
    """Whether somebody's words are those of another place."""
    said = (
        (named.city, (mark.city,)),
        (named.region, (mark.region,)),
        (named.country, (mark.country, mark.code)),
    )
    return any(name and not any(is_same_name(name, ours) for ours in names) for name, names in said)


def _prepare_in_photo(path: str, mark: NamesMark, writing: Writing) -> PreparedWrite | None:
    target = os.path.realpath(path)
    with replace.opened(target) as source, refusals(path):
        layout = layout_of(source, target)
        replace.check_replaceable(path, source)
        try:
            named = _change_to(layout, mark)
        except XmpError as error:
            raise RefusedError(f"its XMP cannot be changed, {error}") from None
        if named is None:
            return None
        change, written_mark = named
        splices = layout.splices(change)
        removed = [source.read(s.offset, s.length) for s in splices]

        def check(written: ByteSource) -> None:
            new = layout_of(written, target)
            verify.check_only_xmp_changed(layout, new)
            try:
                verify.check_same_but_names(layout.packets, new.packets)
                stated = [xmp_names.names_in(packet) for packet in new.packets]
            except XmpError as error:
                raise verify.MismatchError(str(error)) from None
            if written_mark not in stated:
                raise verify.MismatchError("the names are not in it")

        temporary = replace.write_changed(target, source, splices, check, writing.durable)
        edit = edit_of(path, source, splices, removed, temporary, None)
    return PreparedWrite(changed_copy(edit, names=written_mark.to_json()), temporary)


def _change_to(layout: Layout, mark: NamesMark) -> tuple[LayoutChange, NamesMark] | None:
    """What must change in a photo so that its first packet has the names, and the mark as it stands there."""
    if any(word in layout.extended_xmp for word in (b"photoshop:City", b"CountryCode", b"LocationCreated")):
        raise RefusedError("its extended XMP names a place")
    if not layout.packets:
        packet, written = xmp_names.new_names_packet(mark)
        return LayoutChange(new_xmp=packet), written
    if any(_contradicts(named_place(packet), mark) for packet in layout.packets):
        return None
    named = xmp_names.with_names(layout.packets[0], mark)
    return None if named is None else (LayoutChange(xmp={0: named[0]}), named[1])


def _prepare_in_sidecar(
    path: str, mark: NamesMark, sidecars: Sidecars, writing: Writing, note: str | None
) -> PreparedWrite | None:
    if is_sidecar_name(path):
        raise WriteRefusedError(path, "it is a sidecar itself", "left alone, name its photo instead")
    existing = sidecars.existing(path)
    if existing is not None:
        return _prepare_merge(path, os.path.realpath(existing), mark, writing, note)
    packet, written_mark = xmp_names.new_names_packet(mark)
    with replace.opened(path) as photo:
        edit, temporary = new_sidecar(path, sidecars, packet, photo.status, writing)
    return PreparedWrite(changed_copy(edit, names=written_mark.to_json()), temporary, note)


def _prepare_merge(
    path: str, target: str, mark: NamesMark, writing: Writing, note: str | None
) -> PreparedWrite | None:
    with replace.opened(target) as source, refusals(path):
        replace.check_replaceable(target, source)
        old = source.read(0, sidecar.LARGEST_SIDECAR_BYTES + 1)
        try:
            packet = sidecar.in_utf8(old)
            named = xmp_names.with_names(packet, mark)
            if named is None:
                return None
            new = sidecar.changed(old, named[0])
            verify.check_same_but_names([packet], [sidecar.in_utf8(new)])
        except XmpError as error:
            raise RefusedError(f"its sidecar cannot be changed, {error}") from None
        splices = difference(old, new)
        removed = [source.read(s.offset, s.length) for s in splices]
        temporary = replace.write_changed(target, source, splices, lambda _: None, writing.durable)
        edit = edit_of(path, source, splices, removed, temporary, None, "sidecar")
    return PreparedWrite(changed_copy(edit, names=named[1].to_json()), temporary, note)
