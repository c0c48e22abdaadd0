"""What the exceptions that leave the engine are told as."""

from __future__ import annotations

import errno

import pytest

from trainyard.errors import NotFound
from worker.failures import outcome_of


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), "broken"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling …"), "broken"),
        (OSError(errno.EIO, "Input/output error"), "broken"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_NOT_SUPPORTED"), "failed"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_INVALID_VALUE when calling …"), "failed"),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "failed"),
    ],
)
def test_what_a_gpu_or_a_disk_fails_at_is_tried_again(error: Exception, kind: str) -> None:
    outcome = outcome_of(error, None)
    assert outcome.kind == kind
    assert outcome.reason is not None
    assert outcome.reason["code"] == "internal"


@pytest.mark.parametrize(
    "error",
    [MemoryError(), RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling …")],
)
def test_memory_that_is_short_outside_of_the_engine_is_told_with_the_estimate(
    error: Exception,
) -> None:
    outcome = outcome_of(error, 1536 * 1024**2)
    assert outcome.kind == "failed"
    assert outcome.reason is not None
    assert outcome.reason["code"] == "out_of_memory"
    assert outcome.reason["message"].endswith("Estimated were 1,536 MiB.")


def test_an_error_of_the_data_is_told_as_it_is() -> None:
    outcome = outcome_of(NotFound("There is no split train."), None)
    assert outcome.reason is not None
    assert outcome.reason["code"] == "bad_data"
    assert outcome.reason["message"] == "There is no split train."
