"""One thread for PyTorch: tests run beside others, and waiting threads spin. And torchvision loads beside a
PyTorch for processors: its wheel is built for CUDA, and stops at operators of detection that it then lacks,
of which nothing here has any use."""

import importlib.util

import pytest

_kept: list[object] = []


def let_torchvision_load() -> None:
    """Also called in processes that tests start."""
    if importlib.util.find_spec("torch") is None or importlib.util.find_spec("torchvision") is None:
        return
    import torch

    if torch.version.cuda is not None or _kept:
        return
    operators = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    _kept.append(operators)


let_torchvision_load()


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)
