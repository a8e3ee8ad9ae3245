"""A machine with less memory than a network takes: one line that says how much, from a real process."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from geotagger.engine.checking import check_answers
from geotagger.engine.values import NoRoomError

from . import networks

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")

_LIMITED = """
import resource, sys
from pathlib import Path
from geotagger.engine import memory
from geotagger.engine.opening import open_engine
from geotagger.errors import EngineError
from geotagger.model.pack import load_pack
pack = load_pack(Path(sys.argv[1]))
memory._SMALL = 0
used = memory._table(memory.text_of(memory._STATUS), ":")["VmSize"] * 1024
resource.setrlimit(resource.RLIMIT_AS, (used + (30 << 20),) * 2)
for check in (memory.check_room, lambda *_: None):
    open_engine.__globals__["check_room"] = check
    try:
        open_engine(pack, "cpu")
    except EngineError as error:
        print(error)
"""


@pytest.fixture
def heavy(tmp_path: Path) -> Path:
    """A network of 25 MB, nearly all of it one matrix."""

    def matrix(classes: int) -> onnx.ModelProto:
        small = networks.convolutions(classes).graph
        first = np.zeros((3 * networks.EDGE**2, 2_040), np.float32)
        arrays = {"w": first, "v": np.zeros((2_040, classes), np.float32)}
        nodes = [
            helper.make_node("Flatten", ["data"], ["flat"]),
            helper.make_node("MatMul", ["flat", "w"], ["between"]),
            helper.make_node("MatMul", ["between", "v"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
        ]
        answer = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["n", classes])]
        weights = [numpy_helper.from_array(array, name) for name, array in arrays.items()]
        graph = helper.make_graph(nodes, "heavy", [small.input[0]], answer, weights)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)

    return networks.pack(tmp_path / "heavy", network=matrix).folder


def test_it_says_what_is_needed_and_what_is_free(heavy: Path) -> None:
    """Before it is loaded, and where an allocation fails all the same."""
    words = [sys.executable, "-c", _LIMITED, str(heavy)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    before, after = done.stdout.splitlines()
    free = r"\d+ MB are free"
    assert re.search(rf"^tiny needs about 43 MB of memory while it runs, and {free}; close", before)
    assert re.search(rf"onnx: cpu: not enough memory: its file has 25 MB, it takes .* 43 MB .*{free}", after)


def test_a_network_that_asks_for_more_than_any_machine_has_is_not_installed(tmp_path: Path) -> None:
    def expanding(classes: int) -> onnx.ModelProto:
        network = networks.convolutions(classes)
        logits = next(node for node in network.graph.node if node.output[0] == "logits")
        logits.output[0] = "few"
        shape = numpy_helper.from_array(np.array([1 << 40, 1, 1], np.int64), "shape")
        network.graph.initializer.append(shape)
        nodes = list(network.graph.node)
        more = [
            helper.make_node("Expand", ["few", "shape"], ["many"]),
            helper.make_node("ReduceMean", ["many"], ["logits"], axes=[0], keepdims=0),
        ]
        del network.graph.node[:]
        network.graph.node.extend([*nodes[:-1], *more, nodes[-1]])
        return network

    pack = networks.pack(tmp_path / "tiny", network=expanding)
    with pytest.raises(NoRoomError, match=r"\Atiny: not enough memory"):
        check_answers(pack)
