"""Between what a network gives and what is asked of it, for each task.

Targets as the losses take them, scores as the metrics take them, and the last step of an export:
probabilities, or numbers in the dataset's own units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from trainyard.spec.training import TrainingSpec
from worker.training.data import Preprocessing
from worker.training.protocol import Goal

if TYPE_CHECKING:
    from trainyard.spec.losses.base import Count, LossFunction

_COUNTED_ROWS = 256  # masks at a time, whose pixels are counted


class Unscale(nn.Module):
    """Outputs (N, K) in units of the targets' deviation → numbers in their own: × std + mean."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean), persistent=False)
        self.register_buffer("std", torch.tensor(std), persistent=False)

    def forward(self, outputs: Tensor) -> Tensor:
        return torch.addcmul(self.mean, outputs, self.std)

    def scaled(self, targets: Tensor) -> Tensor:
        """The way back: numbers as the network is to give them."""
        return (targets - self.mean) / self.std


def unscaling(goal: Goal, training: TrainingSpec) -> Unscale | None:
    """Of the numbers that are predicted, unless the spec wants them as they are."""
    if not goal.is_of_numbers or not training.scale_targets or not goal.mean:
        return None
    return Unscale(goal.mean, [s if s > 0 else 1.0 for s in goal.std])


def loss_of(function: LossFunction, unscale: Unscale | None) -> LossFunction:
    """The loss of outputs and targets in the dataset's units."""
    if unscale is None:
        return function
    return lambda outputs, targets: function(outputs, unscale.scaled(targets))


def as_targets(raw: Tensor, goal: Goal, preprocess: Preprocessing) -> Tensor:
    """Stored targets as losses and metrics take them: indices as int64, the rest as float32.

    Masks go the way of their pictures.
    """
    match goal.task:
        case "classification":
            return raw
        case "segmentation":
            return preprocess.masks(raw).long()
        case _:
            return raw.float()


def loss_counts(goal: Goal, y: npt.NDArray[Any]) -> Sequence[Count]:
    """What losses weigh by: ``class_counts``; of labels how many samples are not of it, and are."""
    if goal.task != "multi-label":
        return class_counts(goal, y)
    positives = y.sum(axis=0, dtype=np.int64).tolist()
    return [(len(y) - count, count) for count in positives]


def class_counts(goal: Goal, y: npt.NDArray[Any]) -> list[int]:
    """Samples, or pixels of masks, by class; empty where there are no classes."""
    if goal.task not in ("classification", "segmentation"):
        return []
    counts = np.zeros(len(goal.names), np.int64)
    rows = len(y) if y.ndim == 1 else _COUNTED_ROWS
    for start in range(0, len(y), rows):
        counts += np.bincount(y[start : start + rows].reshape(-1), minlength=len(counts))
    return [int(count) for count in counts]


def ending(goal: Goal, unscale: Unscale | None) -> nn.Module:
    """From outputs to what a user is told: probabilities over axis 1, by label, or numbers."""
    if goal.is_of_numbers:
        return unscale if unscale is not None else nn.Identity()
    return nn.Sigmoid() if goal.task == "multi-label" else nn.Softmax(dim=1)
