"""Normalisation layers. Names and defaults are torch's; the number of channels is found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from trainyard.spec.fields import AxisSizes, Size
from trainyard.spec.layers.base import LAYERS, Elementwise
from trainyard.spec.shapes import Shape, ShapeError, numel, require_rank, shape_text

if TYPE_CHECKING:
    from torch import nn

Eps = Annotated[float, Field(gt=0, le=1)]


class _BatchNorm(Elementwise):
    """What batch normalisation of every rank shares."""

    torch_name: ClassVar[str]
    ranks: ClassVar[tuple[int, ...]]

    eps: Eps = 1e-5
    """Added to the variance."""
    momentum: Annotated[float, Field(ge=0, le=1)] | None = 0.1
    """Weight of the newest batch in the running statistics; null for the plain mean of all."""
    affine: bool = True
    """Whether scale and shift are learnt for each channel."""
    track_running_stats: bool = True
    """Whether inference uses running statistics instead of the batch's own."""

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) not in self.ranks:
            require_rank(shapes[0], max(self.ranks))
        return shapes[0]

    def num_params(self, *shapes: Shape) -> int:
        return 2 * shapes[0][0] * self.affine

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        module: nn.Module = getattr(nn, self.torch_name)(
            shapes[0][0], self.eps, self.momentum, self.affine, self.track_running_stats
        )
        return module


@LAYERS.register
class BatchNorm1d(_BatchNorm):
    """Normalises each channel over the batch: (C,) or (C, L). As torch.nn.BatchNorm1d."""

    torch_name, ranks = "BatchNorm1d", (1, 2)
    type: Literal["batch_norm1d"] = "batch_norm1d"
    examples = ({"type": "batch_norm1d"}, {"type": "batch_norm1d", "momentum": 0.01})
    example_shapes = (((6,),), ((3, 8),))


@LAYERS.register
class BatchNorm2d(_BatchNorm):
    """Normalises each channel over the batch: (C, H, W). As torch.nn.BatchNorm2d."""

    torch_name, ranks = "BatchNorm2d", (3,)
    type: Literal["batch_norm2d"] = "batch_norm2d"
    examples = ({"type": "batch_norm2d"}, {"type": "batch_norm2d", "affine": False})
    example_shapes = (((3, 4, 4),), ((3, 4, 4),))


@LAYERS.register
class LayerNorm(Elementwise):
    """Normalises each sample over its last axes. As torch.nn.LayerNorm."""

    type: Literal["layer_norm"] = "layer_norm"
    normalized_shape: AxisSizes | None = None
    """Lengths of the last axes to normalise over; null for the whole sample."""
    eps: Eps = 1e-5
    """Added to the variance."""
    elementwise_affine: bool = True
    """Whether scale and shift are learnt for each value."""
    bias: bool = True
    """Whether the shift is learnt too."""

    examples = (
        {"type": "layer_norm"},
        {"type": "layer_norm", "normalized_shape": 6},
        {"type": "layer_norm", "normalized_shape": [4, 4], "bias": False},
    )
    example_shapes = (((3, 4, 4),), ((5, 6),), ((3, 4, 4),))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        wanted = self._axes(shape)
        if len(wanted) > len(shape) or shape[len(shape) - len(wanted) :] != wanted:
            raise ShapeError(
                f"over {shape_text(wanted)} does not fit the {shape_text(shape)} input",
                expected=f"the last axes of {shape_text(shape)}",
                received=shape_text(wanted),
                field="normalized_shape",
            )
        return shape

    def num_params(self, *shapes: Shape) -> int:
        return numel(self._axes(shapes[0])) * self.elementwise_affine * (1 + self.bias)

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        axes = self._axes(shapes[0])
        return nn.LayerNorm(axes, self.eps, self.elementwise_affine, bias=self.bias)

    def _axes(self, shape: Shape) -> Shape:
        return shape if self.normalized_shape is None else self.normalized_shape


@LAYERS.register
class GroupNorm(Elementwise):
    """Normalises each sample over groups of channels: (C, …). As torch.nn.GroupNorm."""

    type: Literal["group_norm"] = "group_norm"
    num_groups: Size
    """Groups that the channels are divided into."""
    eps: Eps = 1e-5
    """Added to the variance."""
    affine: bool = True
    """Whether scale and shift are learnt for each channel."""

    examples = (
        {"type": "group_norm", "num_groups": 2},
        {"type": "group_norm", "num_groups": 3, "affine": False},
    )
    example_shapes = (((4, 5, 5),), ((6, 7),))

    def output_shape(self, *shapes: Shape) -> Shape:
        if shapes[0][0] % self.num_groups:
            raise ShapeError(
                f"in {self.num_groups} groups does not divide the {shape_text(shapes[0])} input",
                expected=f"a divisor of {shapes[0][0]}",
                received=str(self.num_groups),
                field="num_groups",
            )
        return shapes[0]

    def num_params(self, *shapes: Shape) -> int:
        return 2 * shapes[0][0] * self.affine

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        return nn.GroupNorm(self.num_groups, shapes[0][0], self.eps, self.affine)
