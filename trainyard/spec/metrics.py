"""Metrics by name: means over samples that are reported beside the loss, on every split."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainyard.spec.component import Component, Family

if TYPE_CHECKING:
    from torch import Tensor

    MetricFunction = Callable[[Tensor, Tensor], Tensor]


class Metric(Component):
    """Base of the metrics. ``higher_is_better`` decides what «best» means."""

    higher_is_better: ClassVar[bool] = True

    def build(self) -> MetricFunction:
        """A function of (outputs, targets) that gives the sum over the batch, a scalar."""
        raise NotImplementedError


METRICS: Family[Metric] = Family("metric")


@METRICS.register
class Accuracy(Metric):
    """Share of samples whose largest output is that of their class."""

    type: Literal["accuracy"] = "accuracy"

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "accuracy"},)

    def build(self) -> MetricFunction:
        def num_correct(logits: Tensor, targets: Tensor) -> Tensor:
            return (logits.argmax(dim=1) == targets).sum()

        return num_correct
