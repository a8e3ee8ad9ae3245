"""The segments of a JPEG before its scan data (ITU-T T.81 annex B), a few reads at most.

Takes a PhotoSourceFile that starts with a JPEG, or bytes; gives the EXIF block, the XMP packet, the
multi-picture index and the frame's size. Decodes nothing.
"""

from dataclasses import dataclass, field

from geotagger.photo.source import PhotoSourceFile

_MAX_SEGMENTS = 2000
_WINDOW = 1 << 16

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset({0xC2, 0xC6, 0xCA, 0xCE})
_LOSSLESS = frozenset({0xC3, 0xC7, 0xCB, 0xCF})

_PHOTOSHOP = b"Photoshop 3.0\0"
_EXIF, _XMP, _MPF = b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0", b"MPF\0"


@dataclass(slots=True)
class JpegHead:
    """`exif` is the TIFF block of the first EXIF segment, `iptc` Photoshop's resources, `mpf` the
    multi-picture index and `mpf_offset` where it stands in the file (its offsets count from there). width and
    height are 0 where no frame header was found, `scan_offset` where no scan begins. `samples` is how many
    values a pixel has, less where colours are stored at half size; `in_scans`: whether the picture comes in
    several scans, as a progressive one does, so that a decoder holds all of it."""

    width: int = 0
    height: int = 0
    components: int = 0
    precision: int = 8
    samples: float = 0.0
    in_scans: bool = False
    lossless: bool = False
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    mpf: bytes | None = None
    mpf_offset: int = 0
    comments: list[bytes] = field(default_factory=list)
    scan_offset: int = 0


def read_jpeg_head(source: PhotoSourceFile | bytes) -> JpegHead:
    """Walks the segments up to the first scan. Stops quietly where the file makes no sense."""
    head = JpegHead()
    reader = _JpegReader(source)
    at = 2
    for _ in range(_MAX_SEGMENTS):
        start = reader.read(at, 4)
        if len(start) < 2:
            break
        if start[0] != 0xFF:
            at = reader.find_marker(at)
            if at < 0:
                break
            continue
        code = start[1]
        if code == 0xFF:  # fill byte
            at += 1
            continue
        if code in _WITHOUT_LENGTH or code == _SOI:
            at += 2
            continue
        if code == _SOS:
            head.scan_offset = at
            head.in_scans = head.in_scans or reader.read(at + 4, 1) != bytes([head.components])
            break
        if code == _EOI or len(start) < 4:
            break
        length = int.from_bytes(start[2:4], "big")
        if length < 2:
            at += 2
            continue
        _take(head, code, reader, at + 4, length - 2)
        at += 2 + length
    return head


def _take(head: JpegHead, code: int, reader: "_JpegReader", at: int, length: int) -> None:
    if code in _FRAMES:
        _take_frame(head, code, reader.read(at, min(length, 6 + 3 * 255)))
    elif code == 0xE1:
        name = reader.read(at, min(length, len(_XMP)))
        if name.startswith(_EXIF) and head.exif is None:
            head.exif = reader.read(at + 6, length - 6)
        elif name == _XMP and head.xmp is None:
            head.xmp = reader.read(at + len(_XMP), length - len(_XMP))
    elif code == 0xED and head.iptc is None and reader.read(at, len(_PHOTOSHOP)) == _PHOTOSHOP:
        head.iptc = reader.read(at + len(_PHOTOSHOP), length - len(_PHOTOSHOP))
    elif code == 0xE2 and head.mpf is None and reader.read(at, 4) == _MPF:
        head.mpf, head.mpf_offset = reader.read(at + 4, length - 4), at + 4
    elif code == 0xFE and len(head.comments) < 4:
        head.comments.append(reader.read(at, min(length, 256)))


def _take_frame(head: JpegHead, code: int, frame: bytes) -> None:
    """Of several frames the largest: decoders differ in which they believe."""
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    if len(frame) < 6 or width * height <= head.width * head.height:
        return
    head.precision, head.components = frame[0], frame[5]
    head.height, head.width = height, width
    head.in_scans = code in _PROGRESSIVE
    head.lossless = code in _LOSSLESS
    factors = [(byte >> 4, byte & 15) for byte in frame[7 : 6 + 3 * frame[5] : 3]]
    most = max((across for across, _ in factors), default=1) * max((down for _, down in factors), default=1)
    head.samples = sum(across * down for across, down in factors) / max(1, most)


class _JpegReader:
    """Reads by position, a window at a time, so that many small segments cost few reads."""

    def __init__(self, source: PhotoSourceFile | bytes) -> None:
        self._source = source
        self._window = source if isinstance(source, bytes) else source.head
        self._start = 0

    def read(self, at: int, length: int) -> bytes:
        offset = at - self._start
        if offset < 0 or offset + length > len(self._window):
            if isinstance(self._source, bytes):
                return self._source[at : at + length]
            self._window = self._source.read(at, max(length, _WINDOW))
            self._start, offset = at, 0
        return self._window[offset : offset + length]

    def find_marker(self, at: int) -> int:
        """The next 0xFF within a window, −1 when there is none: some writers pad segments."""
        offset = self.read(at, _WINDOW).find(b"\xff")
        return -1 if offset < 0 else at + offset
