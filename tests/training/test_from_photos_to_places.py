"""The whole way, as an owner goes it: train, evaluate, tag."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason='PyTorch is not installed: pip install "geotagger[train]"')
pytest.importorskip("pyarrow", reason='pyarrow is not installed: pip install "geotagger[train]"')

from geotagger.geo import distance_km
from geotagger.index import open_index
from geotagger.model.pack import find_pack
from geotagger.photo.facts import read_facts
from tests.training.places import PLACES, make_world, picture, style_of
from training.evaluate import evaluate_labels
from training.own_photos import geotagged

ROOT = Path(__file__).parents[2]


def geotagger(*words: object, code: int = 0) -> list[dict[str, object]]:
    done = subprocess.run(
        [sys.executable, "-c", "from geotagger.cli import main; main()", *(str(word) for word in words)],
        cwd=ROOT, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def unseen(folder: Path, seed: int, photos_a_place: int = 6) -> Path:
    """New photos without GPS, and a list of where they were taken."""
    folder.mkdir()
    rows = ["image,latitude,longitude"]
    for number, (name, lat, lng) in enumerate(PLACES):
        rng = np.random.default_rng([1000 + seed, number])
        for photo in range(photos_a_place):
            picture(style_of(number), rng).save(folder / f"{name} {photo}.jpg", quality=88)
            rows.append(f"{name} {photo}.jpg,{lat},{lng}")
    (folder.parent / "truth.csv").write_text("\n".join(rows) + "\n")
    return folder


def geotagged_index(photos: Path, path: Path) -> None:
    geotagger("tag", photos, "--index", path, "--model", "none", "--write", "none", "--json")


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_try_on_a_cpu_places_unseen_photos(tmp_path: Path, seed: int) -> None:
    """Chance is one in eight; in under five minutes nine of ten are right, whatever the seed."""
    make_world(tmp_path / "photos", seed=seed)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    geotagger(
        "train", tmp_path / "photos", "--out", tmp_path / "mine", "--seed", seed, "--epochs", "6",
        "--device", "cpu", "--json",
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    core_minutes = (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / 60
    print(f"seed {seed}: {core_minutes:.1f} core minutes")
    photos = unseen(tmp_path / "unseen", seed)
    report = evaluate_labels(find_pack(tmp_path / "mine"), tmp_path / "truth.csv", photos, device="cpu")
    share = report.scores["place within 25 km"].percent[1]
    print(f"seed {seed}: {share:.1f} % within 25 km")
    assert share >= 90
    rows = geotagger(
        "tag", photos, "--model", tmp_path / "mine", "--index", tmp_path / "index.db", "--json",
        "--min-confidence", "0.5",
    )  # fmt: skip
    truth = {line.split(",")[0]: [float(x) for x in line.split(",")[1:]] for line in
             (tmp_path / "truth.csv").read_text().splitlines()[1:]}  # fmt: skip
    written = [row for row in rows if row["status"] == "written"]
    assert len(written) >= 0.7 * len(truth)
    right = 0
    for row in written:
        fix = read_facts(str(row["path"])).fix
        assert fix is not None
        right += distance_km(fix.latitude, fix.longitude, *truth[Path(str(row["path"])).name]) < 25
    assert right >= 0.9 * len(written)
    assert core_minutes < 2 * 5, "five minutes of two cores, whoever else uses them"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_personal_model_from_the_index(tmp_path: Path) -> None:
    """Head-only on a frozen backbone that has never seen these photos' places as classes."""
    make_world(tmp_path / "world", seed=5)
    words = ("--out", tmp_path / "base", "--epochs", "6", "--device", "cpu", "--json")
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


def test_the_index_gives_photos_with_a_place_of_their_own(tmp_path: Path) -> None:
    make_world(tmp_path / "own", photos_a_place=4, seed=6, places=2)
    picture(style_of(1), np.random.default_rng(0)).save(tmp_path / "own/unplaced.jpg")
    geotagged_index(tmp_path / "own", tmp_path / "index.db")
    found = list(geotagged(tmp_path / "index.db"))
    assert {Path(row["address"]).parent.name for row in found} == {"Paris", "Cairo"}
    assert len(found) == 8
    assert all(row["user"].startswith("day 2024-") for row in found)
