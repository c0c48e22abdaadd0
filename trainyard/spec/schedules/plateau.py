"""Rates that fall when the training gets no better."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.schedules.base import SCHEDULES, Schedule


@SCHEDULES.register
class ReduceOnPlateau(Schedule):
    """Multiplies the rate by ``factor`` when ``monitor`` is no better: torch's ReduceLROnPlateau.

    Better is more than ``threshold`` of the best value so far below it, or above it where higher
    is better.
    """

    type: Literal["reduce_on_plateau"] = "reduce_on_plateau"
    factor: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.1
    """Factor of each drop."""
    patience: Annotated[int, Field(ge=0, le=100_000)] = 10
    """Epochs without improvement that are let pass before a drop."""
    threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 1e-4
    """Least improvement that counts, as a share of the best value."""
    cooldown: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Epochs after a drop that are not counted."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "reduce_on_plateau", "patience": 1, "factor": 0.5},
        {"type": "reduce_on_plateau", "patience": 0, "cooldown": 1, "threshold": 0.01},
    )

    def after_warmup(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        return lr

    def factor_after(self, values: Sequence[float], *, lower_is_better: bool) -> float:
        """torch's procedure from the first epoch on, with values turned so that less is better."""
        sign = 1 if lower_is_better else -1
        best, stale, waiting, whole = math.inf, 0, 0, 1.0
        for value in (sign * value for value in values):
            if math.isinf(best) or value < best - self.threshold * sign * best:
                best, stale = value, 0
            else:
                stale += 1
            if waiting:
                waiting, stale = waiting - 1, 0
            if stale > self.patience:
                whole, stale, waiting = whole * self.factor, 0, self.cooldown
        return whole
