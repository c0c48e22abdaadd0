"""Losses and metrics of definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from trainyard.errors import Mistake
from trainyard.spec.definitions.components import arg_values, component_class
from trainyard.spec.definitions.expressions import tree_of
from trainyard.spec.definitions.model import LossDefinition, MetricDefinition
from trainyard.spec.definitions.scores import on_scores, score_program
from trainyard.spec.language.lowering import Program
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.losses.base import CLASSIFICATION, Loss, Takes
from trainyard.spec.metrics.base import MeanMetric

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.losses.base import LossFunction
    from trainyard.spec.metrics.base import MetricFunction

TWO_CLASSES = 2  # stand for any number where that is not known yet


def _mistakes(part: DefinedLoss | DefinedMetric, classes: int | None, path: str) -> list[Mistake]:
    try:
        part.program(classes or TWO_CLASSES)
    except LanguageError as error:
        message = f"{part.type} cannot be computed: {error.text}"
        return [Mistake(path, message, error.expected, error.received, error.suggestion)]
    return []


class DefinedLoss(Loss):
    """A loss whose computation is an expression."""

    definition: ClassVar[LossDefinition]
    tasks: ClassVar[tuple[str, ...]] = (CLASSIFICATION,)
    takes: ClassVar[Takes] = "logits"

    def program(self, num_classes: int) -> Program:
        args = arg_values(self, list(self.definition.args))
        return score_program(tree_of(self.definition.forward), args, num_classes, of_samples=False)

    def build(self, *, class_counts: Sequence[int] | None = None) -> LossFunction:
        return on_scores(self.program)

    def mistakes(self, num_classes: int | None, path: str) -> list[Mistake]:
        return _mistakes(self, num_classes, path)


class DefinedMetric(MeanMetric):
    """A metric whose computation is an expression."""

    definition: ClassVar[MetricDefinition]

    def program(self, num_classes: int) -> Program:
        args = arg_values(self, list(self.definition.args))
        return score_program(tree_of(self.definition.forward), args, num_classes, of_samples=True)

    def build(self) -> MetricFunction:
        function = on_scores(self.program)

        def summed(logits: Tensor, targets: Tensor) -> Tensor:
            value: Tensor = function(logits, targets)
            return value.sum() if value.dim() else value * len(targets)

        return summed

    def mistakes(self, num_classes: int | None, path: str) -> list[Mistake]:
        return _mistakes(self, num_classes, path)


def loss_class(name: str, definition: LossDefinition) -> type[DefinedLoss]:
    """The loss of a definition."""
    made = component_class(name, DefinedLoss, definition.args, definition.description)
    made.definition = definition
    return made


def metric_class(name: str, definition: MetricDefinition) -> type[DefinedMetric]:
    """The metric of a definition."""
    made = component_class(name, DefinedMetric, definition.args, definition.description)
    made.definition = definition
    made.higher_is_better = definition.higher_is_better
    return made
