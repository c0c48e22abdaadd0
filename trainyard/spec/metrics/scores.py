"""Metrics of all probabilities of a split.

With two classes, the curves are of the second; with more, the mean over the classes of each one
against the rest, of those that have samples on both sides. Labels are taken one by one likewise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainyard.spec.metrics.base import CLASSIFICATION, METRICS, ScoreMetric

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from trainyard.spec.metrics.base import Floats, Integers

    Flags = npt.NDArray[np.bool_]

NUM_BINS = 15  # of Guo et al., as in the report at a training's end


def _over_classes(
    figure: Callable[[Floats, Flags], float], probabilities: Floats, targets: Integers
) -> float:
    """The mean of the figure over classes; 0 where no class has samples on both sides."""
    num_classes = probabilities.shape[1]
    is_of_labels = targets.ndim == 2
    values = []
    for k in [1] if num_classes == 2 and not is_of_labels else range(num_classes):
        positive = targets[:, k] > 0 if is_of_labels else targets == k
        if positive.any() and not positive.all():
            values.append(figure(probabilities[:, k], positive))
    return sum(values) / len(values) if values else 0.0


@METRICS.register
class Auroc(ScoreMetric):
    """Area under the ROC curve: the chance that a positive outranks a negative, ties half.

    By ranks (Mann and Whitney, 1947), as scikit-learn's roc_auc_score with ``ovr`` and ``macro``.
    """

    type: Literal["auroc"] = "auroc"
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "auroc"},)

    def value(self, probabilities: Floats, targets: Integers) -> float:
        return _over_classes(_auroc, probabilities, targets)


def _auroc(scores: Floats, positive: Flags) -> float:
    import numpy as np

    _, which, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[which]  # mean rank of equal scores, from 1
    num_positive = int(positive.sum())
    num_negative = len(positive) - num_positive
    above = ranks[positive].sum() - num_positive * (num_positive + 1) / 2
    return float(above / (num_positive * num_negative))


@METRICS.register
class AveragePrecision(ScoreMetric):
    """Σ (R_n − R_{n−1}) · P_n over falling thresholds, as scikit-learn has it."""

    type: Literal["average_precision"] = "average_precision"
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "average_precision"},)

    def value(self, probabilities: Floats, targets: Integers) -> float:
        return _over_classes(_average_precision, probabilities, targets)


def _average_precision(scores: Floats, positive: Flags) -> float:
    import numpy as np

    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))  # last of equal scores
    right = np.cumsum(positive[order])[ends]
    precision = right / (ends + 1)
    recall = right / positive.sum()
    return float((np.diff(recall, prepend=0.0) * precision).sum())


@METRICS.register
class Ece(ScoreMetric):
    """Expected calibration error in 15 bins of equal width (Guo et al., 2017).

    Σ over bins of share of samples · |accuracy − mean confidence|.
    """

    type: Literal["ece"] = "ece"

    tasks: ClassVar[tuple[str, ...]] = (CLASSIFICATION,)
    higher_is_better: ClassVar[bool] = False
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "ece"},)

    def value(self, probabilities: Floats, targets: Integers) -> float:
        import numpy as np

        confidence = probabilities.max(axis=1)
        gap = (probabilities.argmax(axis=1) == targets) - confidence
        bins = np.clip(np.ceil(confidence * NUM_BINS), 1, NUM_BINS).astype(int) - 1
        return float(np.abs(np.bincount(bins, weights=gap)).sum() / len(targets))
