"""Optimizers that scale the gradient itself: SGD, RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from trainyard.spec.optimizers.base import OPTIMIZERS, Decay, Epsilon, FromTorch, Rate

Momentum = Annotated[float, Field(ge=0.0, lt=1.0)]


@OPTIMIZERS.register
class Sgd(FromTorch):
    """Stochastic gradient descent, as torch.optim.SGD."""

    type: Literal["sgd"] = "sgd"
    momentum: Momentum = 0.0
    """Share of the last update that is carried on; 0 is plain gradient descent."""
    nesterov: bool = False
    """Look ahead along the momentum, which must not be 0 then."""
    weight_decay: Decay = 0.0
    """L2 penalty, added to the gradient."""

    torch_name: ClassVar[str] = "SGD"
    can_fuse: ClassVar[bool] = True
    unusual_lr: ClassVar[float] = 2.0
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
        return int(_has_momentum(self))


@OPTIMIZERS.register
class RmsProp(FromTorch):
    """RMSprop (Hinton's lecture 6e, 2012), as torch.optim.RMSprop.

    v = alpha·v + (1 − alpha)·g²;  p −= lr·g / (√v + eps)
    """

    type: Literal["rmsprop"] = "rmsprop"
    lr: Rate = 0.01
    """Learning rate that the schedule's factor multiplies."""
    alpha: Momentum = 0.99
    """Decay of the running mean of the squared gradient."""
    eps: Epsilon = 1e-8
    """Added to the denominator."""
    momentum: Momentum = 0.0
    """Share of the last update that is carried on."""
    centered: bool = False
    """Divide by the deviation about the mean gradient instead of its square."""
    weight_decay: Decay = 0.0
    """L2 penalty, added to the gradient."""

    torch_name: ClassVar[str] = "RMSprop"
    scratch: ClassVar[tuple[int, int]] = (1, 1)
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "rmsprop", "lr": 0.001},
        {"type": "rmsprop", "alpha": 0.9, "momentum": 0.9, "centered": True, "weight_decay": 1e-5},
    )

    def num_state_tensors(self) -> int:
        return 1 + _has_momentum(self) + self.centered


@OPTIMIZERS.register
class Adagrad(FromTorch):
    """Adagrad (Duchi et al., 2011), as torch.optim.Adagrad.

    s += g²;  p −= lr / (1 + t·lr_decay) · g / (√s + eps)
    """

    type: Literal["adagrad"] = "adagrad"
    lr: Rate = 0.01
    """Learning rate that the schedule's factor multiplies."""
    lr_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    """The rate of step t, from 0, is divided by 1 + t·lr_decay."""
    initial_accumulator_value: Annotated[float, Field(ge=0.0, le=1e6)] = 0.0
    """The sum of squares at the start."""
    eps: Epsilon = 1e-10
    """Added to the denominator."""
    weight_decay: Decay = 0.0
    """L2 penalty, added to the gradient."""

    torch_name: ClassVar[str] = "Adagrad"
    scratch: ClassVar[tuple[int, int]] = (1, 1)
    unusual_lr: ClassVar[float] = 1.0
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "adagrad"},
        {"type": "adagrad", "lr": 0.1, "lr_decay": 0.001, "initial_accumulator_value": 0.1},
    )

    def num_state_tensors(self) -> int:
        return 1


@OPTIMIZERS.register
class Adadelta(FromTorch):
    """Adadelta (Zeiler, 2012), as torch.optim.Adadelta; its rate is 1 by design.

    v = rho·v + (1 − rho)·g²;  d = √(u + eps) / √(v + eps) · g;  u = rho·u + (1 − rho)·d²;
    p −= lr·d
    """

    type: Literal["adadelta"] = "adadelta"
    lr: Rate = 1.0
    """Learning rate that the schedule's factor multiplies."""
    rho: Momentum = 0.9
    """Decay of both running means of squares."""
    eps: Epsilon = 1e-6
    """Added under both roots."""
    weight_decay: Decay = 0.0
    """L2 penalty, added to the gradient."""

    torch_name: ClassVar[str] = "Adadelta"
    scratch: ClassVar[tuple[int, int]] = (2, 2)
    unusual_lr: ClassVar[float] = 10.0
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "adadelta"},
        {"type": "adadelta", "lr": 0.5, "rho": 0.95, "weight_decay": 1e-4},
    )

    def num_state_tensors(self) -> int:
        return 2


def _has_momentum(optimizer: Sgd | RmsProp) -> bool:
    """Whether the optimizer, or one of its groups, keeps a momentum."""
    return optimizer.momentum > 0 or any(group.momentum for group in optimizer.groups)
