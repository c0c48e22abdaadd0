"""How trainings fail, in words that help: code, message and hint for the user."""

from __future__ import annotations

import torch

from trainyard.spec.training import TrainingSpec
from worker.training import device as devices
from worker.training.initial import Fit
from worker.training.protocol import Outcome

MIB = 1024**2


def diverged(training: TrainingSpec, what: str) -> Outcome:
    """``what`` is no finite number any more, such as ``the loss of step 12``."""
    lr = training.optimizer.lr
    hints = [f"a lower learning rate than {lr:g}, such as {lr / 10:g}"]
    if training.clip_gradient_norm is None:
        hints.append('"clip_gradient_norm": 1.0')
    if not training.schedule.warmup:
        hints.append('a schedule with "warmup": 0.05')
    if training.precision == "float16":
        hints.append('"precision": "bfloat16"')
    return _failed(
        "diverged", f"The training diverged: {what} is not finite.", f"Try {', or '.join(hints)}."
    )


def time_limit(training: TrainingSpec, step: int, num_steps: int) -> Outcome:
    """The training took longer than the spec allows."""
    return _failed(
        "time_limit",
        f"The time limit of {training.time_limit_seconds:g} seconds was reached after step "
        f"{step} of {num_steps}.",
        "Raise time_limit_seconds, or train fewer epochs or a smaller model.",
    )


def initial_weights(fit: Fit) -> Outcome:
    """``init_strict`` was asked for, and something does not fit."""
    return _failed(
        "bad_data",
        f"The weights to begin with do not fit the model: {'; '.join(fit.complaints())}.",
        'Name what differs in "init_map", or take what fits with "init_strict": false.',
    )


def out_of_memory(training: TrainingSpec, device: torch.device, error: BaseException) -> Outcome:
    """An allocation failed; the message gives torch's own figures and what is free now."""
    half = max(1, training.batch_size // 2)
    hint = "Use a smaller model or smaller samples."
    if training.batch_size > 1:
        hint = (
            f'Try "batch_size": {half} with "accumulate": {training.accumulate * 2}: '
            "the same effective batch in about half the memory."
        )
    figures = str(error).partition("\n")[0] or "an array did not fit"
    return _failed(
        "out_of_memory",
        f"Out of memory on {devices.describe(device)} with batches of {training.batch_size}: "
        f"{figures}. {devices.free_bytes(device) // MIB} MiB are free now.",
        hint,
    )


def _failed(code: str, message: str, hint: str) -> Outcome:
    return Outcome("failed", reason={"code": code, "message": message, "hint": hint})
