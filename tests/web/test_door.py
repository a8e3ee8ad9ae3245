"""Nobody comes in but who has the address: each way past the door is tried on the running command."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from geotagger.index import open_index
from geotagger.web.door import LARGEST_BODY
from tests.commands import Geotagger
from tests.tag.scenes import walk_through_town
from tests.web.pages import Page, open_page


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Geotagger:
    folder = tmp_path_factory.mktemp("door")
    (folder / "home").mkdir()
    geotagger = Geotagger(folder / "home")
    scene = walk_through_town(folder / "photos", 4)
    geotagger("tag", scene.folder, "--write", "none", "--model", "none")
    return geotagger


@pytest.fixture(scope="module")
def page(home: Geotagger) -> Iterator[Page]:
    with open_page(home) as page:
        yield page


ROUTES = (
    "",
    "static/main.js",
    "static/review.css",
    "leaflet/leaflet.js",
    "api/state",
    "api/clusters?south=-90&west=-180&north=90&east=180&zoom=2",
    "api/outings",
    "api/tray",
    "api/sample",
    "api/photo/1",
    "api/why/1",
    "api/towns?south=-90&west=-180&north=90&east=180",
    "basemap.json",
    "thumb/1",
    "picture/1",
)
ORDERS = ("api/decide", "api/clock", "api/retract", "api/write", "api/undo")


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_opens_with_the_token_and_with_nothing_else(page: Page, route: str) -> None:
    assert httpx.get(page.address + route, timeout=30).status_code == 200
    wrong = "A" * len(page.token)
    for path in (f"/{route}", f"/{wrong}/{route}", f"/{page.token[:-1]}/{route}", f"//{page.token}/{route}"):
        answer = httpx.get(page.origin + path)
        assert answer.status_code == 403, path
        assert "geotagger review" in answer.text


@pytest.mark.parametrize("order", ORDERS)
def test_a_post_without_the_token_is_refused(page: Page, order: str) -> None:
    answer = httpx.post(f"{page.origin}/{order}", json={})
    assert answer.status_code == 403


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"host": "evil.example"},
        {"host": "127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
    ids=lambda headers: "{}={}".format(*next(iter(headers.items()))),
)
def test_a_post_from_elsewhere_is_refused(page: Page, order: str, headers: dict[str, str]) -> None:
    answer = httpx.post(page.address + order, json={}, headers=headers)
    assert answer.status_code == 403
    assert httpx.get(page.address + "api/state", headers=headers).status_code == 403


def test_a_form_of_another_page_cannot_post(page: Page) -> None:
    for kind in ("application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x"):
        answer = httpx.post(page.address + "api/write", content=b"{}", headers={"content-type": kind})
        assert answer.status_code == 415


def test_a_token_in_a_referer_or_a_cookie_opens_nothing(page: Page) -> None:
    for headers in (
        {"referer": page.address},
        {"cookie": f"token={page.token}"},
        {"authorization": f"Bearer {page.token}"},
    ):
        assert httpx.get(page.origin + "/api/state", headers=headers).status_code == 403
        assert httpx.get(page.origin + f"/?token={page.token}", headers=headers).status_code == 403


def test_the_address_that_a_browser_is_started_with_opens_once(home: Geotagger, tmp_path: Path) -> None:
    """Whoever lists the processes of the machine sees it."""
    browser, noted = tmp_path / "browser", tmp_path / "noted"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {noted}.part && mv {noted}.part {noted}\n')
    browser.chmod(0o755)
    before = dict(home.environment)
    home.environment["BROWSER"] = f"{browser} %s"
    process = home.start("review", "--json")
    home.environment.clear()
    home.environment.update(before)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        address = json.loads(process.stdout.readline())["address"]
        for _ in range(200):
            if noted.exists():
                break
            time.sleep(0.05)
        opening = noted.read_text()
        assert opening.startswith("http://127.0.0.1:")
        assert opening != address
        assert httpx.head(opening).status_code == 403
        assert httpx.get(opening, headers={"host": "evil.example"}).status_code == 403
        first = httpx.get(opening)
        assert first.status_code == 303
        assert address.endswith(first.headers["location"])
        assert httpx.get(opening).status_code == 403
        assert httpx.get(address).status_code == 200
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close()
        process.stderr.close()


def test_every_answer_keeps_the_browser_at_home(page: Page) -> None:
    for address in (page.address, page.address + "api/state", page.origin + "/", page.address + "nowhere"):
        headers = httpx.get(address).headers
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert "http" not in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def test_it_answers_on_the_loopback_address_alone(page: Page) -> None:
    port = int(page.origin.rsplit(":", 1)[1])
    listening = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if not os.path.exists(table):
            pytest.skip("there is no /proc here to tell who listens")
        for line in Path(table).read_text().splitlines()[1:]:
            _, local, _, state = line.split()[:4]
            if state == "0A" and int(local.rsplit(":", 1)[1], 16) == port:
                listening.append(local.rsplit(":", 1)[0])
    assert listening == ["0100007F"]


def test_no_sql_page_and_no_table_is_served(page: Page) -> None:
    for path in ("index", "index.json", "-/sql", "index/photos", "index.db", "?sql=select+1", "photos.json"):
        answer = httpx.get(page.address + path)
        assert answer.status_code == 404 or "<title>geotagger review" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "static/../app.py",
        "static/%2e%2e/app.py",
        "static/..%2fapp.py",
        "static/%2e%2e%2f%2e%2e%2f__init__.py",
        "leaflet/..%2f..%2f__init__.py",
        "static//etc/passwd",
        "thumb/..%2f..%2fetc%2fpasswd",
        "thumb/99999999999999999999999",
        "tiles/0/0/0",
    ],
)
def test_paths_lead_nowhere_else(page: Page, path: str) -> None:
    host, port = page.origin.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(
            f"GET /{page.token}/{path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()
        )
        said = b""
        while part := raw.recv(1 << 16):
            said += part
    assert said.startswith(b"HTTP/1.1 404"), said[:200]
    assert b"import" not in said
    assert b"root:" not in said


def test_a_photo_outside_its_archive_is_refused(home: Geotagger, page: Page, tmp_path: Path) -> None:
    outside = tmp_path / "secret.jpg"
    with open_index(home.index) as index:
        photo = next(index.photos.in_time(index.roots.all()[0].id))
        outside.write_bytes(Path(photo.path).read_bytes())
        link = Path(photo.path).with_name("link.jpg")
        link.symlink_to(outside)
        change = "update photos set path = ? where id = ?"
        for path in (
            os.path.relpath(outside, os.path.dirname(photo.path)),
            str(outside),
            "link.jpg",
            "a\0b.jpg",
        ):
            index.store.execute(change, (path, photo.id))
            for size in ("thumb", "picture"):
                answer = httpx.get(f"{page.address}{size}/{photo.id}")
                assert answer.status_code == 404
                assert answer.headers["content-type"] == "application/json"
        index.store.execute(change, (os.path.basename(photo.path), photo.id))
    assert httpx.get(f"{page.address}thumb/{photo.id}").content[:2] == b"\xff\xd8"
    link.unlink()


def test_other_methods_and_too_much_are_refused(page: Page) -> None:
    assert httpx.request("DELETE", page.address + "api/state").status_code == 405
    assert httpx.request("OPTIONS", page.address + "api/write").status_code == 405
    assert httpx.get(page.address + "api/write").status_code == 405
    large = httpx.post(page.address + "api/decide", content=b" " * (LARGEST_BODY + 1),
                       headers={"content-type": "application/json"})  # fmt: skip
    assert large.status_code == 413


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"action": "burn"}',
        b'{"action": "confirm"}',
        b'{"action": "confirm", "photos": 3}',
        b'{"action": "confirm", "photos": [[1, 2]]}',
        b'{"action": "confirm", "photos": [["x", null, null]]}',
        b'{"action": "move", "photos": [[1, null, null]], "latitude": NaN}',
        b'{"action": "move", "photos": [[1, null, null]], "latitude": 91, "longitude": 0, "radius_km": 1}',
        b'{"action": "move", "photos": [[1, null, null]], "latitude": 0, "longitude": 0, "radius_km": 1}',
        b'{"action": "confirm", "photos": [[99999999999999999999, null, null]]}',
        b"[" * 100000,
    ],
)
def test_nonsense_gets_one_line(page: Page, told: bytes) -> None:
    answer = httpx.post(
        page.address + "api/decide", content=told, headers={"content-type": "application/json"}
    )
    assert answer.status_code == 400
    assert re.fullmatch(r"[^\n]+", answer.json()["error"])
    assert page.get("api/state")["pending"] == []


def test_without_an_index_or_the_extra_it_says_so(geotagger: Geotagger, page: Page, tmp_path: Path) -> None:
    assert "`geotagger tag` makes one" in geotagger("review", "--no-browser", code=2).err
    taken = page.origin.rsplit(":", 1)[1]
    (tmp_path / "photos").mkdir()
    geotagger("tag", tmp_path / "photos", code=None)
    assert f"--port {taken}" in geotagger("review", "--no-browser", "--port", taken, code=2).err
    alone = "import sys; sys.modules['uvicorn'] = None; from geotagger.cli import main; main(['review'])"
    done = subprocess.run(
        [sys.executable, "-c", alone], env=geotagger.environment, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "review needs uvicorn; pip install 'photo-geotagger[review]'" in done.stderr
    no_map = tmp_path / "no.pmtiles"
    no_map.write_bytes(b"not a map")
    assert "no PMTiles" in geotagger("review", "--no-browser", "--basemap", no_map, code=2).err
