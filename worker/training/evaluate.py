"""A pass over a split without learning."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from worker.training.data import Samples, epoch_order
from worker.training.metrics import Accumulator, Totals
from worker.training.protocol import Stop
from worker.training.run import Run
from worker.training.smaller import infer
from worker.training.whole_split import WholeSplit

# Without gradients a batch takes far less memory, so it may be larger.
_LARGER = 2


def evaluate(
    run: Run,
    samples: Samples,
    stop: Stop,
    also: Callable[[Tensor, Tensor], None] | None = None,
) -> Totals | None:
    """Loss and metrics over a split; None when asked to stop on the way.

    ``also`` is called with scores (float32) and targets of every batch, in the split's order.
    """
    size = _LARGER * run.batch_size
    num_losses = -(-len(samples) // run.batch_size)
    sums = Accumulator(run.training.means("val"), num_losses, run.device)
    embedded: list[tuple[Tensor, Tensor]] = []
    whole = WholeSplit(run.training, run.goal)
    with run.evaluating(), torch.inference_mode(), samples.in_turn(size) as batches:
        for batch in batches:
            if stop.is_set():
                return None
            inputs, targets = run.prepared(*batch)
            outputs = infer(run, inputs)
            if run.nearest_mean is None:
                sums.add_batch(run.loss_function(outputs, targets), len(targets))
            else:
                embedded.append((outputs, targets))
            scores = run.scores(outputs)
            sums.add_outputs(scores, targets)
            whole.add(scores, targets)
            if also is not None:
                also(scores, targets)
        if embedded:
            _add_losses_of_pairs(run, embedded, sums)
    totals = sums.drain()
    totals.whole = whole.values() if totals.is_finite else {}
    return totals


def _add_losses_of_pairs(
    run: Run, embedded: list[tuple[Tensor, Tensor]], sums: Accumulator
) -> None:
    """The loss by batches as in training: of its size, and with all classes in each.

    A split may be in the order of its classes, and samples of one class have nothing to be far
    from. The order is the same every time.
    """
    outputs = torch.cat([outputs for outputs, _ in embedded])
    targets = torch.cat([targets for _, targets in embedded])
    order = torch.from_numpy(epoch_order(len(targets), 0, 0)).to(run.device)
    for chosen in torch.split(order, run.batch_size):
        sums.add_batch(run.loss_function(outputs[chosen], targets[chosen]), len(chosen))
