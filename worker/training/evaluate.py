"""A pass over a split without learning."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from worker.training.data import Samples
from worker.training.metrics import Accumulator, Totals
from worker.training.protocol import Stop
from worker.training.run import Run
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

    ``also`` is called with outputs (float32) and targets of every batch, in the split's order.
    """
    size = _LARGER * run.batch_size
    starts = range(0, len(samples), size)
    sums = Accumulator(run.training, len(starts), run.device)
    whole = WholeSplit(run.training)
    with run.evaluating(), torch.inference_mode():
        for start in starts:
            if stop.is_set():
                return None
            raw, targets = samples.batch(np.arange(start, min(start + size, len(samples))))
            outputs = run.outputs(run.preprocess(raw))
            sums.add_batch(run.loss_function(outputs, targets), len(targets))
            sums.add_outputs(outputs, targets)
            whole.add(outputs, targets)
            if also is not None:
                also(outputs, targets)
    totals = sums.drain()
    totals.whole = whole.values() if totals.is_finite else {}
    return totals
