"""Metrics that need a whole split at once: of its confusion matrix, or of all its scores."""

from __future__ import annotations

import torch
from torch import Tensor

from trainyard.spec.metrics import ConfusionMetric, ScoreMetric
from trainyard.spec.training import TrainingSpec


class WholeSplit:
    """Gathers on the device what the spec's metrics need, and nothing more."""

    def __init__(self, training: TrainingSpec) -> None:
        metrics = training.metrics
        self._of_confusion = [m for m in metrics if isinstance(m, ConfusionMetric)]
        self._of_scores = [m for m in metrics if isinstance(m, ScoreMetric)]
        self._confusion: Tensor | None = None
        self._probabilities: list[Tensor] = []
        self._targets: list[Tensor] = []

    def add(self, logits_NK: Tensor, targets_N: Tensor) -> None:
        """A batch of outputs."""
        if self._of_confusion:
            num_classes = logits_NK.shape[1]
            pairs = targets_N * num_classes + logits_NK.argmax(dim=1)
            counts = torch.bincount(pairs, minlength=num_classes**2)
            self._confusion = counts if self._confusion is None else self._confusion + counts
        if self._of_scores:
            self._probabilities.append(logits_NK.softmax(dim=1))
            self._targets.append(targets_N)

    def values(self) -> dict[str, float]:
        """Each metric of everything that was added. Waits for the device."""
        found: dict[str, float] = {}
        if self._confusion is not None:
            num_classes = round(len(self._confusion) ** 0.5)
            confusion = self._confusion.view(num_classes, -1).double().cpu().numpy()
            found |= {m.series(): m.value(confusion) for m in self._of_confusion}
        if self._probabilities:
            probabilities = torch.cat(self._probabilities).double().cpu().numpy()
            targets = torch.cat(self._targets).cpu().numpy()
            found |= {m.series(): m.value(probabilities, targets) for m in self._of_scores}
        return found
