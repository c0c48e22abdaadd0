"""What each task takes where a spec does not say: the loss, what is measured, what is watched."""

from __future__ import annotations

from typing import Literal, NamedTuple

from trainyard.spec.losses import BinaryCrossEntropy, CrossEntropy, Loss, MeanSquared
from trainyard.spec.metrics import (
    R2,
    Accuracy,
    Auroc,
    F1Macro,
    ForegroundIou,
    Mae,
    MeanIou,
    Metric,
    Rmse,
)

Task = Literal["classification", "multi-label", "regression", "segmentation", "forecasting"]


class TaskDefaults(NamedTuple):
    """Of one task; ``monitor`` is what «best» is judged by."""

    loss: Loss
    metrics: tuple[Metric, ...]
    monitor: str


_NUMBERS = TaskDefaults(MeanSquared(), (Mae(), Rmse(), R2()), "val/loss")

TASK_DEFAULTS: dict[str, TaskDefaults] = {
    "classification": TaskDefaults(CrossEntropy(), (Accuracy(),), "val/accuracy"),
    "multi-label": TaskDefaults(
        BinaryCrossEntropy(), (Accuracy(), F1Macro(), Auroc()), "val/f1_macro"
    ),
    "segmentation": TaskDefaults(
        CrossEntropy(), (Accuracy(), MeanIou(), ForegroundIou()), "val/mean_iou"
    ),
    "regression": _NUMBERS,
    "forecasting": _NUMBERS,
}
