"""Losses of yes-or-no targets: several labels a sample, or masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.errors import Mistake
from trainyard.spec.losses.base import LOSSES, MULTI_LABEL, SEGMENTATION, Summand, Takes

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.losses.base import Count, LossFunction

Share = Annotated[float, Field(ge=0.0, le=100.0)]
PositiveWeight = Annotated[float, Field(gt=0.0, le=1e6)]
Smooth = Annotated[float, Field(ge=0.0, le=1e6)]


class _OfMasks(Summand):
    tasks: ClassVar[tuple[str, ...]] = (MULTI_LABEL, SEGMENTATION)
    takes: ClassVar[Takes] = "logits"


@LOSSES.register
class BinaryCrossEntropy(_OfMasks):
    """Binary cross-entropy of logits and targets 0…1 of the same shape: torch's BCEWithLogitsLoss.

    Mean of −(positive_weight · t · log σ(x) + (1 − t) · log(1 − σ(x))). Class indices (N, …) of
    masks are taken as one-hot (N, K, …).
    """

    type: Literal["binary_cross_entropy"] = "binary_cross_entropy"
    takes: ClassVar[Takes] = "flag_logits"
    positive_weight: (
        Literal["balanced"]
        | PositiveWeight
        | Annotated[list[PositiveWeight], Field(min_length=1, max_length=65536)]
    ) = 1.0
    """What a positive target counts beside a negative one: a number, one for each label or class,
    or `balanced` for negatives / positives of the training split, by label or class."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "binary_cross_entropy"},
        {"type": "binary_cross_entropy", "positive_weight": 3.0},
        {"type": "binary_cross_entropy", "positive_weight": "balanced"},
    )

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        import torch
        from torch.nn.functional import binary_cross_entropy_with_logits

        positive = torch.tensor(self._positive_weights(class_counts))

        def loss(logits: Tensor, targets: Tensor) -> Tensor:
            weight = positive.to(logits.device)
            if weight.dim():  # one an entry of axis 1
                weight = weight.reshape(-1, *[1] * (logits.dim() - 2))
            truth = _as_flags(targets, logits)
            return binary_cross_entropy_with_logits(logits, truth, pos_weight=weight)

        return loss

    def _positive_weights(self, class_counts: Sequence[Count] | None) -> float | list[float]:
        if self.positive_weight != "balanced":
            return self.positive_weight
        assert class_counts is not None, "balanced weights need the counts"
        whole = sum(count for count in class_counts if isinstance(count, int))
        pairs = [(whole - c, c) if isinstance(c, int) else c for c in class_counts]
        return [max(no, 1) / max(yes, 1) for no, yes in pairs]

    def mistakes(self, num_classes: int | None, path: str) -> list[Mistake]:
        given = self.positive_weight
        if not isinstance(given, list) or num_classes is None or len(given) == num_classes:
            return []
        message = f"{len(given)} positive weights for {num_classes} labels or classes"
        expected = f"{num_classes} numbers, one each"
        return [Mistake(f"{path}/positive_weight", message, expected, f"{len(given)} numbers")]


def _as_flags(targets: Tensor, logits: Tensor) -> Tensor:
    """Targets of the logits' shape (N, K, …), one-hot where they are class indices (N, …)."""
    from torch.nn.functional import one_hot

    if targets.dim() == logits.dim():
        return targets.to(logits.dtype)
    return one_hot(targets, logits.shape[1]).movedim(-1, 1).to(logits.dtype)


def _overlap(logits: Tensor, targets: Tensor, alpha: float, beta: float, smooth: float) -> Tensor:
    """1 − mean over classes of (TP + smooth) / (TP + alpha·FP + beta·FN + smooth).

    Logits (N, K, …) with class indices (N, …) go through a softmax, with targets of their own
    shape through a sigmoid. Counts are of probabilities, over the batch and all places.
    """
    is_of_labels = targets.dim() == logits.dim()
    probabilities = logits.sigmoid() if is_of_labels else logits.softmax(dim=1)
    truth = _as_flags(targets, logits)
    places = [axis for axis in range(logits.dim()) if axis != 1]
    both = (probabilities * truth).sum(places)
    false_positive = probabilities.sum(places) - both
    false_negative = truth.sum(places) - both
    index = (both + smooth) / (both + alpha * false_positive + beta * false_negative + smooth)
    return 1 - index.mean()


@LOSSES.register
class Dice(_OfMasks):
    """1 − Dice index 2TP / (2TP + FP + FN) by class (Milletari et al., 2016), on logits."""

    type: Literal["dice"] = "dice"
    smooth: Smooth = 1.0
    """Added above and below, so that an empty class has a gradient."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "dice"},)

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        # Halved above and below, the index of Tversky with both weights 1/2.
        return lambda logits, targets: _overlap(logits, targets, 0.5, 0.5, self.smooth / 2)


@LOSSES.register
class Tversky(_OfMasks):
    """1 − Tversky's TP / (TP + alpha·FP + beta·FN) by class (Salehi et al., 2017); on logits."""

    type: Literal["tversky"] = "tversky"
    alpha: Share = 0.3
    """What a false positive counts."""
    beta: Share = 0.7
    """What a false negative counts."""
    smooth: Smooth = 1.0
    """Added above and below, so that an empty class has a gradient."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "tversky"},
        {"type": "tversky", "alpha": 0.5, "beta": 0.5},
    )

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        return lambda logits, targets: _overlap(logits, targets, self.alpha, self.beta, self.smooth)


@LOSSES.register
class IntersectionOverUnion(_OfMasks):
    """1 − Jaccard index TP / (TP + FP + FN) by class (Rahman and Wang, 2016), on logits."""

    type: Literal["iou"] = "iou"
    smooth: Smooth = 1.0
    """Added above and below, so that an empty class has a gradient."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "iou"},)

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        return lambda logits, targets: _overlap(logits, targets, 1.0, 1.0, self.smooth)
