"""Why one photo is placed where it is, for the page: the same weighing as `geotagger why`, as JSON.

It takes a second or more on a large archive, so one is weighed at a time.
"""

import threading

from starlette.requests import Request
from starlette.responses import Response

from geotagger.errors import UnreadablePhotoError
from geotagger.index.mapping import by_ids
from geotagger.tag.why import why
from geotagger.tag.why_record import record_of_why
from geotagger.web.answers import answer
from geotagger.web.house import House
from geotagger.web.reading import whole_in_path


class Explaining:
    def __init__(self, house: House) -> None:
        self._house = house
        self._one_at_a_time = threading.Lock()

    def why(self, request: Request) -> Response:
        photo_id = whole_in_path(request)
        notes: list[str] = []
        with self._one_at_a_time, self._house.index() as index:
            photos = by_ids(index.store, [photo_id])
            photo = index.photos.find(photos[0].path) if photos else None
            if photo is None:
                raise UnreadablePhotoError(f"photo {photo_id}", "the index does not know it, or it is gone")
            explained = why(index, photo, notes.append)
        return answer({**record_of_why(explained), "notes": notes})
