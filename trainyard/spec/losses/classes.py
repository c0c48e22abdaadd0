"""Losses of logits (N, K, …) and class indices (N, …): one true class for each place.

The focal loss is of labels too: logits (N, L) and targets (N, L) of 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.errors import Mistake
from trainyard.spec.losses.base import (
    CLASSIFICATION,
    LOSSES,
    MULTI_LABEL,
    SEGMENTATION,
    Summand,
    Takes,
)

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.losses.base import Count, LossFunction

Weight = Annotated[float, Field(ge=0.0, le=1e6)]


class _OfClasses(Summand):
    takes: ClassVar[Takes] = "logits"
    class_weights: Literal["balanced"] | Annotated[list[Weight], Field(max_length=65536)] | None = (
        None
    )
    """What a sample of each class counts: a number a class, or `balanced` for N / (K × samples of
    the class). The mean is over the weights, as in torch."""

    tasks: ClassVar[tuple[str, ...]] = (CLASSIFICATION, SEGMENTATION)

    def weights(self, class_counts: Sequence[Count] | None) -> Tensor | None:
        """A weight for each class; None where all count alike."""
        import torch

        if self.class_weights is None:
            return None
        if self.class_weights != "balanced":
            return torch.tensor(self.class_weights)
        assert class_counts is not None, "balanced weights need the counts"
        counts = [count if isinstance(count, int) else count[1] for count in class_counts]
        whole = sum(counts) / len(counts)
        return torch.tensor([whole / max(count, 1) for count in counts])

    def mistakes(self, num_classes: int | None, path: str) -> list[Mistake]:
        given = self.class_weights
        if not isinstance(given, list) or num_classes is None or len(given) == num_classes:
            return []
        message = f"{len(given)} class weights for {num_classes} classes"
        expected = f"{num_classes} numbers, one a class"
        return [Mistake(f"{path}/class_weights", message, expected, f"{len(given)} numbers")]


def _terms_of_true_class(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """log p and p of each place's true class."""
    log_p = logits.log_softmax(dim=1).gather(1, targets.unsqueeze(1)).squeeze(1)
    return log_p, log_p.exp()


def _terms_of_labels(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """log p and p of what is true of each label."""
    from torch.nn.functional import logsigmoid

    log_p = logsigmoid(logits * (2 * targets.to(logits.dtype) - 1))
    return log_p, log_p.exp()


def _mean(losses: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        return losses.mean()
    weight = weights.to(losses.device)[targets]
    return (losses * weight).sum() / weight.sum()


def _mean_of_labels(losses: Tensor, weights: Tensor | None) -> Tensor:
    if weights is None:
        return losses.mean()
    weight = weights.to(losses.device)
    return (losses * weight).sum() / (weight.sum() * len(losses))


@LOSSES.register
class CrossEntropy(_OfClasses):
    """Cross-entropy of logits (N, K) and class indices (N,), as torch.nn.CrossEntropyLoss."""

    type: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the target that is spread evenly over all classes."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "cross_entropy"},
        {"type": "cross_entropy", "label_smoothing": 0.1, "class_weights": "balanced"},
    )

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        from torch.nn.functional import cross_entropy

        weights, smoothing = self.weights(class_counts), self.label_smoothing

        def loss(logits: Tensor, targets: Tensor) -> Tensor:
            weight = None if weights is None else weights.to(logits.device)
            return cross_entropy(logits, targets, weight=weight, label_smoothing=smoothing)

        return loss


@LOSSES.register
class Focal(_OfClasses):
    """Focal loss (Lin et al., 2017): mean of −(1 − p)^gamma · log p.

    p is the probability of the true class by a softmax, of several labels that of each one's
    truth by a sigmoid; with gamma 0 it is the cross-entropy. Weights are one a class or label.
    """

    type: Literal["focal"] = "focal"
    gamma: Annotated[float, Field(ge=0.0, le=100.0)] = 2.0
    """How much less a sample counts that the model is sure of."""

    tasks: ClassVar[tuple[str, ...]] = (CLASSIFICATION, MULTI_LABEL, SEGMENTATION)
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "focal"},
        {"type": "focal", "gamma": 1.0, "class_weights": "balanced"},
    )

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        weights, gamma = self.weights(class_counts), self.gamma

        def loss(logits: Tensor, targets: Tensor) -> Tensor:
            of_labels = targets.dim() == logits.dim()
            terms = _terms_of_labels if of_labels else _terms_of_true_class
            log_p, p = terms(logits, targets)
            # Never 0: the slope of a broken power has no value there.
            losses = -((1 - p).clamp(min=1e-12) ** gamma) * log_p
            if of_labels:
                return _mean_of_labels(losses, weights)
            return _mean(losses, targets, weights)

        return loss


@LOSSES.register
class Poly(_OfClasses):
    """Poly-1 loss (Leng et al., 2022): mean of −log p + epsilon · (1 − p)."""

    type: Literal["poly"] = "poly"
    epsilon: Annotated[float, Field(ge=-1.0, le=100.0)] = 1.0
    """Weight of the first term of the polynomial."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "poly"},
        {"type": "poly", "epsilon": 2.0},
    )

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        weights, epsilon = self.weights(class_counts), self.epsilon

        def loss(logits: Tensor, targets: Tensor) -> Tensor:
            log_p, p = _terms_of_true_class(logits, targets)
            return _mean(-log_p + epsilon * (1 - p), targets, weights)

        return loss


@LOSSES.register
class Hinge(Summand):
    """Multi-class hinge of scores (N, K) and classes (N,), as torch.nn.MultiMarginLoss.

    Mean over the batch of Σ over other classes j of max(0, margin − s_true + s_j) / K.
    """

    type: Literal["hinge"] = "hinge"
    margin: Annotated[float, Field(gt=0.0, le=1e6)] = 1.0
    """By how much the true class's score should lead."""
    squared: bool = False
    """Take the square of each hinge."""

    tasks: ClassVar[tuple[str, ...]] = (CLASSIFICATION,)
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "hinge"},
        {"type": "hinge", "margin": 0.5, "squared": True},
    )

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        from torch.nn import MultiMarginLoss

        return MultiMarginLoss(p=2 if self.squared else 1, margin=self.margin)
