"""Activations with bounds, dead zones and random slopes. Names and defaults are torch's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from trainyard.spec.fields import Number
from trainyard.spec.layers.base import LAYERS, Activation, PlainActivation
from trainyard.spec.shapes import Shape, ShapeError

if TYPE_CHECKING:
    from torch import Tensor, nn


@LAYERS.register
class Hardswish(PlainActivation):
    """x · min(max(x + 3, 0), 6) / 6. As torch.nn.Hardswish."""

    torch_name = "Hardswish"
    type: Literal["hardswish"] = "hardswish"
    examples = ({"type": "hardswish"},)


@LAYERS.register
class Hardsigmoid(PlainActivation):
    """min(max(x + 3, 0), 6) / 6. As torch.nn.Hardsigmoid."""

    torch_name = "Hardsigmoid"
    type: Literal["hardsigmoid"] = "hardsigmoid"
    examples = ({"type": "hardsigmoid"},)


@LAYERS.register
class Hardtanh(Activation):
    """x held between min_val and max_val. As torch.nn.Hardtanh."""

    type: Literal["hardtanh"] = "hardtanh"
    min_val: Number = -1.0
    """Least output."""
    max_val: Number = 1.0
    """Greatest output."""
    examples = ({"type": "hardtanh"}, {"type": "hardtanh", "min_val": 0.0, "max_val": 4.0})
    example_shapes = (((2, 5, 5),),)

    def output_shape(self, *shapes: Shape) -> Shape:
        require_range(self.min_val, self.max_val, "max_val")
        return shapes[0]

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        return nn.Hardtanh(self.min_val, self.max_val)


@LAYERS.register
class Relu6(PlainActivation):
    """min(max(0, x), 6). As torch.nn.ReLU6."""

    torch_name = "ReLU6"
    type: Literal["relu6"] = "relu6"
    examples = ({"type": "relu6"},)


@LAYERS.register
class Softsign(PlainActivation):
    """x / (1 + |x|). As torch.nn.Softsign."""

    torch_name = "Softsign"
    type: Literal["softsign"] = "softsign"
    examples = ({"type": "softsign"},)


@LAYERS.register
class Softshrink(PlainActivation):
    """x moved by `lambd` towards zero, and zero within it. As torch.nn.Softshrink."""

    torch_name = "Softshrink"
    type: Literal["softshrink"] = "softshrink"
    lambd: Annotated[Number, Field(ge=0)] = 0.5
    """Width of the dead zone on either side."""
    examples = ({"type": "softshrink"},)


@LAYERS.register
class Hardshrink(PlainActivation):
    """x where |x| > lambd, else 0. As torch.nn.Hardshrink."""

    torch_name = "Hardshrink"
    type: Literal["hardshrink"] = "hardshrink"
    lambd: Number = 0.5
    """Width of the dead zone on either side."""
    examples = ({"type": "hardshrink"},)


@LAYERS.register
class Tanhshrink(PlainActivation):
    """x - tanh(x). As torch.nn.Tanhshrink."""

    torch_name = "Tanhshrink"
    type: Literal["tanhshrink"] = "tanhshrink"
    examples = ({"type": "tanhshrink"},)


@LAYERS.register
class Threshold(PlainActivation):
    """x where x > threshold, else `value`. As torch.nn.Threshold."""

    torch_name = "Threshold"
    type: Literal["threshold"] = "threshold"
    threshold: Number = 0.0
    """Greatest x that is replaced."""
    value: Number = 0.0
    """What replaces it."""
    examples = ({"type": "threshold"}, {"type": "threshold", "threshold": 0.1, "value": -1.0})


@LAYERS.register
class RRelu(Activation):
    """x where x ≥ 0, else a · x with random a from lower to upper. As torch.nn.RReLU.

    Drawn for each value in training; the middle of the two in inference (Xu et al. 2015).
    """

    type: Literal["rrelu"] = "rrelu"
    lower: Number = 0.125
    """Least slope below zero."""
    upper: Number = 1 / 3
    """Greatest slope below zero."""
    examples = ({"type": "rrelu"}, {"type": "rrelu", "lower": 0.1, "upper": 0.2})
    example_shapes = (((2, 5, 5),),)

    def output_shape(self, *shapes: Shape) -> Shape:
        require_range(self.lower, self.upper, "upper")
        return shapes[0]

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        class RRelu(nn.RReLU):
            def forward(self, x: Tensor) -> Tensor:
                if self.training:
                    return super().forward(x)
                # The same numbers; ONNX has no random slopes, whatever they come to.
                return nn.functional.leaky_relu(x, (self.lower + self.upper) / 2)

        return RRelu(self.lower, self.upper)


def require_range(low: float, high: float, field: str) -> None:
    """ShapeError unless ``low`` is less than ``high``, which is the layer's ``field``."""
    if low < high:
        return
    raise ShapeError(
        f"bounds {low} to {high} are no range for the input",
        expected=f"more than {low}",
        received=str(high),
        field=field,
    )
