"""Factors and shifts for each channel, learnt or constant, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from trainyard.spec.fields import Number, expected
from trainyard.spec.layers.base import LAYERS, Elementwise, function_module
from trainyard.spec.shapes import Shape, ShapeError, shape_text

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
        return _affine(shapes[0], self.init_value, weight=True, bias=False)


@LAYERS.register
class Affine(Elementwise):
    """x · weight + bias, one of each a channel: (C, …); starts as the identity."""

    type: Literal["affine"] = "affine"
    weight: bool = True
    """Whether a factor is learnt."""
    bias: bool = True
    """Whether a constant is added."""
    examples = (
        {"type": "affine"},
        {"type": "affine", "bias": False},
        {"type": "affine", "weight": False},
    )
    example_shapes = (((3, 4, 4),), ((5,),))

    @model_validator(mode="after")
    def _learns_something(self) -> Self:
        if not (self.weight or self.bias):
            raise expected("weight or bias, or both")
        return self

    def num_params(self, *shapes: Shape) -> int:
        return shapes[0][0] * (self.weight + self.bias)

    def build(self, *shapes: Shape) -> nn.Module:
        return _affine(shapes[0], 1.0, weight=self.weight, bias=self.bias)


Numbers = Number | Annotated[list[Number], Field(min_length=1, max_length=65536)]


@LAYERS.register
class Rescale(Elementwise):
    """x · scale + offset, constants that are not learnt: (C, …).

    As keras.layers.Rescaling and, with the figures of a dataset, keras.layers.Normalization.
    """

    type: Literal["rescale"] = "rescale"
    scale: Numbers = 1.0
    """The factor, or one for each channel."""
    offset: Numbers = 0.0
    """What is added, or one number for each channel."""
    examples = (
        {"type": "rescale", "scale": 0.5, "offset": -1.0},
        {"type": "rescale", "scale": [0.5, 2.0, 1.0], "offset": [0.0, 1.0, -1.0]},
    )
    example_shapes = (((3, 4, 4),),)

    def output_shape(self, *shapes: Shape) -> Shape:
        for field, numbers in (("scale", self.scale), ("offset", self.offset)):
            if isinstance(numbers, list) and len(numbers) != shapes[0][0]:
                raise ShapeError(
                    f"with {len(numbers)} numbers does not fit the {shape_text(shapes[0])} input",
                    expected=f"{shapes[0][0]} numbers, or one",
                    received=str(len(numbers)),
                    field=field,
                )
        return shapes[0]

    def build(self, *shapes: Shape) -> nn.Module:
        form = (-1, *(1,) * (len(shapes[0]) - 1))

        def rescale(x: Tensor) -> Tensor:
            scale, offset = (
                x.new_tensor(numbers).view(form) if isinstance(numbers, list) else numbers
                for numbers in (self.scale, self.offset)
            )
            return x * scale + offset

        return function_module(rescale)


def _affine(shape: Shape, start: float, *, weight: bool, bias: bool) -> nn.Module:
    import torch
    from torch import nn

    class Affine(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.full(shape[:1], start)) if weight else None
            self.bias = nn.Parameter(torch.zeros(shape[:1])) if bias else None

        def forward(self, x: Tensor) -> Tensor:
            form = (-1, *(1,) * (x.dim() - 2))
            scaled = x if self.weight is None else x * self.weight.view(form)
            return scaled if self.bias is None else scaled + self.bias.view(form)

    return Affine()
