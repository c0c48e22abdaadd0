"""Activations: functions of each value by itself, and softmax. Names and defaults are torch's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.component import OneOf
from trainyard.spec.fields import Axis, Number, PositiveNumber, Size
from trainyard.spec.layers.base import LAYERS, Activation, Layer
from trainyard.spec.shapes import Shape, ShapeError, shape_text

if TYPE_CHECKING:
    from torch import nn


class _Plain(Activation):
    """An activation whose fields are the arguments of the torch module ``torch_name``."""

    torch_name: ClassVar[str]
    example_shapes = (((2, 5, 5),),)

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        module: nn.Module = getattr(nn, self.torch_name)(
            **self.model_dump(exclude={"type", "name", "inputs"})
        )
        return module


@LAYERS.register
class Relu(_Plain):
    """max(0, x). As torch.nn.ReLU."""

    torch_name = "ReLU"
    type: Literal["relu"] = "relu"
    examples = ({"type": "relu"}, {"type": "relu", "name": "act1"})


@LAYERS.register
class LeakyRelu(_Plain):
    """x where x ≥ 0, else negative_slope · x. As torch.nn.LeakyReLU."""

    torch_name = "LeakyReLU"
    type: Literal["leaky_relu"] = "leaky_relu"
    negative_slope: Number = 0.01
    """Slope below zero."""
    examples = ({"type": "leaky_relu"}, {"type": "leaky_relu", "negative_slope": 0.2})


@LAYERS.register
class PRelu(Activation):
    """x where x ≥ 0, else a · x with a learnt `a`. As torch.nn.PReLU."""

    type: Literal["prelu"] = "prelu"
    num_parameters: Size = 1
    """1 for one slope in all, or the number of channels for one slope each."""
    init: Number = 0.25
    """Slope at the start."""
    examples = ({"type": "prelu"}, {"type": "prelu", "num_parameters": 2, "init": 0.1})
    example_shapes = (((2, 5, 5),),)

    def output_shape(self, *shapes: Shape) -> Shape:
        channels = shapes[0][0]
        if self.num_parameters not in (1, channels):
            raise ShapeError(
                f"with {self.num_parameters} slopes does not fit the {shape_text(shapes[0])} input",
                expected=f"1 or {channels}",
                received=str(self.num_parameters),
                field="num_parameters",
            )
        return shapes[0]

    def num_params(self, *shapes: Shape) -> int:
        return self.num_parameters

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        return nn.PReLU(self.num_parameters, self.init)


@LAYERS.register
class Elu(_Plain):
    """x where x > 0, else alpha · (exp(x) - 1). As torch.nn.ELU."""

    torch_name = "ELU"
    type: Literal["elu"] = "elu"
    alpha: Number = 1.0
    """Height of the plateau below zero."""
    examples = ({"type": "elu"}, {"type": "elu", "alpha": 0.5})


@LAYERS.register
class Selu(_Plain):
    """Scaled ELU that keeps mean 0 and variance 1 (Klambauer et al. 2017). As torch.nn.SELU."""

    torch_name = "SELU"
    type: Literal["selu"] = "selu"
    examples = ({"type": "selu"},)


@LAYERS.register
class Celu(_Plain):
    """max(0, x) + min(0, alpha · (exp(x / alpha) - 1)). As torch.nn.CELU."""

    torch_name = "CELU"
    type: Literal["celu"] = "celu"
    alpha: PositiveNumber = 1.0
    """Scale below zero."""
    examples = ({"type": "celu"}, {"type": "celu", "alpha": 2.0})


@LAYERS.register
class Gelu(_Plain):
    """x · Φ(x), Φ being the normal distribution's function. As torch.nn.GELU."""

    torch_name = "GELU"
    type: Literal["gelu"] = "gelu"
    approximate: Literal["none", "tanh"] = "none"
    """`tanh` takes the usual approximation of Φ."""
    examples = ({"type": "gelu"}, {"type": "gelu", "approximate": "tanh"})


@LAYERS.register
class Silu(_Plain):
    """x · sigmoid(x), also called swish. As torch.nn.SiLU."""

    torch_name = "SiLU"
    type: Literal["silu"] = "silu"
    examples = ({"type": "silu"},)


@LAYERS.register
class Mish(_Plain):
    """x · tanh(softplus(x)). As torch.nn.Mish."""

    torch_name = "Mish"
    type: Literal["mish"] = "mish"
    examples = ({"type": "mish"},)


@LAYERS.register
class Sigmoid(_Plain):
    """1 / (1 + exp(-x)). As torch.nn.Sigmoid."""

    torch_name = "Sigmoid"
    type: Literal["sigmoid"] = "sigmoid"
    examples = ({"type": "sigmoid"},)


@LAYERS.register
class LogSigmoid(_Plain):
    """log(1 / (1 + exp(-x))). As torch.nn.LogSigmoid."""

    torch_name = "LogSigmoid"
    type: Literal["log_sigmoid"] = "log_sigmoid"
    examples = ({"type": "log_sigmoid"},)


