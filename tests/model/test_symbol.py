"""Symbols of all MXNet versions read alike; what is no symbol is refused in one line."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from geotagger.errors import CheckpointError
from geotagger.model.mxnet.symbol import read_symbol
from tests.model.checkpoints import FOLDER


def written(folder: Path, graph: Any) -> Path:
    path = folder / "x-symbol.json"
    path.write_text(json.dumps(graph), encoding="utf-8")
    return path


def graph_with(key: str, **more: Any) -> dict[str, Any]:
    return {
        "nodes": [
            {"op": "null", "name": "data", "inputs": []},
            {
                "op": "Activation",
                "name": "a",
                key: {"act_type": "relu", "__note__": "x"},
                "inputs": [[0, 0, 0]],
            },
        ],
        "heads": [[1, 0, 0]],
        **more,
    }


@pytest.mark.parametrize("key", ["param", "attr", "attrs"])
def test_settings_are_found_under_the_key_of_every_version(tmp_path: Path, key: str) -> None:
    symbol = read_symbol(written(tmp_path, graph_with(key)))
    assert symbol.nodes[1].attrs == {"act_type": "relu"}


def test_the_version_is_the_one_that_wrote_it(tmp_path: Path) -> None:
    named = graph_with("attrs", attrs={"mxnet_version": ["int", 10901]})
    assert read_symbol(written(tmp_path, named)).version == 10901
    assert read_symbol(written(tmp_path, graph_with("param"))).version < 900
    endless = graph_with("attrs", attrs={"mxnet_version": ["int", float("inf")]})
    with pytest.raises(CheckpointError, match="not the network graph"):
        read_symbol(written(tmp_path, endless))


def test_links_of_two_numbers_are_those_of_old_versions(tmp_path: Path) -> None:
    graph = graph_with("param")
    graph["nodes"][1]["inputs"], graph["heads"] = [[0, 0]], [[1, 0]]
    assert read_symbol(written(tmp_path, graph)).nodes[1].inputs == ((0, 0),)


def test_the_published_symbol_is_that_of_0_9_4(shared_data: Path) -> None:
    symbol = read_symbol(shared_data / "reference" / "rn101-5k500" / "RN101-5k500-symbol.json")
    assert symbol.version == 904
    assert sum(node.is_variable for node in symbol.nodes) == 516
    assert sum(node.op == "Convolution" for node in symbol.nodes) == 104


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", "3", '{"nodes": []}', '{"nodes": 5, "heads": []}', "[" * 100_000, "\x00\xff"],
)
def test_what_is_no_symbol_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x-symbol.json"
    path.write_text(content)
    with pytest.raises(CheckpointError, match=r"x-symbol\.json") as error:
        read_symbol(path)
    assert "\n" not in str(error.value)


def test_a_node_cannot_use_one_that_comes_later(tmp_path: Path) -> None:
    graph = graph_with("attr")
    graph["nodes"][1]["inputs"] = [[1, 0, 0]]
    with pytest.raises(CheckpointError, match="does not come before"):
        read_symbol(written(tmp_path, graph))


@given(data=st.data())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_mutated_symbol_is_read_or_refused(data: st.DataObject, tmp_path: Path) -> None:
    graph = json.loads((FOLDER / "gluon-symbol.json").read_bytes())
    place: Any = graph
    while isinstance(place, dict | list) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or data.draw(st.booleans()):
            place[key] = data.draw(
                st.sampled_from([None, -1, 2**70, 1.5, "", "x", "\ud800", [], {}, [[]], True])
            )
            break
        place = place[key]
    with suppress(CheckpointError):
        read_symbol(written(tmp_path, graph))
