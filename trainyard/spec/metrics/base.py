"""What a metric is: a mean over samples, or a figure of a whole split.

Outputs and targets are as the task has them: logits (N, K) and classes (N,); logits (N, L) and
labels (N, L) of 0 and 1; logits (N, K, H, W) and masks (N, H, W) of classes; or numbers (N, K) of
both, in the dataset's own units.
"""

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


CLASSIFICATION, MULTI_LABEL, SEGMENTATION = "classification", "multi-label", "segmentation"
OF_NUMBERS = ("regression", "forecasting")


class Metric(Component):
    """Base of the metrics. ``higher_is_better`` decides what «best» means, ``tasks`` names those
    that it is for."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    higher_is_better: ClassVar[bool] = True
    tasks: ClassVar[tuple[str, ...]] = (CLASSIFICATION,)

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
    """A figure of the confusion matrix of a whole split; of masks, of all their pixels."""

    tasks: ClassVar[tuple[str, ...]] = (CLASSIFICATION, SEGMENTATION)

    def value(self, confusion: Floats) -> float:
        """Of counts (K, K): rows are true classes, columns predicted ones. Of several labels,
        (L, 2, 2): such a matrix of no and yes for each."""
        raise NotImplementedError


class ScoreMetric(Metric):
    """A figure of all probabilities of a whole split."""

    tasks: ClassVar[tuple[str, ...]] = (CLASSIFICATION, MULTI_LABEL)

    def value(self, probabilities: Floats, targets: Integers) -> float:
        """Of probabilities (N, K) and class indices (N,), or (N, L) and labels (N, L)."""
        raise NotImplementedError


class NumberMetric(Metric):
    """A figure of all numbers that were predicted for a whole split."""

    higher_is_better: ClassVar[bool] = False
    tasks: ClassVar[tuple[str, ...]] = OF_NUMBERS

    def value(self, predicted: Floats, targets: Floats) -> float:
        """Of numbers (N, K), both in the dataset's units."""
        raise NotImplementedError


METRICS: Family[Metric] = Family("metric", is_definable=True)
