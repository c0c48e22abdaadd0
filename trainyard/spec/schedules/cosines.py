"""Rates along cosines."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.schedules.base import SCHEDULES, Fraction, Schedule, cosine_between


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
class CosineRestarts(Schedule):
    """Half cosines from ``lr`` to ``eta_min``, again and again (SGDR, Loshchilov and Hutter, 2017).

    As torch's CosineAnnealingWarmRestarts by step.
    """

    type: Literal["cosine_restarts"] = "cosine_restarts"
    t_0: Annotated[int, Field(ge=1, le=100_000)] = 10
    """Epochs until the first restart."""
    t_mult: Annotated[int, Field(ge=1, le=100)] = 1
    """Each period is so many times as long as the one before."""
    eta_min: Annotated[float, Field(ge=0.0, le=100.0)] = 0.0
    """Rate at the end of each period."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "cosine_restarts", "t_0": 1, "t_mult": 2},
        {"type": "cosine_restarts", "t_0": 2, "eta_min": 1e-5},
    )

    def after_warmup(self, lr: float, step: int, steps_per_epoch: int, num_steps: int) -> float:
        period = self.t_0 * steps_per_epoch
        while self.t_mult > 1 and step >= period:
            step, period = step - period, period * self.t_mult
        return cosine_between(lr, self.eta_min, (step % period) / period)


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
            return cosine_between(first_lr, lr, step / peak if peak else 1.0)
        done = (step - peak) / (last - peak) if last > peak else 1.0
        return cosine_between(lr, first_lr / self.final_div_factor, done)
