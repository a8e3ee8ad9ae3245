"""Reads the network graph in MXNet's `*-symbol.json` without MXNet.

One form for all versions: up to 0.8 an operator's settings stand under `param`, in 0.9–0.12 under
`attr`, from 1.0 on under `attrs`; keys like `__init__` are the user's notes and are left out.
Gives nodes whose inputs come before them. Knows nothing of what an operator does.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from geotagger.errors import CheckpointError
from geotagger.model.plain_files import check_plain

VARIABLE = "null"
_OLDEST = 800
_LARGEST_FILE = 1 << 27
_HIDDEN = re.compile(r"__.*__")


@dataclass(frozen=True, slots=True)
class SymbolNode:
    """inputs: pairs of the giving node's place in the list and which of its outputs."""

    op: str
    name: str
    attrs: Mapping[str, str]
    inputs: tuple[tuple[int, int], ...]

    @property
    def is_variable(self) -> bool:
        return self.op == VARIABLE


@dataclass(frozen=True, slots=True)
class Symbol:
    """version: that of the MXNet which wrote it, 905 for 0.9.5, 10901 for 1.9.1."""

    path: Path
    nodes: tuple[SymbolNode, ...]
    heads: tuple[tuple[int, int], ...]
    version: int


def read_symbol(path: Path) -> Symbol:
    """CheckpointError for what is no symbol file, or one whose nodes contradict each other."""
    check_plain(path)
    try:
        size = path.stat().st_size
        if size > _LARGEST_FILE:
            raise CheckpointError(path, f"{size:,} bytes is too large for a symbol; give the *-symbol.json")
        graph = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise CheckpointError(path, "no such file; give the *-symbol.json of the checkpoint") from None
    except OSError as error:
        raise CheckpointError(path, f"cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise CheckpointError(path, "not JSON; give the *-symbol.json of the checkpoint") from None
    try:
        return _symbol_of(path, graph)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError):
        raise CheckpointError(
            path, "not the network graph of an MXNet checkpoint; give its *-symbol.json"
        ) from None


def _symbol_of(path: Path, graph: dict[str, Any]) -> Symbol:
    nodes: list[SymbolNode] = []
    for entry in graph["nodes"]:
        settings: dict[str, Any] = {}
        for key in ("attr", "attrs", "param"):
            settings.update(entry.get(key) or {})
        node = SymbolNode(
            op=_text(entry["op"]),
            name=_text(entry["name"]),
            attrs={key: _text(value) for key, value in settings.items() if not _HIDDEN.fullmatch(key)},
            inputs=tuple(_link(link) for link in entry["inputs"]),
        )
        for giver, _ in node.inputs:
            if not 0 <= giver < len(nodes):
                raise CheckpointError(path, f"{node.name} uses a node that does not come before it")
        nodes.append(node)
    heads = tuple(_link(link) for link in graph["heads"])
    if not heads or any(not 0 <= giver < len(nodes) for giver, _ in heads):
        raise CheckpointError(path, "the graph names no output that it has")
    return Symbol(path, tuple(nodes), heads, _version_of(graph))


def _version_of(graph: dict[str, Any]) -> int:
    """`"attrs": {"mxnet_version": ["int", 905]}`, which 0.9 was the first to write."""
    kind_and_value = graph.get("attrs", {}).get("mxnet_version", ["int", _OLDEST])
    return int(kind_and_value[1])


def _link(link: list[int]) -> tuple[int, int]:
    """[node, output] or, from 0.9 on, [node, output, version]."""
    giver, output = link[0], link[1]
    if not (isinstance(giver, int) and isinstance(output, int)):
        raise TypeError
    return giver, output


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    value.encode()  # half a surrogate pair is a ValueError
    return value
