"""Metrics that are means over samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.metrics.base import METRICS, MeanMetric

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.metrics.base import MetricFunction


@METRICS.register
class Accuracy(MeanMetric):
    """Share of samples whose largest output is that of their class."""

    type: Literal["accuracy"] = "accuracy"

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "accuracy"},)

    def build(self) -> MetricFunction:
        def num_correct(logits: Tensor, targets: Tensor) -> Tensor:
            return (logits.argmax(dim=1) == targets).sum()

        return num_correct


@METRICS.register
class TopKAccuracy(MeanMetric):
    """Share of samples whose class is among the ``k`` largest outputs; ``top_5_accuracy``."""

    type: Literal["top_k_accuracy"] = "top_k_accuracy"
    k: Annotated[int, Field(ge=1, le=1000)] = 5
    """How many outputs count; all of them where there are fewer."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "top_k_accuracy"},
        {"type": "top_k_accuracy", "k": 2},
    )

    def series(self) -> str:
        return f"top_{self.k}_accuracy"

    def build(self) -> MetricFunction:
        def num_among(logits: Tensor, targets: Tensor) -> Tensor:
            best = logits.topk(min(self.k, logits.shape[1]), dim=1).indices
            return (best == targets[:, None]).sum()

        return num_among


@METRICS.register
class LogLoss(MeanMetric):
    """Mean of −log p of the true class: the cross-entropy, whatever the loss is."""

    type: Literal["log_loss"] = "log_loss"

    higher_is_better: ClassVar[bool] = False
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "log_loss"},)

    def build(self) -> MetricFunction:
        from torch.nn.functional import cross_entropy

        return lambda logits, targets: cross_entropy(logits, targets, reduction="sum")
