"""Metrics of the numbers that a whole split's samples were predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainyard.spec.metrics.base import METRICS, NumberMetric

if TYPE_CHECKING:
    from trainyard.spec.metrics.base import Floats


@METRICS.register
class Rmse(NumberMetric):
    """Root of the mean squared error over samples and outputs, in the dataset's units."""

    type: Literal["rmse"] = "rmse"
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "rmse"},)

    def value(self, predicted: Floats, targets: Floats) -> float:
        return float(((predicted - targets) ** 2).mean() ** 0.5)


@METRICS.register
class R2(NumberMetric):
    """Coefficient of determination, 1 − Σ(y − ŷ)² / Σ(y − ȳ)², the mean over the outputs.

    As scikit-learn's r2_score: 0 for an output that never changes and is not met.
    """

    type: Literal["r2"] = "r2"
    higher_is_better: ClassVar[bool] = True
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "r2"},)

    def value(self, predicted: Floats, targets: Floats) -> float:
        left = ((targets - predicted) ** 2).sum(axis=0)
        whole = ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)
        scores = [
            1 - rest / all_ if all_ > 0 else float(rest == 0)
            for rest, all_ in zip(left.tolist(), whole.tolist(), strict=True)
        ]
        return float(sum(scores) / len(scores))


@METRICS.register
class MaxError(NumberMetric):
    """The largest absolute error of any sample and output, in the dataset's units."""

    type: Literal["max_error"] = "max_error"
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "max_error"},)

    def value(self, predicted: Floats, targets: Floats) -> float:
        return float(abs(predicted - targets).max())
