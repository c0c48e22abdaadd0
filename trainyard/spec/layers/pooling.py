"""Max and average pooling by windows. Names and defaults are torch's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainyard.spec.fields import (
    Pair,
    PairPad,
    Single,
    SinglePad,
    Size,
    Triple,
    TriplePad,
)
from trainyard.spec.layers.base import LAYERS, Layer
from trainyard.spec.shapes import (
    Shape,
    ShapeError,
    numel,
    pool_output_size,
    require_fit,
    require_rank,
    times,
)

if TYPE_CHECKING:
    from torch import nn


class _Window(Layer):
    """What pooling by windows shares; ``rank`` counts the spatial axes."""

    rank: ClassVar[int]
    torch_name: ClassVar[str]
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...] | None
    padding: tuple[int, ...]

    ceil_mode: bool = False
    """Whether a last window may hang over the edge."""

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        require_rank(shape, self.rank + 1)
        self._require_padding()
        kernel, rates = self.kernel_size, self._dilation()
        found = tuple(
            pool_output_size(*sizes, ceil_mode=self.ceil_mode)
            for sizes in zip(
                shape[1:], kernel, self.stride or kernel, self.padding, rates, strict=True
            )
        )
        require_fit(found, shape[1:], kernel, self.padding, rates)
        return (shape[0], *found)

    def flops(self, *shapes: Shape) -> int:
        return math.prod(self.kernel_size) * numel(self.output_shape(*shapes))

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        module: nn.Module = getattr(nn, self.torch_name)(**self._arguments())
        return module

    def _dilation(self) -> tuple[int, ...]:
        return (1,) * self.rank

    def _arguments(self) -> dict[str, Any]:
        fields = set(type(self).model_fields) - {"type", "name", "inputs"}
        return {field: getattr(self, field) for field in fields}

    def _require_padding(self) -> None:
        """torch's limit: padding is at most half of the kernel, whatever its dilation."""
        most = tuple(size // 2 for size in self.kernel_size)
        if any(pad > limit for pad, limit in zip(self.padding, most, strict=True)):
            raise ShapeError(
                f"padding {times(self.padding)} is more than half of the "
                f"{times(self.kernel_size)} kernel on the input",
                expected=f"at most {times(most)}",
                received=times(self.padding),
                field="padding",
            )


class _Max(_Window):
    dilation: tuple[int, ...]

    def _dilation(self) -> tuple[int, ...]:
        return self.dilation


class _Avg(_Window):
    count_include_pad: bool = True
    """Whether the padding's zeros count in the mean."""


@LAYERS.register
class MaxPool1d(_Max):
    """Greatest value of each window: (C, L) → (C, L'). As torch.nn.MaxPool1d."""

    rank, torch_name = 1, "MaxPool1d"
    type: Literal["max_pool1d"] = "max_pool1d"
    kernel_size: Single
    """Length of the window."""
    stride: Single | None = None
    """Step of the window; null for its length."""
    padding: SinglePad = (0,)
    """Padding at both ends, at most half the kernel."""
    dilation: Single = (1,)
    """Distance between the window's points."""
    examples = (
        {"type": "max_pool1d", "kernel_size": 2},
        {"type": "max_pool1d", "kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    )
    example_shapes = (((2, 9),), ((2, 10),))


@LAYERS.register
class MaxPool2d(_Max):
    """Greatest value of each window: (C, H, W) → (C, H', W'). As torch.nn.MaxPool2d."""

    rank, torch_name = 2, "MaxPool2d"
    type: Literal["max_pool2d"] = "max_pool2d"
    kernel_size: Pair
    """Height and width of the window."""
    stride: Pair | None = None
    """Step of the window; null for its size."""
    padding: PairPad = (0, 0)
    """Padding at both ends of each axis, at most half the kernel."""
    dilation: Pair = (1, 1)
    """Distance between the window's points."""
    examples = (
        {"type": "max_pool2d", "kernel_size": 2},
        {"type": "max_pool2d", "kernel_size": [3, 2], "stride": 2, "padding": [1, 0]},
        {"type": "max_pool2d", "kernel_size": 3, "stride": 2, "ceil_mode": True},
    )
    example_shapes = (((2, 9, 9),), ((2, 8, 9),), ((1, 8, 8),))


@LAYERS.register
class MaxPool3d(_Max):
    """Greatest value of each window: (C, D, H, W) → (C, D', H', W'). As torch.nn.MaxPool3d."""

    rank, torch_name = 3, "MaxPool3d"
    type: Literal["max_pool3d"] = "max_pool3d"
    kernel_size: Triple
    """Depth, height and width of the window."""
    stride: Triple | None = None
    """Step of the window; null for its size."""
    padding: TriplePad = (0, 0, 0)
    """Padding at both ends of each axis, at most half the kernel."""
    dilation: Triple = (1, 1, 1)
    """Distance between the window's points."""
    examples = (
        {"type": "max_pool3d", "kernel_size": 2},
        {"type": "max_pool3d", "kernel_size": [1, 3, 3], "stride": 2, "padding": [0, 1, 1]},
    )
    example_shapes = (((2, 4, 5, 5),),)


@LAYERS.register
class AvgPool1d(_Avg):
    """Mean of each window: (C, L) → (C, L'). As torch.nn.AvgPool1d."""

    rank, torch_name = 1, "AvgPool1d"
    type: Literal["avg_pool1d"] = "avg_pool1d"
    kernel_size: Single
    """Length of the window."""
    stride: Single | None = None
    """Step of the window; null for its length."""
    padding: SinglePad = (0,)
    """Padding at both ends, at most half the kernel."""
    examples = (
        {"type": "avg_pool1d", "kernel_size": 2},
        {"type": "avg_pool1d", "kernel_size": 3, "padding": 1, "count_include_pad": False},
    )
    example_shapes = (((2, 9),), ((2, 10),))


@LAYERS.register
class AvgPool2d(_Avg):
    """Mean of each window: (C, H, W) → (C, H', W'). As torch.nn.AvgPool2d."""

    rank, torch_name = 2, "AvgPool2d"
    type: Literal["avg_pool2d"] = "avg_pool2d"
    kernel_size: Pair
    """Height and width of the window."""
    stride: Pair | None = None
    """Step of the window; null for its size."""
    padding: PairPad = (0, 0)
    """Padding at both ends of each axis, at most half the kernel."""
    divisor_override: Size | None = None
    """Divides the window's sum in place of its size."""
    examples = (
        {"type": "avg_pool2d", "kernel_size": 2},
        {"type": "avg_pool2d", "kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    )
    example_shapes = (((2, 9, 9),), ((2, 8, 8),))


@LAYERS.register
class AvgPool3d(_Avg):
    """Mean of each window: (C, D, H, W) → (C, D', H', W'). As torch.nn.AvgPool3d."""

    rank, torch_name = 3, "AvgPool3d"
    type: Literal["avg_pool3d"] = "avg_pool3d"
    kernel_size: Triple
    """Depth, height and width of the window."""
    stride: Triple | None = None
    """Step of the window; null for its size."""
    padding: TriplePad = (0, 0, 0)
    """Padding at both ends of each axis, at most half the kernel."""
    divisor_override: Size | None = None
    """Divides the window's sum in place of its size."""
    examples = (
        {"type": "avg_pool3d", "kernel_size": 2},
        {"type": "avg_pool3d", "kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True},
    )
    example_shapes = (((2, 4, 5, 5),),)
