"""Who may come in: programs on this machine that know the address with the token, and nobody else.

The token is the first part of every path. A request without it, for another host than the loopback address
(as after DNS rebinding), from a page of another origin, or with another method than GET, HEAD and POST is
refused before any route sees it. A second token opens once, and sends on to the first: the browser is
started with it, so that whoever lists the processes of this machine finds one that is used up. Every answer
forbids the browser to load anything from elsewhere, and to tell others where it comes from. Knows nothing of
photos."""

import secrets
from dataclasses import dataclass

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = "127.0.0.1"
LARGEST_BODY = 4 << 20
"""Bytes of a POST: a decision about a hundred thousand photos is smaller."""

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}


def new_token() -> str:
    """32 random bytes, as an address may hold them."""
    return secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Refusal:
    status: int
    reason: str


class Door:
    """The application behind it is asked for paths without the token. `once`: the token that opens once."""

    def __init__(self, inside: ASGIApp, token: str, port: int, once: str | None = None) -> None:
        self._inside, self._token, self._once = inside, token, once
        self._hosts = frozenset({f"{LOOPBACK}:{port}", f"localhost:{port}"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._inside(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        headers = Headers(scope=scope)
        refusal = self._refusal_of_stranger(scope["method"], headers)
        if refusal is None and scope["method"] == "GET" and self._opens_once(scope["path"]):
            self._once = None
            await RedirectResponse(f"/{self._token}/", 303)(scope, receive, _closing(send))
            return
        refusal = refusal or self._refusal(scope["method"], scope["path"], headers)
        if refusal is not None:
            answer = PlainTextResponse(refusal.reason + "\n", refusal.status)
            await answer(scope, receive, _closing(send))
            return
        path = "/" + scope["path"][1:].partition("/")[2]
        inner = {**scope, "path": path, "raw_path": path.encode(), "root_path": ""}
        await self._inside(inner, _bounded(receive), _closing(send))

    def _opens_once(self, path: str) -> bool:
        return self._once is not None and _is(path, f"/{self._once}/")

    def _refusal_of_stranger(self, method: str, headers: Headers) -> Refusal | None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return Refusal(403, "This page answers on the loopback address alone.")
        own = f"http://{hosts[0].lower()}"
        if any(origin.lower() != own for origin in headers.getlist("origin")):
            return Refusal(403, "This page does not answer to pages of others.")
        if any(site not in ("same-origin", "none") for site in headers.getlist("sec-fetch-site")):
            return Refusal(403, "This page does not answer to pages of others.")
        if method not in ("GET", "HEAD", "POST"):
            return Refusal(405, "GET, HEAD and POST are answered.")
        return None

    def _refusal(self, method: str, path: str, headers: Headers) -> Refusal | None:
        token, slash, _ = path[1:].partition("/")
        if not slash or not _is(token, self._token):
            return Refusal(403, "Open the whole address that `geotagger review` printed.")
        if method == "POST" and _kind_of(headers) != "application/json":
            return Refusal(415, "A POST brings JSON.")
        lengths = headers.getlist("content-length")
        if any(not length.isdecimal() or int(length) > LARGEST_BODY for length in lengths):
            return Refusal(413, "That is more than a decision is.")
        return None


def _is(text: str, secret: str) -> bool:
    return secrets.compare_digest(text.encode("utf-8", "replace"), secret.encode())


def _kind_of(headers: Headers) -> str:
    return headers.get("content-type", "").partition(";")[0].strip().lower()


def _closing(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return sending


def _bounded(receive: Receive) -> Receive:
    """Of a body sent in pieces, too, no more than LARGEST_BODY is taken."""
    taken = 0

    async def receiving() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > LARGEST_BODY:
            return {"type": "http.disconnect"}
        return message

    return receiving
