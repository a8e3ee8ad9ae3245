"""A server on the loopback address that answers as Immich does, by the types of @immich/sdk 3.2.2."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

KEY = "a-key-of-the-owner"
OWNER, PARTNER = "0000000a-0000-4000-8000-000000000000", "0000000b-0000-4000-8000-000000000000"


@dataclass
class Library:
    """`calls`: what was asked, in order. `page`: how many assets a page of the list has at most."""

    assets: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    page: int = 2
    address: str = ""
    refuses_after: int | None = None
    """So many calls that give places are taken, the next is refused."""

    may_read_users: bool = True

    def upload(
        self, photo: Path, path: str, place: tuple[float, float] | None = None, *,
        owner: str = OWNER, visibility: str = "timeline",
    ) -> str:  # fmt: skip
        number = f"00000000-0000-4000-8000-{len(self.assets):012}"
        checksum = base64.b64encode(hashlib.sha1(photo.read_bytes()).digest()).decode()
        latitude, longitude = (None, None) if place is None else place
        self.assets[number] = {
            "id": number,
            "ownerId": owner,
            "visibility": visibility,
            "originalPath": path,
            "originalFileName": photo.name,
            "checksum": checksum,
            "exifInfo": {"latitude": latitude, "longitude": longitude},
        }
        return number

    def place_of(self, number: str) -> tuple[float | None, float | None]:
        exif = self.assets[number]["exifInfo"]
        return exif["latitude"], exif["longitude"]

    def given(self) -> list[Any]:
        return [told for method, path, told in self.calls if (method, path) == ("PUT", "/api/assets")]


@contextmanager
def immich(library: Library) -> Iterator[Library]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self, code: int, told: Any = None) -> None:
            data = b"" if told is None else json.dumps(told).encode()
            self.send_response(code)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _handle(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            told = json.loads(self.rfile.read(length)) if length else None
            library.calls.append((self.command, self.path, told))
            if self.headers.get("x-api-key") != KEY:
                return self._answer(401, {"message": "Invalid API key"})
            if (self.command, self.path) == ("GET", "/api/server/version"):
                return self._answer(200, {"major": 3, "minor": 2, "patch": 2})
            if (self.command, self.path) == ("GET", "/api/users/me"):
                if not library.may_read_users:
                    return self._answer(403, {"message": "Missing required permission: user.read"})
                return self._answer(200, {"id": OWNER, "name": "Owner"})
            if (self.command, self.path) == ("POST", "/api/search/metadata"):
                return self._list(told)
            if (self.command, self.path) == ("PUT", "/api/assets"):
                return self._update(told)
            number = self.path.removeprefix("/api/assets/")
            if self.command == "GET" and number in library.assets:
                return self._answer(200, library.assets[number])
            return self._answer(400, {"message": "Not found or no asset.read access"})

        def _list(self, told: Any) -> None:
            """As before 3.0: what is in the archive is listed only where that is asked for."""
            size, page = min(told["size"], library.page), told["page"]
            visibility = told.get("visibility", "timeline")
            listed_here = [one for one in library.assets.values() if one["visibility"] == visibility]
            items = listed_here[size * (page - 1) : size * page]
            if not told.get("withExif"):
                items = [{**item, "exifInfo": None} for item in items]
            more = size * page < len(listed_here)
            listed = {"items": items, "count": len(items), "nextPage": str(page + 1) if more else None}
            self._answer(200, {"assets": listed, "albums": {"items": []}})

        def _update(self, told: Any) -> None:
            """AssetBulkUpdateDto: ids: string[], latitude?: number, longitude?: number; not null."""
            numbers = told.get("latitude"), told.get("longitude")
            if not all(isinstance(value, int | float) for value in numbers) or not told["ids"]:
                return self._answer(400, {"message": "latitude must be a number"})
            if library.refuses_after is not None and len(library.given()) > library.refuses_after:
                return self._answer(500, {"message": "no"})
            if any(library.assets.get(one, {}).get("ownerId") != OWNER for one in told["ids"]):
                return self._answer(400, {"message": "Not found or no asset.update access"})
            for number in told["ids"]:
                place = (None, None) if numbers == (0, 0) else numbers
                library.assets[number]["exifInfo"] = dict(zip(("latitude", "longitude"), place, strict=True))
            return self._answer(204)

        do_GET = do_POST = do_PUT = _handle

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    library.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield library
    finally:
        server.shutdown()
        server.server_close()