@LAYERS.register
class Tanh(_Plain):
    """Hyperbolic tangent. As torch.nn.Tanh."""

    torch_name = "Tanh"
    type: Literal["tanh"] = "tanh"
    examples = ({"type": "tanh"},)


@LAYERS.register
class Hardswish(_Plain):
    """x · min(max(x + 3, 0), 6) / 6. As torch.nn.Hardswish."""

    torch_name = "Hardswish"
    type: Literal["hardswish"] = "hardswish"
    examples = ({"type": "hardswish"},)


@LAYERS.register
class Hardsigmoid(_Plain):
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
        if self.max_val <= self.min_val:
            raise ShapeError(
                f"bounds {self.min_val} to {self.max_val} are no range for the input",
                expected=f"more than {self.min_val}",
                received=str(self.max_val),
                field="max_val",
            )
        return shapes[0]

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        return nn.Hardtanh(self.min_val, self.max_val)


@LAYERS.register
class Relu6(_Plain):
    """min(max(0, x), 6). As torch.nn.ReLU6."""

    torch_name = "ReLU6"
    type: Literal["relu6"] = "relu6"
    examples = ({"type": "relu6"},)


@LAYERS.register
class Softplus(_Plain):
    """log(1 + exp(beta · x)) / beta, the line itself above `threshold`. As torch.nn.Softplus."""

    torch_name = "Softplus"
    type: Literal["softplus"] = "softplus"
    beta: PositiveNumber = 1.0
    """Sharpness of the bend."""
    threshold: Number = 20.0
    """Where beta · x is greater, the output is x."""
    examples = ({"type": "softplus"}, {"type": "softplus", "beta": 2.0})


@LAYERS.register
class Softsign(_Plain):
    """x / (1 + |x|). As torch.nn.Softsign."""

    torch_name = "Softsign"
    type: Literal["softsign"] = "softsign"
    examples = ({"type": "softsign"},)


@LAYERS.register
class Softshrink(_Plain):
    """x moved by `lambd` towards zero, and zero within it. As torch.nn.Softshrink."""

    torch_name = "Softshrink"
    type: Literal["softshrink"] = "softshrink"
    lambd: Annotated[Number, Field(ge=0)] = 0.5
    """Width of the dead zone on either side."""
    examples = ({"type": "softshrink"},)


@LAYERS.register
class Hardshrink(_Plain):
    """x where |x| > lambd, else 0. As torch.nn.Hardshrink."""

    torch_name = "Hardshrink"
    type: Literal["hardshrink"] = "hardshrink"
    lambd: Number = 0.5
    """Width of the dead zone on either side."""
    examples = ({"type": "hardshrink"},)


@LAYERS.register
class Tanhshrink(_Plain):
    """x - tanh(x). As torch.nn.Tanhshrink."""

    torch_name = "Tanhshrink"
    type: Literal["tanhshrink"] = "tanhshrink"
    examples = ({"type": "tanhshrink"},)


@LAYERS.register
class Identity(_Plain):
    """The input itself. As torch.nn.Identity."""

    torch_name = "Identity"
    type: Literal["identity"] = "identity"
    examples = ({"type": "identity"},)


class _AlongAxis(_Plain):
    """An activation over one axis."""

    dim: Axis = 1
    """Axis that the values are taken along, the batch axis being 0 as in torch; -1 is the last."""

    def output_shape(self, *shapes: Shape) -> Shape:
        rank = len(shapes[0]) + 1
        if self.dim == 0 or not -rank < self.dim < rank:
            raise ShapeError(
                f"over axis {self.dim} does not fit the {shape_text(shapes[0])} input",
                expected=f"an axis from 1 to {rank - 1}, or -{rank - 1} to -1",
                received=str(self.dim),
                field="dim",
            )
        return shapes[0]


@LAYERS.register
class Softmax(_AlongAxis):
    """exp(x) / sum(exp(x)) over the channels or classes. As torch.nn.Softmax(dim=1)."""

    torch_name = "Softmax"
    type: Literal["softmax"] = "softmax"
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "softmax"},
        {"type": "softmax", "dim": -1},
    )


@LAYERS.register
class LogSoftmax(_AlongAxis):
    """log(exp(x) / sum(exp(x))) over the channels or classes. As torch.nn.LogSoftmax(dim=1)."""

    torch_name = "LogSoftmax"
    type: Literal["log_softmax"] = "log_softmax"
    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "log_softmax"},
        {"type": "log_softmax", "dim": 2},
    )


class WithActivation(Layer):
    """A layer with the short form `activation` for the activation layer after it."""

    activation: (
        Annotated[Activation, OneOf(LAYERS, Activation, "activation", by_name=True)] | None
    ) = None
    """Short form for the activation layer after this one: its name, or an object with `type`."""
