"""Losses of numbers: outputs and targets of the same shape (N, …)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.losses.base import FORECASTING, LOSSES, REGRESSION, Summand

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.losses.base import Count, LossFunction


class _OfNumbers(Summand):
    tasks: ClassVar[tuple[str, ...]] = (REGRESSION, FORECASTING)


@LOSSES.register
class MeanSquared(_OfNumbers):
    """Mean of (output − target)², as torch.nn.MSELoss."""

    type: Literal["mse"] = "mse"

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "mse"},)

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        from torch.nn import MSELoss

        return MSELoss()


@LOSSES.register
class MeanAbsolute(_OfNumbers):
    """Mean of |output − target|, as torch.nn.L1Loss."""

    type: Literal["mae"] = "mae"

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "mae"},)

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        from torch.nn import L1Loss

        return L1Loss()


@LOSSES.register
class Huber(_OfNumbers):
    """Squares up to ``delta``, straight lines beyond (Huber, 1964), as torch.nn.HuberLoss."""

    type: Literal["huber"] = "huber"
    delta: Annotated[float, Field(gt=0.0, le=1e9)] = 1.0
    """Where the line begins."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "huber", "delta": 0.5},)

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        from torch.nn import HuberLoss

        return HuberLoss(delta=self.delta)


@LOSSES.register
class Quantile(_OfNumbers):
    """Pinball loss (Koenker and Bassett, 1978): mean of max(q·e, (q − 1)·e), e = target − output.

    Least where a share ``q`` of the targets lies below the output.
    """

    type: Literal["quantile"] = "quantile"
    q: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    """The quantile."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "quantile", "q": 0.9},)

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        import torch

        q = self.q

        def loss(outputs: Tensor, targets: Tensor) -> Tensor:
            error = targets - outputs
            return torch.maximum(q * error, (q - 1) * error).mean()

        return loss
