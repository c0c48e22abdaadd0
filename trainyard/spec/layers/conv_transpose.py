"""Transposed convolutions, which enlarge. Names and defaults are torch's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from trainyard.spec.fields import Count, Pair, PairPad, Single, SinglePad, Size, Triple, TriplePad
from trainyard.spec.layers.base import LAYERS
from trainyard.spec.layers.conv import require_groups
from trainyard.spec.layers.weighted import WithWeights
from trainyard.spec.shapes import Shape, ShapeError, numel, require_rank, times

if TYPE_CHECKING:
    from torch import nn


class _ConvTranspose(WithWeights):
    """What transposed convolutions of every rank share; ``rank`` counts the spatial axes."""

    rank: ClassVar[int]
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    output_padding: tuple[int, ...]
    dilation: tuple[int, ...]

    out_channels: Count
    """Number of output channels."""
    groups: Size = 1
    """Groups of channels convolved apart."""
    bias: bool = True
    """Whether each output channel adds a learnt constant."""

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        require_rank(shape, self.rank + 1)
        require_groups(self.groups, shape[0], self.out_channels)
        self._require_output_padding()
        found = tuple(
            (size - 1) * stride - 2 * pad + dilation * (kernel - 1) + extra + 1
            for size, kernel, stride, pad, extra, dilation in zip(
                shape[1:], self.kernel_size, self.stride, self.padding, self.output_padding,
                self.dilation, strict=True,
            )
        )  # fmt: skip
        if min(found) < 1:
            raise ShapeError(
                f"padding {times(self.padding)} leaves nothing of the {times(shape[1:])} input",
                expected="less padding, or a larger kernel",
                received=times(self.padding),
                field="padding",
            )
        return (self.out_channels, *found)

    def num_params(self, *shapes: Shape) -> int:
        return self._weights(shapes[0]) + self.out_channels * self.bias

    def flops(self, *shapes: Shape) -> int:
        return 2 * numel(shapes[0][1:]) * self._weights(shapes[0])

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        module: nn.Module = getattr(nn, f"ConvTranspose{self.rank}d")(
            shapes[0][0],
            self.out_channels,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            groups=self.groups,
            bias=self.bias,
            dilation=self.dilation,
        )
        return self.initialised(module)

    def _weights(self, shape: Shape) -> int:
        return shape[0] * (self.out_channels // self.groups) * math.prod(self.kernel_size)

    def _require_output_padding(self) -> None:
        """torch's limit: less than the stride or the dilation, whichever is larger."""
        most = tuple(max(pair) - 1 for pair in zip(self.stride, self.dilation, strict=True))
        if any(extra > limit for extra, limit in zip(self.output_padding, most, strict=True)):
            raise ShapeError(
                f"output_padding {times(self.output_padding)} is not less than the stride "
                "on the input",
                expected=f"at most {times(most)}",
                received=times(self.output_padding),
                field="output_padding",
            )


@LAYERS.register
class ConvTranspose1d(_ConvTranspose):
    """Transposed 1-D convolution: (C, L) → (out_channels, L'). As torch.nn.ConvTranspose1d."""

    rank = 1
    type: Literal["conv_transpose1d"] = "conv_transpose1d"
    kernel_size: Single = (2,)
    """Length of the filters."""
    stride: Single = (1,)
    """How many times longer the output is, but for the ends."""
    padding: SinglePad = (0,)
    """What is cut off at both ends."""
    output_padding: SinglePad = (0,)
    """What is added at the far end; less than the stride."""
    dilation: Single = (1,)
    """Distance between the filter's points."""
    examples = (
        {"type": "conv_transpose1d", "out_channels": 2, "stride": 2},
        {"type": "conv_transpose1d", "out_channels": 4, "kernel_size": 3, "stride": 2,
         "padding": 1, "output_padding": 1, "groups": 2},
    )  # fmt: skip
    example_shapes = (((3, 5),), ((4, 5),))


@LAYERS.register
class ConvTranspose2d(_ConvTranspose):
    """Transposed 2-D convolution: (C, H, W) → (out_channels, H', W').

    H' = (H - 1)·stride - 2·padding + dilation·(kernel_size - 1) + output_padding + 1, as
    torch.nn.ConvTranspose2d.
    """

    rank = 2
    type: Literal["conv_transpose2d"] = "conv_transpose2d"
    kernel_size: Pair = (2, 2)
    """Height and width of the filters."""
    stride: Pair = (1, 1)
    """How many times larger the output is, but for the edges."""
    padding: PairPad = (0, 0)
    """What is cut off at both ends of each axis."""
    output_padding: PairPad = (0, 0)
    """What is added at the far end of each axis; less than the stride."""
    dilation: Pair = (1, 1)
    """Distance between the filter's points."""
    examples = (
        {"type": "conv_transpose2d", "out_channels": 2, "kernel_size": 2, "stride": 2},
        {"type": "conv_transpose2d", "out_channels": 2, "kernel_size": [3, 4], "stride": [2, 1],
         "padding": 1, "output_padding": [1, 0], "bias": False},
        {"type": "conv_transpose2d", "out_channels": 2, "kernel_size": 3, "dilation": 2},
    )  # fmt: skip
    example_shapes = (((3, 4, 4),), ((2, 4, 5),), ((1, 4, 4),))


@LAYERS.register
class ConvTranspose3d(_ConvTranspose):
    """Transposed 3-D convolution: (C, D, H, W) → (out_channels, D', H', W').

    As torch.nn.ConvTranspose3d.
    """

    rank = 3
    type: Literal["conv_transpose3d"] = "conv_transpose3d"
    kernel_size: Triple = (2, 2, 2)
    """Depth, height and width of the filters."""
    stride: Triple = (1, 1, 1)
    """How many times larger the output is, but for the edges."""
    padding: TriplePad = (0, 0, 0)
    """What is cut off at both ends of each axis."""
    output_padding: TriplePad = (0, 0, 0)
    """What is added at the far end of each axis; less than the stride."""
    dilation: Triple = (1, 1, 1)
    """Distance between the filter's points."""
    examples = ({"type": "conv_transpose3d", "out_channels": 2, "stride": 2},)
    example_shapes = (((2, 2, 3, 3),),)
