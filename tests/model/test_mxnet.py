"""Against MXNet itself: the published network at full size, and the committed checkpoints made anew.

    pytest -m mxnet tests/model

makes an environment with MXNet 1.9.1 in the user's cache folder (some 150 MB, kept for the next time) or
takes the Python that GEOTAGGER_MXNET_PYTHON names.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import platformdirs
import pytest

from geotagger.model.mxnet.params import read_params
from geotagger.model.onnx_graph import read_graph
from tests.model.checkpoints import FOLDER, params_bytes

pytestmark = [pytest.mark.mxnet, pytest.mark.slow, pytest.mark.timeout(1800)]
HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def mxnet_python() -> str:
    if named := os.environ.get("GEOTAGGER_MXNET_PYTHON"):
        return named
    home = platformdirs.user_cache_path("geotagger-tests", appauthor=False)
    home = home / f"mxnet-1.9.1-py{sys.version_info.major}{sys.version_info.minor}"
    python = home / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    check = [str(python), "-W", "ignore", "-c", "import numpy as n; n.bool = bool; import mxnet"]
    if not python.exists() or subprocess.run(check, capture_output=True).returncode:
        numpy = "numpy==1.23.5" if sys.version_info < (3, 12) else "numpy==1.26.4"
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "-q", "mxnet==1.9.1", numpy, "setuptools<81"], check=True
        )
    return str(python)


@pytest.fixture(scope="session")
def seeded(mxnet_python: str, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rn101")
    symbol = shared_data / "reference" / "rn101-5k500" / "RN101-5k500-symbol.json"
    subprocess.run([mxnet_python, str(HERE / "seeded_network.py"), str(symbol), str(folder)], check=True)
    return folder


IMPORT = """
import json, re, sys, time
from pathlib import Path
from geotagger.cli import models
import typer
start = time.perf_counter()
app = typer.Typer()
models.register(app)
app.command("other")(lambda: None)
try:
    app(["models", "import", *sys.argv[1:]])
except SystemExit as end:
    assert not end.code, end.code
seconds = time.perf_counter() - start
# of this program alone: getrusage counts what pytest had before it started us
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) / 1024
print(json.dumps({"seconds": seconds, "peak_mib": peak}))
"""


@pytest.mark.parametrize("layout", [0, 1, 2])
def test_the_published_network_agrees_at_full_size(
    seeded: Path, shared_data: Path, tmp_path: Path, layout: int
) -> None:
    """The symbol as MXNet 0.9.4 wrote it, the weights in the layouts of 0.9, 0.11 and 1.9; the
    import in a process of its own takes seconds and less than 1 GiB."""
    published = shared_data / "reference" / "rn101-5k500"
    params = seeded / "RN101-5k500-0012.params"
    if layout < 2:
        arrays = {f"arg:{name}": array for name, array in read_params(params).items()}
        params = tmp_path / "RN101-5k500-0012.params"
        params.write_bytes(params_bytes(arrays, layout))
    files = [published / "RN101-5k500-symbol.json", params, published / "grids.txt"]
    done = subprocess.run(
        [sys.executable, "-c", IMPORT, *map(str, files)],
        env=os.environ | {"GEOTAGGER_MODELS": str(tmp_path / "models")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    cost = json.loads(done.stdout)
    print(cost)
    assert cost["seconds"] < 30
    assert cost["peak_mib"] < 1000
    network = tmp_path / "models" / "rn101-5k500" / "model.onnx"
    assert [output.shape for output in read_graph(network).outputs] == [(None, 15527), (None, 2048)]
    session = onnxruntime.InferenceSession(str(network), providers=["CPUExecutionProvider"])
    ours = session.run(["probabilities"], {"data": np.load(seeded / "inputs.npy")})[0]
    theirs = np.load(seeded / "softmax.npy")
    print("largest difference in the softmax", np.abs(ours - theirs).max())
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.array_equal(np.argsort(-ours)[:, :5], np.argsort(-theirs)[:, :5])


def test_the_committed_checkpoints_are_what_mxnet_writes(mxnet_python: str, tmp_path: Path) -> None:
    subprocess.run([mxnet_python, str(HERE / "make_checkpoints.py"), str(tmp_path)], check=True)
    made = sorted(path.name for path in tmp_path.iterdir())
    assert "operators-0001.params" in made
    for name in made:
        committed, fresh = FOLDER / name, tmp_path / name
        if name.endswith(".npy"):
            assert np.abs(np.load(committed) - np.load(fresh)).max() < 1e-6
        else:
            assert committed.read_bytes() == fresh.read_bytes(), name
