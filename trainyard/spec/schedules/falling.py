"""Rates that stay or fall from step to step."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from trainyard.spec.schedules.base import SCHEDULES, Fraction, Schedule


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
class MultiStep(Schedule):
    """Multiplies the rate by ``gamma`` at each of the ``milestones``, as torch's MultiStepLR."""

    type: Literal["multi_step"] = "multi_step"
    milestones: Annotated[
        list[Annotated[int, Field(ge=1, le=100_000)]], Field(min_length=1, max_length=100)
    ] = [10]
    """Epochs that are done when the rate drops, in rising order."""
    gamma: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1
    """Factor of each drop."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "multi_step", "milestones": [2, 5], "gamma": 0.3},
    )

    @field_validator("milestones")
    @classmethod
    def _rises(cls, milestones: list[int]) -> list[int]:
        if sorted(set(milestones)) != milestones:
            raise ValueError("milestones must rise from one to the next")
        return milestones

    def after_warmup(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        epoch = step // steps_per_epoch
        return float(lr * self.gamma ** sum(epoch >= milestone for milestone in self.milestones))


@SCHEDULES.register
class Exponential(Schedule):
    """Multiplies the rate by ``gamma`` after every epoch, as torch's ExponentialLR."""

    type: Literal["exponential"] = "exponential"
    gamma: Annotated[float, Field(gt=0.0, le=1.0)] = 0.95
    """Factor of each epoch."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "exponential", "gamma": 0.9},)

    def after_warmup(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        return float(lr * self.gamma ** (step // steps_per_epoch))


@SCHEDULES.register
class Polynomial(Schedule):
    """lr · (1 − step / num_steps)^power, as torch's PolynomialLR by step; power 1 is a line."""

    type: Literal["polynomial"] = "polynomial"
    power: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    """Exponent of the share of steps that is left."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "polynomial"},
        {"type": "polynomial", "power": 2.0, "warmup": 0.1},
    )

    def after_warmup(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        return float(lr * (1 - step / num_steps) ** self.power)


@SCHEDULES.register
class InverseSqrt(Schedule):
    """lr · √(w + 1) / √(step + 1) after w steps of warm-up (Vaswani et al., 2017, equation 3)."""

    type: Literal["inverse_sqrt"] = "inverse_sqrt"
    warmup: Fraction = 0.1
    """Fraction of all steps over which the rate rises linearly from near 0 to ``lr``."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "inverse_sqrt"},
        {"type": "inverse_sqrt", "warmup": 0.02},
    )

    def learning_rate(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        num_warmup = round(self.warmup * num_steps)
        rising = (step + 1) / (num_warmup + 1)
        return lr * min(rising, 1.0 / math.sqrt(rising))
