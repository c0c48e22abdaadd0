"""Activations: functions of each value by itself. Names and defaults are torch's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from trainyard.spec.fields import Number, PositiveNumber, Size
from trainyard.spec.layers.base import LAYERS, Activation, PlainActivation
from trainyard.spec.shapes import Shape, ShapeError, shape_text

if TYPE_CHECKING:
    from torch import nn


@LAYERS.register
class Relu(PlainActivation):
    """max(0, x). As torch.nn.ReLU."""

    torch_name = "ReLU"
    type: Literal["relu"] = "relu"
    examples = ({"type": "relu"}, {"type": "relu", "name": "act1"})


@LAYERS.register
class LeakyRelu(PlainActivation):
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
class Elu(PlainActivation):
    """x where x > 0, else alpha · (exp(x) - 1). As torch.nn.ELU."""

    torch_name = "ELU"
    type: Literal["elu"] = "elu"
    alpha: Number = 1.0
    """Height of the plateau below zero."""
    examples = ({"type": "elu"}, {"type": "elu", "alpha": 0.5})


@LAYERS.register
class Selu(PlainActivation):
    """Scaled ELU that keeps mean 0 and variance 1 (Klambauer et al. 2017). As torch.nn.SELU."""

    torch_name = "SELU"
    type: Literal["selu"] = "selu"
    examples = ({"type": "selu"},)


@LAYERS.register
class Celu(PlainActivation):
    """max(0, x) + min(0, alpha · (exp(x / alpha) - 1)). As torch.nn.CELU."""

    torch_name = "CELU"
    type: Literal["celu"] = "celu"
    alpha: PositiveNumber = 1.0
    """Scale below zero."""
    examples = ({"type": "celu"}, {"type": "celu", "alpha": 2.0})


@LAYERS.register
class Gelu(PlainActivation):
    """x · Φ(x), Φ being the normal distribution's function. As torch.nn.GELU."""

    torch_name = "GELU"
    type: Literal["gelu"] = "gelu"
    approximate: Literal["none", "tanh"] = "none"
    """`tanh` takes the usual approximation of Φ."""
    examples = ({"type": "gelu"}, {"type": "gelu", "approximate": "tanh"})


@LAYERS.register
class Silu(PlainActivation):
    """x · sigmoid(x), also called swish. As torch.nn.SiLU."""

    torch_name = "SiLU"
    type: Literal["silu"] = "silu"
    examples = ({"type": "silu"},)


@LAYERS.register
class Mish(PlainActivation):
    """x · tanh(softplus(x)). As torch.nn.Mish."""

    torch_name = "Mish"
    type: Literal["mish"] = "mish"
    examples = ({"type": "mish"},)


@LAYERS.register
class Sigmoid(PlainActivation):
    """1 / (1 + exp(-x)). As torch.nn.Sigmoid."""

    torch_name = "Sigmoid"
    type: Literal["sigmoid"] = "sigmoid"
    examples = ({"type": "sigmoid"},)


@LAYERS.register
class LogSigmoid(PlainActivation):
    """log(1 / (1 + exp(-x))). As torch.nn.LogSigmoid."""

    torch_name = "LogSigmoid"
    type: Literal["log_sigmoid"] = "log_sigmoid"
    examples = ({"type": "log_sigmoid"},)


@LAYERS.register
class Tanh(PlainActivation):
    """Hyperbolic tangent. As torch.nn.Tanh."""

    torch_name = "Tanh"
    type: Literal["tanh"] = "tanh"
    examples = ({"type": "tanh"},)


@LAYERS.register
class Softplus(PlainActivation):
    """log(1 + exp(beta · x)) / beta, the line itself above `threshold`. As torch.nn.Softplus."""

    torch_name = "Softplus"
    type: Literal["softplus"] = "softplus"
    beta: PositiveNumber = 1.0
    """Sharpness of the bend."""
    threshold: Number = 20.0
    """Where beta · x is greater, the output is x."""
    examples = ({"type": "softplus"}, {"type": "softplus", "beta": 2.0})


@LAYERS.register
class Identity(PlainActivation):
    """The input itself. As torch.nn.Identity."""

    torch_name = "Identity"
    type: Literal["identity"] = "identity"
    examples = ({"type": "identity"},)
