"""How trainings fail, in words that help: code, message and hint for the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from trainyard.spec.memory import MemoryBytes, memory_of
from trainyard.spec.training import Precision, TrainingSpec
from worker.training import device as devices
from worker.training.initial import Fit
from worker.training.protocol import Outcome

if TYPE_CHECKING:
    from trainyard.spec.graph import Graph

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


def no_rate(training: TrainingSpec, step: int, num_steps: int, lr: float) -> Outcome:
    """The schedule gives what no optimizer can step at."""
    return _failed(
        "diverged",
        f"The schedule {training.schedule.type} gives the learning rate {lr:g} at step {step} of "
        f"{num_steps}, counted from 0: the training cannot go on from there.",
        "A schedule gives a finite factor from 0 at every step, such as maximum(…, 0).",
    )


def initial_weights(fit: Fit) -> Outcome:
    """``init_strict`` was asked for, and something does not fit."""
    return _failed(
        "bad_data",
        f"The weights to begin with do not fit the model: {'; '.join(fit.complaints())}.",
        'Name what differs in "init_map", or take what fits with "init_strict": false.',
    )


def nothing_to_train(training: TrainingSpec) -> Outcome:
    """No parameter is left for the optimizer."""
    message = "The model has no weights to train."
    if training.freeze:
        message = f"All weights of the model are frozen by {', '.join(training.freeze)}."
    return _failed("bad_data", message, 'Leave weights that "freeze" does not name.')


def out_of_memory(
    training: TrainingSpec,
    graph: Graph,
    num_train: int,
    device: torch.device,
    error: BaseException,
    why_not_smaller: str | None,
) -> Outcome:
    """An allocation failed: torch's own figures, what was reckoned with, and what is free now."""
    figures = str(error).partition("\n")[0] or "an array did not fit"
    memory = estimated(training, graph, num_train, device)
    sizes = [("weights", memory["weights"]), ("activations", memory["activations"]),
             ("gradients", memory["gradients"]), ("optimizer", memory["optimizer"])]  # fmt: skip
    whole = _sum(memory)
    parts = ", ".join(f"{name} {_mib(size)}" for name, size in sizes)
    why = f" Smaller parts of a batch are no help: {why_not_smaller}." if why_not_smaller else ""
    return _failed(
        "out_of_memory",
        f"Out of memory on {devices.describe(device)} with batches of {training.batch_size}: "
        f"{figures}. Estimated were {_mib(whole)} ({parts}); "
        f"{_mib(devices.free_bytes(device))} are free now.{why}",
        _smaller_hint(training, why_not_smaller),
    )


def killed_for_memory(
    training: TrainingSpec,
    graph: Graph,
    num_train: int,
    device: torch.device,
    why_not_smaller: str,
) -> Outcome:
    """The kernel killed the attempt before, and this one cannot do with less."""
    whole = _sum(estimated(training, graph, num_train, device))
    return _failed(
        "out_of_memory",
        "The kernel killed the training because the machine ran out of memory. Estimated were "
        f"{_mib(whole)}; {_mib(devices.free_bytes(device))} are free now. Smaller parts of a batch "
        f"are no help: {why_not_smaller}.",
        _smaller_hint(training, why_not_smaller),
    )


def estimated(
    training: TrainingSpec, graph: Graph, num_train: int, device: torch.device
) -> MemoryBytes:
    """What training takes by the estimate, in the precision of this device."""
    auto: Precision = "bfloat16" if devices.has_bfloat16(device) else "float32"
    return memory_of(graph, training, auto).of_batch(min(training.batch_size, num_train))


def _smaller_hint(training: TrainingSpec, why_not_smaller: str | None) -> str:
    if training.batch_size == 1 or why_not_smaller is None:
        return "Use a smaller model or smaller samples, or a worker with more memory."
    half = max(1, training.batch_size // 2)
    return (
        f'Try "batch_size": {half} with "accumulate": {training.accumulate * 2}: as many samples a '
        "step in about half the memory, though not the very same training."
    )


def _sum(memory: MemoryBytes) -> int:
    return memory["weights"] + memory["activations"] + memory["gradients"] + memory["optimizer"]


def _mib(size: float) -> str:
    return f"{size / MIB:,.0f} MiB" if size >= MIB else "less than 1 MiB"


def _failed(code: str, message: str, hint: str) -> Outcome:
    return Outcome("failed", reason={"code": code, "message": message, "hint": hint})
