"""Muon: orthogonal steps for matrices, AdamW for all else."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.optimizers.base import (
    OPTIMIZERS,
    Beta,
    Betas,
    Decay,
    Epsilon,
    Optimizer,
    ParameterGroups,
)

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer as TorchOptimizer

# Coefficients of the quintic iteration, and the least norm, of Jordan's post and torch.optim.Muon.
_A, _B, _C, _LEAST_NORM = 3.4445, -4.7750, 2.0315, 1e-7


@OPTIMIZERS.register
class Muon(Optimizer):
    """Muon (Jordan et al., 2024) on matrices, AdamW on vectors, as torch.optim.Muon and AdamW.

    A parameter of two axes or more is taken as a matrix of (its first axis, all others): m =
    lerp(m, g, 1 − momentum), O ≈ UVᵀ of g·(1 − momentum) + m·momentum by Newton–Schulz in
    bfloat16, p −= lr · 0.2·√max(rows, columns) · O. The factor (Liu et al., 2025) gives the
    step the size of AdamW's, so that one rate serves both.
    """

    type: Literal["muon"] = "muon"
    momentum: Beta = 0.95
    """Decay of the running mean of the gradient of matrices."""
    nesterov: bool = True
    """Look ahead along the momentum."""
    ns_steps: Annotated[int, Field(ge=1, le=20)] = 5
    """Newton–Schulz iterations."""
    betas: Betas = (0.9, 0.999)
    """AdamW's, for vectors."""
    eps: Epsilon = 1e-8
    """AdamW's, for vectors."""
    weight_decay: Decay = 0.1
    """Share of each weight, times the learning rate, that a step takes away."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "muon", "lr": 0.002},
        {"type": "muon", "momentum": 0.9, "nesterov": False, "weight_decay": 0.0},
    )

    def num_state_tensors(self) -> int:
        """One for each entry of a matrix; vectors, which have two, are few beside them."""
        return 1

    def scratch_values(self, sizes: Sequence[int], *, together: bool) -> int:
        # The update, its form in 16 bits, and that in 32 before and after its factor.
        return (7 if self.nesterov else 5) * max(sizes, default=0) // 2

    def build(self, parameters: ParameterGroups, *, fused: bool) -> TorchOptimizer:
        from trainyard.spec.optimizers.rule import by_rule

        return by_rule(parameters, self.model_dump(exclude={"type", "groups"}), _step)


def _step(
    parameter: Tensor, gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]
) -> None:
    from trainyard.spec.optimizers.rule import moments

    lr = group["lr"]
    parameter.mul_(1 - lr * group["weight_decay"])
    if parameter.dim() >= 2:
        parameter.add_(_orthogonal_step(gradient, state, group), alpha=-lr)
    else:
        parameter.add_(moments(gradient, state, group["betas"], group["eps"]), alpha=-lr)


def _orthogonal_step(gradient: Tensor, state: dict[str, Tensor], group: dict[str, Any]) -> Tensor:
    import torch

    momentum = group["momentum"]
    if not state:
        state["momentum_buffer"] = torch.zeros_like(gradient)
    mean = state["momentum_buffer"].lerp_(gradient, 1 - momentum)
    update = gradient.lerp(mean, momentum) if group["nesterov"] else mean
    matrix = update.flatten(1)
    step = _orthogonalised(matrix, group["ns_steps"]).view(gradient.shape)
    return step.to(gradient.dtype) * (0.2 * math.sqrt(max(matrix.shape)))


def _orthogonalised(matrix: Tensor, num_steps: int) -> Tensor:
    """UVᵀ of the matrix's singular value decomposition, nearly, in bfloat16."""
    import torch

    x = matrix.bfloat16()
    is_tall = x.shape[0] > x.shape[1]
    x = x.T if is_tall else x
    x = x / x.norm().clamp(min=_LEAST_NORM)
    for _ in range(num_steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=_B, alpha=_C), x, beta=_A)
    return (x.T if is_tall else x).contiguous()
