"""Everything that differs between devices: the choice, precision, repeatability, memory.

The rest of the engine asks here and has no branch on the kind of a device.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from contextlib import AbstractContextManager

import numpy as np
import torch

# The first optimizer of a process imports this, for a second: better before a job is there.
import torch._dynamo

from trainyard.spec.training import Precision
from worker.training.room import free_host_bytes

Tensors = dict[str, torch.Tensor]

# CPU features with which bfloat16 runs in hardware, by the names of torch.cpu.get_capabilities.
_CPU_BFLOAT16 = ("avx512_bf16", "amx_bf16", "sve_bf16", "bf16")

# What torch and C++ say on a CPU when an allocation fails.
_NO_MEMORY = ("can't allocate memory", "bad_alloc", "bad allocation", "out of memory",
              "STATUS_ALLOC_FAILED")  # fmt: skip
# oneDNN says the same of all that fails: of memory where there is little.
_ONEDNN_FAILS = ("could not create a primitive", "could not execute a primitive")
_LITTLE_BYTES = 256 * 1024**2

# Share of a device's free memory that a dataset may take; the rest is for training.
_RESIDENT_FRACTION = 0.4


def choose_device(name: str) -> torch.device:
    """``auto`` is the first GPU, else the CPU; else the device of that name."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(name)


def describe(device: torch.device) -> str:
    """The device in words, for the log."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU with {torch.get_num_threads()} threads"


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes bfloat16 in hardware."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in _CPU_BFLOAT16)


def choose_precision(precision: Precision, device: torch.device) -> torch.dtype:
    """The type that convolutions and matrix products compute in.

    ``float16`` needs a GPU: on a CPU it is float32, which the caller should say.
    """
    if precision == "auto":
        return torch.bfloat16 if has_bfloat16(device) else torch.float32
    if precision == "float16" and device.type != "cuda":
        return torch.float32
    return {
        "float32": torch.float32,
        "bfloat16": torch.bfloat16,
        "float16": torch.float16,
    }[precision]


def autocast(device: torch.device, dtype: torch.dtype) -> AbstractContextManager[object]:
    """Mixed precision in ``dtype``; does nothing for float32."""
    return torch.autocast(device.type, dtype=dtype, enabled=dtype != torch.float32)


def make_repeatable(seed: int, *, deterministic: bool) -> None:
    """Seeds every generator of this process and chooses algorithms that repeat bit for bit.

    An operation that has no such algorithm warns and runs all the same.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when CUDA starts
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(deterministic, warn_only=True)
    # Filling new memory, which comes with it, costs time and changes nothing here.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not deterministic


def generator_states(device: torch.device) -> dict[str, torch.Tensor]:
    """The state of torch's generators that training draws from, as byte tensors."""
    states = {"cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def set_generator_states(states: dict[str, torch.Tensor], device: torch.device) -> None:
    """Undoes ``generator_states``."""
    torch.set_rng_state(states["cpu"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)


def to_host(tensors: Tensors, device: torch.device) -> tuple[Tensors, Callable[[], None]]:
    """Copies of tensors as they are now, and a function that waits until they have arrived.

    From a GPU they come through pinned memory while the host goes on: in the order of the
    device's stream, so that a later step cannot change what is copied.
    """
    copies = {
        name: tensor.detach().to("cpu", non_blocking=True, copy=True)
        for name, tensor in tensors.items()
    }
    if device.type != "cuda":
        return copies, lambda: None
    arrival = torch.cuda.Event()  # type: ignore[no-untyped-call]
    arrival.record(torch.cuda.current_stream(device))
    return copies, arrival.synchronize


def resident_bytes(device: torch.device) -> int:
    """How much of a dataset may be copied to the device.

    None of it on a CPU, where the memory map is in the same memory and shared by all processes.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return int(free * _RESIDENT_FRACTION)
    return 0


def free_bytes(device: torch.device) -> int:
    """Memory that is free on the device now."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    return free_host_bytes()


def give_back_cache(device: torch.device) -> None:
    """What torch keeps of freed memory becomes one piece again."""
    if device.type == "cuda":
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error is an allocation that failed, on a GPU, in torch's CPU part or in numpy."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    if any(words in str(error) for words in _NO_MEMORY):
        return True
    is_onednn = any(words in str(error) for words in _ONEDNN_FAILS)
    return is_onednn and free_host_bytes() < _LITTLE_BYTES
