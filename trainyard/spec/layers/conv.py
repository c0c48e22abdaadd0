"""Convolutions. Names and defaults are torch's; the number of input channels is found."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainyard.spec.fields import ConvPad1d, ConvPad2d, ConvPad3d, Count, Pair, Single, Size, Triple
from trainyard.spec.layers.base import LAYERS
from trainyard.spec.layers.weighted import WithWeights
from trainyard.spec.shapes import (
    Padding,
    Shape,
    ShapeError,
    conv_output_sizes,
    numel,
    require_rank,
    times,
)

if TYPE_CHECKING:
    from torch import nn


class ConvBase(WithWeights):
    """What convolutions of every rank and kind share; ``rank`` counts the spatial axes.

    ``filters`` and ``num_groups`` tell what the kinds differ in.
    """

    rank: ClassVar[int]
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: Padding
    dilation: tuple[int, ...]

    bias: bool = True
    """Whether each filter adds a learnt constant."""
    padding_mode: Literal["zeros", "reflect", "replicate", "circular"] = "zeros"
    """What stands in the padding."""

    def filters(self, channels: int) -> int:
        """Output channels for so many input channels."""
        raise NotImplementedError

    def num_groups(self, channels: int) -> int:
        """Groups of channels convolved apart."""
        raise NotImplementedError

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        require_rank(shape, self.rank + 1)
        require_groups(self.num_groups(shape[0]), shape[0], self.filters(shape[0]))
        self._require_padding_mode(shape[1:])
        spatial = conv_output_sizes(
            shape[1:], self.kernel_size, self.stride, self.padding, self.dilation
        )
        return (self.filters(shape[0]), *spatial)

    def num_params(self, *shapes: Shape) -> int:
        channels = shapes[0][0]
        by_filter = channels // self.num_groups(channels) * math.prod(self.kernel_size)
        return self.filters(channels) * (by_filter + self.bias)

    def flops(self, *shapes: Shape) -> int:
        channels = shapes[0][0]
        by_output = channels // self.num_groups(channels) * math.prod(self.kernel_size)
        return 2 * numel(self.output_shape(*shapes)) * by_output

    def build(self, *shapes: Shape) -> nn.Module:
        return self.initialised(self._convolution(shapes[0][0], bias=self.bias))

    def _convolution(self, channels: int, *, bias: bool) -> nn.Module:
        from torch import nn

        kind: Any = conv3d_for_export() if self.rank == 3 else getattr(nn, f"Conv{self.rank}d")
        module: nn.Module = kind(
            channels,
            self.filters(channels),
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.num_groups(channels),
            bias=bias,
            padding_mode=self.padding_mode,
        )
        return module

    def _require_padding_mode(self, sizes: tuple[int, ...]) -> None:
        """torch's limits: reflected padding is less than the input, circular is at most it."""
        room = {"reflect": -1, "circular": 0}.get(self.padding_mode)
        if room is None:
            return
        widest = tuple(map(self._padding_of, range(self.rank)))
        if any(pad > size + room for pad, size in zip(widest, sizes, strict=True)):
            raise ShapeError(
                f"{self.padding_mode} padding {times(widest)} does not fit "
                f"the {times(sizes)} input",
                expected=f"at most {times(tuple(size + room for size in sizes))}",
                received=times(widest),
                field="padding",
            )

    def _padding_of(self, axis: int) -> int:
        """The wider of the two paddings of one axis."""
        if self.padding == "valid":
            return 0
        if self.padding == "same":
            return (self.dilation[axis] * (self.kernel_size[axis] - 1) + 1) // 2
        return int(self.padding[axis])


class _Conv(ConvBase):
    out_channels: Count
    """Number of filters."""
    groups: Size = 1
    """Groups of channels convolved apart; as many as input channels makes it depthwise."""

    def filters(self, channels: int) -> int:
        return self.out_channels

    def num_groups(self, channels: int) -> int:
        return self.groups


