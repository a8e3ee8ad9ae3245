"""Copies of photos to be published, with places that are coarser than the photos'.

Nothing of a photo's metadata is taken over but its time, its orientation and its colour profile: maker notes,
thumbnails, XMP and captions may tell the exact place. The picture of a JPEG is copied as it is; of anything
else a JPEG is made. Originals are only read, and no file that is there is replaced.
"""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import piexif  # type: ignore[import-untyped]

from geotagger import metadata
from geotagger.errors import WriteError
from geotagger.geo import distance_km
from geotagger.index.search import PhotoPlace
from geotagger.marks import Mark
from geotagger.photo.apart import jpeg_apart
from geotagger.photo.facts import read_facts
from geotagger.photo.values import Facts
from geotagger.writing import Writing

_LARGEST_EDGE = 16_384
_QUALITY = 92

_MOST_COPIED = 256 << 20
"""Bytes of a JPEG in which its picture ends, or it is decoded: three times what one of 200 megapixels has."""

_SOI, _EOI, _SOS, _APP0, _APP2, _APP14, _APP15, _COM = 0xD8, 0xD9, 0xDA, 0xE0, 0xE2, 0xEE, 0xEF, 0xFE
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD8)})


@dataclass(frozen=True, slots=True)
class Area:
    """A square of a grid over the Earth: its middle in degrees, and how far its corners are from that."""

    latitude: float
    longitude: float
    radius_km: float


def coarse(latitude: float, longitude: float, side_km: float) -> Area:
    """The square of about `side_km` that holds the place. The grid is fixed, so that many photos of one place
    tell no more than one does."""
    rows = max(1, round(math.pi * 6371.0 / side_km))
    height = 180.0 / rows
    row = min(rows - 1, int((latitude + 90.0) / height))
    middle = (row + 0.5) * height - 90.0
    columns = max(1, round(2 * rows * math.cos(math.radians(middle))))
    width = 360.0 / columns
    column = min(columns - 1, int((longitude + 180.0) / width))
    across = (column + 0.5) * width - 180.0
    corners = [(middle + up * height / 2, across + aside * width / 2) for up in (-1, 1) for aside in (-1, 1)]
    reach = max(float(distance_km(middle, across, *corner)) for corner in corners)
    return Area(middle, across, reach)


def copy(photo: PhotoPlace, target: Path, side_km: float) -> Area:
    """Makes `target`, a JPEG of the photo that says no more of its place than `coarse`. Raises PhotoError for
    what cannot be read, WriteError where a file is there already or none can be written."""
    facts = read_facts(photo.path)
    picture = _picture(photo.path, facts)
    area = coarse(photo.latitude, photo.longitude, side_km)
    radius_km = area.radius_km + photo.radius_km
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(picture)
    except FileExistsError:
        raise WriteError(photo.path, f"a file is there already: {target}", "it was left as it is") from None
    except OSError as error:
        _remove(target)
        raise WriteError(photo.path, f"{target} could not be written ({error.strerror or error})") from error
    try:
        place = metadata.Position(area.latitude, area.longitude, Mark("manual", radius_km=radius_km))
        metadata.commit(metadata.prepare(str(target), place, Writing(mode="exif")))
    except (WriteError, ValueError) as error:
        _remove(target)
        said = error.reason if isinstance(error, WriteError) else error
        raise WriteError(photo.path, f"its copy takes no place ({said})", "no copy was made") from error
    return Area(area.latitude, area.longitude, radius_km)


def _remove(target: Path) -> None:
    with suppress(OSError):
        target.unlink()


def name_of_copy(path: str) -> str:
    """A JPEG keeps its name; what becomes one says so."""
    return path if path.lower().endswith((".jpg", ".jpeg")) else f"{path}.jpg"


def _picture(path: str, facts: Facts) -> bytes:
    exif = _exif(facts, 1)
    if facts.format == "jpeg":
        with open(path, "rb") as file, suppress(ValueError):
            return b"".join(bare_jpeg(file.read(_MOST_COPIED), _exif(facts, facts.orientation)))
    # upright already
    return b"".join(bare_jpeg(jpeg_apart(path, _LARGEST_EDGE, _QUALITY), exif))


def _exif(facts: Facts, orientation: int) -> bytes:
    tags: dict[str, dict[int, object]] = {"0th": {piexif.ImageIFD.Orientation: orientation}, "Exif": {}}
    if facts.taken is not None:
        tags["Exif"][piexif.ExifIFD.DateTimeOriginal] = f"{facts.taken.local:%Y:%m:%d %H:%M:%S}".encode()
        if facts.taken.offset is not None:
            minutes = round(facts.taken.offset.total_seconds() / 60)
            sign = "-" if minutes < 0 else "+"
            offset = f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
            tags["Exif"][piexif.ExifIFD.OffsetTimeOriginal] = offset.encode()
    block: bytes = piexif.dump(tags)
    return block


def bare_jpeg(data: bytes, exif: bytes) -> Iterator[bytes]:
    """The picture of a JPEG file with this EXIF block and nothing else but its colour profile: up to the end
    of the first image (ITU-T T.81 annex B). Raises ValueError for what is cut off or no JPEG."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG")
    yield b"\xff\xd8"
    yield b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    at = 2
    while True:
        if data[at : at + 1] != b"\xff":
            raise ValueError("no marker where one must be")
        while data[at + 1 : at + 2] == b"\xff":  # fill bytes
            at += 1
        marker = data[at + 1] if at + 1 < len(data) else _EOI
        if marker == _EOI:
            yield b"\xff\xd9"
            return
        if marker in _WITHOUT_LENGTH:
            at += 2
            continue
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        if end > len(data) or end < at + 4:
            raise ValueError("cut off")
        if _belongs_to_the_picture(marker, data[at + 4 : at + 20]):
            yield data[at:end]
        at = end
        if marker == _SOS:
            at = _end_of_scan(data, end)
            yield data[end:at]


def _belongs_to_the_picture(marker: int, head: bytes) -> bool:
    if marker == _APP2:
        return head.startswith(b"ICC_PROFILE\0")
    if marker == _APP14:
        return head.startswith(b"Adobe")
    return not (_APP0 <= marker <= _APP15 or marker == _COM)


def _end_of_scan(data: bytes, start: int) -> int:
    """The next marker that is neither a stuffed byte nor a restart. Raises ValueError where there is none."""
    at = start
    while (at := data.find(b"\xff", at)) != -1 and at + 1 < len(data):
        if data[at + 1] != 0 and not 0xD0 <= data[at + 1] <= 0xD7 and data[at + 1] != 0xFF:
            return at
        at += 1 if data[at + 1] == 0xFF else 2
    raise ValueError("cut off")


def place_for_copy(folder: Path, path: str, base: str) -> Path:
    """Where the copy of a photo goes: in `folder` as it lies below `base`."""
    return folder / name_of_copy(os.path.relpath(path, base))
