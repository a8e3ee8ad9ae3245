"""Odd JPEGs keep all that is in them."""

import hashlib
import io
import struct
from pathlib import Path

import pytest
from PIL import Image

from geotagger.errors import WriteRefusedError
from geotagger.marks import Mark
from geotagger.metadata import Position, commit, forget, prepare, restore, sidecar_positions
from geotagger.metadata.jpeg import Jpeg
from geotagger.metadata.source import MemorySource
from geotagger.metadata.tiff import TagEntry, serialised
from geotagger.writing import Writing
from tests.metadata import exiftool
from tests.metadata.conftest import ESTIMATE, OWNERS, Copied

XMP = b"http://ns.adobe.com/xap/1.0/\0"
PACKET = (
    b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="a &amp; b"%s/>'
    b'</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
)


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def exif(order: str = "<", size: int | None = None, **tags: bytes) -> bytes:
    """An APP1 payload with IFD0 of ASCII tags (named `t0x10f`), padded to a size."""
    entries = [TagEntry(int(name[1:], 16), 2, len(v), b"\0" * 4, v) for name, v in sorted(tags.items())]
    block = (
        (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + serialised(entries, 8, order)
    )
    return (b"Exif\0\0" + block).ljust(size or 0, b"\0")


def with_segments(plain: Path, *segments: bytes, tail: bytes = b"") -> bytes:
    """The plain JPEG with segments behind its JFIF header and bytes behind its end."""
    data = plain.read_bytes()
    return data[:20] + b"".join(segments) + data[20:] + tail


def written(path: Path, data: bytes, position: Position = ESTIMATE, overwrite: bool = False) -> bytes:
    """Writes the position into a file of these bytes, checks undo, and gives the new bytes."""
    path.write_bytes(data)
    prepared = prepare(str(path), position, Writing("exif", overwrite=overwrite))
    commit(prepared)
    new = path.read_bytes()
    assert restore(prepared.edit).status == "restored"
    assert path.read_bytes() == data
    path.write_bytes(new)
    return new


def others(data: bytes) -> list[object]:
    return Jpeg(MemorySource(data)).outline()


def test_new_exif_follows_the_jfif_segments(plain_jpeg: Path) -> None:
    jfxx = segment(0xE0, b"JFXX\0\x10" + b"\xff\xd8\xff\xd9")
    data = with_segments(plain_jpeg, jfxx)
    new = written(plain_jpeg, data, OWNERS)
    markers = [(s.marker, new[s.payload : s.payload + 4]) for s in Jpeg(MemorySource(new)).segments[:3]]
    assert markers == [(0xE0, b"JFIF"), (0xE0, b"JFXX"), (0xE1, b"Exif")]


def test_exif_behind_other_segments_is_found_and_extended(plain_jpeg: Path) -> None:
    icc = [segment(0xE2, b"ICC_PROFILE\0" + bytes([i, 3]) + bytes(60000)) for i in (1, 2, 3)]
    irb = segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\4\x1c\x02\0\0")
    data = with_segments(plain_jpeg, *icc, irb, segment(0xE1, exif(t0x10f=b"Maker of it\0")))
    new = written(plain_jpeg, data, OWNERS)
    assert others(new) == others(data)
    assert len(Jpeg(MemorySource(new)).blocks) == 1


def test_the_first_of_two_exif_segments_takes_the_position(plain_jpeg: Path) -> None:
    one, two = (
        segment(0xE1, exif(t0x10f=b"First maker\0")),
        segment(0xE1, exif(">", t0x10f=b"Second maker\0")),
    )
    data = with_segments(plain_jpeg, one, two)
    new = written(plain_jpeg, data, OWNERS)
    assert two in new
    assert one not in new


def test_a_position_in_the_second_exif_segment_is_not_contradicted(plain_jpeg: Path) -> None:
    first = segment(0xE1, exif(t0x10f=b"First maker\0"))
    with_gps = written(plain_jpeg, plain_jpeg.read_bytes(), OWNERS)
    gps = next(s for s in Jpeg(MemorySource(with_gps)).segments if s.marker == 0xE1)
    second = with_gps[gps.start : gps.end]
    data = (
        with_segments(plain_jpeg, first)[:0] + with_gps[:20] + first + second + with_gps[20 + len(second) :]
    )
    new = written(plain_jpeg, data, Position(1.5, 2.5, Mark("manual")))
    assert first in new
    assert second not in new


@pytest.mark.parametrize("room", [0, 100, 500])
def test_exif_that_fills_its_segment_is_left_whole_and_gets_a_sidecar(plain_jpeg: Path, room: int) -> None:
    data = with_segments(plain_jpeg, segment(0xE1, exif(size=65533 - room, t0x10f=b"Maker of it\0")))
    plain_jpeg.write_bytes(data)
    if room < 500:
        with pytest.raises(WriteRefusedError, match="64 KB"):
            prepare(str(plain_jpeg), OWNERS, Writing("exif"))
        prepared = prepare(str(plain_jpeg), OWNERS)
        assert prepared.edit.kind == "sidecar"
        assert prepared.note is not None
        assert "64 KB" in prepared.note
    else:
        prepared = prepare(str(plain_jpeg), OWNERS)
        assert prepared.edit.kind == "exif"
    commit(prepared)
    assert len(plain_jpeg.read_bytes()) >= len(data)
    if room < 500:
        assert plain_jpeg.read_bytes() == data


def test_full_exif_still_takes_the_position_when_only_our_xmp_has_no_room(plain_jpeg: Path) -> None:
    packet = XMP + PACKET.replace(b"</rdf:RDF>", b" " * 65000 + b"</rdf:RDF>") % b""
    data = with_segments(plain_jpeg, segment(0xE1, packet.ljust(65500, b" ")))
    new = written(plain_jpeg, data)
    assert packet in new


def test_exif_that_runs_on_in_the_next_segment(plain_jpeg: Path) -> None:
    """As ExifTool splits it: the second segment continues the first one's block."""
    whole = exif(t0x10e=b"x" * 70000 + b"\0", t0x10f=b"Maker of it\0")
    one, rest = whole[:65533], b"Exif\0\0" + whole[65533:]
    data = with_segments(plain_jpeg, segment(0xE1, one), segment(0xE1, rest))
    new = written(plain_jpeg, data, OWNERS)
    assert segment(0xE1, one)[20:] in new
    block = Jpeg(MemorySource(new)).blocks[0].data
    assert b"x" * 70000 in block


def test_damaged_exif_stays_first_and_a_sound_one_follows(plain_jpeg: Path) -> None:
    damaged = segment(0xE1, b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(40))
    new = written(plain_jpeg, with_segments(plain_jpeg, damaged), OWNERS)
    assert new.index(damaged) < new.rindex(b"Exif\0\0")


def test_stray_bytes_and_fill_bytes_between_segments_stay(plain_jpeg: Path) -> None:
    data = with_segments(
        plain_jpeg, b"\0stray", b"\xff\xff\xff", segment(0xE1, exif(t0x10f=b"Maker of it\0"))
    )
    new = written(plain_jpeg, data, OWNERS)
    assert b"\0stray\xff\xff\xff\xff\xe1" in new


@pytest.mark.parametrize(
    "tail",
    [
        b"\0\0\0\x18ftypmp42" + bytes(5000),  # a motion photo's video
        b"\0\0\x01\x0aMotionPhoto_Data" + bytes(100) + b"SEFH" + bytes(20) + struct.pack("<I", 24) + b"SEFT",
        b"anything at all",
    ],
)
def test_what_stands_behind_the_image_stays(plain_jpeg: Path, tail: bytes) -> None:
    data = with_segments(plain_jpeg, segment(0xE1, exif(t0x10f=b"Maker of it\0")), tail=tail)
    new = written(plain_jpeg, data)
    assert new.endswith(b"\xff\xd9" + tail)


def _multi_picture(plain: Path, exif_first: bool) -> bytes:
    """Two images with an index, whose offsets count from the index's own header (CIPA DC-007)."""
    second = io.BytesIO()
    Image.effect_noise((32, 32), 40).convert("RGB").save(second, "JPEG")
    exif_segment = segment(0xE1, exif(t0x10f=b"Maker of it\0"))
    index = segment(0xE2, b"MPF\0" + bytes(8 + 2 + 36 + 4 + 32))
    order = (exif_segment, index) if exif_first else (index, exif_segment)
    data = bytearray(with_segments(plain, *order))
    base = data.index(b"MPF\0") + 4
    entries = struct.pack(">5I", 0x030000, len(data), 0, 0, 0x020002)
    entries = struct.pack(">IIIHH", 0x030000, len(data), 0, 0, 0)
    entries += struct.pack(">IIIHH", 0x020002, len(second.getvalue()), len(data) - base, 0, 0)
    table = struct.pack(">H", 3) + struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    table += struct.pack(">HHII", 0xB001, 4, 1, 2) + struct.pack(">HHII", 0xB002, 7, 32, 8 + 2 + 36 + 4)
    block = b"MM\0*" + struct.pack(">I", 8) + table + bytes(4) + entries
    data[base : base + len(block)] = block
    return bytes(data) + second.getvalue()


@exiftool.needs_exiftool
@pytest.mark.parametrize("exif_first", [True, False])
def test_the_second_picture_is_found_where_the_index_says(plain_jpeg: Path, exif_first: bool) -> None:
    data = _multi_picture(plain_jpeg, exif_first)
    plain_jpeg.write_bytes(data)
    before = exiftool.binary(plain_jpeg, "MPImage2")
    assert before[:2] == b"\xff\xd8"
    new = written(plain_jpeg, data)
    assert len(new) > len(data)
    assert exiftool.binary(plain_jpeg, "MPImage2") == before


@exiftool.needs_exiftool
@pytest.mark.parametrize(
    "name",
    [
        "exif-samples/jpg/Konica_Minolta_DiMAGE_Z3.jpg",
        "exif-samples/jpg/corrupted.jpg",  # Olympus
        "exif-samples/jpg/tests/35-empty.jpg",  # Casio
        "exif-samples/jpg/tests/42_IndexError.jpg",  # Olympus, camera settings
        "exif-samples/jpg/tests/87_OSError.jpg",  # Nikon
    ],
)
def test_a_maker_notes_preview_behind_the_image_is_still_found(
    copied: Copied, tmp_path: Path, name: str
) -> None:
    import subprocess

    photo, preview = copied(name), tmp_path / "preview.jpg"
    Image.effect_noise((640, 480), 100).convert("RGB").save(preview, quality=90)
    subprocess.run(
        ["exiftool", "-m", "-q", "-overwrite_original", f"-PreviewImage<={preview}", str(photo)], check=True
    )
    data = photo.read_bytes()
    if exiftool.binary(photo, "PreviewImage") != preview.read_bytes():
        pytest.skip("this ExifTool keeps the preview elsewhere")
    written(photo, data, overwrite=True)
    assert exiftool.binary(photo, "PreviewImage") == preview.read_bytes()


def test_embedded_xmp_stays_in_step(plain_jpeg: Path) -> None:
    gps = (
        b' xmlns:exif="http://ns.adobe.com/exif/1.0/" exif:GPSLatitude="1,2.5N" exif:GPSLongitude="3,4.5E"'
        b' exif:GPSDOP="2/1" exif:GPSTimeStamp="2020-01-01T00:00:00Z"'
    )
    data = with_segments(plain_jpeg, segment(0xE1, XMP + PACKET % gps))
    plain_jpeg.write_bytes(data)
    with pytest.raises(WriteRefusedError, match="has a position already"):
        prepare(str(plain_jpeg), ESTIMATE)
    prepared = prepare(str(plain_jpeg), ESTIMATE, Writing(overwrite=True))
    commit(prepared)
    new = plain_jpeg.read_bytes()
    (found,) = sidecar_positions(str(plain_jpeg))
    assert (found.latitude, found.longitude) == pytest.approx(
        (ESTIMATE.latitude, ESTIMATE.longitude), abs=1e-8
    )
    assert found.mark == ESTIMATE.mark
    assert b'dc:source="a &amp; b"' in new
    assert b"GPSDOP" not in new
    assert b'exif:GPSTimeStamp="2020-01-01T00:00:00Z"' in new
    restore(prepared.edit)
    assert plain_jpeg.read_bytes() == data


def test_extended_xmp_keeps_its_bytes(plain_jpeg: Path) -> None:
    big = b"<big>" + b"y" * 1000
    digest = hashlib.md5(big, usedforsecurity=False).hexdigest().upper().encode()
    extended = segment(
        0xE1, b"http://ns.adobe.com/xmp/extension/\0" + digest + struct.pack(">II", len(big), 0) + big
    )
    note = b' xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmpNote:HasExtendedXMP="' + digest + b'"'
    data = with_segments(plain_jpeg, segment(0xE1, XMP + PACKET % note), extended)
    new = written(plain_jpeg, data)
    assert extended in new
    assert others(new) == others(data)


def test_a_position_in_extended_xmp_is_refused(plain_jpeg: Path) -> None:
    hidden = b'<rdf:Description exif:GPSLatitude="1,2.5N" exif:GPSLongitude="1,2.5E"/>'
    extended = segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(40) + hidden)
    plain_jpeg.write_bytes(with_segments(plain_jpeg, extended))
    with pytest.raises(WriteRefusedError, match="extended XMP"):
        prepare(str(plain_jpeg), OWNERS, Writing("exif"))


