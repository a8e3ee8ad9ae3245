"""Other precisions of a network: INT8 for processors, FP16 for GPUs, each an ONNX file of its own.

INT8 of a network of convolutions: weights per channel and activations of the convolutions and of what lies
between them, calibrated on real photos, as QuantizeLinear pairs that ONNX Runtime and OpenVINO both turn into
integer kernels. Of a transformer: the products of its tower, whose activations are scaled as they come, for
their largest lie too far apart to be known beforehand; such a network looks at one photo at a time.
The classifier and the softmax stay in float: quantising them ruins probabilities. Takes files and
inputs, gives a file.
"""

import contextlib
import io
import logging
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx

from geotagger.engine.tower import name_nodes, tower_of
from geotagger.engine.values import Batch
from geotagger.engine.waiting import Waiting
from geotagger.errors import EngineError

PRECISIONS = ("int8", "fp16")
DYNAMIC = "dynamic"

_AT_ONCE = 4
"""Photos a calibration step: its memory is all activations of a step at once."""


def quantise(network: Path, target: Path, precision: str, inputs: Batch) -> str:
    """Writes `target`, and says how it was made: `static`, `dynamic` or `cast`. inputs: float32 (n, 3, S, S),
    which only static int8 looks at."""
    try:
        with _quietly(), tempfile.TemporaryDirectory(dir=target.parent, prefix=".unfinished-") as scratch:
            finished = Path(scratch) / "finished.onnx"

            def make() -> str:
                if precision == "fp16":
                    return _to_fp16(network, finished)
                return _to_int8_as_it_comes(network, finished) or _to_int8(
                    network, finished, inputs, Path(scratch)
                )

            how, _ = Waiting(network.parent.name).answer(make, f"it has not become {precision}")
            shutil.move(finished, target)
            return how
    except EngineError:
        raise
    except OSError as error:
        raise EngineError(f"{target}: cannot be written ({error.strerror}); the pack is as it was") from None
    except Exception as error:  # the quantiser raises whatever its parts raise
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise EngineError(
            f"{network}: cannot be turned into {precision}: {said}; the pack is as it was"
        ) from None


def _to_int8_as_it_comes(network: Path, target: Path) -> str:
    """Of a transformer; nothing is written for another network."""
    from onnxruntime.quantization import QuantType, quantize_dynamic  # type: ignore[import-untyped]

    model = onnx.load(str(network))
    name_nodes(model.graph)
    tower = tower_of(model.graph)
    if not tower.is_of_transformer:
        return ""
    # the quantiser turns a Gemm into a MatMul of this name first
    products = [*tower.products, *(f"{name}_MatMul" for name in tower.products)]
    quantize_dynamic(
        model,
        str(target),
        op_types_to_quantize=["MatMul"],
        nodes_to_quantize=products,
        per_channel=True,
        weight_type=QuantType.QInt8,
        extra_options={"MatMulConstBOnly": True},
    )
    return DYNAMIC


def _to_int8(network: Path, target: Path, inputs: Batch, scratch: Path) -> str:
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Photos(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._batches: Iterator[Batch] = (
                inputs[start : start + _AT_ONCE] for start in range(0, len(inputs), _AT_ONCE)
            )

        def get_next(self) -> dict[str, Batch] | None:
            batch = next(self._batches, None)
            return None if batch is None else {"data": batch}

    quantize_static(
        str(_folded(network, scratch)),
        str(target),
        Photos(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "Relu", "Add", "MaxPool"],
        per_channel=True,
        activation_type=QuantType.QUInt8,  # with signed weights: what VNNI multiplies
        weight_type=QuantType.QInt8,
        extra_options={"CalibMovingAverage": True},
    )
    return "static"


def _folded(network: Path, scratch: Path) -> Path:
    """The network with its batch normalisations folded into convolutions where they can be, by
    ONNX Runtime: what is folded needs no float pass between integer convolutions."""
    import onnxruntime as ort  # type: ignore[import-untyped]

    folded = scratch / "folded.onnx"
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folded)
    ort.InferenceSession(str(network), options, providers=["CPUExecutionProvider"])
    return folded


def _to_fp16(network: Path, target: Path) -> str:
    from onnxruntime.transformers.float16 import (  # type: ignore[import-untyped]
        DEFAULT_OP_BLOCK_LIST,
        convert_float_to_float16,
    )

    half: Any = convert_float_to_float16(
        onnx.load(str(network)),
        keep_io_types=True,
        op_block_list=[*DEFAULT_OP_BLOCK_LIST, "Softmax", "Gemm"],
    )
    onnx.save(half, str(target))
    return "cast"


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The quantiser logs advice through the root logger and prints; neither is for users."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)
