"""The whole way, as an owner goes it: train, evaluate, tag."""

import csv
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[train]'")

from geotagger.geo import distance_km
from geotagger.index import open_index
from geotagger.model.pack import find_pack
from geotagger.photo.facts import read_facts
from tests.training.places import make_unseen, make_world, picture, style_of
from training.data.own_photos import geotagged
from training.stages import TrainingRequest, list_photos

ROOT = Path(__file__).parents[2]


def geotagger(*words: object, code: int = 0) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", "from geotagger.cli import main; main()", *(str(word) for word in words)],
        cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def geotagged_index(photos: Path, path: Path) -> None:
    geotagger("tag", photos, "--index", path, "--model", "none", "--write", "none", "--json")


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_try_on_a_cpu_places_unseen_photos(tmp_path: Path, seed: int) -> None:
    """Chance is one in eight; after the documented commands nine of ten are right, whatever the seed."""
    make_world(tmp_path / "photos", seed=seed)
    make_unseen(tmp_path, photos_a_place=12, seed=seed)
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    geotagger("train", tmp_path / "photos", "--out", tmp_path / "model", "--seed", seed, "--device", "cpu")
    (report,) = geotagger(
        "evaluate", "--labels", tmp_path / "truth.csv", "--images", tmp_path / "unseen",
        "--model", tmp_path / "model", "--json",
    )  # fmt: skip
    rows = geotagger(
        "tag", tmp_path / "unseen", "--model", tmp_path / "model", "--index", tmp_path / "index.db", "--json"
    )  # fmt: skip
    minutes, after = (time.monotonic() - started) / 60, resource.getrusage(resource.RUSAGE_CHILDREN)
    core_minutes = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 60
    right = report["scores"]["place within 25 km"]["percent"][1]  # type: ignore[index]
    written = [row for row in rows if row["status"] == "written"]
    print(f"seed {seed}: {minutes:.1f} minutes, {core_minutes:.1f} of one core; {right:.1f} % within 25 km, "
          f"{len(written)} of {len(rows)} written")  # fmt: skip
    assert right >= 90
    truth = {
        row["image"]: (float(row["latitude"]), float(row["longitude"]))
        for row in csv.DictReader((tmp_path / "truth.csv").read_text(encoding="utf-8").splitlines())
    }
    assert len(written) >= 0.7 * len(truth)
    near = 0
    for row in written:
        fix = read_facts(str(row["path"])).fix
        assert fix is not None
        near += distance_km(fix.latitude, fix.longitude, *truth[Path(str(row["path"])).name]) < 25
    assert near >= 0.9 * len(written)
    assert core_minutes < 2 * 3, "three minutes of two cores, whoever else uses them"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_personal_model_from_the_index(tmp_path: Path) -> None:
    """Head-only on a frozen backbone that has never seen these photos' places as classes."""
    make_world(tmp_path / "world", seed=5)
    words = ("--out", tmp_path / "base", "--device", "cpu", "--json")
    geotagger("train", tmp_path / "world", *words)
    make_world(tmp_path / "own", photos_a_place=30, seed=6, places=5)
    geotagged_index(tmp_path / "own", tmp_path / "index.db")
    with open_index(tmp_path / "index.db", mode="read"):
        assert len(list(geotagged(tmp_path / "index.db"))) == 150
    started = time.monotonic()
    (row,) = geotagger(
        "train", "--from-index", "--index", tmp_path / "index.db", "--from", tmp_path / "base", "--out",
        tmp_path / "personal", "--device", "cpu", "--json",
    )  # fmt: skip
    print(f"{time.monotonic() - started:.0f} s")
    assert row["pack"] == str(tmp_path / "personal")
    pack = find_pack(tmp_path / "personal")
    assert pack.manifest.training["kind"] == "the owner's own photos"
    assert pack.manifest.accuracy[0].percent[1] >= 90


def test_photos_added_to_the_index_are_in_the_next_list(tmp_path: Path) -> None:
    make_world(tmp_path / "own", photos_a_place=4, seed=6, places=2)
    asked = TrainingRequest(None, tmp_path / "work", from_index=True, index=tmp_path / "index.db")
    geotagged_index(tmp_path / "own", tmp_path / "index.db")
    first, before = list_photos(asked, False, print)
    assert (list_photos(asked, False, print)[0].list_digest, before.read) == (first.list_digest, 8)
    make_world(tmp_path / "own" / "more", photos_a_place=2, seed=7, places=2)
    geotagged_index(tmp_path / "own", tmp_path / "index.db")
    assert list_photos(asked, False, print)[1].read == 12


def test_places_in_sidecars_are_trained_on(tmp_path: Path) -> None:
    make_world(tmp_path / "own", photos_a_place=3, seed=6, places=1)
    picture(style_of(1), np.random.default_rng(0)).save(tmp_path / "own/placed.jpg")
    (tmp_path / "own/placed.jpg.xmp").write_text(
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        '<rdf:Description rdf:about="" xmlns:exif="http://ns.adobe.com/exif/1.0/" '
        'exif:GPSLatitude="38,43.2N" exif:GPSLongitude="9,8.4W"/></rdf:RDF></x:xmpmeta>'
    )
    geotagged_index(tmp_path / "own", tmp_path / "index.db")
    (row,) = (row for row in geotagged(tmp_path / "index.db") if row["address"].endswith("placed.jpg"))
    assert (row["latitude"], row["longitude"]) == pytest.approx((38.72, -9.14))


def test_the_index_gives_photos_with_a_place_of_their_own(tmp_path: Path) -> None:
    make_world(tmp_path / "own", photos_a_place=4, seed=6, places=2)
    picture(style_of(1), np.random.default_rng(0)).save(tmp_path / "own/unplaced.jpg")
    geotagged_index(tmp_path / "own", tmp_path / "index.db")
    found = list(geotagged(tmp_path / "index.db"))
    assert {Path(row["address"]).parent.name for row in found} == {"Paris", "Cairo"}
    assert len(found) == 8
    assert all(row["user"].startswith("day 2024-") for row in found)
