"""Which build of ONNX Runtime is installed, and whether its GPU libraries can be loaded.

Its CPU and GPU builds share one folder: whichever was installed last has its files there, whatever pip
lists. The CUDA libraries that come as wheels are found only when they are loaded beforehand. Takes nothing,
gives lines of text for the owner.
"""

import contextlib
import ctypes
import functools
import io
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import onnxruntime as ort  # type: ignore[import-untyped]

_BUILDS = ("onnxruntime", "onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino")

HOW_TO_GET_GPU = "pip uninstall -y onnxruntime onnxruntime-gpu; pip install 'onnxruntime-gpu[cuda,cudnn]'"
"""Two commands: the builds cannot stand side by side, and geotagger asks for the CPU's (docs/engines.md)."""

_SILENT = 4


def builds() -> dict[str, str]:
    """Version by name of each build that pip lists."""
    listed = {}
    for name in _BUILDS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            listed[name] = metadata.version(name)
    return listed


def note_of_several() -> str | None:
    """What the owner should know where builds are installed over each other: which one won."""
    listed = builds()
    if len(listed) < 2:
        return None
    kind = "a GPU build" if "CUDAExecutionProvider" in ort.get_available_providers() else "the CPU build"
    names = " and ".join(f"{name} {version}" for name, version in listed.items())
    return (
        f"{names} are installed over each other, and the one in use is {kind}, {ort.__version__}; keep one: "
        f"{HOW_TO_GET_GPU}, or pip uninstall -y {' '.join(listed)}; pip install onnxruntime"
    )


@functools.cache
def load_gpu_libraries() -> None:
    """Loads the CUDA and cuDNN wheels, where they are, so that the provider finds them; ONNX Runtime's own
    complaints, which go to both outputs in colour, are silenced: what matters comes as an exception."""
    ort.set_default_logger_severity(_SILENT)
    preload: Callable[[], None] | None = getattr(ort, "preload_dlls", None)  # since 1.21
    if preload is not None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Exception):
            preload()


def why_not_cuda() -> str:
    """What the loader says of the CUDA provider; "" where it loads, and the driver or the GPU is at fault."""
    folder = Path(ort.__file__).parent / "capi"
    try:
        for library in ("libonnxruntime_providers_shared.so", "libonnxruntime_providers_cuda.so"):
            ctypes.CDLL(str(folder / library), mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        return str(error).splitlines()[0].removeprefix(f"{folder}/")
    return ""
