"""What a schedule is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated

from pydantic import ConfigDict, Field

from trainyard.spec.component import Component, Family

Fraction = Annotated[float, Field(ge=0.0, le=0.9)]


class Schedule(Component):
    """Base of the schedules: a linear warm-up, then what ``after_warmup`` says."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    warmup: Fraction = 0.0
    """Fraction of all steps over which the rate rises linearly from near 0 to ``lr``."""

    def learning_rate(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        """The rate of optimizer step ``step`` (from 0) of ``num_steps``; ``lr`` is the base.

        Warm-up over w = round(warmup × num_steps) steps: lr × (step + 1) / (w + 1).
        """
        num_warmup = round(self.warmup * num_steps)
        if step < num_warmup:
            return lr * (step + 1) / (num_warmup + 1)
        return self.after_warmup(lr, step - num_warmup, steps_per_epoch, num_steps - num_warmup)

    def after_warmup(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        """As ``learning_rate``, with steps counted from the end of the warm-up."""
        raise NotImplementedError

    def factor_after(self, values: Sequence[float], *, lower_is_better: bool) -> float:
        """What the rate is multiplied by after epochs whose monitored values were these."""
        return 1.0


SCHEDULES: Family[Schedule] = Family("schedule", is_definable=True)


def is_rate(lr: float) -> bool:
    """Whether an optimizer can step at this rate."""
    return math.isfinite(lr) and lr >= 0


def cosine_between(start: float, end: float, done: float) -> float:
    """From ``start`` (done = 0) to ``end`` (done = 1) along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
