"""A weighted sum of losses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from trainyard.errors import Mistake
from trainyard.spec.component import OneOf
from trainyard.spec.docstrings import Described
from trainyard.spec.losses.base import (
    CLASSIFICATION,
    FORECASTING,
    LOSSES,
    MULTI_LABEL,
    REGRESSION,
    SEGMENTATION,
    Loss,
    Summand,
    Takes,
)

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.losses.base import Count, LossFunction


class Term(Described):
    """One loss of a sum, and what it counts there."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True
    )

    loss: Annotated[Summand, OneOf(LOSSES, base=Summand, noun="summable loss")]
    """Any loss that is no sum and not of embeddings, one of your own too."""
    weight: Annotated[float, Field(ge=-1e6, le=1e6)] = 1.0
    """What it is multiplied by."""


@LOSSES.register
class Combined(Loss):
    """Σ weight · loss over its terms, such as cross-entropy and Dice of masks together.

    Each term has to be for the dataset's task.
    """

    type: Literal["combined"] = "combined"
    terms: Annotated[list[Term], Field(min_length=1, max_length=8)]
    """The losses that are added up: each a `loss` and its `weight`, which is 1 where absent."""

    tasks: ClassVar[tuple[str, ...]] = (
        CLASSIFICATION, MULTI_LABEL, SEGMENTATION, REGRESSION, FORECASTING,
    )  # fmt: skip
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {
            "type": "combined",
            "terms": [
                {"loss": {"type": "cross_entropy"}},
                {"loss": {"type": "dice"}, "weight": 0.5},
            ],
        },
        {
            "type": "combined",
            "terms": [
                {"loss": {"type": "mse"}, "weight": 0.7},
                {"loss": {"type": "mae"}, "weight": 0.3},
            ],
        },
    )

    @property
    def takes(self) -> Takes:  # type: ignore[override]
        """What all terms take."""
        found = {term.loss.takes for term in self.terms}
        return found.pop() if len(found) == 1 else "scores"

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        import torch

        built = [(term.weight, term.loss.build(class_counts=class_counts)) for term in self.terms]

        def loss(outputs: Tensor, targets: Tensor) -> Tensor:
            losses = [weight * function(outputs, targets) for weight, function in built]
            return torch.stack(losses).sum()

        return loss

    def parts(self) -> Iterator[tuple[str, Loss]]:
        for place, term in enumerate(self.terms):
            yield f"/terms/{place}/loss", term.loss

    def mistakes(self, num_classes: int | None, path: str) -> list[Mistake]:
        return [
            mistake
            for place, loss in self.parts()
            for mistake in loss.mistakes(num_classes, path + place)
        ]
