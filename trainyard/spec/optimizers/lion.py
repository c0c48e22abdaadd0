"""Lion: steps of equal size along the sign of the momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainyard.spec.optimizers.base import (
    OPTIMIZERS,
    Betas,
    Decay,
    Optimizer,
    ParameterGroups,
    Rate,
)

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer as TorchOptimizer


@OPTIMIZERS.register
class Lion(Optimizer):
    """Lion (Chen et al., 2023, «Symbolic Discovery of Optimization Algorithms», algorithm 2).

    p −= lr·(sign(b1·m + (1 − b1)·g) + weight_decay·p);  m = b2·m + (1 − b2)·g. Its rate is 3 to
    10 times smaller than Adam's, its decay as many times larger.
    """

    type: Literal["lion"] = "lion"
    lr: Rate = 1e-4
    """Learning rate that the schedule's factor multiplies."""
    betas: Betas = (0.9, 0.99)
    """Share of the momentum in the step, and decay of the momentum."""
    weight_decay: Decay = 0.0
    """Share of each weight, times the learning rate, that a step takes away."""

    unusual_lr: ClassVar[float] = 0.01
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "lion"},
        {"type": "lion", "lr": 3e-4, "betas": [0.95, 0.98], "weight_decay": 0.1},
    )

    def num_state_tensors(self) -> int:
        return 1

    def scratch_values(self, sizes: Sequence[int], *, together: bool) -> int:
        return max(sizes, default=0)

    def build(self, parameters: ParameterGroups, *, fused: bool) -> TorchOptimizer:
        from trainyard.spec.optimizers.rule import by_rule

        defaults = self.model_dump(exclude={"type", "groups"})
        return by_rule(parameters, defaults, _lion)


def _lion(
    parameter: Tensor, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]
) -> None:
    import torch

    if not state:
        state["exp_avg"] = torch.zeros_like(parameter)
    mean, lr, (b1, b2) = state["exp_avg"], group["lr"], group["betas"]
    parameter.mul_(1 - lr * group["weight_decay"])
    parameter.add_(mean.lerp(gradient, 1 - b1).sign_(), alpha=-lr)
    mean.lerp_(gradient, 1 - b2)
