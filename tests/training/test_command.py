import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner, Result

torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[train]'")
pytest.importorskip("pyarrow", reason="pyarrow is not installed: pip install '.[train]'")

from geotagger.cells import CellTable, leaf_ids, parents  # noqa: E402
from geotagger.cli import train  # noqa: E402
from geotagger.errors import TrainingError, UsageError  # noqa: E402
from geotagger.model.manifest import Manifest  # noqa: E402
from geotagger.model.pack import find_pack, verify_pack, write_pack  # noqa: E402
from geotagger.model.preprocessing import Preprocessing  # noqa: E402
from tests.training.places import make_world  # noqa: E402
from tests.training.small import quiet  # noqa: E402
from training import stages  # noqa: E402
from training.data.shards import ShardSet  # noqa: E402
from training.fit.networks import build  # noqa: E402
from training.fit.recipe import preset  # noqa: E402
from training.pack.export import network_writer  # noqa: E402

QUICK = [
    "--network", "resnet10", "--input-size", "32", "--short-side", "48", "--epochs", "2",
    "--batch", "16", "--micro-batch", "16", "--val", "0.1", "--test", "0.1", "--device", "cpu",
]  # fmt: skip


def call(*words: object) -> Result:
    app = Typer()
    app.callback()(lambda: None)
    train.register(app)
    return CliRunner().invoke(app, ["train", *(str(word) for word in words)])


