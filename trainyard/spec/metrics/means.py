"""Metrics that are means over samples."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.metrics.base import (
    CLASSIFICATION,
    METRICS,
    MULTI_LABEL,
    OF_NUMBERS,
    SEGMENTATION,
    MeanMetric,
)

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.metrics.base import MetricFunction


@METRICS.register
class Accuracy(MeanMetric):
    """Share of samples whose largest output is that of their class.

    Of masks, the share of pixels; of several labels, the share of these that are told right, a
    probability of one half and more being a yes.
    """

    type: Literal["accuracy"] = "accuracy"

    tasks: ClassVar[tuple[str, ...]] = (CLASSIFICATION, MULTI_LABEL, SEGMENTATION)
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "accuracy"},)

    def build(self) -> MetricFunction:
        def num_correct(logits: Tensor, targets: Tensor) -> Tensor:
            if targets.dim() == logits.dim():
                right = (logits >= 0) == (targets > 0.5)
            else:
                right = logits.argmax(dim=1) == targets
            return right.sum() if right.dim() == 1 else right.flatten(1).float().mean(1).sum()

        return num_correct


@METRICS.register
class ExactMatch(MeanMetric):
    """Share of samples all of whose labels are told right: the subset accuracy."""

    type: Literal["exact_match"] = "exact_match"

    tasks: ClassVar[tuple[str, ...]] = (MULTI_LABEL,)
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "exact_match"},)

    def build(self) -> MetricFunction:
        return lambda logits, targets: ((logits >= 0) == (targets > 0.5)).all(dim=1).sum()


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


class _OfNumbers(MeanMetric):
    higher_is_better: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...]] = OF_NUMBERS


@METRICS.register
class Mae(_OfNumbers):
    """Mean absolute error, in the dataset's units, over samples and outputs."""

    type: Literal["mae"] = "mae"
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "mae"},)

    def build(self) -> MetricFunction:
        return lambda predicted, targets: (predicted - targets).abs().mean(dim=1).sum()


@METRICS.register
class Mse(_OfNumbers):
    """Mean squared error, in the dataset's units squared, over samples and outputs."""

    type: Literal["mse"] = "mse"
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "mse"},)

    def build(self) -> MetricFunction:
        return lambda predicted, targets: (predicted - targets).square().mean(dim=1).sum()
