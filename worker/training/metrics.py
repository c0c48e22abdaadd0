"""Sums on the device, so that no step waits for a number to arrive at the host."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from trainyard.spec.metrics import MeanMetric

if TYPE_CHECKING:
    from trainyard.spec.metrics.base import MetricFunction


@dataclass
class Totals:
    """Sums over samples on the host: of the loss, and of each mean in the spec's order."""

    num_samples: int = 0
    loss: float = 0.0
    metrics: list[float] = field(default_factory=list)
    whole: dict[str, float] = field(default_factory=dict)  # figures that are no sums, by name

    def add(self, other: Totals) -> None:
        self.num_samples += other.num_samples
        self.loss += other.loss
        known = self.metrics or [0.0] * len(other.metrics)
        self.metrics = [a + b for a, b in zip(known, other.metrics, strict=True)]

    @property
    def is_finite(self) -> bool:
        """Whether the loss is a number."""
        return math.isfinite(self.loss)

    def values(self, split: str, metrics: Sequence[MeanMetric]) -> dict[str, float]:
        """``{"train/loss": …, "train/accuracy": …}``; empty where nothing was counted.

        ``metrics`` are those of the sums, in their order.
        """
        if self.num_samples == 0:
            return {}
        names = ["loss", *[metric.series() for metric in metrics]]
        sums = zip(names, [self.loss, *self.metrics], strict=True)
        means = {name: value / self.num_samples for name, value in sums}
        return {f"{split}/{name}": value for name, value in (means | self.whole).items()}


class Accumulator:
    """The losses of up to ``capacity`` batches and the sums of the mean metrics over them."""

    def __init__(self, metrics: Sequence[MeanMetric], capacity: int, device: torch.device) -> None:
        self.functions: list[MetricFunction] = [metric.build() for metric in metrics]
        self.losses = torch.zeros(capacity, device=device)
        self.sums = torch.zeros(len(self.functions), dtype=torch.float64, device=device)
        self.sizes: list[int] = []

    def add_batch(self, loss: Tensor, size: int) -> None:
        """The mean loss of a batch, or of all batches of a step."""
        self.losses[len(self.sizes)] = loss.detach()
        self.sizes.append(size)

    def add_outputs(self, outputs: Tensor, targets: Tensor) -> None:
        """What the model gave, for the metrics."""
        for index, function in enumerate(self.functions):
            self.sums[index] += function(outputs.detach(), targets)

    def first_non_finite(self) -> int | None:
        """Which of the batches since the last ``drain`` has a loss that is no number."""
        losses = self.losses[: len(self.sizes)].tolist()
        return next((i for i, loss in enumerate(losses) if not math.isfinite(loss)), None)

    def fingerprints(self) -> str:
        """Two bytes of each step's loss since the last ``drain``, in base64: its float32's halves
        by exclusive or. Equal runs have equal ones. Waits for the device."""
        bits = self.losses[: len(self.sizes)].cpu().float().numpy().view(np.uint32)
        return b64encode((bits ^ (bits >> 16)).astype("<u2").tobytes()).decode()

    def drain(self) -> Totals:
        """The totals since the last drain; begins anew. Waits for the device."""
        losses = self.losses[: len(self.sizes)].tolist()
        totals = Totals(
            sum(self.sizes),
            math.fsum(loss * size for loss, size in zip(losses, self.sizes, strict=True)),
            self.sums.tolist(),
        )
        self.sizes = []
        self.sums.zero_()
        return totals
