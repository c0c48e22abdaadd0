"""Schedules by name: the learning rate of each optimizer step, as plain arithmetic.

A schedule keeps no state: the rate follows from the step alone, so that a resumed training needs
nothing but its position. Steps count from 0 here.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

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


SCHEDULES: Family[Schedule] = Family("schedule")


@SCHEDULES.register
class Constant(Schedule):
    """The same rate to the end."""

    type: Literal["constant"] = "constant"

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "constant"},
        {"type": "constant", "warmup": 0.05},
    )

    def after_warmup(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        return lr


@SCHEDULES.register
class Step(Schedule):
    """Multiplies the rate by ``gamma`` every ``step_size`` epochs, as torch's StepLR."""

    type: Literal["step"] = "step"
    step_size: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Epochs between two drops."""
    gamma: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
    """Factor of each drop."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "step", "step_size": 2, "gamma": 0.5},
    )

    def after_warmup(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        return lr * self.gamma ** (step // (self.step_size * steps_per_epoch))


@SCHEDULES.register
class Cosine(Schedule):
    """Half a cosine from ``lr`` down to ``eta_min``, as torch's CosineAnnealingLR by step."""

    type: Literal["cosine"] = "cosine"
    eta_min: Annotated[float, Field(ge=0.0, le=100.0)] = 0.0
    """Rate at the end."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "cosine"},
        {"type": "cosine", "warmup": 0.1, "eta_min": 1e-5},
    )

    def after_warmup(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        return self.eta_min + (lr - self.eta_min) * (1 + math.cos(math.pi * step / num_steps)) / 2


@SCHEDULES.register
class OneCycle(Schedule):
    """Up to ``lr`` and down again by cosines (Smith and Topin, 2018), as torch's OneCycleLR.

    ``lr`` of the optimizer is torch's ``max_lr``, ``warmup`` its ``pct_start``; momentum stays
    as it is (``cycle_momentum=False``).
    """

    type: Literal["one_cycle"] = "one_cycle"
    warmup: Fraction = 0.3
    """Fraction of all steps over which the rate rises."""
    div_factor: Annotated[float, Field(ge=1.0, le=1e6)] = 25.0
    """The first rate is lr / div_factor."""
    final_div_factor: Annotated[float, Field(ge=1.0, le=1e9)] = 1e4
    """The last rate is lr / div_factor / final_div_factor."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "one_cycle", "warmup": 0.1},
        {"type": "one_cycle", "div_factor": 10.0, "final_div_factor": 100.0},
    )

    def learning_rate(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        """torch's formula: the peak stands at step warmup × num_steps − 1, the end at the last."""
        peak, last = self.warmup * num_steps - 1, num_steps - 1
        first_lr = lr / self.div_factor
        if step <= peak:
            return _cosine_between(first_lr, lr, step / peak if peak else 1.0)
        done = (step - peak) / (last - peak) if last > peak else 1.0
        return _cosine_between(lr, first_lr / self.final_div_factor, done)


def _cosine_between(start: float, end: float, done: float) -> float:
    """From ``start`` (done = 0) to ``end`` (done = 1) along half a cosine."""
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2