def conv3d_for_export() -> type[nn.Conv3d]:
    """torch.nn.Conv3d that survives the ONNX export without a bias.

    onnxscript 0.7 gives a 3-D convolution without bias one of a wrong shape
    (``aten_conv3d`` in its torchlib), which onnxruntime refuses to run.
    """
    import torch
    from torch import Tensor, nn

    class Conv3d(nn.Conv3d):
        def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
            if bias is None and torch.compiler.is_exporting():
                bias = weight.new_zeros(len(weight))
            output: Tensor = super()._conv_forward(input, weight, bias)
            return output

    return Conv3d


def require_groups(groups: int, channels: int, filters: int) -> None:
    """ShapeError unless the groups divide the input channels and the filters."""
    for count, whose in ((channels, "channels of the"), (filters, "filters on the")):
        if count % groups:
            raise ShapeError(
                f"in {groups} groups does not divide the {count} {whose} input",
                expected=f"a divisor of {math.gcd(channels, filters)}",
                received=str(groups),
                field="groups",
            )


@LAYERS.register
class Conv1d(_Conv):
    """1-D convolution: (C, L) → (out_channels, L'). As torch.nn.Conv1d."""

    rank = 1
    type: Literal["conv1d"] = "conv1d"
    kernel_size: Single = (3,)
    """Length of the filters."""
    stride: Single = (1,)
    """Step of the filters."""
    padding: ConvPad1d = (0,)
    """Padding at both ends; "same" keeps the length, "valid" is none."""
    dilation: Single = (1,)
    """Distance between the filter's points."""

    examples = (
        {"type": "conv1d", "out_channels": 4, "kernel_size": 3},
        {"type": "conv1d", "out_channels": 6, "kernel_size": 5, "stride": 2, "padding": 2},
        {"type": "conv1d", "out_channels": 4, "padding": "same", "dilation": 2, "groups": 2},
    )
    example_shapes = (((2, 16),), ((3, 17),), ((4, 12),))


@LAYERS.register
class Conv2d(_Conv):
    """2-D convolution: (C, H, W) → (out_channels, H', W'). As torch.nn.Conv2d.

    H' = floor((H + 2·padding - dilation·(kernel_size - 1) - 1) / stride) + 1.
    """

    rank = 2
    type: Literal["conv2d"] = "conv2d"
    kernel_size: Pair = (3, 3)
    """Height and width of the filters."""
    stride: Pair = (1, 1)
    """Step of the filters."""
    padding: ConvPad2d = (0, 0)
    """Padding at both ends of each axis; "same" keeps the size, "valid" is none."""
    dilation: Pair = (1, 1)
    """Distance between the filter's points."""

    examples = (
        {"type": "conv2d", "out_channels": 4, "kernel_size": 3, "activation": "relu"},
        {"type": "conv2d", "out_channels": 4, "kernel_size": [3, 5], "stride": [1, 2],
         "padding": [1, 0], "bias": False},
        {"type": "conv2d", "out_channels": 6, "kernel_size": 3, "padding": "same", "groups": 3},
        {"type": "conv2d", "out_channels": 2, "kernel_size": 3, "padding": 2, "dilation": 2,
         "padding_mode": "reflect"},
    )  # fmt: skip
    example_shapes = (((1, 9, 9),), ((2, 8, 11),), ((3, 8, 8),), ((2, 9, 9),))


@LAYERS.register
class Conv3d(_Conv):
    """3-D convolution: (C, D, H, W) → (out_channels, D', H', W'). As torch.nn.Conv3d."""

    rank = 3
    type: Literal["conv3d"] = "conv3d"
    kernel_size: Triple = (3, 3, 3)
    """Depth, height and width of the filters."""
    stride: Triple = (1, 1, 1)
    """Step of the filters."""
    padding: ConvPad3d = (0, 0, 0)
    """Padding at both ends of each axis; "same" keeps the size, "valid" is none."""
    dilation: Triple = (1, 1, 1)
    """Distance between the filter's points."""

    examples = (
        {"type": "conv3d", "out_channels": 2},
        {"type": "conv3d", "out_channels": 4, "kernel_size": [1, 3, 3], "padding": [0, 1, 1],
         "stride": 2, "groups": 2, "bias": False},
    )  # fmt: skip
    example_shapes = (((1, 4, 5, 5),), ((2, 4, 5, 6),))
