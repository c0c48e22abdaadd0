"""Classes: where a classifier is right, where wrong, and how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

NUM_BINS = 15
NUM_WORST = 20


class ClassificationReport:
    """Rows of the confusion matrix are true classes, columns predicted ones. Precision, recall and
    F1 are 0 where their denominator is. ``expected_calibration_error`` is Guo et al.'s (2017).
    ``naive``: by name the classes (N,) that naive forecasts say.
    """

    def __init__(
        self,
        class_names: list[str],
        train_counts: list[int],
        device: torch.device,
        naive: Mapping[str, Tensor] | None = None,
    ) -> None:
        self.class_names, self.train_counts = class_names, train_counts
        self.naive = naive or {}
        num_classes = len(class_names)
        self.confusion = torch.zeros(num_classes, num_classes, dtype=torch.int64, device=device)
        self.predicted: list[Tensor] = []
        self.confidence: list[Tensor] = []
        self.targets: list[Tensor] = []

    def add(self, logits_NK: Tensor, targets_N: Tensor) -> None:
        """A batch, in the split's order."""
        confidence_N, predicted_N = logits_NK.softmax(dim=1).max(dim=1)
        num_classes = len(self.class_names)
        pairs = torch.bincount(targets_N * num_classes + predicted_N, minlength=num_classes**2)
        self.confusion += pairs.view(num_classes, num_classes)
        self.predicted.append(predicted_N)
        self.confidence.append(confidence_N)
        self.targets.append(targets_N)

    def as_json(self, split: str) -> dict[str, Any]:
        """The report of the split that was added."""
        predicted = torch.cat(self.predicted).cpu()
        confidence = torch.cat(self.confidence).cpu()
        targets = torch.cat(self.targets).cpu()
        confusion = self.confusion.cpu()
        return {
            "split": split,
            "num_samples": len(targets),
            "class_names": self.class_names,
            "confusion_matrix": confusion.tolist(),
            "per_class": self._per_class(confusion),
            "baselines": [self._majority(targets), *self._naive(targets)],
            "calibration": _calibration(confidence, predicted == targets),
            "worst_errors": self._worst_errors(predicted, confidence, targets),
        }

    def _majority(self, targets: Tensor) -> dict[str, Any]:
        """What one gets by always naming the commonest class of the training split."""
        commonest = self.train_counts.index(max(self.train_counts))
        accuracy = (targets == commonest).double().mean().item()
        return {"name": "majority", "class": self.class_names[commonest], "accuracy": accuracy}

    def _naive(self, targets: Tensor) -> list[dict[str, Any]]:
        return [
            {"name": name, "accuracy": (classes == targets).double().mean().item()}
            for name, classes in self.naive.items()
        ]

    def _per_class(self, confusion: Tensor) -> list[dict[str, Any]]:
        right = confusion.diagonal().double()
        support, num_predicted = confusion.sum(dim=1), confusion.sum(dim=0)
        precision = right / num_predicted.clamp(min=1)
        recall = right / support.clamp(min=1)
        f1 = 2 * right / (support + num_predicted).clamp(min=1)
        return [
            {
                "class": name,
                "precision": precision[k].item(),
                "recall": recall[k].item(),
                "f1": f1[k].item(),
                "support": int(support[k]),
            }
            for k, name in enumerate(self.class_names)
        ]

    def _worst_errors(
        self, predicted: Tensor, confidence: Tensor, targets: Tensor
    ) -> list[dict[str, Any]]:
        """The wrong predictions that the model was surest of; ``index`` is into the split."""
        wrong = (predicted != targets).nonzero().flatten()
        order = confidence[wrong].argsort(descending=True, stable=True)[:NUM_WORST]
        return [
            {
                "index": index,
                "class": self.class_names[int(targets[index])],
                "predicted": self.class_names[int(predicted[index])],
                "probability": confidence[index].item(),
            }
            for index in wrong[order].tolist()
        ]


def _calibration(confidence: Tensor, right: Tensor) -> dict[str, Any]:
    """Mean confidence against accuracy in bins of equal width over (0, 1]."""
    which = (confidence.double() * NUM_BINS).ceil().long().clamp(1, NUM_BINS) - 1
    counts = torch.bincount(which, minlength=NUM_BINS)
    sure = torch.bincount(which, weights=confidence.double(), minlength=NUM_BINS)
    hits = torch.bincount(which, weights=right.double(), minlength=NUM_BINS)
    bins = [
        {
            "lower": k / NUM_BINS,
            "upper": (k + 1) / NUM_BINS,
            "count": int(counts[k]),
            "confidence": (sure[k] / counts[k]).item() if counts[k] else None,
            "accuracy": (hits[k] / counts[k]).item() if counts[k] else None,
        }
        for k in range(NUM_BINS)
    ]
    error = (sure - hits).abs().sum().item() / len(confidence)
    return {"bins": bins, "expected_calibration_error": error}
