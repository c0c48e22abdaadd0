"""Metrics of the confusion matrix. Quotients are 0 where their denominator is, as in scikit-learn.

``macro`` is the plain mean over the classes that occur, as truth or as prediction; ``micro``
counts all samples together. Where a sample has several labels, each is a class of yes and no, of
which the yes counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from trainyard.spec.metrics.base import (
    CLASSIFICATION,
    METRICS,
    MULTI_LABEL,
    SEGMENTATION,
    ConfusionMetric,
)

if TYPE_CHECKING:
    from trainyard.spec.metrics.base import Floats


class _Counts(NamedTuple):
    """By class: right, truly of it, predicted as it. Classes that never occur are left out."""

    right: Floats
    true: Floats
    predicted: Floats


_ANY = (CLASSIFICATION, MULTI_LABEL, SEGMENTATION)


def _counts(confusion: Floats) -> _Counts:
    """Of a confusion matrix (K, K), or of those (L, 2, 2) of labels."""
    if confusion.ndim == 3:
        right, true, predicted = (
            confusion[:, 1, 1],
            confusion[:, 1].sum(axis=1),
            confusion[:, :, 1].sum(axis=1),
        )
    else:
        right, true, predicted = (
            confusion.diagonal(),
            confusion.sum(axis=1),
            confusion.sum(axis=0),
        )
    occurs = true + predicted > 0
    return _Counts(right[occurs], true[occurs], predicted[occurs])


def _mean_quotient(above: Floats, below: Floats) -> float:
    return float((above / below.clip(min=1)).mean()) if len(above) else 0.0


@METRICS.register
class BalancedAccuracy(ConfusionMetric):
    """Mean recall of the classes that are in the split."""

    type: Literal["balanced_accuracy"] = "balanced_accuracy"
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "balanced_accuracy"},)

    def value(self, confusion: Floats) -> float:
        true = confusion.sum(axis=1)
        return float((confusion.diagonal()[true > 0] / true[true > 0]).mean())


@METRICS.register
class PrecisionMacro(ConfusionMetric):
    """Mean over classes of right / predicted as the class."""

    type: Literal["precision_macro"] = "precision_macro"
    tasks: ClassVar[tuple[str, ...]] = _ANY
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "precision_macro"},)

    def value(self, confusion: Floats) -> float:
        counts = _counts(confusion)
        return _mean_quotient(counts.right, counts.predicted)


@METRICS.register
class RecallMacro(ConfusionMetric):
    """Mean over classes of right / truly of the class."""

    type: Literal["recall_macro"] = "recall_macro"
    tasks: ClassVar[tuple[str, ...]] = _ANY
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "recall_macro"},)

    def value(self, confusion: Floats) -> float:
        counts = _counts(confusion)
        return _mean_quotient(counts.right, counts.true)


@METRICS.register
class F1Macro(ConfusionMetric):
    """Mean over classes of 2 · right / (truly of the class + predicted as it)."""

    type: Literal["f1_macro"] = "f1_macro"
    tasks: ClassVar[tuple[str, ...]] = _ANY
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "f1_macro"},)

    def value(self, confusion: Floats) -> float:
        counts = _counts(confusion)
        return _mean_quotient(2 * counts.right, counts.true + counts.predicted)


def _quotient(above: Floats, below: Floats) -> float:
    return float(above.sum() / below.sum()) if below.sum() else 0.0


@METRICS.register
class PrecisionMicro(ConfusionMetric):
    """Precision over all samples together: with one class a sample, the accuracy."""

    type: Literal["precision_micro"] = "precision_micro"
    tasks: ClassVar[tuple[str, ...]] = _ANY
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "precision_micro"},)

    def value(self, confusion: Floats) -> float:
        counts = _counts(confusion)
        return _quotient(counts.right, counts.predicted)


@METRICS.register
class RecallMicro(ConfusionMetric):
    """Recall over all samples together: with one class a sample, the accuracy."""

    type: Literal["recall_micro"] = "recall_micro"
    tasks: ClassVar[tuple[str, ...]] = _ANY
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "recall_micro"},)

    def value(self, confusion: Floats) -> float:
        counts = _counts(confusion)
        return _quotient(counts.right, counts.true)


@METRICS.register
class F1Micro(ConfusionMetric):
    """F1 over all samples together: with one class a sample, the accuracy."""

    type: Literal["f1_micro"] = "f1_micro"
    tasks: ClassVar[tuple[str, ...]] = _ANY
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "f1_micro"},)

    def value(self, confusion: Floats) -> float:
        counts = _counts(confusion)
        return _quotient(2 * counts.right, counts.true + counts.predicted)


@METRICS.register
class MeanIou(ConfusionMetric):
    """Mean over classes of right / (truly of the class + predicted as it − right), of pixels.

    The Jaccard index of each class, the background's too, over all pictures of the split
    together (Everingham et al., 2015).
    """

    type: Literal["mean_iou"] = "mean_iou"
    tasks: ClassVar[tuple[str, ...]] = (SEGMENTATION,)
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "mean_iou"},)

    def value(self, confusion: Floats) -> float:
        counts = _counts(confusion)
        return _mean_quotient(counts.right, counts.true + counts.predicted - counts.right)


@METRICS.register
class ForegroundIou(ConfusionMetric):
    """As ``mean_iou``, of all classes but the first, which is the background."""

    type: Literal["foreground_iou"] = "foreground_iou"
    tasks: ClassVar[tuple[str, ...]] = (SEGMENTATION,)
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "foreground_iou"},)

    def value(self, confusion: Floats) -> float:
        true, predicted = confusion.sum(axis=1)[1:], confusion.sum(axis=0)[1:]
        right, occurs = confusion.diagonal()[1:], true + predicted > 0
        return _mean_quotient(right[occurs], (true + predicted - right)[occurs])


@METRICS.register
class CohenKappa(ConfusionMetric):
    """Agreement beyond chance (Cohen, 1960): (p_o − p_e) / (1 − p_e); 0 where p_e is 1."""

    type: Literal["cohen_kappa"] = "cohen_kappa"
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "cohen_kappa"},)

    def value(self, confusion: Floats) -> float:
        whole = confusion.sum()
        observed = confusion.diagonal().sum() / whole
        by_chance = (confusion.sum(axis=0) * confusion.sum(axis=1)).sum() / whole**2
        return float((observed - by_chance) / (1 - by_chance)) if by_chance < 1 else 0.0


@METRICS.register
class Mcc(ConfusionMetric):
    """Matthews correlation coefficient of K classes (Gorodkin, 2004); 0 where it has no value."""

    type: Literal["mcc"] = "mcc"
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "mcc"},)

    def value(self, confusion: Floats) -> float:
        whole, right = confusion.sum(), confusion.diagonal().sum()
        true, predicted = confusion.sum(axis=1), confusion.sum(axis=0)
        above = right * whole - (true * predicted).sum()
        below = (whole**2 - (predicted**2).sum()) * (whole**2 - (true**2).sum())
        return float(above / below**0.5) if below > 0 else 0.0