def rows_of(result: Result) -> list[dict[str, object]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("world") / "photos"
    make_world(folder, photos_a_place=20, places=3)
    return folder


@pytest.fixture(scope="module")
def pack(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("packs") / "mine"
    result = call(photos, "--out", out, *QUICK, "--json")
    assert result.exit_code == 0, result.output
    (row,) = rows_of(result)
    assert row["pack"] == str(out)
    return out


def test_the_pack_is_whole_and_says_what_it_was_trained_on(pack: Path) -> None:
    made = find_pack(pack)
    verify_pack(made)
    told = made.manifest.training
    assert told["kind"] == "a folder of geotagged photos"
    assert told["source"] == "photos"
    assert told["recipe"]["network"] == "resnet10"
    assert told["recipe"]["t1"] == 0
    assert sum(told["listed"].values()) == 60
    assert "private photos" in made.licence
    (row,) = made.manifest.accuracy
    assert row.origin == "measured"
    assert row.photos
    assert made.manifest.calibration["method"].startswith("temperature")
    assert made.preprocessing.input_size == 32


def test_a_second_run_keeps_every_stage(pack: Path, photos: Path) -> None:
    again = call(photos, "--out", pack.with_name("again"), "--work", f"{pack}.work", *QUICK)
    assert again.exit_code == 0, again.output
    assert again.output.count("(kept)") >= 3
    assert "step 1 of" not in again.output, "nothing is trained again"
    assert find_pack(pack.with_name("again")).cells.ids.tolist() == find_pack(pack).cells.ids.tolist()


def test_stages_run_one_by_one(photos: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    for words in (
        ("cells", photos, "--work", work, "--network", "resnet10", "--epochs", "1"),
        ("shards", "--work", work, "--verify"),
        ("fit", "--work", work, "--device", "cpu"),
        ("pack", "--work", work, "--out", tmp_path / "made", "--device", "cpu"),
    ):
        result = call(*words, "--json")
        assert result.exit_code == 0, result.output
        assert rows_of(result)[0]["stage"] == words[0]
    assert len(find_pack(tmp_path / "made").cells) >= 3
    assert (work / "cells.png").stat().st_size > 10_000


def test_a_head_on_a_packs_backbone_is_fitted_without_touching_it(
    pack: Path, photos: Path, tmp_path: Path
) -> None:
    out = tmp_path / "head"
    result = call(photos, "--out", out, "--head-only", "--from", pack, "--device", "cpu", "--test", "0.2")
    assert result.exit_code == 0, result.output
    made = find_pack(out)
    assert made.preprocessing == find_pack(pack).preprocessing
    assert made.manifest.training["base"].startswith("mine 1")
    import onnx

    def weights(path: Path) -> dict[str, bytes]:
        return {t.name: t.raw_data for t in onnx.load(str(path)).graph.initializer}

    own, base = weights(made.onnx_path), weights(find_pack(pack).onnx_path)
    shared = set(own) & set(base)
    assert len(shared) > 20
    assert all(own[name] == base[name] for name in shared)


def large_pack(folder: Path, edge: int) -> Path:
    lat, lng = np.array([10.0, 20.0, 30.0]), np.array([10.0, 20.0, 30.0])
    cells = CellTable(parents(leaf_ids(lat, lng), 8), lat, lng)
    manifest = Manifest(
        name="large", version="1", licence="none", preprocessing=Preprocessing(input_size=edge)
    )
    write_pack(folder, manifest, cells, network_writer(build("resnet10", 3), edge))
    return folder


@pytest.mark.parametrize("head_only", [True, False])
def test_photos_are_stored_as_large_as_a_packs_network_sees_them(
    photos: Path, tmp_path: Path, head_only: bool
) -> None:
    """Also where the preset's own network sees smaller ones: enlarged photos are blurred."""
    base = large_pack(tmp_path / "base", 350)
    changes = {"start": str(base), "head_only": head_only}
    asked = stages.TrainingRequest(str(photos), tmp_path / "work", changes=changes)
    run, _ = stages.list_photos(asked, False, quiet)
    assert (run.recipe.input_size, run.recipe.short_side) == (350, 400)
    with pytest.raises(UsageError, match=f"--input-size 96: the network of {base} sees 350 pixels"):
        stages.list_photos(replace(asked, changes={**changes, "input_size": 96}), False, quiet)


def test_shards_of_smaller_images_than_the_network_sees_are_refused(pack: Path) -> None:
    made = ShardSet(f"{pack}.work/shards", "train")
    stages.check_size(made, preset("try", input_size=48, short_side=48))
    told = "images have 48 pixels on their short side, where the network sees 224; .* --short-side 256$"
    with pytest.raises(TrainingError, match=told):
        stages.check_size(made, preset("own"))


def test_a_dry_run_estimates_and_writes_nothing(photos: Path, tmp_path: Path) -> None:
    result = call(photos, "--out", tmp_path / "made", *QUICK, "--dry-run", "--json")
    assert result.exit_code == 0, result.output
    (row,) = rows_of(result)
    assert sum(row["photos"].values()) == 60  # type: ignore[attr-defined]
    assert row["cells"] >= 3  # type: ignore[operator]
    assert row["hours"] >= 0  # type: ignore[operator]
    assert row["memory_gb"] > 0  # type: ignore[operator]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_named_like_a_stage_is_reached_by_its_path(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cells").symlink_to(photos)
    monkeypatch.chdir(tmp_path)
    result = call("./cells", "--out", "made", "--preset", "big")
    assert result.exit_code == 2
    assert "60 read" in result.output, "the folder was read"
    assert "preset 'big' is not known" in result.output


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["{photos}"], 2, "--out"),
        (["--out", "{tmp}/a"], 2, "name a SOURCE"),
        (["{photos}", "--out", "{photos}"], 2, "exists; it was left as it is"),
        (["{photos}", "--out", "{tmp}/a", "--preset", "big"], 2, "preset 'big' is not known"),
        (["{photos}", "--out", "{tmp}/a", "--batch", "10", "--micro-batch", "4"], 2, "must be a multiple of"),
        (["{photos}", "--out", "{tmp}/a", "--t1", "100", "--t2", "90"], 1, "no cell is left"),
        (["{photos}", "--out", "{tmp}/a", "--preset", "head"], 2, "name it with --from"),
        (["{photos}", "--out", "{tmp}/a", "--from", "no-such-model"], 3, "not installed"),
        (["{photos}", "--out", "{tmp}/a", "--val", "0.9", "--test", "0.9"], 2, "must be shares"),
        (["{tmp}/nothing", "--out", "{tmp}/a"], 2, "no such folder or file"),
        (["shards", "--work", "{tmp}/w"], 1, "no stage has run here yet"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    photos: Path, tmp_path: Path, words: list[str], code: int, message: str
) -> None:
    result = call(
        *(word.format(photos=photos, tmp=tmp_path) for word in words),
    )
    assert result.exit_code == code, result.output
    assert message in result.output.replace("\n", " ")
    assert "Traceback" not in result.output
    assert not (tmp_path / "a").exists()


def test_photos_of_one_place_cannot_be_told_apart(tmp_path: Path) -> None:
    make_world(tmp_path / "photos", photos_a_place=12, places=1)
    result = call(tmp_path / "photos", "--out", tmp_path / "a", *QUICK, "--t1", "500", "--t2", "1")
    assert result.exit_code == 1
    assert "one cell holds all" in result.output.replace("\n", " ")


@pytest.mark.parametrize(
    "words",
    [
        ("{photos}", "--out", "{tmp}/a"),
        ("cells", "{photos}", "--work", "{tmp}/a"),
        ("fit", "--work", "{tmp}/a"),
    ],
)
def test_without_the_extra_one_line_says_how_to_get_it(
    photos: Path, tmp_path: Path, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = call(*(word.format(photos=photos, tmp=tmp_path) for word in words))
    assert result.exit_code == 1
    assert "pip install '.[train]'" in " ".join(result.output.split())
    assert list(tmp_path.iterdir()) == []


def test_help_starts_without_torch() -> None:
    program = (
        "import sys\nfrom geotagger.cli import build\nfrom geotagger.cli import train\n"
        "try:\n    build()(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'pyarrow', 'onnx', 'numpy', 'training'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


@pytest.mark.parametrize("words", [("train", ".", "--out", "made"), ("evaluate", "--labels", "places.csv")])
def test_a_strangers_folder_called_training_is_told_in_one_line(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    (tmp_path / "training").mkdir()
    (tmp_path / "training/__init__.py").write_text("")
    done = subprocess.run(
        [sys.executable, "-m", "geotagger", *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert f"{tmp_path / 'training'}: is found in place of geotagger's own folder" in line
