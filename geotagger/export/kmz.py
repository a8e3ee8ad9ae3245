"""KMZ: the KML in a ZIP file, with a thumbnail of each photo that can be read (OGC 07-147r2, annex C)."""

import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, cast

from geotagger.export.kml import kml
from geotagger.export.pieces import Sink
from geotagger.export.thumbnails import thumbnail
from geotagger.export.writing import MAKER
from geotagger.index.search import PhotoPlace

_IN_MEMORY_BYTES = 16 << 20


def kmz(photos: Iterable[PhotoPlace]) -> Iterator[bytes]:
    sink = Sink()
    with (
        tempfile.SpooledTemporaryFile(_IN_MEMORY_BYTES) as document,
        zipfile.ZipFile(cast("IO[bytes]", sink), "w") as archive,
    ):

        def picture(photo: PhotoPlace) -> str | None:
            small = thumbnail(photo.path)
            if small is None:
                return None
            name = f"thumbnails/{photo.photo_id}.jpg"
            archive.writestr(name, small)
            return name

        for piece in kml(photos, picture):
            document.write(piece.encode())
            yield sink.take()
        archive.comment = MAKER.encode()
        document.seek(0)
        with archive.open(zipfile.ZipInfo("doc.kml"), "w") as packed:
            while part := document.read(1 << 20):
                packed.write(part)
                yield sink.take()
    yield sink.take()
