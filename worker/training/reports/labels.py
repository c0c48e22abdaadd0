"""Several labels a sample: each is told of as a class of yes and no."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from trainyard.spec.metrics import Auroc
from worker.training.whole_split import confusion_of

NUM_WORST = 20


class LabelReport:
    """Precision, recall and F1 of each label at a probability of one half, and its AUROC.

    Figures are 0 where their denominator is; AUROC is None where all samples agree.
    """

    def __init__(self, names: list[str]) -> None:
        self.names = names
        self.logits: list[Tensor] = []
        self.targets: list[Tensor] = []

    def add(self, logits_NL: Tensor, targets_NL: Tensor) -> None:
        """A batch, in the split's order."""
        self.logits.append(logits_NL.cpu())
        self.targets.append(targets_NL.cpu())

    def as_json(self, split: str) -> dict[str, Any]:
        """The report of the split that was added."""
        logits, targets = torch.cat(self.logits), torch.cat(self.targets)
        probabilities = logits.double().sigmoid()
        is_right = (logits >= 0) == (targets > 0.5)
        return {
            "split": split,
            "num_samples": len(targets),
            "class_names": self.names,
            "per_class": self._per_class(logits, probabilities, targets),
            "exact_match": is_right.all(dim=1).double().mean().item(),
            "worst_errors": self._worst_errors(probabilities, targets, is_right),
        }

    def _per_class(
        self, logits: Tensor, probabilities: Tensor, targets: Tensor
    ) -> list[dict[str, Any]]:
        confusion = confusion_of(logits, targets)
        rows = []
        for index, name in enumerate(self.names):
            (_, false_yes), (missed, right) = confusion[index].tolist()
            one, wanted = probabilities[:, [index]].numpy(), targets[:, [index]].numpy()
            is_mixed = 0 < right + missed < len(targets)
            rows.append(
                {
                    "class": name,
                    "precision": right / max(right + false_yes, 1),
                    "recall": right / max(right + missed, 1),
                    "f1": 2 * right / max(2 * right + false_yes + missed, 1),
                    "support": right + missed,
                    "auroc": Auroc().value(one, wanted) if is_mixed else None,
                }
            )
        return rows

    def _worst_errors(
        self, probabilities: Tensor, targets: Tensor, is_right: Tensor
    ) -> list[dict[str, Any]]:
        """The wrong labels that the model was surest of; ``index`` is into the split."""
        sureness = torch.where(is_right, -1.0, (probabilities - 0.5).abs()).flatten()
        order = sureness.argsort(descending=True, stable=True)[:NUM_WORST]
        return [
            {
                "index": place // len(self.names),
                "class": self.names[place % len(self.names)],
                "is_set": bool(targets.flatten()[place] > 0.5),
                "probability": probabilities.flatten()[place].item(),
            }
            for place in order.tolist()
            if sureness[place] >= 0
        ]
