"""Schedules of definitions: plain arithmetic, without torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import model_validator

from trainyard.errors import Mistake
from trainyard.spec.definitions.components import arg_values, component_class
from trainyard.spec.definitions.expressions import tree_of
from trainyard.spec.definitions.model import ScheduleDefinition
from trainyard.spec.fields import expected
from trainyard.spec.language.lowering import lower
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.running import on_numbers
from trainyard.spec.language.tree import names_in
from trainyard.spec.language.values import Scalar
from trainyard.spec.schedules.base import Schedule, is_rate

if TYPE_CHECKING:
    from trainyard.spec.training import TrainingSpec

SCHEDULE_NAMES = ("progress", "step", "steps", "epoch", "epochs")
_TRIED_STEPS = 2000
_STEPS_PER_EPOCH = 20  # where the number of samples is not known


class DefinedSchedule(Schedule):
    """A schedule whose factor of ``lr`` is an expression."""

    definition: ClassVar[ScheduleDefinition]

    @cached_property
    def factor(self) -> Callable[[Mapping[str, float]], float]:
        args = arg_values(self, list(self.definition.args))
        names = args | dict.fromkeys(SCHEDULE_NAMES, Scalar())
        return on_numbers(lower(tree_of(self.definition.forward), names))

    @model_validator(mode="after")
    def _can_be_computed(self) -> Self:
        try:
            _ = self.factor
        except LanguageError as error:
            raise expected(f"a schedule that can be computed: {error.text}") from None
        return self

    def first_wrong(self, steps_per_epoch: int, num_steps: int) -> tuple[int, float] | None:
        """The first step whose factor is below 0 or not finite, and the factor; None if none is.

        Of a long training no more than some thousand steps are looked at.
        """
        for step in [*range(0, num_steps, -(-num_steps // _TRIED_STEPS)), num_steps - 1]:
            factor = self.learning_rate(1.0, step, steps_per_epoch, num_steps)
            if not is_rate(factor):
                return step, factor
        return None

    def after_warmup(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        known = {
            "progress": step / num_steps,
            "step": float(step),
            "steps": float(num_steps),
            "epoch": step / steps_per_epoch,
            "epochs": num_steps / steps_per_epoch,
        }
        return lr * self.factor(known)


def mistakes_of_own_schedule(
    training: TrainingSpec, num_train: int | None, path: str = "/training"
) -> list[Mistake]:
    """A rate below 0, or none at all, at a step of this training.

    Without the number of samples the first step alone is looked at where the rest would depend
    on it.
    """
    schedule = training.schedule
    if not isinstance(schedule, DefinedSchedule):
        return []
    per_epoch = _STEPS_PER_EPOCH if num_train is None else training.steps_per_epoch(num_train)
    num_steps = training.epochs * per_epoch
    found = schedule.first_wrong(per_epoch, num_steps)
    reads = names_in(tree_of(schedule.definition.forward))
    if found is None or (num_train is None and found[0] > 0 and reads & {"step", "steps"}):
        return []
    step, factor = found
    place = f"step {step} of {num_steps}" if num_train else f"progress {step / num_steps:g}"
    message = f"{schedule.type} gives {factor:g} at {place}, not a finite factor from 0"
    return [Mistake(f"{path}/schedule", message, "a finite factor from 0", f"{factor:g}")]


def schedule_class(name: str, definition: ScheduleDefinition) -> type[DefinedSchedule]:
    """The schedule of a definition."""
    made = component_class(name, DefinedSchedule, definition.args, definition.description)
    made.definition = definition
    return made
