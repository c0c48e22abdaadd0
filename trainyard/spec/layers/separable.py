"""Depthwise and depthwise separable convolutions, by the names that Keras gives them."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Literal

from trainyard.spec.fields import (
    ConvPad1d,
    ConvPad2d,
    ConvPad3d,
    Count,
    Pair,
    Single,
    Size,
    Triple,
)
from trainyard.spec.layers.base import LAYERS
from trainyard.spec.layers.conv import ConvBase, conv3d_for_export
from trainyard.spec.shapes import Shape, numel

if TYPE_CHECKING:
    from torch import nn


class _Depthwise(ConvBase):
    """Each channel is convolved by itself."""

    depth_multiplier: Size = 1
    """Filters for each input channel."""

    def filters(self, channels: int) -> int:
        return channels * self.depth_multiplier

    def num_groups(self, channels: int) -> int:
        return channels


class _Single(ConvBase):
    rank = 1
    kernel_size: Single = (3,)
    """Length of the filters."""
    stride: Single = (1,)
    """Step of the filters."""
    padding: ConvPad1d = (0,)
    """Padding at both ends; "same" keeps the length, "valid" is none."""
    dilation: Single = (1,)
    """Distance between the filter's points."""


class _Pair(ConvBase):
    rank = 2
    kernel_size: Pair = (3, 3)
    """Height and width of the filters."""
    stride: Pair = (1, 1)
    """Step of the filters."""
    padding: ConvPad2d = (0, 0)
    """Padding at both ends of each axis; "same" keeps the size, "valid" is none."""
    dilation: Pair = (1, 1)
    """Distance between the filter's points."""


class _Triple(ConvBase):
    rank = 3
    kernel_size: Triple = (3, 3, 3)
    """Depth, height and width of the filters."""
    stride: Triple = (1, 1, 1)
    """Step of the filters."""
    padding: ConvPad3d = (0, 0, 0)
    """Padding at both ends of each axis; "same" keeps the size, "valid" is none."""
    dilation: Triple = (1, 1, 1)
    """Distance between the filter's points."""


@LAYERS.register
class DepthwiseConv1d(_Single, _Depthwise):
    """Convolves each channel by itself: (C, L) → (C · depth_multiplier, L').

    As torch.nn.Conv1d with groups = C.
    """

    type: Literal["depthwise_conv1d"] = "depthwise_conv1d"
    examples = (
        {"type": "depthwise_conv1d"},
        {"type": "depthwise_conv1d", "kernel_size": 5, "stride": 2, "depth_multiplier": 2},
    )
    example_shapes = (((3, 8),), ((3, 9),))


@LAYERS.register
class DepthwiseConv2d(_Pair, _Depthwise):
    """Convolves each channel by itself: (C, H, W) → (C · depth_multiplier, H', W').

    As torch.nn.Conv2d with groups = C.
    """

    type: Literal["depthwise_conv2d"] = "depthwise_conv2d"
    examples = (
        {"type": "depthwise_conv2d", "padding": "same"},
        {"type": "depthwise_conv2d", "kernel_size": 5, "depth_multiplier": 2, "bias": False},
    )
    example_shapes = (((3, 6, 6),), ((2, 7, 7),))


@LAYERS.register
class DepthwiseConv3d(_Triple, _Depthwise):
    """Convolves each channel by itself: (C, D, H, W) → (C · depth_multiplier, D', H', W').

    As torch.nn.Conv3d with groups = C.
    """

    type: Literal["depthwise_conv3d"] = "depthwise_conv3d"
    examples = (
        {"type": "depthwise_conv3d", "padding": "same"},
        {"type": "depthwise_conv3d", "kernel_size": [1, 3, 3], "depth_multiplier": 2},
    )
    example_shapes = (((3, 4, 5, 5),), ((2, 3, 6, 6),))


class _Separable(_Depthwise):
    """A depthwise convolution without bias, then a 1×1 one that mixes the channels."""

    out_channels: Count
    """Number of filters that mix the channels."""
    bias: bool = True
    """Whether each of these filters adds a learnt constant."""

    def output_shape(self, *shapes: Shape) -> Shape:
        return (self.out_channels, *super().output_shape(*shapes)[1:])

    def num_params(self, *shapes: Shape) -> int:
        between = self.filters(shapes[0][0])
        depthwise = super().num_params(*shapes) - between * self.bias
        return depthwise + self.out_channels * (between + self.bias)

    def parameter_names(self) -> tuple[str, ...]:
        return ("depthwise.weight", "pointwise.weight", "pointwise.bias")

    def flops(self, *shapes: Shape) -> int:
        between = super().output_shape(*shapes)
        by_value = self.num_params(*shapes) - self.out_channels * self.bias
        return 2 * numel(between[1:]) * by_value

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        channels = shapes[0][0]
        convolution = conv3d_for_export() if self.rank == 3 else getattr(nn, f"Conv{self.rank}d")
        mix = convolution(self.filters(channels), self.out_channels, 1, bias=self.bias)
        depthwise = self._convolution(channels, bias=False)
        steps = OrderedDict(depthwise=depthwise, pointwise=mix)
        return self.initialised(nn.Sequential(steps))


@LAYERS.register
class SeparableConv1d(_Single, _Separable):
    """Depthwise, then pointwise convolution: (C, L) → (out_channels, L').

    As keras.layers.SeparableConv1D (Chollet 2017): no bias between the two.
    """

    type: Literal["separable_conv1d"] = "separable_conv1d"
    examples = ({"type": "separable_conv1d", "out_channels": 4, "depth_multiplier": 2},)
    example_shapes = (((3, 8),),)


@LAYERS.register
class SeparableConv2d(_Pair, _Separable):
    """Depthwise, then pointwise convolution: (C, H, W) → (out_channels, H', W').

    As keras.layers.SeparableConv2D (Chollet 2017): no bias between the two.
    """

    type: Literal["separable_conv2d"] = "separable_conv2d"
    examples = (
        {"type": "separable_conv2d", "out_channels": 4, "padding": "same"},
        {"type": "separable_conv2d", "out_channels": 5, "stride": 2, "bias": False,
         "init": {"type": "kaiming_normal", "mode": "fan_out"}, "activation": "relu6"},
    )  # fmt: skip
    example_shapes = (((3, 6, 6),), ((2, 7, 7),))


@LAYERS.register
class SeparableConv3d(_Triple, _Separable):
    """Depthwise, then pointwise convolution: (C, D, H, W) → (out_channels, D', H', W').

    The form of SeparableConv2d with an axis more: no bias between the two.
    """

    type: Literal["separable_conv3d"] = "separable_conv3d"
    examples = (
        {"type": "separable_conv3d", "out_channels": 4, "padding": "same"},
        {"type": "separable_conv3d", "out_channels": 5, "stride": [1, 2, 2], "bias": False},
    )
    example_shapes = (((3, 4, 5, 5),), ((2, 3, 7, 7),))
