"""The page in Debian's headless Chromium: what an owner does with mouse and keyboard.

Run with `pytest -m browser`; GEOTAGGER_BROWSER=required makes a missing browser a failure, as in CI.
"""

import io
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import piexif
import pytest

from tests.commands import Geotagger
from tests.tag.scenes import START, Scene, walk_through_town
from tests.web.pages import Page, open_page

pytestmark = pytest.mark.browser

HTML = "<img src=x onerror=alert(1)>.jpg"


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        path = None
    if path is None:
        if os.environ.get("GEOTAGGER_BROWSER") == "required":
            pytest.fail("Chromium and playwright are wanted here: apt-get install chromium")
        pytest.skip(
            "there is no Chromium, or no playwright: apt-get install chromium, pip install '.[browser]'"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


class Tab:
    """A tab and what it did: every request, and everything that the console complained of."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.requests: list[Any] = []
        self.complaints: list[str] = []
        page.on("request", lambda request: self.requests.append(request))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))

    def cards(self) -> Any:
        return self.page.locator(".card")

    def open_outing(self) -> None:
        self.page.locator(".outing").first.click()
        self.page.wait_for_selector(".card")

    def says(self, text: str) -> None:
        self.page.locator("#messages", has_text=text).wait_for(timeout=20_000)

    def choose(self, name: str) -> None:
        self.page.locator(".card", has_text=name).click()
        self.page.locator("#panel h2", has_text=name).wait_for()

    def chosen(self) -> list[str]:
        return list(self.page.locator(".card[aria-pressed=true] .name").all_inner_texts())

    def map(self) -> bytes:
        """As it looks."""
        return bytes(self.page.locator("#map").screenshot())

    def pending(self) -> str:
        return str(self.page.locator("#pending").inner_text())


@contextmanager
def tab_on(
    chromium: Any, address: str, width: int = 1280, height: int = 800, scheme: str = "light"
) -> Iterator[Tab]:
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    try:
        tab = Tab(context.new_page())
        tab.page.goto(address)
        tab.page.wait_for_selector("body[data-ready]", timeout=30_000)
        yield tab
    finally:
        context.close()


@pytest.fixture
def scene(geotagger: Geotagger, tmp_path: Path) -> Scene:
    return _tagged(geotagger, tmp_path)


def _tagged(geotagger: Geotagger, folder: Path) -> Scene:
    scene = walk_through_town(folder / "photos", 20)
    shutil.copy2(scene.folder / "IMG_0001.jpg", scene.folder / HTML)
    geotagger("tag", scene.folder, "--write", "none", "--model", "none", "--track", _track(folder))
    return scene


def _track(folder: Path) -> Path:
    """A walk eastwards, an hour later than the photos, by another street."""
    points = "".join(
        f'<trkpt lat="48.2" lon="{16.3 + 0.001 * n:.4f}">'
        f"<time>2024-05-17T{8 + n // 60:02}:{n % 60:02}:00Z</time></trkpt>"
        for n in range(120)
    )
    path = folder / "walk.gpx"
    path.write_text(
        '<gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">'
        f"<trk><trkseg>{points}</trkseg></trk></gpx>"
    )
    return path


@pytest.fixture
def page(geotagger: Geotagger, scene: Scene) -> Iterator[Page]:  # noqa: ARG001
    with open_page(geotagger) as page:
        yield page


@pytest.fixture(scope="module")
def unwritten(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A page for tests that write nothing."""
    folder = tmp_path_factory.mktemp("unwritten")
    (folder / "home").mkdir()
    geotagger = Geotagger(folder / "home")
    _tagged(geotagger, folder)
    with open_page(geotagger) as page:
        yield page


@pytest.fixture
def look(chromium: Any, unwritten: Page) -> Iterator[Tab]:
    with tab_on(chromium, unwritten.address) as tab:
        yield tab
        assert tab.complaints == []
    unwritten.post("api/retract", {})


@pytest.fixture
def tab(chromium: Any, page: Page) -> Iterator[Tab]:
    with tab_on(chromium, page.address) as tab:
        yield tab
        assert tab.complaints == []


def test_nothing_is_asked_of_other_machines_and_the_token_goes_nowhere(look: Tab, unwritten: Page) -> None:
    look.open_outing()
    look.choose(HTML)
    look.page.keyboard.press("w")
    look.page.locator("#why h3", has_text="Leading countries").wait_for(timeout=30_000)
    assert len(look.requests) > 20
    for request in look.requests:
        assert request.url.startswith((unwritten.origin + "/", "data:")), request.url
        assert "referer" not in request.all_headers()


def test_a_name_is_never_markup(look: Tab) -> None:
    look.open_outing()
    look.choose(HTML)
    assert look.page.locator("img[src=x]").count() == 0
    assert look.page.locator("#panel h2").inner_text() == HTML


def test_all_is_decided_from_the_keyboard_written_and_undone(tab: Tab, scene: Scene) -> None:
    before = {path: path.read_bytes() for path in scene.folder.iterdir()}
    keys = tab.page.keyboard
    tab.open_outing()
    tab.choose("IMG_0001")
    keys.press("c")
    tab.says("1 photo confirmed")
    tab.choose("IMG_0003")
    keys.press("m")
    keys.press("Enter")
    tab.says("1 photo moved")
    tab.choose("IMG_0005")
    keys.press("r")
    tab.says("1 photo rejected")
    tab.choose("IMG_0007")
    keys.press("s")
    tab.says("1 photo set aside")
    tab.choose("IMG_0009")
    keys.press("r")
    tab.says("1 photo rejected")
    keys.press("u")
    tab.says("taken back")
    assert "4 decisions wait: 1 confirmed, 1 moved, 1 rejected, 1 set aside" in tab.pending()
    assert {path: path.read_bytes() for path in scene.folder.iterdir()} == before
    tab.page.click("#write")
    tab.says("2 written")
    changed = {path.name for path, data in before.items() if path.read_bytes() != data}
    assert changed == {"IMG_0001.jpg", "IMG_0003.jpg"}
    tab.page.locator(".card", has_text="IMG_0005").locator(".state", has_text="rejected").wait_for()
    tab.page.click("#undo-run")
    tab.page.click("#sure-yes")
    tab.says("undone")
    assert {path: path.read_bytes() for path in scene.folder.iterdir()} == before


def test_several_are_chosen_and_outings_opened_from_the_keyboard(look: Tab) -> None:
    keys = look.page.keyboard
    look.page.locator("#list .outing").first.wait_for()
    keys.press("j")
    keys.press("Enter")
    look.page.wait_for_selector(".card")
    look.choose("IMG_0001")
    for key in ("x", "j", "j", "x"):
        keys.press(key)
    look.page.locator("#panel h2", has_text="2 photos chosen").wait_for()
    assert look.chosen() == ["IMG_0001.jpg", "IMG_0003.jpg"]
    keys.press("J")
    assert look.chosen() == ["IMG_0001.jpg", "IMG_0003.jpg", "IMG_0004.jpg"]
    keys.press("Escape")
    assert look.chosen() == []
    keys.press("b")
    look.page.locator(".outing:focus").wait_for()
    look.page.locator("#timeline").wait_for(state="hidden")


def test_what_was_discarded_and_a_clock_that_was_kept_are_taken_back(look: Tab) -> None:
    look.open_outing()
    look.choose("IMG_0001")
    look.page.keyboard.press("c")
    look.says("1 photo confirmed")
    look.page.fill("#clock-minutes", "60")
    look.page.click("#clock-keep")
    look.says("waits to be written")
    look.page.get_by_text("Discard all").click()
    look.says("2 decisions discarded")
    look.page.locator(".card", has_text="IMG_0003").click()
    look.page.keyboard.press("u")
    look.page.locator("#pending", has_text="2 decisions wait: 1 clock set, 1 confirmed").wait_for()
    look.page.keyboard.press("u")
    look.page.locator("#pending", has_text="1 decision waits: 1 confirmed").wait_for()
    look.page.keyboard.press("u")
    look.page.locator("#pending p:not(.run)").wait_for(state="detached")


def test_taking_back_several_leaves_what_another_tab_did_with_one_since(look: Tab) -> None:
    look.open_outing()
    for count, name in enumerate(("IMG_0001", "IMG_0003"), 1):
        look.choose(name)
        look.page.keyboard.press("c")
        look.page.locator("#pending", has_text=f"{count} confirmed").wait_for()
    look.page.locator(".card", has_text="IMG_0001").click(modifiers=["Control"])
    look.page.keyboard.press("r")
    look.says("2 photos rejected")
    look.page.evaluate(
        """async () => {
            const how = { method: "POST", headers: { "content-type": "application/json" } };
            const { pending } = await (await fetch("api/state")).json();
            await fetch("api/retract", { ...how, body: JSON.stringify({ ids: [pending[0].id] }) });
        }"""
    )
    look.page.keyboard.press("u")
    look.says("taken back, but for 1 decision")
    assert "1 decision waits: 1 confirmed" in look.pending()


def test_keys_that_come_faster_than_answers_are_about_what_the_last_one_left(look: Tab) -> None:
    look.open_outing()
    look.choose("IMG_0001")
    look.page.evaluate(
        """() => {
            for (const key of ["c", "r", "s", "u"]) {
                document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
            }
        }"""
    )
    look.says("taken back")
    assert "1 decision waits: 1 rejected" in look.pending()


def test_a_whole_outing_is_decided_at_once(look: Tab) -> None:
    look.open_outing()
    look.page.keyboard.press("a")
    look.page.locator("#panel h2", has_text="21 photos chosen").wait_for()
    look.page.keyboard.press("c")
    look.says("10 photos left as before: has a position of its own")
    assert "11 decisions wait: 11 confirmed" in look.pending()


def test_a_pin_is_dragged_and_means_what_the_scale_of_the_map_means(look: Tab) -> None:
    look.open_outing()
    look.choose("IMG_0001")
    look.page.locator(".pin").drag_to(look.page.locator("#map"), target_position={"x": 150, "y": 250})
    look.says("1 photo moved")
    (one,) = look.page.evaluate("fetch('api/state').then((a) => a.json())")["pending"]
    assert one["action"] == "move"
    assert 0.004 < one["radius_km"] < 1


def test_a_photo_of_the_tray_is_dropped_on_the_map(
    geotagger: Geotagger, chromium: Any, tmp_path: Path
) -> None:
    from tests.tag.scenes import jpeg

    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(2):
        (folder / f"{n}.jpg").write_bytes(jpeg(START, None, shade=9 * n))
    geotagger("tag", folder, "--write", "none", "--model", "none")
    with open_page(geotagger) as page, tab_on(chromium, page.address) as tab:
        tab.page.click("#tab-tray")
        tab.page.wait_for_selector(".card")
        tab.cards().first.drag_to(tab.page.locator("#map"), target_position={"x": 300, "y": 200})
        tab.says("1 photo moved")
        tab.page.click("#write")
        tab.says("1 written")
        assert tab.complaints == []


def test_photos_slide_along_the_track_while_the_clock_is_set(tab: Tab, geotagger: Geotagger) -> None:
    tab.open_outing()
    told = tab.page.locator("#clock-told")
    tab.page.fill("#clock-minutes", "60")
    told.get_by_text("+1h: ").wait_for()
    first = told.inner_text()
    tab.page.fill("#clock-minutes", "700")
    told.get_by_text("0 of 21 photos").wait_for()
    assert "0 of 21" not in first
    tab.page.fill("#clock-minutes", "60")
    told.get_by_text("+1h: ").wait_for()
    at_60 = tab.map()
    tab.page.fill("#clock-minutes", "75")
    told.get_by_text("+1h15m: ").wait_for()
    assert tab.map() != at_60
    tab.page.fill("#clock-minutes", "60")
    tab.page.click("#clock-keep")
    tab.says("waits to be written")
    assert "1 clock set" in tab.pending()
    tab.page.click("#write")
    tab.says("Run")
    assert geotagger("clocks", "--json").records[0]["shift_s"] == 3600


def test_a_tab_left_open_over_an_undo_is_told_and_shown_what_is_so(
    tab: Tab, scene: Scene, geotagger: Geotagger
) -> None:
    tab.open_outing()
    geotagger("tag", scene.folder, "--model", "none")
    tab.choose("IMG_0001")
    tab.page.keyboard.press("c")
    tab.says("its place is another one since this page saw it")
    tab.page.wait_for_load_state("networkidle")  # the list is asked for again
    tab.page.keyboard.press("c")
    tab.says("1 photo confirmed")


@pytest.mark.usefixtures("scene")
def test_the_page_says_so_when_its_server_has_ended(chromium: Any, geotagger: Geotagger) -> None:
    with open_page(geotagger) as page, tab_on(chromium, page.address) as tab:
        tab.open_outing()
        page.process.kill()
        page.process.wait()
        tab.page.keyboard.press("c")
        tab.says("geotagger review has ended")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_nobody_is_shut_out(chromium: Any, unwritten: Page, width: int, scheme: str) -> None:
    """axe-core finds nothing: names, contrast, roles, order."""
    from axe_playwright_python.sync_playwright import Axe

    with tab_on(chromium, unwritten.address, width, scheme=scheme) as tab:
        found = [Axe().run(tab.page)]
        tab.open_outing()
        tab.choose("IMG_0001")
        tab.page.keyboard.press("c")
        tab.says("1 photo confirmed")
        found.append(Axe().run(tab.page))
        tab.page.keyboard.press("?")
        found.append(Axe().run(tab.page))
        if width == 400:
            assert tab.page.evaluate("document.documentElement.scrollWidth") <= 400
    unwritten.post("api/retract", {})
    for results in found:
        assert results.violations_count == 0, results.generate_report()


def test_raster_tiles_of_the_owner_are_drawn(
    chromium: Any, geotagger: Geotagger, scene: Scene, tmp_path: Path
) -> None:
    """A tile whose western half is red, as a picture in the file."""
    from PIL import Image
    from pmtiles.tile import Compression, TileType, zxy_to_tileid
    from pmtiles.writer import Writer

    picture = Image.new("RGB", (256, 256), (20, 90, 200))
    picture.paste((200, 30, 30), (0, 0, 128, 256))
    file = io.BytesIO()
    picture.save(file, "PNG")
    path = tmp_path / "map.pmtiles"
    with path.open("wb") as whole:
        writer: Any = Writer(whole)
        writer.write_tile(zxy_to_tileid(0, 0, 0), file.getvalue())
        kind = {"tile_type": TileType.PNG, "tile_compression": Compression.NONE, "min_zoom": 0, "max_zoom": 0}
        corners = {"min_lon_e7": -1800000000, "min_lat_e7": -850000000, "max_lon_e7": 1800000000}
        middle = {"max_lat_e7": 850000000, "center_zoom": 0, "center_lon_e7": 0, "center_lat_e7": 0}
        writer.finalize({**kind, **corners, **middle}, {"attribution": "Its Maker"})
    with open_page(geotagger, "--basemap", path) as page, tab_on(chromium, page.address) as tab:
        tab.page.wait_for_selector("img.leaflet-tile-loaded")
        colours = tab.page.evaluate(
            """() => {
              const tile = document.querySelector('img.leaflet-tile-loaded');
              const canvas = document.createElement('canvas');
              [canvas.width, canvas.height] = [tile.naturalWidth, tile.naturalHeight];
              const drawing = canvas.getContext('2d');
              drawing.drawImage(tile, 0, 0);
              return [60, 200].map((x) => [...drawing.getImageData(x, 128, 1, 1).data].slice(0, 3).join());
            }"""
        )
        assert colours == ["200,30,30", "20,90,200"]
        assert tab.page.locator("#legend .source").inner_text() == "Its Maker"
        assert tab.complaints == []
    assert scene.folder.is_dir()


def test_a_raw_without_a_preview_is_shown_by_its_format_and_decided(
    chromium: Any, geotagger: Geotagger, tmp_path: Path
) -> None:
    """A DNG that tells its time and size, in a compression that nobody knows."""
    folder = walk_through_town(tmp_path / "photos", 4).folder
    made = sorted(folder.glob("*.jpg"))[1]
    told = piexif.load(str(made))
    head = piexif.ImageIFD
    size = {head.ImageWidth: 800, head.ImageLength: 600, head.DNGVersion: (1, 4, 0, 0)}
    pixels = {head.Compression: 9, head.StripOffsets: 8, head.StripByteCounts: 16}
    told |= {"0th": told["0th"] | size | pixels, "GPS": {}, "thumbnail": None, "1st": {}}
    block = piexif.dump(told)[6:]
    made.unlink()
    made.with_suffix(".dng").write_bytes(block)
    geotagger("tag", folder, "--write", "none", "--model", "none", code=None)
    with open_page(geotagger) as page, tab_on(chromium, page.address) as tab:
        tab.open_outing()
        face = tab.page.locator(".card", has_text=made.stem)
        face.locator(".nopicture").wait_for()
        assert face.locator(".nopicture").inner_text() == "DNG"
        tab.choose(made.stem)
        tab.page.locator("#panel .nopicture").wait_for()
        tab.page.keyboard.press("c")
        tab.says("1 photo confirmed")
        assert [one for one in tab.complaints if "404" not in one] == []


def test_vector_tiles_of_the_owner_are_drawn(
    chromium: Any, geotagger: Geotagger, scene: Scene, tmp_path: Path
) -> None:
    """A tile whose western half is water, in the bytes of Mapbox Vector Tile 2.1."""
    from pmtiles.tile import Compression, TileType, zxy_to_tileid
    from pmtiles.writer import Writer

    def field(number: int, data: bytes) -> bytes:
        return bytes([number << 3 | 2, len(data)]) + data

    half = [9, 0, 0, 26, 4096, 0, 0, 8192, 4095, 0, 15]
    geometry = b"".join(bytes([n]) if n < 128 else bytes([n & 127 | 128, n >> 7]) for n in half)
    layer = field(1, b"water") + field(2, b"\x18\x03" + field(4, geometry)) + b"\x28\x80\x20\x78\x02"
    path = tmp_path / "map.pmtiles"
    with path.open("wb") as file:
        writer: Any = Writer(file)
        writer.write_tile(zxy_to_tileid(0, 0, 0), field(3, layer))
        kind = {"tile_type": TileType.MVT, "tile_compression": Compression.NONE, "min_zoom": 0, "max_zoom": 0}
        corners = {"min_lon_e7": -180, "min_lat_e7": -85, "max_lon_e7": 180, "max_lat_e7": 85}
        middle = {"center_zoom": 0, "center_lon_e7": 0, "center_lat_e7": 0}
        writer.finalize({**kind, **corners, **middle}, {"attribution": "<b onclick=alert(1)>Maker</b>"})
    with open_page(geotagger, "--basemap", path) as page, tab_on(chromium, page.address) as tab:
        tab.page.wait_for_selector("canvas.leaflet-tile-loaded")
        west, east = tab.page.evaluate(
            "[60, 200].map((x) => [...document.querySelector('canvas.leaflet-tile-loaded')"
            ".getContext('2d').getImageData(x, 128, 1, 1).data].join())"
        )
        assert west == "213,227,236,255"
        assert east == "241,239,232,255"
        assert tab.page.locator("#legend .source").inner_text() == "Maker"
        assert tab.complaints == []
    assert scene.folder.is_dir()
