"""Losses and metrics of definitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from trainyard.errors import Mistake
from trainyard.spec.definitions.components import arg_values, component_class
from trainyard.spec.definitions.expressions import tree_of
from trainyard.spec.definitions.model import LossDefinition, MetricDefinition
from trainyard.spec.definitions.scores import NAMES_OF_TASK, on_scores, score_program
from trainyard.spec.language.lowering import Program
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.losses.base import Summand, Takes
from trainyard.spec.metrics.base import MeanMetric
from trainyard.spec.shapes import Shape

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.losses.base import Count, LossFunction
    from trainyard.spec.metrics.base import MetricFunction
    from trainyard.spec.training import TrainingSpec


class DefinedLoss(Summand):
    """A loss whose computation is an expression."""

    definition: ClassVar[LossDefinition]
    tasks: ClassVar[tuple[str, ...]] = tuple(NAMES_OF_TASK)
    takes: ClassVar[Takes] = "logits"  # where the task has such

    def program(self, task: str, output_shape: Shape) -> Program:
        """For a model that gives ``output_shape`` a sample.

        Raises:
            LanguageError: it does not fit.
        """
        args = arg_values(self, list(self.definition.args))
        tree = tree_of(self.definition.forward)
        return score_program(tree, args, task, output_shape, of_samples=False)

    def build(self, *, class_counts: Sequence[Count] | None = None) -> LossFunction:
        return on_scores(tree_of(self.definition.forward), self.program)


class DefinedMetric(MeanMetric):
    """A metric whose computation is an expression."""

    definition: ClassVar[MetricDefinition]
    tasks: ClassVar[tuple[str, ...]] = tuple(NAMES_OF_TASK)

    def program(self, task: str, output_shape: Shape) -> Program:
        """For a model that gives ``output_shape`` a sample.

        Raises:
            LanguageError: it does not fit.
        """
        args = arg_values(self, list(self.definition.args))
        tree = tree_of(self.definition.forward)
        return score_program(tree, args, task, output_shape, of_samples=True)

    def build(self) -> MetricFunction:
        function = on_scores(tree_of(self.definition.forward), self.program)

        def summed(outputs: Tensor, targets: Tensor) -> Tensor:
            value: Tensor = function(outputs, targets)
            return value.sum() if value.dim() else value * len(targets)

        return summed


def mistakes_of_own_scores(
    training: TrainingSpec, task: str, output_shape: Shape, path: str = "/training"
) -> list[Mistake]:
    """What of the defined losses and metrics does not fit the task, as pointers below ``path``."""
    parts: dict[str, object] = {
        f"{path}/loss{place}": loss for place, loss in training.loss.parts()
    }
    parts |= {f"{path}/metrics/{index}": metric for index, metric in enumerate(training.metrics)}
    found = [mistake_of_own_score(part, task, output_shape, at) for at, part in parts.items()]
    return [mistake for mistake in found if mistake is not None]


def mistake_of_own_score(part: object, task: str, output_shape: Shape, path: str) -> Mistake | None:
    """Why a defined loss or metric does not fit the task; None where it does, or is built in."""
    if isinstance(part, DefinedLoss | DefinedMetric):
        try:
            part.program(task, output_shape)
        except LanguageError as error:
            message = f"{part.type} cannot be computed: {error.text}"
            return Mistake(path, message, error.expected, error.received, error.suggestion)
    return None


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
