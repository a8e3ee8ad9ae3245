"""MXNet as an engine, in an environment of its own:

python -m venv mx && mx/bin/pip install -e ".[mxnet]" pytest pytest-timeout hypothesis httpx && \\
    mx/bin/pytest -m mxnet tests/engine

(The extra `dev` and its PyTorch want a newer numpy.)
"""

import importlib.util
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from geotagger.engine.mxnet_runner import PARAMS, SYMBOL
from geotagger.engine.opening import open_engine
from geotagger.errors import EngineError, UsageError
from geotagger.model.importing import import_checkpoint
from geotagger.model.manifest import Manifest
from geotagger.model.pack import ModelPack
from geotagger.model.preprocessing import Preprocessing
from tests.commands import Geotagger
from tests.engine.test_watch import ended_by
from tests.model.checkpoints import FOLDER, write_grids
from tests.tag.test_pictures import pictures

from . import networks

here = importlib.util.find_spec("mxnet") is not None


def imported(folder: Path, symbol: Path, params: Path, classes: int, edge: int) -> ModelPack:
    """The pack of a checkpoint, which it keeps."""
    cells = write_grids(folder.parent / "grids.txt", classes)
    manifest = Manifest("kept", "1", "none", preprocessing=Preprocessing(input_size=edge))
    pack = import_checkpoint(symbol, params, cells, folder, manifest)
    (folder / SYMBOL).parent.mkdir()
    shutil.copy(symbol, folder / SYMBOL)
    shutil.copy(params, folder / PARAMS)
    return pack


@pytest.mark.mxnet
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not here, reason="MXNet is not installed here; see the top of this file")
@pytest.mark.parametrize(
    ("version", "network"),
    # GoogLeNet symbols from before 0.11 mean other poolings than MXNet 1.9.1 reads into them
    [("0.9.5", "resnet-v2"), ("1.9.1", "resnet-v2"), ("1.9.1", "resnet-v1"), ("1.9.1", "googlenet")],
)
def test_mxnet_and_onnx_runtime_agree(tmp_path: Path, shared_data: Path, network: str, version: str) -> None:
    folder = shared_data / "reference" / "mxnet-checkpoints" / version
    expected = np.loadtxt(folder / f"{network}-softmax.csv", delimiter=",", ndmin=2)
    classes = expected.shape[1]
    pack = imported(
        tmp_path / "pack",
        folder / f"{network}-symbol.json",
        folder / f"{network}-0012.params",
        classes,
        224 if network == "googlenet" else 64,
    )
    edge = pack.preprocessing.input_size
    batch = np.random.default_rng(0).normal(scale=50, size=(7, 3, edge, edge)).astype(np.float32)
    reference = open_engine(pack, "cpu", 4, engine="mxnet")
    assert reference.name == "mxnet fp32"
    wanted, got = reference.run(batch), open_engine(pack, "cpu").run(batch)
    assert np.abs(wanted.probabilities - got.probabilities).max() < 1e-5
    assert np.array_equal(wanted.probabilities.argmax(axis=1), got.probabilities.argmax(axis=1))
    if wanted.features is not None and got.features is not None:
        assert np.abs(wanted.features - got.features).max() < 1e-3 * np.abs(wanted.features).max()


@pytest.mark.mxnet
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not here, reason="MXNet is not installed here; see the top of this file")
def test_a_photo_comes_out_of_mxnet_the_same_in_every_batch(tmp_path: Path) -> None:
    pack = imported(tmp_path / "pack", FOLDER / "gluon-symbol.json", FOLDER / "gluon-0001.params", 11, 32)
    batch = networks.photos(7)
    engine = open_engine(pack, "cpu", 4, engine="mxnet")
    together = engine.run(batch).probabilities
    assert np.abs(together - open_engine(pack, "cpu").run(batch).probabilities).max() < 1e-5
    assert np.array_equal(engine.run(batch[::-1].copy()).probabilities[::-1], together)
    assert np.array_equal(engine.run(batch[2:3]).probabilities, together[2:3])
    with pytest.raises(EngineError, match="CPU build and cannot use cuda:0"):
        open_engine(pack, "cuda:0", engine="mxnet")


