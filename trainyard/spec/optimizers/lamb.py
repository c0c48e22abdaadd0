"""LAMB: Adam with a trust ratio for each tensor, made for large batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainyard.spec.optimizers.base import (
    OPTIMIZERS,
    Betas,
    Decay,
    Epsilon,
    Optimizer,
    ParameterGroups,
)

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer as TorchOptimizer


@OPTIMIZERS.register
class Lamb(Optimizer):
    """LAMB (You et al., 2020, algorithm 2, with φ(z) = z and bias correction).

    r = m̂ / (√v̂ + eps) + weight_decay·p;  p −= lr · ‖p‖ / ‖r‖ · r. The ratio is 1 where either
    norm is 0.
    """

    type: Literal["lamb"] = "lamb"
    betas: Betas = (0.9, 0.999)
    """Decay of the running mean of the gradient and of its square."""
    eps: Epsilon = 1e-6
    """Added to the denominator."""
    weight_decay: Decay = 0.01
    """Share of each weight that joins the direction before its norm is taken."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "lamb", "lr": 0.01},
        {"type": "lamb", "lr": 0.005, "betas": [0.8, 0.99], "weight_decay": 0.0},
    )

    def num_state_tensors(self) -> int:
        return 2

    def scratch_values(self, sizes: Sequence[int], *, together: bool) -> int:
        return 2 * max(sizes, default=0)

    def build(self, parameters: ParameterGroups, *, fused: bool) -> TorchOptimizer:
        from trainyard.spec.optimizers.rule import by_rule

        return by_rule(parameters, self.model_dump(exclude={"type", "groups"}), _lamb)


def _lamb(
    parameter: Tensor, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]
) -> None:
    import torch

    from trainyard.spec.optimizers.rule import moments

    direction = moments(gradient, state, group["betas"], group["eps"])
    direction.add_(parameter, alpha=group["weight_decay"])
    weight_norm, step_norm = parameter.norm(), direction.norm()
    ratio = torch.where((weight_norm > 0) & (step_norm > 0), weight_norm / step_norm, 1.0)
    parameter.sub_(direction * (group["lr"] * ratio))
