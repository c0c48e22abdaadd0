"""What is measured on a split, and what «best» is judged by where a spec does not say."""

from __future__ import annotations

from collections.abc import Sequence

from trainyard.spec.losses import Loss
from trainyard.spec.metrics import MeanMetric, Metric
from trainyard.spec.tasks import TASK_DEFAULTS


def measured(metrics: Sequence[Metric], split: str, loss: Loss | None) -> list[str]:
    """The loss, and the metrics that are measured on this split."""
    if split == "train" and loss is not None and loss.takes == "embeddings":
        return ["loss"]
    return ["loss"] + [
        metric.series() for metric in metrics if split != "train" or isinstance(metric, MeanMetric)
    ]


def monitor_of(task: str, metrics: Sequence[Metric]) -> str:
    """The task's own where that is measured, else the first metric of which more is better, else
    the loss."""
    usual = TASK_DEFAULTS[task].monitor
    if usual.split("/")[1] in ["loss", *(metric.series() for metric in metrics)]:
        return usual
    return next((f"val/{m.series()}" for m in metrics if m.higher_is_better), "val/loss")


def is_usual_of_a_task(split: str, name: str, loss: Loss | None) -> bool:
    """Whether some task measures this where its spec does not say what."""
    return any(name in measured(d.metrics, split, loss) for d in TASK_DEFAULTS.values())


def unmeasured(monitor: str, names: Sequence[str]) -> str:
    """The message of a monitor that is none of the split's ``names``."""
    return f"{monitor!r} is not measured: {monitor.split('/')[0]} has {', '.join(names)}"
