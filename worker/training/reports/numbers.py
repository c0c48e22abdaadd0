"""Numbers: errors by output, beside those of naive forecasts where the dataset has such."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from worker.training.protocol import Goal

NUM_WORST = 20
NUM_POINTS = 500  # of predicted against true, for a chart
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
LAST_VALUE = "last_value"

Floats = npt.NDArray[np.float64]


class NumberReport:
    """All in the dataset's units. ``skill`` is 1 − RMSE of the model / RMSE of the baseline: above
    0 where the model is better."""

    def __init__(self, goal: Goal, baselines_NBK: npt.NDArray[Any] | None) -> None:
        self.goal = goal
        self.baselines_NBK = baselines_NBK
        self.predicted: list[Tensor] = []
        self.targets: list[Tensor] = []

    def add(self, predicted_NK: Tensor, targets_NK: Tensor) -> None:
        """A batch, in the split's order."""
        self.predicted.append(predicted_NK.cpu())
        self.targets.append(targets_NK.cpu())

    def as_json(self, split: str) -> dict[str, Any]:
        """The report of the split that was added."""
        predicted = torch.cat(self.predicted).double().numpy()
        targets = torch.cat(self.targets).double().numpy()
        residuals = predicted - targets
        shown = np.linspace(0, len(targets) - 1, min(NUM_POINTS, len(targets))).astype(int)
        points = np.stack([targets[shown, 0], predicted[shown, 0]], axis=1)
        return {
            "split": split,
            "num_samples": len(targets),
            "outputs": self.goal.names,
            "per_output": [
                {"output": name, **_errors(predicted[:, [k]], targets[:, [k]])}
                for k, name in enumerate(self.goal.names)
            ],
            "residuals": {str(q): np.quantile(residuals, q, axis=0).tolist() for q in QUANTILES},
            "baselines": self._baselines(predicted, targets),
            "points": points.tolist(),
            "worst_errors": self._worst_errors(predicted, targets),
        }

    def _baselines(self, predicted: Floats, targets: Floats) -> list[dict[str, Any]]:
        """The naive forecasts' errors, and that of the training split's mean."""
        if self.goal.mean and not self.goal.baselines:
            mean = np.broadcast_to(np.asarray(self.goal.mean, np.float64), targets.shape)
            return [_beside("mean", mean, predicted, targets)]
        if self.baselines_NBK is None:
            return []
        naive = np.asarray(self.baselines_NBK, np.float64)
        return [
            _beside(name, naive[:, b], predicted, targets)
            for b, name in enumerate(self.goal.baselines)
        ]

    def _worst_errors(self, predicted: Floats, targets: Floats) -> list[dict[str, Any]]:
        """The samples with the largest errors; ``index`` is into the split."""
        largest = np.abs(predicted - targets).max(axis=1)
        order = np.argsort(-largest, kind="stable")[:NUM_WORST]
        return [
            {"index": int(i), "target": targets[i].tolist(), "predicted": predicted[i].tolist()}
            for i in order
        ]


def _errors(predicted: Floats, targets: Floats) -> dict[str, float]:
    residuals = predicted - targets
    whole = ((targets - targets.mean(axis=0)) ** 2).sum()
    rest = (residuals**2).sum()
    return {
        "mae": float(np.abs(residuals).mean()),
        "rmse": float((residuals**2).mean() ** 0.5),
        "r2": float(1 - rest / whole) if whole > 0 else float(rest == 0),
        "bias": float(residuals.mean()),
    }


def _beside(name: str, naive: Floats, predicted: Floats, targets: Floats) -> dict[str, Any]:
    errors = _errors(naive, targets)
    own = float(((predicted - targets) ** 2).mean() ** 0.5)
    found: dict[str, Any] = {"name": name, "mae": errors["mae"], "rmse": errors["rmse"]}
    found["skill"] = 1 - own / errors["rmse"] if errors["rmse"] > 0 else None
    if name == LAST_VALUE:  # how often the model goes the way that the series goes
        moved = targets != naive
        same_way = np.sign(predicted - naive) == np.sign(targets - naive)
        found["directional_accuracy"] = float(same_way[moved].mean()) if moved.any() else None
    return found
