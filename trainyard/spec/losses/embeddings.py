"""Losses of embeddings (N, D) and class indices (N,): near within a class, far between classes.

The model's output may have any length D. What classes the embeddings mean is told by the nearest
class mean over the training split (``worker.training.nearest_mean``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.losses.base import CLASSIFICATION, LOSSES, Loss, Takes

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.losses.base import Count, LossFunction

Margin = Annotated[float, Field(gt=0.0, le=1e6)]


class _OfEmbeddings(Loss):
    tasks: ClassVar[tuple[str, ...]] = (CLASSIFICATION,)
    takes: ClassVar[Takes] = "embeddings"


def _squared_distances(embeddings: Tensor) -> Tensor:
    """(N, N), not below 0; from the inner products, so that gradients are finite at 0."""
    squares = embeddings.square().sum(dim=1)
    return (squares[:, None] + squares[None, :] - 2 * embeddings @ embeddings.T).clamp(min=0.0)


def _distances(embeddings: Tensor) -> Tensor:
    return (_squared_distances(embeddings) + 1e-12).sqrt()


@LOSSES.register
class Contrastive(_OfEmbeddings):
    """Contrastive loss (Hadsell et al., 2006) over all pairs of a batch.

    Mean over pairs of d² within a class, max(0, margin − d)² between classes.
    """

    type: Literal["contrastive"] = "contrastive"
    margin: Margin = 1.0
    """How far apart samples of two classes should lie."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "contrastive", "margin": 2.0},)

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        import torch

        def loss(embeddings: Tensor, targets: Tensor) -> Tensor:
            num = len(targets)
            rows, columns = torch.triu_indices(num, num, 1, device=targets.device)
            distance = _distances(embeddings)[rows, columns]
            apart = (self.margin - distance).clamp(min=0.0)
            same = targets[rows] == targets[columns]
            return torch.where(same, distance, apart).square().sum() / max(len(rows), 1)

        return loss


@LOSSES.register
class Triplet(_OfEmbeddings):
    """Batch-hard triplet loss (Hermans et al., 2017).

    Mean over samples that have both of max(0, d(farthest of its class) − d(nearest of another)
    + margin).
    """

    type: Literal["triplet"] = "triplet"
    margin: Margin = 1.0
    """By how much the other class should be farther."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "triplet", "margin": 0.5},)

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        def loss(embeddings: Tensor, targets: Tensor) -> Tensor:
            distance = _distances(embeddings)
            same = targets[:, None] == targets[None, :]
            others = ~same
            same = same.clone().fill_diagonal_(False)
            farthest = distance.masked_fill(~same, -1.0).amax(dim=1)
            nearest = distance.masked_fill(same | ~others, float("inf")).amin(dim=1)
            valid = same.any(dim=1) & others.any(dim=1)
            hard = (farthest - nearest.nan_to_num(posinf=0.0) + self.margin).clamp(min=0.0)
            return (hard * valid).sum() / valid.sum().clamp(min=1)

        return loss


@LOSSES.register
class SupervisedContrastive(_OfEmbeddings):
    """Supervised contrastive loss (Khosla et al., 2020, equation 2) on embeddings of length 1.

    Mean over samples with others of their class of −mean over those of log softmax of the
    similarity / temperature among all other samples.
    """

    type: Literal["supervised_contrastive"] = "supervised_contrastive"
    temperature: Annotated[float, Field(gt=0.0, le=100.0)] = 0.1
    """What similarities are divided by."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "supervised_contrastive"},
        {"type": "supervised_contrastive", "temperature": 0.5},
    )

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        import torch
        from torch.nn.functional import normalize

        def loss(embeddings: Tensor, targets: Tensor) -> Tensor:
            unit = normalize(embeddings)
            itself = torch.eye(len(targets), dtype=torch.bool, device=targets.device)
            similarity = (unit @ unit.T / self.temperature).masked_fill(itself, -1e9)
            log_p = similarity.log_softmax(dim=1)
            same = (targets[:, None] == targets[None, :]) & ~itself
            num = same.sum(dim=1)
            each = -(log_p * same).sum(dim=1) / num.clamp(min=1)
            return each.sum() / (num > 0).sum().clamp(min=1)

        return loss
