"""The params reader gives what MXNet wrote, and nothing but CheckpointError for what it did not."""

import os
import struct
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from geotagger.errors import CheckpointError
from geotagger.model.mxnet.params import read_params
from tests.model.checkpoints import DTYPES, FOLDER, params_bytes

arrays = st.dictionaries(
    st.text(st.characters(codec="utf-8"), min_size=1, max_size=12).filter(lambda n: ":" not in n),
    hnp.arrays(
        st.sampled_from(DTYPES),
        hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=4),
    ),
    max_size=4,
)


@given(arrays=arrays, layout=st.sampled_from([0, 1, 2, 3]))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_layout_and_type_reads_back(arrays: dict, layout: int, tmp_path: Path) -> None:
    path = tmp_path / "x.params"
    path.write_bytes(params_bytes({f"arg:{name}": array for name, array in arrays.items()}, layout))
    found = read_params(path)
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


@pytest.mark.parametrize("file", ["dtypes-v2", "dtypes-v3"])
def test_types_that_mxnet_itself_wrote(file: str) -> None:
    found = read_params(FOLDER / f"{file}.params")
    for kind in ("float32", "float64", "float16", "uint8", "int32", "int8", "int64"):
        assert found[kind].dtype == np.dtype(kind)
        assert found[kind].tolist() == [[0, 1, 2], [3, 4, 5]]
    if file == "dtypes-v3":
        assert found["bool"].tolist() == [[False, True, True], [True, True, True]]
        assert found["scalar"].shape == ()
        assert found["scalar"] == 2.5
        assert found["nothing"].shape == (0, 4)


@pytest.mark.parametrize(
    ("file", "words"),
    [("row-sparse", "row_sparse"), ("csr", "csr"), ("nameless", "0 names")],
)
def test_what_cannot_be_imported_is_named(file: str, words: str) -> None:
    path = FOLDER / f"{file}.params"
    with pytest.raises(CheckpointError, match=words) as error:
        read_params(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("version", ["0.9.5", "0.10.0", "0.11.0", "1.9.1"])
def test_four_versions_saved_the_same_weights(shared_data: Path, version: str) -> None:
    folder = shared_data / "reference" / "mxnet-checkpoints"
    for network in ("resnet-v1", "resnet-v2", "googlenet"):
        one = read_params(folder / version / f"{network}-0012.params")
        other = read_params(folder / "1.9.1" / f"{network}-0012.params")
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)


@given(data=st.data(), layout=st.sampled_from([0, 1, 2, 3]))
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mutated_file_is_read_or_refused_and_costs_no_more_than_itself(
    data: st.DataObject, layout: int, tmp_path: Path
) -> None:
    whole = params_bytes(
        {"arg:w": np.arange(12, dtype="<f4").reshape(3, 4), "aux:m": np.arange(5, dtype="<i8")}, layout
    )
    mutated = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        kind = data.draw(st.sampled_from(["byte", "long", "cut", "more"]))
        at = data.draw(st.integers(0, max(0, len(mutated) - 1)))
        if kind == "byte" and mutated:
            mutated[at] = data.draw(st.integers(0, 255))
        elif kind == "long":
            claim = data.draw(st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, 2**63, 2**64 - 1]))
            mutated[at : at + 8] = struct.pack("<Q", claim)
        elif kind == "cut":
            del mutated[at:]
        else:
            mutated += data.draw(st.binary(max_size=64))
    path = tmp_path / "x.params"
    path.write_bytes(mutated)
    tracemalloc.start()
    with suppress(CheckpointError):
        read_params(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < len(mutated) + 200_000


@pytest.mark.parametrize("cut", [0, 1, 7, 8, 15, 16, 23, 24, 30, 60, -1])
def test_a_truncated_file_says_so(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.params"
    path.write_bytes(params_bytes({"arg:w": np.ones(8, "<f4")}, 2)[:cut])
    with pytest.raises(CheckpointError, match=r"ends within|truncated|damaged"):
        read_params(path)


def test_bytes_after_the_end_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.params"
    path.write_bytes(params_bytes({"arg:w": np.ones(8, "<f4")}, 2) + b"\0")
    with pytest.raises(CheckpointError, match="1 bytes follow the end"):
        read_params(path)


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="this system does not tell peaks so")
def test_a_file_that_claims_a_terabyte_costs_nothing(tmp_path: Path) -> None:
    lie = struct.pack("<QQQ", 0x112, 0, 1) + struct.pack("<IiI2q3i", 0xF993FAC9, 0, 2, 2**20, 2**18, 1, 0, 0)
    path = tmp_path / "x.params"
    path.write_bytes(lie + b"\0" * 64)
    program = (
        "import sys, resource; from pathlib import Path\n"
        "from geotagger.model.mxnet.params import read_params\n"
        "from geotagger.errors import CheckpointError\n"
        "resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30))\n"
        "try: read_params(Path(sys.argv[1]))\n"
        "except CheckpointError as e: print(e)\n"
        "of_itself = [line for line in open('/proc/self/status') if line.startswith('VmHWM')]\n"
        "print(of_itself[0].split()[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    told, peak_kib = done.stdout.splitlines()
    assert "1048576×262144" in told
    assert int(peak_kib) < 512 << 10


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not params", b"<html>" * 100])
def test_another_kind_of_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.params"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"x\.params"):
        read_params(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        read_params(tmp_path / "none.params")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_params(tmp_path)
