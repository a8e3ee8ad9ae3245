"""Whether PyTorch can compile a network on this machine, and which errors are the compiler's."""

import os
import shutil

import torch

from training.fit.runlog import Say

_COMPILERS = ("cc", "gcc", "clang")


def can_compile(device: torch.device, say: Say) -> bool:
    """PyTorch's compiler writes C (for a GPU too: its kernels are launched from C), and C needs a compiler.
    Without one the network runs as it is, slower, and `say` is told."""
    needed = "CXX" if device.type == "cpu" else "CC"
    compilers = ("g++", "c++", "clang++") if device.type == "cpu" else _COMPILERS
    if any(shutil.which(name) for name in (os.environ.get(needed, ""), *compilers) if name):
        return True
    say(f"the network is not compiled, and slower: no C compiler is installed ({', '.join(compilers)})")
    return False


def is_of_compiler(error: Exception) -> bool:
    """PyTorch's compilers have errors of many kinds; all come from modules of their own."""
    return type(error).__module__.startswith(("torch._dynamo", "torch._inductor", "triton"))
