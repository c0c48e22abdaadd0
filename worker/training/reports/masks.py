"""Masks: how well each class's pixels are met, over the whole split and picture by picture."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from worker.training.whole_split import confusion_of

NUM_WORST = 20
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


class MaskReport:
    """Counts pixels. IoU is TP / (TP + FP + FN), Dice 2TP / (2TP + FP + FN), 0 of nothing.

    ``per_picture`` is the mean IoU of the classes that a picture has or was given, the first, which
    is the background, left out where there are others.
    """

    def __init__(self, names: list[str], device: torch.device) -> None:
        self.names = names
        self.confusion = torch.zeros(len(names), len(names), dtype=torch.int64, device=device)
        self.of_pictures: list[Tensor] = []

    def add(self, logits_NKHW: Tensor, targets_NHW: Tensor) -> None:
        """A batch, in the split's order."""
        for logits, target in zip(logits_NKHW, targets_NHW, strict=True):
            confusion = confusion_of(logits[None], target[None])
            self.confusion += confusion
            self.of_pictures.append(_foreground_iou(confusion))

    def as_json(self, split: str) -> dict[str, Any]:
        """The report of the split that was added."""
        confusion = self.confusion.cpu()
        of_pictures = torch.stack(self.of_pictures).double().cpu()
        spread = torch.quantile(of_pictures, torch.tensor(QUANTILES, dtype=torch.float64))
        worst = of_pictures.argsort(stable=True)[:NUM_WORST].tolist()
        per_class = self._per_class(confusion)
        occurring = [row["iou"] for row in per_class if row["support"] or row["predicted"]]
        return {
            "split": split,
            "num_samples": len(of_pictures),
            "class_names": self.names,
            "confusion_matrix": confusion.tolist(),
            "per_class": per_class,
            "mean_iou": sum(occurring) / max(len(occurring), 1),
            "per_picture": {
                "mean_iou": of_pictures.mean().item(),
                "quantiles": dict(zip(map(str, QUANTILES), spread.tolist(), strict=True)),
            },
            "worst_errors": [{"index": i, "iou": of_pictures[i].item()} for i in worst],
        }

    def _per_class(self, confusion: Tensor) -> list[dict[str, Any]]:
        right = confusion.diagonal().double()
        support, predicted = confusion.sum(dim=1), confusion.sum(dim=0)
        either = (support + predicted - right).clamp(min=1)
        return [
            {
                "class": name,
                "iou": (right[k] / either[k]).item(),
                "dice": (2 * right[k] / (support[k] + predicted[k]).clamp(min=1)).item(),
                "precision": (right[k] / predicted[k].clamp(min=1)).item(),
                "recall": (right[k] / support[k].clamp(min=1)).item(),
                "f1": (2 * right[k] / (support[k] + predicted[k]).clamp(min=1)).item(),
                "support": int(support[k]),
                "predicted": int(predicted[k]),
            }
            for k, name in enumerate(self.names)
        ]


def _foreground_iou(confusion: Tensor) -> Tensor:
    """Of one picture, on its device: 1 where there is nothing to find, and nothing was found."""
    right, either = confusion.diagonal(), confusion.sum(dim=0) + confusion.sum(dim=1)
    either = either - right
    if len(confusion) > 1:
        right, either = right[1:], either[1:]
    occurs = either > 0
    iou = right.double() / either.clamp(min=1)
    mean = (iou * occurs).sum() / occurs.sum().clamp(min=1)
    return torch.where(occurs.any(), mean, torch.ones_like(mean))
