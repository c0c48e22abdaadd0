"""A step in less memory: each batch in parts whose gradients add up to those of the whole.

That is the same step where every sample has a loss of its own, of which the batch's is the mean.
It is not where samples of a batch have to do with each other, in the network or in the loss.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from worker.training import device as devices

if TYPE_CHECKING:
    from worker.training.run import Run

_NUM_TRIED = 60  # samples that the loss is tried on
_AT = 0.4  # of them in the one part, unequal so that nothing is equal by chance
_TOLERANCE = 1e-3


def in_memory(run: Run, set_gradients: Callable[[], None]) -> None:
    """Sets the gradients of a step; where memory is short, again in smaller parts from the start.

    Raises:
        RuntimeError, MemoryError: as ``set_gradients``, where parts are no help.
    """
    generators = devices.generator_states(run.device)
    sums = run.window.sums.clone()
    while True:
        try:
            return set_gradients()
        except (RuntimeError, MemoryError) as error:
            if not devices.is_out_of_memory(error):
                raise
            run.why_not_smaller = why_not_smaller(run)
            if run.why_not_smaller is not None:
                raise
        # Out here the error, which holds on to what was allocated, is gone.
        run.optimizer.zero_grad(set_to_none=True)
        devices.give_back_cache(run.device)
        devices.set_generator_states(generators, run.device)
        run.window.sums.copy_(sums)
        run.position.parts *= 2


def halve(run: Run, times: int) -> str | None:
    """Has batches taken in so much smaller parts than before, with gradients and without.

    Down to single samples: whether these fit, another try shows. Returns why smaller parts are no
    help, in words; None where they are.
    """
    position, generators = run.position, devices.generator_states(run.device)
    for _ in range(times):
        if _is_in_single_samples(run):
            break
        run.why_not_smaller = why_not_smaller(run)
        devices.set_generator_states(generators, run.device)
        if run.why_not_smaller is not None:
            return run.why_not_smaller
        position.parts *= 2
    position.inference_parts = max(position.inference_parts, position.parts)
    return None


def infer(run: Run, inputs: Tensor) -> Tensor:
    """What the network gives without gradients, in smaller parts where memory is short.

    Raises:
        RuntimeError, MemoryError: a single sample does not fit, or as the network.
    """
    position = run.position
    while True:
        try:
            parts = inputs.tensor_split(position.inference_parts)
            return torch.cat([run.outputs(part) for part in parts if len(part)])
        except (RuntimeError, MemoryError) as error:
            is_smallest = position.inference_parts >= len(inputs)
            if not devices.is_out_of_memory(error) or is_smallest:
                raise
        devices.give_back_cache(run.device)
        position.inference_parts *= 2


def why_not_smaller(run: Run) -> str | None:
    """Why batches cannot be taken in smaller parts, in words; None where they can."""
    if _is_in_single_samples(run):
        return "a single sample does not fit"
    if any(isinstance(m, nn.modules.batchnorm._BatchNorm) and m.training
           for m in run.network.modules()):  # fmt: skip
        return "batch normalisation takes figures of whole batches"
    if run.nearest_mean is not None or not _is_mean_of_samples(run):
        return "the loss of a batch is not the mean of its samples' losses"
    if not _has_samples_apart(run):
        return "a layer of the model mixes the samples of a batch"
    return None


def _is_in_single_samples(run: Run) -> bool:
    return run.batch_size // run.position.parts < 2


def _is_mean_of_samples(run: Run) -> bool:
    """Tried on made outputs: whether the loss of all is the mean of those of two parts."""
    count = min(_NUM_TRIED, len(run.samples))
    indices = np.linspace(0, len(run.samples) - 1, count).astype(np.int64)
    _, chosen = run.prepared(*run.samples.batch(indices))
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(count, *run.output_shape, generator=generator).to(chosen.device)
    at = max(1, int(count * _AT))
    parts = [slice(0, at), slice(at, count)] if at < count else [slice(0, count)]
    losses = [run.loss_function(outputs[p], chosen[p]) * len(chosen[p]) for p in parts]
    return _is_close(torch.stack(losses).sum() / count, run.loss_function(outputs, chosen))


def _has_samples_apart(run: Run) -> bool:
    """Tried on two samples: whether each has the same output without the other."""
    with run.evaluating(), torch.inference_mode():
        inputs, _ = run.prepared(*run.samples.batch(np.arange(min(2, len(run.samples)))))
        alone = [run.network(inputs[i : i + 1]) for i in range(len(inputs))]
        return _is_close(torch.cat(alone), run.network(inputs))


def _is_close(ours: Tensor, theirs: Tensor) -> bool:
    scale = float(theirs.abs().max())
    return bool(((ours - theirs).abs() <= _TOLERANCE * max(scale, 1e-6)).all())
