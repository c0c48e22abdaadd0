"""Normalisation within a sample: over its last axes, its channels, or groups of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from trainyard.spec.fields import AxisSizes, PositiveNumber, Size
from trainyard.spec.layers.base import LAYERS, Elementwise
from trainyard.spec.layers.normalization import Eps
from trainyard.spec.shapes import Shape, ShapeError, numel, require_rank, shape_text

if TYPE_CHECKING:
    from torch import Tensor, nn


class _LastAxes(Elementwise):
    """Normalisation of each sample over its last axes."""

    normalized_shape: AxisSizes | None = None
    """Lengths of the last axes to normalise over; null for the whole sample."""

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

    def _axes(self, shape: Shape) -> Shape:
        return shape if self.normalized_shape is None else self.normalized_shape


@LAYERS.register
class LayerNorm(_LastAxes):
    """Normalises each sample over its last axes. As torch.nn.LayerNorm (Ba et al. 2016)."""

    type: Literal["layer_norm"] = "layer_norm"
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

    def num_params(self, *shapes: Shape) -> int:
        return numel(self._axes(shapes[0])) * self.elementwise_affine * (1 + self.bias)

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        axes = self._axes(shapes[0])
        return nn.LayerNorm(axes, self.eps, self.elementwise_affine, bias=self.bias)


@LAYERS.register
class RmsNorm(_LastAxes):
    """x / sqrt(mean(x²) + eps) · weight over each sample's last axes. As torch.nn.RMSNorm.

    Zhang & Sennrich 2019.
    """

    type: Literal["rms_norm"] = "rms_norm"
    eps: Eps | None = None
    """Added to the mean of squares; null for the least step of the number format."""
    elementwise_affine: bool = True
    """Whether a scale is learnt for each value."""

    examples = (
        {"type": "rms_norm"},
        {"type": "rms_norm", "normalized_shape": 6, "eps": 1e-6},
        {"type": "rms_norm", "elementwise_affine": False},
    )
    example_shapes = (((3, 4),), ((5, 6),), ((3, 4, 4),))

    def num_params(self, *shapes: Shape) -> int:
        return numel(self._axes(shapes[0])) * self.elementwise_affine

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        return nn.RMSNorm(self._axes(shapes[0]), self.eps, self.elementwise_affine)


@LAYERS.register
class LayerNorm2d(Elementwise):
    """Normalises the channels of each pixel by itself: (C, H, W). As in ConvNeXt (Liu et al. 2022).

    y = (x - mean(x)) / sqrt(var(x) + eps) · weight + bias over C.
    """

    type: Literal["layer_norm2d"] = "layer_norm2d"
    eps: Eps = 1e-6
    """Added to the variance."""
    examples = ({"type": "layer_norm2d"},)
    example_shapes = (((3, 4, 4),),)

    def output_shape(self, *shapes: Shape) -> Shape:
        require_rank(shapes[0], 3)
        return shapes[0]

    def num_params(self, *shapes: Shape) -> int:
        return 2 * shapes[0][0]

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        class ChannelsLast(nn.LayerNorm):
            def forward(self, x: Tensor) -> Tensor:
                return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

        return ChannelsLast(shapes[0][0], self.eps)


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


@LAYERS.register
class LocalResponseNorm(Elementwise):
    """x / (k + alpha · mean(x² over `size` neighbouring channels))^beta: (C, L) or (C, H, W).

    As torch.nn.LocalResponseNorm (Krizhevsky et al. 2012).
    """

    type: Literal["local_response_norm"] = "local_response_norm"
    size: Size
    """Neighbouring channels."""
    alpha: PositiveNumber = 1e-4
    """Weight of the neighbours."""
    beta: PositiveNumber = 0.75
    """The power."""
    k: PositiveNumber = 1.0
    """What is added before it."""
    examples = ({"type": "local_response_norm", "size": 3},)
    example_shapes = (((4, 5, 5),),)

    def output_shape(self, *shapes: Shape) -> Shape:
        if len(shapes[0]) not in (2, 3):
            require_rank(shapes[0], 3)
        return shapes[0]

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        return nn.LocalResponseNorm(self.size, self.alpha, self.beta, self.k)
