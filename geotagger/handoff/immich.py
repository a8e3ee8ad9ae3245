"""Immich's API, as far as places go: list what it has, give places, ask for one asset.

Written after the types of the npm package @immich/sdk 3.2.2: `searchAssets` (POST /search/metadata),
`updateAssets` (PUT /assets), `getAssetInfo` (GET /assets/{id}), `getMyUser` (GET /users/me),
`getServerVersion`. The key goes to the address that was named and nowhere else: redirects are not followed.
Knows nothing of the index."""

import json
import math
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from geotagger.errors import HandoffError, HandoffRefusedError, UsageError

PAGE = 1000
AT_ONCE = 500
"""Assets that one call gives a place."""

_LONGEST_ANSWER = 256 << 20
_PATIENCE_S = 120
_NOWHERE = 1e-4
"""Immich takes 0,0 for no place; see docs/immich.md."""


@dataclass(frozen=True, slots=True)
class Asset:
    """What Immich says of a photo: whose it is, its path there, the SHA-1 of the bytes that were uploaded
    (base64), and its place in degrees, None where it has none."""

    id: str
    owner: str
    path: str
    checksum: str
    latitude: float | None
    longitude: float | None

    @property
    def has_place(self) -> bool:
        return (
            self.latitude is not None
            and self.longitude is not None
            and max(abs(self.latitude), abs(self.longitude)) > _NOWHERE
        )


class Immich:
    """Raises HandoffError, with the address and what is wrong, from every call."""

    def __init__(self, address: str, key: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query:
            raise UsageError(f"{address}: wanted is the address of an Immich server, as in http://nas:2283")
        self.address = address.rstrip("/").removesuffix("/api")
        self.is_in_the_clear = parts.scheme == "http" and parts.hostname not in (
            "127.0.0.1",
            "::1",
            "localhost",
        )
        self._key = key
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))

    def version(self) -> str:
        version = self._request("GET", "/server/version")
        try:
            return f"{int(version['major'])}.{int(version['minor'])}.{int(version['patch'])}"
        except (KeyError, TypeError, ValueError):
            raise HandoffError(f"{self.address}: this does not answer as Immich does") from None

    def assets(self) -> Iterator[Asset]:
        """All photos and videos of the key's owner, page by page, archived ones with them. Of partners, whose
        photos are listed too and cannot be changed, only where the key may not ask who its owner is."""
        owner, seen = self._owner(), set()
        # before 3.0 a search that names no visibility leaves the archived ones out (Immich's #29385)
        for narrowed in ({}, {"visibility": "archive"}):
            for asset in self._listed(narrowed):
                if asset.id not in seen and owner in (None, asset.owner):
                    yield asset
                seen.add(asset.id)

    def _owner(self) -> str | None:
        """The key's owner; None for a key without `user.read`."""
        try:
            return str(self._request("GET", "/users/me")["id"])
        except HandoffRefusedError as error:
            if error.code != 403:
                raise
            return None
        except (KeyError, TypeError):
            raise HandoffError(f"{self.address}: this does not answer as Immich does") from None

    def _listed(self, narrowed: Mapping[str, str]) -> Iterator[Asset]:
        page: int | None = 1
        while page is not None:
            asked = {"withExif": True, "size": PAGE, "page": page, **narrowed}
            answer = self._request("POST", "/search/metadata", asked)
            try:
                page_of_assets = answer["assets"]
                for item in page_of_assets["items"]:
                    yield _asset(item)
                following = page_of_assets["nextPage"]
                after = None if following is None else int(following)
            except (KeyError, TypeError, ValueError):
                raise HandoffError(f"{self.address}: its list of assets cannot be read") from None
            if after is not None and after <= page:
                raise HandoffError(f"{self.address}: its list of assets has no end")
            page = after

    def asset(self, asset_id: str) -> Asset:
        try:
            return _asset(self._request("GET", f"/assets/{quote(asset_id, safe='')}"))
        except (KeyError, TypeError, ValueError):
            raise HandoffError(f"{self.address}: asset {asset_id} cannot be read") from None

    def give(self, ids: Sequence[str], latitude: float, longitude: float) -> None:
        """One call for all assets of one place."""
        self._request("PUT", "/assets", {"ids": list(ids), "latitude": latitude, "longitude": longitude})

    def take_away(self, ids: Sequence[str]) -> None:
        """Immich's API cannot clear a place (`latitude?: number`); it takes 0,0 for none."""
        self.give(ids, 0.0, 0.0)

    def _request(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        request = urllib.request.Request(
            f"{self.address}/api{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={
                "x-api-key": self._key,
                "accept": "application/json",
                "content-type": "application/json",
            },
        )
        try:
            with self._opener.open(request, timeout=_PATIENCE_S) as answer:
                data = answer.read(_LONGEST_ANSWER + 1)
        except urllib.error.HTTPError as error:
            raise HandoffRefusedError(f"{self.address}: {_meaning(error.code)}", error.code) from None
        except (OSError, ValueError) as error:
            why = getattr(error, "reason", None) or error
            raise HandoffError(f"{self.address}: cannot be reached ({why})") from None
        if len(data) > _LONGEST_ANSWER:
            raise HandoffError(f"{self.address}: its answer is longer than any of Immich's")
        try:
            return json.loads(data) if data else None
        except (ValueError, RecursionError):
            raise HandoffError(f"{self.address}: this does not answer as Immich does") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def _meaning(code: int) -> str:
    if code == 401:
        return "it does not know this key (401)"
    if code == 403:
        return "this key may not do that (403); it needs asset.read and asset.update"
    if code == 400:
        return "it refused (400): somebody else's, or not there any more"
    if 300 <= code < 400:
        return f"it sends elsewhere ({code}), which is not followed; name the address that answers"
    return f"it refused ({code})"


def _asset(item: Any) -> Asset:
    exif = item.get("exifInfo") or {}
    place = exif.get("latitude"), exif.get("longitude")
    latitude, longitude = (
        float(value) if isinstance(value, int | float) and math.isfinite(value) else None for value in place
    )
    key, owner, path, checksum = (str(item[name]) for name in ("id", "ownerId", "originalPath", "checksum"))
    return Asset(key, owner, path, checksum, latitude, longitude)
