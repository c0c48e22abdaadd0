"""Activations over one axis: softmax in its forms, and gated linear units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainyard.spec.fields import Axis
from trainyard.spec.layers.base import LAYERS, Layer, PlainActivation
from trainyard.spec.shapes import Shape, ShapeError, require_rank, sample_axis, shape_text

if TYPE_CHECKING:
    from torch import nn


class _AlongAxis(PlainActivation):
    """An activation over one axis."""

    dim: Axis = 1
    """Axis that the values are taken along, the batch axis being 0 as in torch; -1 is the last."""

    def output_shape(self, *shapes: Shape) -> Shape:
        sample_axis(shapes[0], self.dim)
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


@LAYERS.register
class Softmin(_AlongAxis):
    """exp(-x) / sum(exp(-x)) over the channels or classes. As torch.nn.Softmin(dim=1)."""

    torch_name = "Softmin"
    type: Literal["softmin"] = "softmin"
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "softmin"},)


@LAYERS.register
class Softmax2d(PlainActivation):
    """Softmax over the channels of each pixel: (C, H, W). As torch.nn.Softmax2d."""

    torch_name = "Softmax2d"
    type: Literal["softmax2d"] = "softmax2d"
    examples = ({"type": "softmax2d"},)

    def output_shape(self, *shapes: Shape) -> Shape:
        require_rank(shapes[0], 3)
        return shapes[0]


@LAYERS.register
class Glu(Layer):
    """a · sigmoid(b), a and b being the halves of one axis: (2·C, …) → (C, …). As torch.nn.GLU."""

    type: Literal["glu"] = "glu"
    dim: Axis = 1
    """Axis to halve, the batch axis being 0 as in torch; 1 is the channels."""
    examples = ({"type": "glu"}, {"type": "glu", "dim": -1})
    example_shapes = (((4, 5, 5),), ((3, 6),))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = sample_axis(shape, self.dim)
        if shape[axis] % 2:
            raise ShapeError(
                f"cannot halve axis {self.dim} of the {shape_text(shape)} input",
                expected="an even length",
                received=str(shape[axis]),
                field="dim",
            )
        return (*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        return nn.GLU(self.dim)
