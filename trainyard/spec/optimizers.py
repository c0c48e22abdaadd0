"""Optimizers by name, with torch's own fields and defaults.

A class says what is allowed and builds the torch optimizer. The learning rate of a step is
decided by the schedule (``schedules.py``); ``lr`` here is its base.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, ValidationInfo, field_validator

from trainyard.spec.component import Component, Family

if TYPE_CHECKING:
    from torch import nn
    from torch.optim import Optimizer as TorchOptimizer

# Wide enough that a rate which makes training diverge is the run's finding, not a typing error.
Rate = Annotated[float, Field(gt=0.0, le=1e12)]
Decay = Annotated[float, Field(ge=0.0, le=100.0)]
Beta = Annotated[float, Field(ge=0.0, lt=1.0)]
Epsilon = Annotated[float, Field(gt=0.0, le=1.0)]


class Optimizer(Component):
    """Base of the optimizers."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    lr: Rate = 0.001
    """Learning rate that the schedule's factor multiplies."""

    def num_state_tensors(self) -> int:
        """How many values the state keeps for each parameter, for the estimate of memory."""
        raise NotImplementedError

    def build(self, parameters: Iterable[nn.Parameter], *, fused: bool) -> TorchOptimizer:
        """The torch optimizer; ``fused`` asks for the one-kernel form of CPU and CUDA."""
        raise NotImplementedError


OPTIMIZERS: Family[Optimizer] = Family("optimizer")


@OPTIMIZERS.register
class Sgd(Optimizer):
    """Stochastic gradient descent, as torch.optim.SGD."""

    type: Literal["sgd"] = "sgd"
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Share of the last update that is carried on; 0 is plain gradient descent."""
    nesterov: bool = False
    """Look ahead along the momentum, which must not be 0 then."""
    weight_decay: Decay = 0.0
    """L2 penalty, added to the gradient."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "sgd", "lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 5e-4},
        {"type": "sgd", "lr": 0.01},
    )

    @field_validator("nesterov")
    @classmethod
    def _nesterov_has_momentum(cls, nesterov: bool, info: ValidationInfo) -> bool:
        if nesterov and not info.data.get("momentum", 1.0):
            raise ValueError("nesterov needs a momentum greater than 0")
        return nesterov

    def num_state_tensors(self) -> int:
        return 1 if self.momentum else 0

    def build(self, parameters: Iterable[nn.Parameter], *, fused: bool) -> TorchOptimizer:
        from torch.optim import SGD

        return SGD(
            parameters,
            lr=self.lr,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            fused=fused,
        )


@OPTIMIZERS.register
class Adam(Optimizer):
    """Adam (Kingma and Ba, 2015), as torch.optim.Adam."""

    type: Literal["adam"] = "adam"
    betas: Annotated[tuple[Beta, Beta], Field(strict=False)] = (0.9, 0.999)
    """Decay of the running mean of the gradient and of its square."""
    eps: Epsilon = 1e-8
    """Added to the denominator."""
    weight_decay: Decay = 0.0
    """L2 penalty, added to the gradient."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "adam", "lr": 0.001},
        {"type": "adam", "lr": 0.01, "betas": [0.8, 0.99], "eps": 1e-7, "weight_decay": 1e-4},
    )

    def num_state_tensors(self) -> int:
        return 2

    def build(self, parameters: Iterable[nn.Parameter], *, fused: bool) -> TorchOptimizer:
        from torch.optim import Adam as TorchAdam

        return TorchAdam(
            parameters,
            lr=self.lr,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=fused,
        )


@OPTIMIZERS.register
class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019), as torch.optim.AdamW."""

    type: Literal["adamw"] = "adamw"
    betas: Annotated[tuple[Beta, Beta], Field(strict=False)] = (0.9, 0.999)
    """Decay of the running mean of the gradient and of its square."""
    eps: Epsilon = 1e-8
    """Added to the denominator."""
    weight_decay: Decay = 0.01
    """Share of each weight, times the learning rate, that a step takes away."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "adamw", "lr": 0.003, "weight_decay": 0.05},
        {"type": "adamw"},
    )

    def num_state_tensors(self) -> int:
        return 2

    def build(self, parameters: Iterable[nn.Parameter], *, fused: bool) -> TorchOptimizer:
        from torch.optim import AdamW as TorchAdamW

        return TorchAdamW(
            parameters,
            lr=self.lr,
            betas=self.betas,
            eps=self.eps,
            weight_decay=self.weight_decay,
            fused=fused,
        )
