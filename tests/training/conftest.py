"""One thread for PyTorch: tests run beside others, and waiting threads spin."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)
