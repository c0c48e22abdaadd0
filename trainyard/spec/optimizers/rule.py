"""A torch optimizer from one rule for one parameter, for those that torch does not have."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from trainyard.spec.optimizers.base import ParameterGroups

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer as TorchOptimizer

    # (parameter, gradient, state, group's figures): changes parameter and state in place.
    Rule = Callable[[Tensor, Tensor, dict[str, Tensor], dict[str, Any]], None]


def by_rule(parameters: ParameterGroups, defaults: dict[str, Any], rule: Rule) -> TorchOptimizer:
    """Calls ``rule`` for every parameter that has a gradient.

    ``state`` is empty at first and holds nothing but tensors; ``defaults`` are the figures of
    groups that have none of their own.
    """
    import torch

    class ByRule(torch.optim.Optimizer):
        @torch.no_grad()
        def step(self, closure: Any = None) -> None:  # type: ignore[override]
            assert closure is None, "the engine steps without a closure"
            for group in self.param_groups:
                for parameter in group["params"]:
                    if parameter.grad is not None:
                        rule(parameter, parameter.grad, self.state[parameter], group)

    return ByRule(parameters, defaults)


def moments(
    gradient: Tensor, state: dict[str, Tensor], betas: tuple[float, float], eps: float
) -> Tensor:
    """Adam's direction: m̂ / (√v̂ + eps), the running means being moved by this gradient."""
    import torch

    if not state:
        state["step"] = torch.zeros(())
        state["exp_avg"] = torch.zeros_like(gradient)
        state["exp_avg_sq"] = torch.zeros_like(gradient)
    state["step"] += 1
    step = state["step"].item()
    mean = state["exp_avg"].lerp_(gradient, 1 - betas[0])
    square = state["exp_avg_sq"].mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
    root = (square / (1 - betas[1] ** step)).sqrt_().add_(eps)
    return (mean / (1 - betas[0] ** step)).div_(root)
