"""onnxruntime-gpu without a GPU, in a folder of its own: `pytest -m slow` fetches it, some 300 MB."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import Geotagger
from tests.tag.test_pictures import colour_pack, pictures

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def gpu_build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The GPU build without the CUDA wheels, put before the CPU's."""
    folder = tmp_path_factory.mktemp("gpu")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--target",
        str(folder),
        "onnxruntime-gpu",
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"onnxruntime-gpu cannot be fetched: {done.stderr.strip()[-200:]}")
    return folder


@pytest.fixture
def with_gpu_build(geotagger: Geotagger, gpu_build: Path) -> Geotagger:
    geotagger.environment["PYTHONPATH"] = str(gpu_build)
    return geotagger


def run(geotagger: Geotagger, *words: object) -> tuple[int, str, str]:
    """In a process that imports the other build from its start on."""
    process = geotagger.start(*words)
    out, complaints = process.communicate(timeout=300)
    assert b"Traceback" not in complaints
    return process.returncode, out.decode(), complaints.decode()


def test_cuda_without_its_libraries_is_one_line_that_says_what_to_get(
    with_gpu_build: Geotagger, tmp_path: Path
) -> None:
    pack, folder = colour_pack(tmp_path), pictures(tmp_path / "photos", 1)
    code, _, said = run(with_gpu_build, "tag", folder, "--model", pack, "--device", "cuda", "--write", "none")
    assert code == 3
    lines = [line for line in said.splitlines() if "installed over each other" not in line]
    assert len(lines) == 1
    assert "fell back" in lines[0] or "cannot run it on cuda" in lines[0]
    assert "pip install 'onnxruntime-gpu[cuda,cudnn]'" in lines[0]
    assert ".so" in lines[0], "the loader's own reason"


def test_auto_goes_on_with_the_processor_and_says_so(with_gpu_build: Geotagger, tmp_path: Path) -> None:
    pack, folder = colour_pack(tmp_path), pictures(tmp_path / "photos", 2)
    with_gpu_build.environment["CUDA_VISIBLE_DEVICES"] = "0"
    words = ("tag", folder, "--model", pack, "--write", "none", "--json")
    code, out, said = run(with_gpu_build, *words)
    assert code == 0
    assert out.count('"indexed"') == 6
    assert said.count("running on the CPU: ") == 1
    with_gpu_build.environment["CUDA_VISIBLE_DEVICES"] = "0,1"
    code, out, said = run(with_gpu_build, *words, "--index", tmp_path / "other.db")
    assert code == 0
    assert out.count('"indexed"') == 6
    assert "cuda:1 is left out: " in said, "each of several has a process, and each says why not"
    assert said.count("running on the CPU: ") == 1


def test_two_builds_are_told_by_models_list(with_gpu_build: Geotagger) -> None:
    code, _, said = run(with_gpu_build, "models", "list")
    assert code == 0
    assert "are installed over each other, and the one in use is a GPU build" in said


def test_the_gpu_build_without_a_gpu_says_why_and_falls_back(gpu_build: Path, tmp_path: Path) -> None:
    """As the library's caller sees it."""
    program = (
        "import sys; from pathlib import Path\n"
        "from tests.engine import networks\nfrom geotagger.engine.opening import open_engine\n"
        "from geotagger.errors import EngineError\n"
        "pack = networks.pack(Path(sys.argv[1]))\n"
        "try:\n    open_engine(pack, 'cuda:0')\nexcept EngineError as error:\n    print(error)\n"
        "import geotagger.engine.opening as opening\nopening.nvidia_gpus = lambda: 1\n"
        "engine = open_engine(pack, 'auto')\nprint(engine.devices, *engine.notes)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "pack")],
        env={**os.environ, "PYTHONPATH": f"{gpu_build}:{ROOT}", "CUDA_VISIBLE_DEVICES": "0"},
        capture_output=True,
        text=True,
        check=True,
    )
    refused, fallen = done.stdout.splitlines()
    assert "ONNX Runtime fell back to CPUExecutionProvider, because lib" in refused
    assert ".so" in refused
    assert fallen.startswith("('cpu',) ")
    assert "running on the CPU: cuda:0 is left out" in fallen
    assert done.stderr == ""
