"""Metrics that need a whole split at once: of its confusion matrix, or of all that was given."""

from __future__ import annotations

import torch
from torch import Tensor

from trainyard.spec.metrics import ConfusionMetric, NumberMetric, ScoreMetric
from trainyard.spec.training import TrainingSpec
from worker.training.goals import ending
from worker.training.protocol import Goal


class WholeSplit:
    """Gathers on the device what the spec's metrics need, and nothing more."""

    def __init__(self, training: TrainingSpec, goal: Goal) -> None:
        metrics = training.metrics
        self._tell = ending(goal, None)  # of scores, whose numbers have their own units already
        self._of_confusion = [m for m in metrics if isinstance(m, ConfusionMetric)]
        self._of_scores = [m for m in metrics if isinstance(m, ScoreMetric | NumberMetric)]
        self._confusion: Tensor | None = None
        self._told: list[Tensor] = []
        self._targets: list[Tensor] = []

    def add(self, scores: Tensor, targets: Tensor) -> None:
        """A batch: logits, or numbers in the dataset's units, and targets."""
        if self._of_confusion:
            counts = confusion_of(scores, targets)
            self._confusion = counts if self._confusion is None else self._confusion + counts
        if self._of_scores:
            self._told.append(self._tell(scores))
            self._targets.append(targets)

    def values(self) -> dict[str, float]:
        """Each metric of everything that was added. Waits for the device."""
        found: dict[str, float] = {}
        if self._confusion is not None:
            confusion = self._confusion.double().cpu().numpy()
            found |= {m.series(): m.value(confusion) for m in self._of_confusion}
        if self._told:
            told = torch.cat(self._told).double().cpu().numpy()
            targets = torch.cat(self._targets).cpu().numpy()
            found |= {m.series(): m.value(told, targets) for m in self._of_scores}
        return found


def confusion_of(scores: Tensor, targets: Tensor) -> Tensor:
    """Counts (K, K) of logits (N, K, …) and classes (N, …), rows being true classes; (L, 2, 2) of
    logits (N, L) and labels of their shape."""
    num = scores.shape[1]
    if targets.dim() == scores.dim():
        pairs = 2 * (targets > 0.5).long() + (scores >= 0).long()
        pairs = pairs + 4 * torch.arange(num, device=scores.device)
        return torch.bincount(pairs.flatten(), minlength=4 * num).view(num, 2, 2)
    pairs = (targets * num + scores.argmax(dim=1)).flatten()
    return torch.bincount(pairs, minlength=num**2).view(num, num)
