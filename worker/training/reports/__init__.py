"""The report at a training's end, for each task: how good the model is, where, and beside what."""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from worker.training.goals import class_counts
from worker.training.protocol import Goal, Split
from worker.training.reports.classification import ClassificationReport
from worker.training.reports.labels import LabelReport
from worker.training.reports.masks import MaskReport
from worker.training.reports.numbers import NumberReport


class Report(Protocol):
    """Gathers outputs batch by batch on the device; ``as_json`` reckons at the end."""

    def add(self, scores: Tensor, targets: Tensor) -> None:
        """A batch, in the split's order."""

    def as_json(self, split: str) -> dict[str, Any]:
        """The report of what was added, which is the split of this name."""


def report_of(goal: Goal, train: Split, reported: Split, device: torch.device) -> Report:
    """The report of a task; ``reported`` is the split it will be about."""
    match goal.task:
        case "classification":
            naive = _named_classes(goal, reported)
            return ClassificationReport(goal.names, class_counts(goal, train.y), device, naive)
        case "multi-label":
            return LabelReport(goal.names)
        case "segmentation":
            return MaskReport(goal.names, device)
        case _:
            return NumberReport(goal, reported.baselines)


def _named_classes(goal: Goal, split: Split) -> dict[str, Tensor]:
    """The class of every sample (N,) by each naive forecast, where the dataset has such."""
    if split.baselines is None:
        return {}
    classes_NB = torch.from_numpy(split.baselines.argmax(axis=2))
    return {name: classes_NB[:, b] for b, name in enumerate(goal.baselines)}
