"""Schedules of definitions: plain arithmetic, without torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import ClassVar, Self

from pydantic import model_validator

from trainyard.spec.definitions.components import arg_values, component_class
from trainyard.spec.definitions.expressions import tree_of
from trainyard.spec.definitions.model import ScheduleDefinition
from trainyard.spec.fields import expected
from trainyard.spec.language.lowering import lower
from trainyard.spec.language.mistakes import LanguageError
from trainyard.spec.language.running import on_numbers
from trainyard.spec.language.values import Scalar
from trainyard.spec.schedules.base import Schedule

SCHEDULE_NAMES = ("progress", "step", "steps", "epoch", "epochs")
_TRIED_STEPS, _TRIED_EPOCHS = 200, 10


class DefinedSchedule(Schedule):
    """A schedule whose factor of ``lr`` is an expression."""

    definition: ClassVar[ScheduleDefinition]

    @cached_property
    def factor(self) -> Callable[[Mapping[str, float]], float]:
        args = arg_values(self, list(self.definition.args))
        names = args | dict.fromkeys(SCHEDULE_NAMES, Scalar())
        return on_numbers(lower(tree_of(self.definition.forward), names))

    @model_validator(mode="after")
    def _is_a_rate(self) -> Self:
        """Tries it on a training: what is no rate there is none in another."""
        per_epoch = _TRIED_STEPS // _TRIED_EPOCHS
        try:
            rates = [
                self.after_warmup(1.0, step, per_epoch, _TRIED_STEPS)
                for step in range(_TRIED_STEPS)
            ]
        except LanguageError as error:
            raise expected(f"a schedule that can be computed: {error.text}") from None
        for step, rate in enumerate(rates):
            if not math.isfinite(rate) or rate < 0:
                raise expected(
                    f"a factor from 0, not {rate:g}, which it is at progress {step / _TRIED_STEPS}"
                )
        return self

    def after_warmup(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        known = {
            "progress": step / num_steps,
            "step": float(step),
            "steps": float(num_steps),
            "epoch": step / steps_per_epoch,
            "epochs": num_steps / steps_per_epoch,
        }
        return lr * self.factor(known)


def schedule_class(name: str, definition: ScheduleDefinition) -> type[DefinedSchedule]:
    """The schedule of a definition."""
    made = component_class(name, DefinedSchedule, definition.args, definition.description)
    made.definition = definition
    return made
