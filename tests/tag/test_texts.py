"""Signs in the pictures place photos, and not a word of them is kept."""

import signal
import sqlite3
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geotagger.errors import PhotoError
from geotagger.tag.texts import lines_in, open_reader
from tests.commands import Geotagger
from tests.tag.scenes import START, exif_of, jpeg
from tests.text.signs import needs_reader, sign, sign_photo

pytestmark = needs_reader()

SIGN = ("Velkommen til Aarhus", "Kongelunds hundeskov", "AB 12 345 Rasmussen")
AARHUS = 56.157, 10.21


def km_from_aarhus(record: dict[str, float]) -> float:
    from geotagger.geo import distance_km

    return float(distance_km(record["latitude"], record["longitude"], *AARHUS))


def test_a_sign_places_a_photo_of_which_nothing_else_is_known(geotagger: Geotagger, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "sign.jpg").write_bytes(sign_photo(exif_of(None), *SIGN))
    (folder / "bare.jpg").write_bytes(jpeg(None, size=400))
    words = ("tag", folder, "--model", "none", "--write", "none", "--json")
    assert geotagger(*words).by_name()["sign.jpg"]["latitude"] is None
    told = geotagger(*words, "--with", "text").by_name()
    assert km_from_aarhus(told["sign.jpg"]) < 25
    assert told["sign.jpg"]["rung"] == "visual"
    assert 0.2 < told["sign.jpg"]["confidence"] < 0.8
    assert told["sign.jpg"]["status"] == "indexed"
    assert told["bare.jpg"]["latitude"] is None