def slow_symbol(symbol: Path) -> str:
    """The same network, after it has multiplied large matrices for some ten minutes."""
    graph = json.loads(symbol.read_text())
    nodes, last = graph["nodes"], graph["heads"][0][0]

    def add(op: str, *inputs: int, **attributes: str) -> int:
        source = [[number, 0, 0] for number in inputs]
        nodes.append({"op": op, "name": f"slow{len(nodes)}", "attrs": attributes, "inputs": source})
        return len(nodes) - 1

    ones = product = add("_ones", shape="(2048, 2048)")
    for _ in range(2000):
        product = add("dot", product, ones)
    nothing = add("sum", add("_mul_scalar", product, scalar="0"))
    graph["heads"] = [[add("broadcast_add", last, nothing), 0, 0]]
    graph["node_row_ptr"] = list(range(len(nodes) + 1))
    return json.dumps(graph)


@pytest.mark.mxnet
@pytest.mark.skipif(not here, reason="MXNet is not installed here; see the top of this file")
@pytest.mark.parametrize(("number", "times"), [(signal.SIGTERM, 1), (signal.SIGINT, 2)])
def test_a_signal_ends_mxnet_while_it_computes(
    geotagger: Geotagger, tmp_path: Path, number: signal.Signals, times: int
) -> None:
    symbol = FOLDER / "gluon-symbol.json"
    pack = imported(tmp_path / "pack", symbol, FOLDER / "gluon-0001.params", 11, 32)
    (pack.folder / SYMBOL).write_text(slow_symbol(symbol))
    folder = pictures(tmp_path / "photos", each=1)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    words = ("tag", folder, "--model", pack.folder, "--engine", "mxnet")
    code, said, seconds = ended_by(geotagger, number, *words, times=times)
    assert (code, "Traceback" in said) == (130, False), said
    assert seconds < 20
    assert "kept" in said
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert geotagger("runs", "--json").records[0]["status"] != "running"
    geotagger("undo", "--yes", code=2)


def test_a_pack_without_its_checkpoint_says_what_is_missing(tmp_path: Path) -> None:
    pack = networks.pack(tmp_path / "tiny")
    with pytest.raises(
        EngineError, match=r"mxnet/symbol\.json is missing; import .*--keep-mxnet.* ONNX Runtime runs"
    ) as caught:
        open_engine(pack, "cpu", engine="mxnet")
    assert "\n" not in str(caught.value)
    with pytest.raises(UsageError, match="runs fp32 only"):
        open_engine(pack, "cpu", engine="mxnet", variant="int8")


@pytest.mark.skipif(here, reason="MXNet is installed here")
def test_where_mxnet_cannot_run_one_line_says_why_and_what_to_use(tmp_path: Path) -> None:
    pack = imported(tmp_path / "pack", FOLDER / "gluon-symbol.json", FOLDER / "gluon-0001.params", 11, 32)
    with pytest.raises(EngineError, match=r"(needs numpy 1|is not installed).*leave --engine out") as caught:
        open_engine(pack, "cpu", engine="mxnet")
    assert "\n" not in str(caught.value)


HOPPER = """
def gpu(number):
    return number

class nd:
    @staticmethod
    def zeros(*_, **__):
        raise RuntimeError("no kernel image is available for execution on the device")

class runtime:
    class Features:
        def is_enabled(self, _):
            return True
"""

FAILURES = {
    "no CUDA 11": ("raise OSError('libcudnn.so.8: cannot open shared object file')", "cpu", "libcudnn.so.8"),
    "Hopper": (
        HOPPER,
        "cuda:0",
        "newer than MXNet's last kernels",
    ),
    "not installed": ("raise ModuleNotFoundError(name='mxnet')", "cpu", "is not installed"),
}


@pytest.mark.parametrize("case", FAILURES)
def test_every_reason_why_mxnet_cannot_run_is_told(tmp_path: Path, case: str) -> None:
    """A stand-in for the mxnet module that fails as the real one does on such a machine."""
    source, device, told = FAILURES[case]
    pack = imported(tmp_path / "pack", FOLDER / "gluon-symbol.json", FOLDER / "gluon-0001.params", 11, 32)
    stand_in = tmp_path / "lib" / "mxnet"
    stand_in.mkdir(parents=True)
    (stand_in / "__init__.py").write_text(source)
    script = (
        "import sys, numpy; numpy.__version__ = '1.26.4'\n"
        "from pathlib import Path\n"
        "from geotagger.engine.opening import open_engine\n"
        "from geotagger.model.pack import load_pack\n"
        f"open_engine(load_pack(Path({str(pack.folder)!r})), {device!r}, engine='mxnet')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(stand_in.parent), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("geotagger.errors.EngineError: --engine mxnet: "), done.stderr
    assert told in last
    assert "leave --engine out" in last
