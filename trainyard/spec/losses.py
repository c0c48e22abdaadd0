"""Losses by name: what training minimises, and for which tasks each is meant."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from trainyard.spec.component import Component, Family

if TYPE_CHECKING:
    from torch import Tensor

    LossFunction = Callable[[Tensor, Tensor], Tensor]


class Loss(Component):
    """Base of the losses. ``tasks`` names those that its targets fit."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    tasks: ClassVar[tuple[str, ...]] = ()

    def build(self) -> LossFunction:
        """A function of (outputs, targets) that gives the mean over the batch, a scalar."""
        raise NotImplementedError


LOSSES: Family[Loss] = Family("loss")


@LOSSES.register
class CrossEntropy(Loss):
    """Cross-entropy of logits (N, K) and class indices (N,), as torch.nn.CrossEntropyLoss."""

    type: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the target that is spread evenly over all classes."""

    tasks: ClassVar[tuple[str, ...]] = ("classification",)
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "cross_entropy"},
        {"type": "cross_entropy", "label_smoothing": 0.1},
    )

    def build(self) -> LossFunction:
        from torch.nn import CrossEntropyLoss

        return CrossEntropyLoss(label_smoothing=self.label_smoothing)