def test_an_estimate_tells_its_model_in_xmp_and_a_place_of_the_owner_adds_none(plain_jpeg: Path) -> None:
    data = plain_jpeg.read_bytes()
    assert b"<geotagger:Model>rn101-5k500</geotagger:Model>" in written(plain_jpeg, data)
    assert b"geotagger:" not in written(plain_jpeg, data, OWNERS)


def test_a_place_of_the_owner_replaces_an_estimate_but_not_the_other_way_round(plain_jpeg: Path) -> None:
    commit(prepare(str(plain_jpeg), ESTIMATE))
    commit(prepare(str(plain_jpeg), OWNERS))
    assert b"rn101" not in plain_jpeg.read_bytes()
    with pytest.raises(WriteRefusedError, match="given by the owner"):
        prepare(str(plain_jpeg), ESTIMATE)


def test_forgetting_leaves_no_trace_in_a_photo_that_had_no_metadata(plain_jpeg: Path) -> None:
    data = plain_jpeg.read_bytes()
    commit(prepare(str(plain_jpeg), ESTIMATE))
    assert forget(str(plain_jpeg)) == [str(plain_jpeg)]
    assert plain_jpeg.read_bytes() == data
    assert forget(str(plain_jpeg)) == []


def test_forgetting_spares_what_the_owner_and_cameras_wrote(plain_jpeg: Path, copied: Copied) -> None:
    commit(prepare(str(plain_jpeg), OWNERS))
    assert forget(str(plain_jpeg)) == []
    assert forget(str(copied("exif-samples/jpg/gps/DSCN0010.jpg"))) == []


@pytest.mark.parametrize(
    "data", [b"", b"\xff", b"\xff\xd8", b"\xff\xd8\xff\xe1\xff\xff", b"not a photo", bytes(100)]
)
def test_what_is_no_photo_is_refused(plain_jpeg: Path, data: bytes) -> None:
    plain_jpeg.write_bytes(data)
    with pytest.raises(WriteRefusedError):
        prepare(str(plain_jpeg), OWNERS, Writing("exif"))
    assert plain_jpeg.read_bytes() == data
