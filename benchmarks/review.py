"""How soon the page of `review` shows a large archive: seconds to the first map, and to a cluster opened.

python -m benchmarks.review [--photos 100000] [--one-place]

Makes an index of so many photos (no files: pictures are then missing, as of an archive that is not mounted),
starts `geotagger review`, and looks at it in headless Chromium, as tests/web/test_browser.py does.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from geotagger import cells
from geotagger.index import Index, open_index


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=100_000)
    parser.add_argument("--one-place", action="store_true", help="all photos within a few metres")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.db"
        with open_index(path) as index:
            fill(index, arguments.photos, one_place=arguments.one_place)
        _look(path, folder)


def fill(index: Index, photos: int, *, one_place: bool = False) -> None:
    """Photos of ten years around forty towns, a third of them estimated."""
    rng = np.random.default_rng(0)
    towns = np.stack([rng.uniform(-40, 60, 40), rng.uniform(-120, 150, 40)], axis=1)
    town = np.sort(rng.integers(0, 40, photos))
    lat = towns[town, 0] + rng.normal(0, 0.05, photos)
    lng = towns[town, 1] + rng.normal(0, 0.05, photos)
    if one_place:
        lat, lng = np.full(photos, 48.2082), np.full(photos, 16.3738)
    utc = 1.4e9 + np.sort(rng.uniform(0, 3.1e8, photos))
    leaves = cells.to_signed(cells.leaf_ids(lat, lng)).tolist()
    store = index.store
    with index.batch():
        store.execute("insert into roots (id, path, added) values (1, '/nowhere/photos', '2026-01-01')")
        store.execute("insert into folders (id, root_id, path) values (1, 1, '')")
        store.execute_many(
            "insert into photos (id, root_id, folder_id, path, size, mtime_ns, sidecar_mtime_ns, format,"
            " camera, utc, taken)"
            " values (?, 1, 1, ?, 1, 1, 0, 'jpeg', 'Camera One', ?, datetime(?, 'unixepoch'))",
            ((n + 1, f"IMG_{n:06}.jpg", utc[n], utc[n]) for n in range(photos)),
        )
        store.execute_many(
            "insert into estimates (photo_id, rung, current, latitude, longitude, leaf, radius_km,"
            " confidence, rungs, evidence, country, region, place, place_km) values"
            " (?, ?, 1, ?, ?, ?, ?, ?, '[]', '[\"neighbours: a photo with a place 5 min before\"]',"
            " 'AT', 'Vienna', 'Vienna', 1.0)",
            (_estimate(n, lat[n], lng[n], leaves[n]) for n in range(photos)),
        )


def _estimate(n: int, lat: float, lng: float, leaf: int) -> tuple[object, ...]:
    if n % 3 == 0:
        return n + 1, "neighbours", lat, lng, leaf, 0.5, 0.7
    return n + 1, "camera", lat, lng, leaf, 0.01, 1.0


def _look(path: Path, home: str) -> None:
    from playwright.sync_api import sync_playwright

    environment = {**os.environ, "GEOTAGGER_INDEX": str(path), "XDG_STATE_HOME": home}
    command = [sys.executable, "-m", "geotagger", "review", "--no-browser", "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)
    assert server.stdout is not None
    try:
        address = json.loads(server.stdout.readline())["address"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
            for visit in ("first visit", "second visit"):
                page = browser.new_page(viewport={"width": 1280, "height": 800})
                start = time.perf_counter()
                page.goto(address)
                page.wait_for_selector(".cluster", timeout=60_000)
                print(f"{visit}: first map {time.perf_counter() - start:.2f} s", flush=True)
                page.wait_for_selector("body[data-ready]", timeout=60_000)
                print(f"{visit}: and land, towns, outings {time.perf_counter() - start:.2f} s", flush=True)
                start = time.perf_counter()
                page.locator(".cluster:not(.single)").first.evaluate("(one) => one.click()")
                page.wait_for_selector(".card", timeout=60_000)
                print(f"{visit}: a cluster opened {time.perf_counter() - start:.2f} s", flush=True)
                page.close()
            browser.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
