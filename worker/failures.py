"""What an exception that left the engine says of the job: whom it blames, in words that help."""

from __future__ import annotations

from dataclasses import replace

import torch

from trainyard.errors import TrainyardError
from trainyard.status import ReasonCode
from worker.deaths import told_estimate
from worker.training.device import is_out_of_memory
from worker.training.protocol import Outcome

# How the libraries of a GPU tell that it failed; torch raises a plain RuntimeError with it.
_LIBRARIES = ("CUDNN_STATUS_", "CUBLAS_STATUS_", "CUSOLVER_STATUS_", "CUFFT_")
# Unless it is what they were asked for that they cannot do.
_OUR_OWN = ("NOT_SUPPORTED", "BAD_PARAM", "INVALID_VALUE", "ARCH_MISMATCH")


def outcome_of(error: Exception, estimate_bytes: int | None) -> Outcome:
    """``estimate_bytes`` of memory were reckoned with, where it came that far."""
    if is_out_of_memory(error):
        return _failed(
            ReasonCode.OUT_OF_MEMORY,
            "There was not enough memory to train." + told_estimate(estimate_bytes),
            "A smaller batch_size or a smaller model helps.",
        )
    if isinstance(error, OSError | torch.AcceleratorError) or _is_of_the_gpu(error):
        return _broken_down(error)
    if isinstance(error, TrainyardError):
        return _failed(ReasonCode.BAD_DATA, str(error), "")
    return _failed(
        ReasonCode.INTERNAL,
        f"The training ended with an error of the program: {type(error).__name__}.",
        "The log of the job holds the traceback.",
    )


def _is_of_the_gpu(error: Exception) -> bool:
    told = str(error)
    is_told_by_one = any(name in told for name in _LIBRARIES)
    return is_told_by_one and not any(words in told for words in _OUR_OWN)


def _broken_down(error: Exception) -> Outcome:
    """A disk, a network or a GPU fails; that a kernel refuses what it is given is our own fault."""
    outcome = _failed(
        ReasonCode.INTERNAL,
        f"The worker's machine failed: {type(error).__name__}: {str(error)[:300]}",
        "If that comes again and again, the operator should look at disk and GPU of the worker.",
    )
    return outcome if "assert" in str(error) else replace(outcome, kind="broken")


def _failed(code: ReasonCode, message: str, hint: str) -> Outcome:
    return Outcome("failed", reason={"code": code.value, "message": message, "hint": hint})
