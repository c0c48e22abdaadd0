"""What a metric is: a mean over samples, or a figure of a whole split."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict

from trainyard.errors import Mistake
from trainyard.spec.component import Component, Family

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    MetricFunction = Callable[[Tensor, Tensor], Tensor]
    Floats = npt.NDArray[np.float64]
    Integers = npt.NDArray[np.int64]


class Metric(Component):
    """Base of the metrics. ``higher_is_better`` decides what «best» means."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    higher_is_better: ClassVar[bool] = True

    def series(self) -> str:
        """Its name in ``val/…``."""
        return self.type

    def mistakes(self, num_classes: int | None, path: str) -> list[Mistake]:
        """What does not fit a dataset of ``num_classes``, as pointers below ``path``."""
        return []


class MeanMetric(Metric):
    """A mean over samples: measured on the train split too."""

    def build(self) -> MetricFunction:
        """A function of (outputs, targets) that gives the sum over the batch, a scalar."""
        raise NotImplementedError


class ConfusionMetric(Metric):
    """A figure of the confusion matrix of a whole split."""

    def value(self, confusion: Floats) -> float:
        """Of counts (K, K): rows are true classes, columns predicted ones."""
        raise NotImplementedError


class ScoreMetric(Metric):
    """A figure of all probabilities of a whole split."""

    def value(self, probabilities: Floats, targets: Integers) -> float:
        """Of probabilities (N, K) and class indices (N,)."""
        raise NotImplementedError


METRICS: Family[Metric] = Family("metric")
