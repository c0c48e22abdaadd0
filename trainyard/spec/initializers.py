"""Initialisers by name: how weights start. Names and formulas are those of torch.nn.init.

A layer applies them in its ``build`` through ``initialise``; they draw from torch's generator, so
``torch.manual_seed`` decides the values. Without one, weights start as torch starts them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from trainyard.spec.component import Component, Family
from trainyard.spec.fields import Number

if TYPE_CHECKING:
    from torch import Tensor, nn

Spread = Annotated[float, Field(gt=0.0, le=1000.0)]


class Initializer(Component):
    """Base of the initialisers of weights. Fields are the arguments of ``torch.nn.init``'s."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    torch_name: ClassVar[str]

    def apply(self, weight: Tensor) -> None:
        """Fills the tensor in place."""
        from torch.nn import init

        getattr(init, self.torch_name)(weight, **self.model_dump(exclude={"type"}))


class PlainInitializer(Initializer):
    """One that needs no fans, so that it serves tensors of any rank: biases too."""


INITIALIZERS: Family[Initializer] = Family("initialiser", is_definable=True)


def initialise(
    module: nn.Module, init: Initializer | None, bias_init: PlainInitializer | None
) -> nn.Module:
    """The module with its matrices filled by ``init`` and its biases by ``bias_init``.

    Matrices are parameters of two axes or more; vectors whose name has no ``bias`` stay.
    """
    for name, parameter in module.named_parameters():
        if init is not None and parameter.dim() >= 2:
            init.apply(parameter)
        elif bias_init is not None and parameter.dim() == 1 and "bias" in name.rpartition(".")[2]:
            bias_init.apply(parameter)
    return module


class _Kaiming(Initializer):
    """He et al. 2015: a spread that keeps the variance through rectifiers."""

    a: Number = 0.0
    """Slope below zero of the leaky_relu that follows."""
    mode: Literal["fan_in", "fan_out"] = "fan_in"
    """`fan_in` keeps the variance in the forward pass, `fan_out` in the backward one."""
    nonlinearity: Literal["linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"] = "relu"
    """What follows the layer, for the gain; `linear` with `fan_in` is LeCun's."""
    examples: ClassVar[tuple[dict[str, Any], ...]] = ()


@INITIALIZERS.register
class KaimingNormal(_Kaiming):
    """Normal with deviation gain / sqrt(fan). As torch.nn.init.kaiming_normal_."""

    torch_name = "kaiming_normal_"
    type: Literal["kaiming_normal"] = "kaiming_normal"
    examples = (
        {"type": "kaiming_normal"},
        {"type": "kaiming_normal", "mode": "fan_out", "nonlinearity": "leaky_relu", "a": 0.2},
    )


@INITIALIZERS.register
class KaimingUniform(_Kaiming):
    """Uniform within ± gain · sqrt(3 / fan). As torch.nn.init.kaiming_uniform_."""

    torch_name = "kaiming_uniform_"
    type: Literal["kaiming_uniform"] = "kaiming_uniform"
    examples = ({"type": "kaiming_uniform"},)


class _Xavier(Initializer):
    """Glorot & Bengio 2010: a spread between those that suit the two passes."""

    gain: Spread = 1.0
    """Factor for the activation that follows."""


@INITIALIZERS.register
class XavierNormal(_Xavier):
    """Normal with deviation gain · sqrt(2 / (fan_in + fan_out)). As torch's xavier_normal_."""

    torch_name = "xavier_normal_"
    type: Literal["xavier_normal"] = "xavier_normal"
    examples = ({"type": "xavier_normal"},)


@INITIALIZERS.register
class XavierUniform(_Xavier):
    """Uniform within ± gain · sqrt(6 / (fan_in + fan_out)). As torch's xavier_uniform_."""

    torch_name = "xavier_uniform_"
    type: Literal["xavier_uniform"] = "xavier_uniform"
    examples = ({"type": "xavier_uniform"}, {"type": "xavier_uniform", "gain": 0.5})


@INITIALIZERS.register
class Orthogonal(Initializer):
    """Orthogonal rows or columns times gain (Saxe et al. 2013). As torch.nn.init.orthogonal_."""

    torch_name = "orthogonal_"
    type: Literal["orthogonal"] = "orthogonal"
    gain: Spread = 1.0
    """Factor for the activation that follows."""
    examples = ({"type": "orthogonal"},)


@INITIALIZERS.register
class Normal(PlainInitializer):
    """Normal distribution. As torch.nn.init.normal_, but for the deviation's default."""

    torch_name = "normal_"
    type: Literal["normal"] = "normal"
    mean: Number = 0.0
    """Its mean."""
    std: Spread = 0.02
    """Its standard deviation; torch's default of 1 is no start for a network."""
    examples = ({"type": "normal"}, {"type": "normal", "std": 0.1})


@INITIALIZERS.register
class TruncNormal(PlainInitializer):
    """Normal drawn anew beyond a and b. As torch.nn.init.trunc_normal_, but for std's default."""

    torch_name = "trunc_normal_"
    type: Literal["trunc_normal"] = "trunc_normal"
    mean: Number = 0.0
    """Mean before the cut."""
    std: Spread = 0.02
    """Deviation before the cut; 0.02 as in ViT and ConvNeXt."""
    a: Number = -2.0
    """Least value."""
    b: Number = 2.0
    """Greatest value."""
    examples = ({"type": "trunc_normal"}, {"type": "trunc_normal", "std": 0.1, "a": -0.2})


@INITIALIZERS.register
class Uniform(PlainInitializer):
    """Uniform from a to b. As torch.nn.init.uniform_, but for the defaults."""

    torch_name = "uniform_"
    type: Literal["uniform"] = "uniform"
    a: Number = -0.05
    """Least value."""
    b: Number = 0.05
    """Greatest value."""
    examples = ({"type": "uniform"}, {"type": "uniform", "a": 0.0, "b": 1.0})


@INITIALIZERS.register
class Constant(PlainInitializer):
    """The same value everywhere. As torch.nn.init.constant_."""

    torch_name = "constant_"
    type: Literal["constant"] = "constant"
    val: Number
    """That value."""
    examples = ({"type": "constant", "val": 0.1},)


@INITIALIZERS.register
class Zeros(PlainInitializer):
    """Zero everywhere. As torch.nn.init.zeros_."""

    torch_name = "zeros_"
    type: Literal["zeros"] = "zeros"
    examples = ({"type": "zeros"},)


@INITIALIZERS.register
class Ones(PlainInitializer):
    """One everywhere. As torch.nn.init.ones_."""

    torch_name = "ones_"
    type: Literal["ones"] = "ones"
    examples = ({"type": "ones"},)
