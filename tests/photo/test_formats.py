import io
from pathlib import Path

import pytest

from geotagger.errors import UnreadablePhotoError
from geotagger.photo.facts import read_facts
from geotagger.photo.formats import sniff

from .pictures import quarters, tiff_block


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\xff\xd8\xff\xe1", "jpeg"),
        (b"\x89PNG\r\n\x1a\n", "png"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "webp"),
        (b"II*\0\x08\0\0\0", "tiff"),
        (b"MM\0*\0\0\0\x08", "tiff"),
        (b"II*\0\x10\0\0\0CR\x02\0", "cr2"),
        (b"IIRO\x08\0\0\0", "orf"),
        (b"MMOR\0\0\0\x08", "orf"),
        (b"IIU\0\x18\0\0\0", "rw2"),
        (b"FUJIFILMCCD-RAW 0201", "raf"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "heic"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", "avif"),
        (b"\0\0\0\x18ftypavif\0\0\0\0avifmif1", "avif"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "cr3"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", "mp4"),
        (b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", "mov"),
        (b"\0\0\0\x18ftyp3gp5\0\0\0\x003gp5isom", "3gp"),
        (b"\0\0\0\x08wide\0\0\0\x08mdat", "mov"),
        (b"\0\0\0\x18ftypM4A \0\0\0\0M4A ", None),
        (b"".join(b"\0\0\0\0G" + bytes(187) for _ in range(5)), "mts"),
        (b"\0\0\0\x18ftypavc1\0\0\0\0avc1isom", "mp4"),
        (b"\0\0\0\x18ftypXYZ9\0\0\0\0XYZ9isom", "mp4"),
        (b"\0\0\0\x18ftypjxl \0\0\0\0jxl ", None),
        (b"GIF89a", "gif"),
        (b"BM\x36\x00\x0c\x00\0\0\0\0\x36", "bmp"),
        (b"BMW and other cars", None),
        (b"8BPS\0\x01", "psd"),
        (b"\xff\x0a\xfa", "jxl"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "jxl"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "jp2"),
        (b"", None),
        (b"\xff\xd8", None),
    ],
)
def test_the_bytes_say_what_a_file_is(head: bytes, kind: str | None) -> None:
    assert sniff(head) == kind


def test_raw_is_told_from_a_tiff_by_its_first_directory() -> None:
    dng = tiff_block([(0xC612, 1, 4, b"\x01\x04\0\0")])
    assert sniff(dng) == "dng"
    reduced = (0x00FE, 4, 1, b"\x01\0\0\0")
    sub_ifds = (0x014A, 4, 1, b"\0\x01\0\0")
    for maker, kind in ((b"NIKON CORPORATION\0", "nef"), (b"SONY\0\0", "arw"), (b"Canon\0", "tiff")):
        make = (0x010F, 2, len(maker), b"\x40\0\0\0")
        head = tiff_block([reduced, make, sub_ifds]).ljust(64, b"\0") + maker
        assert sniff(head) == kind
        # the same maker in a picture that a program developed: the full image comes first
        assert sniff(tiff_block([make]).ljust(64, b"\0") + maker) == "tiff"


def test_a_lying_extension_is_found_out(tmp_path: Path) -> None:
    out = io.BytesIO()
    quarters().save(out, "PNG")
    path = tmp_path / "holiday.jpg"
    path.write_bytes(out.getvalue())
    assert read_facts(path).format == "png"


def test_a_text_file_called_jpg_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "letter.jpg"
    path.write_text("Dear all,")
    with pytest.raises(UnreadablePhotoError, match=r"letter\.jpg: not an image of a known format"):
        read_facts(path)
