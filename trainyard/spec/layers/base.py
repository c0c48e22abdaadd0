"""The protocol of a layer. One class says everything about a layer; see ``conv.py`` for a model.

A layer file holds classes that register themselves in ``LAYERS``. That gives them validation,
shapes, JSON Schema, a catalogue entry and the contract test. How layers are joined is the
graph's business.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import ConfigDict, Field

from trainyard.spec.component import Component, Family
from trainyard.spec.shapes import Shape

if TYPE_CHECKING:
    from torch import Tensor, nn

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$", max_length=100)]


class Layer(Component):
    """One step of a model. Shapes are a sample's, one for each input, without the batch axis."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    name: Name | None = None
    """How other layers refer to this one in their `inputs`."""
    inputs: (
        Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=1000)] | None
    ) = None
    """Names of the layers whose outputs this one takes, "input" being the model's input. \
Absent: the layer before it in the list."""

    # How many inputs the layer takes: at least and at most; None is without a bound.
    num_inputs: ClassVar[tuple[int, int | None]] = (1, 1)
    # Input shapes that the examples are run with, one tuple of shapes for each example; the last
    # serves all examples that follow it.
    example_shapes: ClassVar[tuple[tuple[Shape, ...], ...]] = ()
    # Of the expressions from which its shapes are found: what it costs to look at one.
    num_parts: ClassVar[int] = 0
    # Whether inputs are indices, whole numbers from 0, rather than measured values.
    takes_indices: ClassVar[bool] = False

    @classmethod
    def cases(cls) -> list[tuple[dict[str, Any], tuple[Shape, ...]]]:
        """Each example with its input shapes, for contract tests."""
        shapes = cls.example_shapes
        return [(e, shapes[min(i, len(shapes) - 1)]) for i, e in enumerate(cls.examples)]

    def output_shape(self, *shapes: Shape) -> Shape:
        """The shape of the output.

        Raises:
            ShapeError: the layer does not take these shapes.
        """
        raise NotImplementedError

    def output_shape_of_unknown(self) -> Shape | None:
        """The output's shape when an input's is unknown, where the layer's fields tell it."""
        return None

    def num_params(self, *shapes: Shape) -> int:
        """Trained parameters."""
        return 0

    def parameter_names(self) -> tuple[str, ...]:
        """What the torch module calls its trained parameters; names that it lacks do no harm."""
        return ("weight", "bias")

    def flops(self, *shapes: Shape) -> int:
        """Multiply-adds × 2 of one sample's forward pass.

        Counted as torch.utils.flop_counter does: convolutions and matrix products. Beside those
        pooling by windows counts each value that a window reads as one.
        """
        return 0

    def build(self, *shapes: Shape) -> nn.Module:
        """The torch module; its forward takes one batch (N, *shape) for each input."""
        raise NotImplementedError


class Elementwise(Layer):
    """A layer that keeps the shape of its input."""

    def output_shape(self, *shapes: Shape) -> Shape:
        return shapes[0]


class Activation(Elementwise):
    """A layer that may also stand in the `activation` of another."""


class PlainActivation(Activation):
    """An activation whose fields are the arguments of the torch module ``torch_name``."""

    torch_name: ClassVar[str]
    example_shapes = (((2, 5, 5),),)

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        module: nn.Module = getattr(nn, self.torch_name)(
            **self.model_dump(exclude={"type", "name", "inputs"})
        )
        return module


LAYERS: Family[Layer] = Family("layer", is_definable=True)


def function_module(function: Callable[..., Tensor]) -> nn.Module:
    """A module without parameters that applies ``function`` to its inputs."""
    from torch import nn

    class Function(nn.Module):
        def forward(self, *inputs: Any) -> Any:
            return function(*inputs)

    return Function()
