"""MXNet, the framework of the published model: runs the original symbol and params natively.

The reference that the other engines are checked against, retired in 2023, so it runs only where
its last wheels do: numpy 1, and on GPUs up to Ampere with the CUDA 11 libraries. Takes a pack that
keeps its checkpoint, gives Runners; EngineError says in one line why not and what to use instead.
"""

import importlib
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from geotagger.engine.cores import usable_cores
from geotagger.engine.devices import Device
from geotagger.engine.values import Batch, OutOfMemoryError, Outputs
from geotagger.errors import EngineError
from geotagger.model.mxnet.ops import SOFTMAX_OPERATORS
from geotagger.model.pack import MXNET_PARAMS as PARAMS
from geotagger.model.pack import MXNET_SYMBOL as SYMBOL

_INSTEAD = "leave --engine out: ONNX Runtime runs the same network"
_NEWEST_GPU = 86
"""mxnet-cu112 1.9.1 holds kernels up to sm_86 and no PTX that a newer GPU could compile."""


class MxnetRunner:
    """A Runner over one executor a batch size."""

    def __init__(self, folder: Path, device: Device, input_size: int) -> None:
        self.device = str(device)
        for needed in (SYMBOL, PARAMS):
            if not (folder / needed).is_file():
                raise EngineError(
                    f"--engine mxnet: {folder / needed} is missing; import the model again with "
                    f"--keep-mxnet, or {_INSTEAD}"
                )
        mx = _import_mxnet()
        self._mx = mx
        self._context = _context(mx, device)
        try:
            symbol = mx.sym.load(str(folder / SYMBOL))
            values = mx.nd.load(str(folder / PARAMS))
            inside = symbol.get_internals()
            names = inside.list_outputs()
            flattened = [name for name in names if name.startswith("flatten") and name.endswith("_output")]
            self._has_features = bool(flattened)
            scores = _probabilities(mx, symbol)
            self._symbol = mx.sym.Group([scores, inside[flattened[-1]]]) if flattened else scores
            self._arguments = _part(values, "arg:")
            self._states = _part(values, "aux:")
        except Exception as error:
            raise EngineError(f"{folder / SYMBOL}: MXNet cannot load it: {_first_line(error)}") from None
        self._edge = input_size
        self._executors: dict[int, Any] = {}

    def run(self, batch: Batch) -> Outputs:
        try:
            executor = self._executors.get(len(batch)) or self._bind(len(batch))
            executor.forward(is_train=False, data=self._mx.nd.array(batch, ctx=self._context))
            values = [output.asnumpy() for output in executor.outputs]
        except Exception as error:
            if "memory" in str(error).lower():
                self._executors.clear()
                raise OutOfMemoryError(_first_line(error)) from None
            raise EngineError(f"{self.device}: MXNet failed: {_first_line(error)}") from None
        return Outputs(values[0], values[1] if self._has_features else None)

    def _bind(self, batch_size: int) -> Any:
        shape = (batch_size, 3, self._edge, self._edge)
        shapes = {"data": shape}
        labels = [name for name in self._symbol.list_arguments() if name.endswith("label")]
        shapes.update(dict.fromkeys(labels, (batch_size,)))
        executor = self._symbol.simple_bind(ctx=self._context, grad_req="null", **shapes)
        executor.copy_params_from(self._arguments, self._states, allow_extra_params=True)
        self._executors = {batch_size: executor}  # one size is in use; the memory of others is wanted
        return executor


def _probabilities(mx: Any, symbol: Any) -> Any:
    """The output that gives them; the networks of gluon end one step before."""
    graph = json.loads(symbol.tojson())
    for number, (giver, *_) in enumerate(graph["heads"]):
        if graph["nodes"][giver]["op"] in SOFTMAX_OPERATORS:
            return symbol[number]
    return mx.sym.softmax(symbol, axis=1)


def _part(values: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name.removeprefix(kind): array for name, array in values.items() if name.startswith(kind)}


def _import_mxnet() -> Any:
    if int(np.__version__.split(".")[0]) >= 2:
        raise EngineError(
            f"--engine mxnet: MXNet 1.9.1 needs numpy 1 and this is numpy {np.__version__}; install "
            f"geotagger's extra mxnet (docs/engines.md) into an environment of its own, or {_INSTEAD}"
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if "bool" not in np.__dict__:
            np.__dict__["bool"] = bool  # numpy 1.24 dropped the alias that MXNet still imports
        # by itself MXNet takes every second processor for the other thread of a core
        os.environ.setdefault("OMP_NUM_THREADS", str(usable_cores()))
        os.environ.setdefault("MXNET_SUBGRAPH_VERBOSE", "0")  # else it announces its backend on stderr
        try:
            return importlib.import_module("mxnet")
        except ModuleNotFoundError as error:
            raise EngineError(
                f"--engine mxnet: {error.name or 'mxnet'} is not installed; "
                f"it comes with geotagger's extra mxnet (docs/engines.md; Python up to 3.12), or {_INSTEAD}"
            ) from None
        except OSError as error:  # the GPU wheel links CUDA when it is imported
            raise EngineError(
                f"--engine mxnet: the CUDA 11 libraries that mxnet-cu112 needs are missing "
                f"({_first_line(error)}); geotagger's extra mxnet runs on the CPU (docs/engines.md), "
                f"or {_INSTEAD}"
            ) from None


def _context(mx: Any, device: Device) -> Any:
    if device.kind == "cpu":
        return mx.cpu()
    if device.kind != "cuda":
        raise EngineError(f"--engine mxnet: runs on cpu and cuda, not on {device}; {_INSTEAD}")
    if not mx.runtime.Features().is_enabled("CUDA"):
        raise EngineError(f"--engine mxnet: this MXNet is a CPU build and cannot use {device}; {_INSTEAD}")
    try:
        mx.nd.zeros(1, ctx=mx.gpu(device.number)).wait_to_read()
    except Exception as error:
        reason = _first_line(error)
        if "no kernel image" in reason or "PTX" in reason:
            reason = f"this GPU is newer than MXNet's last kernels (sm_{_NEWEST_GPU}, Ampere)"
        raise EngineError(f"--engine mxnet: {device} cannot be used: {reason}; {_INSTEAD}") from None
    return mx.gpu(device.number)


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said_line = next((line for line in lines if "rror" in line), lines[0] if lines else type(error).__name__)
    return said_line[:300]
