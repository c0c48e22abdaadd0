"""Learnt factors and shifts for each channel, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from trainyard.spec.fields import Number
from trainyard.spec.layers.base import LAYERS, Elementwise
from trainyard.spec.shapes import Shape

if TYPE_CHECKING:
    from torch import Tensor, nn


@LAYERS.register
class LayerScale(Elementwise):
    """x · weight, one weight a channel, that starts near zero: (C, …). Touvron et al. 2021."""

    type: Literal["layer_scale"] = "layer_scale"
    init_value: Number = 1e-6
    """Weight at the start."""
    examples = ({"type": "layer_scale"}, {"type": "layer_scale", "init_value": 0.1})
    example_shapes = (((3, 4, 4),), ((5,),))

    def num_params(self, *shapes: Shape) -> int:
        return shapes[0][0]

    def build(self, *shapes: Shape) -> nn.Module:
        return _affine(shapes[0], self.init_value, bias=False)


@LAYERS.register
class Affine(Elementwise):
    """x · weight + bias, one of each a channel: (C, …); starts as the identity."""

    type: Literal["affine"] = "affine"
    bias: bool = True
    """Whether a constant is added."""
    examples = ({"type": "affine"}, {"type": "affine", "bias": False})
    example_shapes = (((3, 4, 4),), ((5,),))

    def num_params(self, *shapes: Shape) -> int:
        return shapes[0][0] * (1 + self.bias)

    def build(self, *shapes: Shape) -> nn.Module:
        return _affine(shapes[0], 1.0, bias=self.bias)


def _affine(shape: Shape, start: float, *, bias: bool) -> nn.Module:
    import torch
    from torch import nn

    class Affine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.full(shape[:1], start))
            self.bias = nn.Parameter(torch.zeros(shape[:1])) if bias else None

        def forward(self, x: Tensor) -> Tensor:
            form = (-1, *(1,) * (x.dim() - 2))
            scaled = x * self.weight.view(form)
            return scaled if self.bias is None else scaled + self.bias.view(form)

    return Affine()
