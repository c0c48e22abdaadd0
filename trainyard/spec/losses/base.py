"""What a loss is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import ConfigDict

from trainyard.errors import Mistake
from trainyard.spec.component import Component, Family

if TYPE_CHECKING:
    from torch import Tensor

    LossFunction = Callable[[Tensor, Tensor], Tensor]

CLASSIFICATION, MULTI_LABEL = "classification", "multi-label"
REGRESSION, FORECASTING = "regression", "forecasting"
SEGMENTATION = "segmentation"

# What the model is to give a loss: scores that go through a softmax, or a sigmoid where a sample
# has several labels; scores that go through a sigmoid whatever the task; scores of which terms
# of a sum do this and that; vectors of any length whose distances count; or numbers as they are.
Takes = Literal["logits", "flag_logits", "scores", "embeddings", "numbers"]


# How many samples, or pixels of masks, are of a class; of a label, how many are not and are.
Count = int | tuple[int, int]


class Loss(Component):
    """Base of the losses. ``tasks`` names those that its targets fit, ``takes`` what it is of."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    tasks: ClassVar[tuple[str, ...]] = ()
    takes: ClassVar[Takes] = "numbers"

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        """A function of (outputs, targets) that gives the mean over the batch, a scalar.

        Outputs are float32 logits; ``class_counts`` are of the training split.
        """
        raise NotImplementedError

    def parts(self) -> Iterator[tuple[str, Loss]]:
        """The losses that it is made of, each with its pointer from here: itself alone."""
        yield "", self

    def mistakes(self, num_classes: int | None, path: str) -> list[Mistake]:
        """What does not fit a dataset of ``num_classes``, as pointers below ``path``."""
        return []


class Summand(Loss):
    """A loss that may be a term of a sum."""


LOSSES: Family[Loss] = Family("loss", is_definable=True)