def test_signs_are_read_in_pictures_of_every_kind(tmp_path: Path) -> None:
    """Turned by the camera, in CMYK, with 16 bits, animated, cut off."""
    board, reader = sign(*SIGN[:2]), open_reader()
    turned = Image.Exif()
    turned[0x0112] = 6
    board.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.jpg", exif=turned, quality=92)
    board.convert("CMYK").save(tmp_path / "cmyk.jpg")
    Image.fromarray(np.asarray(board.convert("L")).astype(np.uint16) * 257).save(tmp_path / "deep.png")
    board.save(tmp_path / "film.webp", save_all=True, append_images=[board.rotate(9)])
    for path in sorted(tmp_path.iterdir()):
        assert tuple(line.text for line in lines_in(str(path), reader)) == SIGN[:2], path
    whole = (tmp_path / "turned.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with suppress(PhotoError):
        assert len(lines_in(str(tmp_path / "cut.jpg"), reader)) <= 2


def test_one_sign_makes_sure_of_no_place_and_two_speak_for_the_photos_beside_them(
    geotagger: Geotagger, tmp_path: Path
) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(6):
        (folder / f"home{n}.jpg").write_bytes(jpeg(START + timedelta(days=n), (48.2 + n / 1000, 16.4)))
    trip = START + timedelta(days=40)
    (folder / "sign.jpg").write_bytes(sign_photo(exif_of(trip), *SIGN))
    (folder / "beside.jpg").write_bytes(jpeg(trip + timedelta(minutes=4)))
    words = ("tag", folder, "--model", "none", "--write", "none", "--json")
    without = geotagger(*words).by_name()
    one = geotagger(*words, "--with", "text").by_name()
    for name in ("sign.jpg", "beside.jpg"):  # neither place is sure then
        assert km_from_aarhus(without[name]) > 500
        assert one[name]["confidence"] < 0.8
    second = sign_photo(exif_of(trip + timedelta(minutes=9)), "Aarhus kommune", "Ingen adgang for hunde")
    (folder / "second.jpg").write_bytes(second)
    both = geotagger(*words, "--with", "text").by_name()
    for name in ("sign.jpg", "beside.jpg", "second.jpg"):
        assert km_from_aarhus(both[name]) < 25


def test_why_shows_the_words_and_nothing_keeps_them(geotagger: Geotagger, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "sign.jpg").write_bytes(sign_photo(exif_of(START), *SIGN))
    (folder / "fixed.jpg").write_bytes(jpeg(START + timedelta(days=30), AARHUS))
    said = geotagger("tag", folder, "--model", "none", "--with", "text", "--write", "sidecar", "--profile")
    for stream in (said.out, said.err):
        assert not any(word in stream for word in ("Kongelunds", "Rasmussen", "12 345"))
    why = geotagger("why", folder / "sign.jpg")
    assert "Kongelunds hundeskov" in why.out
    assert "text alone" in why.out
    (record,) = geotagger("why", folder / "sign.jpg", "--json").records
    assert record["text"]["lines"] == list(SIGN)
    assert record["text"]["countries"]["DK"] > 3
    assert record["alone"]["text"]["latitude"] == pytest.approx(AARHUS[0], abs=0.3)
    kept = [path for path in (*geotagger.home.rglob("*"), *folder.rglob("*.xmp")) if path.is_file()]
    assert geotagger.index in kept
    for path in kept:
        if path.suffix in (".jpg", ".py"):
            continue
        content = path.read_bytes().lower()
        for word in (b"velkommen", b"kongelund", b"hundeskov", b"rasmussen", b"12 345"):
            assert word not in content, (path, word)


def test_nothing_is_read_twice_unless_it_changed(geotagger: Geotagger, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n, text in enumerate((SIGN, ())):
        (folder / f"{n}.jpg").write_bytes(sign_photo(exif_of(START + timedelta(days=n)), *text, edge=500))
    words = ("tag", folder, "--model", "none", "--with", "text", "--write", "none")
    geotagger(*words)

    def index(statement: str) -> list[tuple[str | None]]:
        with sqlite3.connect(geotagger.index) as opened:
            return opened.execute(statement).fetchall()

    told, silent = [ratios for (ratios,) in index("select ratios from texts order by photo_id")]
    assert told is not None
    assert silent is None
    mark = '{"countries":{},"elsewhere":1.5,"towns":[]}'
    index(f"update texts set ratios = '{mark}'")
    geotagger(*words, "--within", "30")
    assert index("select ratios from texts") == [(mark,), (mark,)]
    (folder / "1.jpg").write_bytes(sign_photo(exif_of(START), "Hunde an die Leine, bitte", edge=520))
    geotagger(*words)
    kept = [ratios for (ratios,) in index("select ratios from texts order by photo_id")]
    assert kept[0] == mark
    assert kept[1] not in (None, mark)
    geotagger("forget", "--estimates", folder / "0.jpg", "--yes")
    assert len(index("select * from texts")) == 1
    geotagger("forget", "--estimates", folder, "--yes")
    assert index("select * from texts") == []


def test_without_the_extra_one_line_says_so(
    geotagger: Geotagger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jpg").write_bytes(jpeg(START))
    (tmp_path / "elsewhere" / "rapidocr").mkdir(parents=True)
    (tmp_path / "elsewhere" / "rapidocr" / "__init__.py").touch()
    monkeypatch.setitem(geotagger.environment, "PYTHONPATH", str(tmp_path / "elsewhere"))
    for command in ("tag", "evaluate"):
        said = geotagger(command, tmp_path / "a.jpg", "--with", "text", code=3)
        assert len(said.err.strip().splitlines()) == 1
        assert "pip install" in said.err


def test_a_run_that_is_told_to_end_leaves_the_rest_unread(geotagger: Geotagger, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    for n in range(40):
        exif = exif_of(START + timedelta(hours=n))
        (folder / f"{n:02}.jpg").write_bytes(sign_photo(exif, *[f"Hunde an die Leine {n}"] * 4, edge=1200))
    process = geotagger.start("tag", folder, "--model", "none", "--with", "text")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not geotagger.index.exists():
        time.sleep(0.1)
    time.sleep(3)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 130
    with sqlite3.connect(geotagger.index) as index:
        (read,) = index.execute("select count(*) from texts").fetchone()
    assert read < 40, "the rest was left"
