"""Pooling: max, average, adaptive and global, in 1-D and 2-D. Names and defaults are torch's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainyard.spec.fields import (
    AdaptivePair,
    AdaptiveSingle,
    Pair,
    PairPad,
    Single,
    SinglePad,
    Size,
)
from trainyard.spec.layers.base import LAYERS, Layer, function_module
from trainyard.spec.shapes import (
    Shape,
    ShapeError,
    pool_output_size,
    require_fit,
    require_rank,
    times,
)

if TYPE_CHECKING:
    from torch import Tensor, nn


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


class _Adaptive(Layer):
    """What adaptive pooling shares: windows are chosen so that the output has a given size."""

    rank: ClassVar[int]
    torch_name: ClassVar[str]
    output_size: tuple[int | None, ...]

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        require_rank(shape, self.rank + 1)
        spatial = zip(self.output_size, shape[1:], strict=True)
        return (shape[0], *(size if wanted is None else wanted for wanted, size in spatial))

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        module: nn.Module = getattr(nn, self.torch_name)(self.output_shape(*shapes)[1:])
        return module


class _Adaptive1d(_Adaptive):
    rank = 1
    output_size: AdaptiveSingle
    """Length of the output; null for the input's."""


class _Adaptive2d(_Adaptive):
    rank = 2
    output_size: AdaptivePair
    """Height and width of the output; null for the input's."""


@LAYERS.register
class AdaptiveAvgPool1d(_Adaptive1d):
    """Mean over windows that make the given length. As torch.nn.AdaptiveAvgPool1d."""

    torch_name = "AdaptiveAvgPool1d"
    type: Literal["adaptive_avg_pool1d"] = "adaptive_avg_pool1d"
    examples = ({"type": "adaptive_avg_pool1d", "output_size": 3},)
    example_shapes = (((2, 10),),)


@LAYERS.register
class AdaptiveAvgPool2d(_Adaptive2d):
    """Mean over windows that make the given size. As torch.nn.AdaptiveAvgPool2d."""

    torch_name = "AdaptiveAvgPool2d"
    type: Literal["adaptive_avg_pool2d"] = "adaptive_avg_pool2d"
    examples = (
        {"type": "adaptive_avg_pool2d", "output_size": 2},
        {"type": "adaptive_avg_pool2d", "output_size": [None, 3]},
    )
    example_shapes = (((2, 7, 7),), ((2, 5, 8),))


@LAYERS.register
class AdaptiveMaxPool1d(_Adaptive1d):
    """Greatest value over windows that make the given length. As torch.nn.AdaptiveMaxPool1d."""

    torch_name = "AdaptiveMaxPool1d"
    type: Literal["adaptive_max_pool1d"] = "adaptive_max_pool1d"
    examples = ({"type": "adaptive_max_pool1d", "output_size": 3},)
    example_shapes = (((2, 10),),)


@LAYERS.register
class AdaptiveMaxPool2d(_Adaptive2d):
    """Greatest value over windows that make the given size. As torch.nn.AdaptiveMaxPool2d."""

    torch_name = "AdaptiveMaxPool2d"
    type: Literal["adaptive_max_pool2d"] = "adaptive_max_pool2d"
    examples = ({"type": "adaptive_max_pool2d", "output_size": [2, 3]},)
    example_shapes = (((2, 7, 7),),)


class _Global(Layer):
    """What global pooling shares: each channel becomes one value."""

    rank: ClassVar[int]
    reduction: ClassVar[Literal["mean", "amax"]]

    keepdim: bool = False
    """Whether the spatial axes stay, with length 1."""

    def output_shape(self, *shapes: Shape) -> Shape:
        require_rank(shapes[0], self.rank + 1)
        return (shapes[0][0], *((1,) * self.rank if self.keepdim else ()))

    def build(self, *shapes: Shape) -> nn.Module:
        axes = tuple(range(2, 2 + self.rank))

        def pool(x: Tensor) -> Tensor:
            reduced: Tensor = getattr(x, self.reduction)(dim=axes, keepdim=self.keepdim)
            return reduced

        return function_module(pool)


@LAYERS.register
class GlobalAvgPool1d(_Global):
    """Mean of each channel: (C, L) → (C,)."""

    rank, reduction = 1, "mean"
    type: Literal["global_avg_pool1d"] = "global_avg_pool1d"
    examples = ({"type": "global_avg_pool1d"},)
    example_shapes = (((3, 8),),)


@LAYERS.register
class GlobalAvgPool2d(_Global):
    """Mean of each channel: (C, H, W) → (C,)."""

    rank, reduction = 2, "mean"
    type: Literal["global_avg_pool2d"] = "global_avg_pool2d"
    examples = ({"type": "global_avg_pool2d"}, {"type": "global_avg_pool2d", "keepdim": True})
    example_shapes = (((3, 5, 5),), ((3, 5, 5),))


@LAYERS.register
class GlobalMaxPool1d(_Global):
    """Greatest value of each channel: (C, L) → (C,)."""

    rank, reduction = 1, "amax"
    type: Literal["global_max_pool1d"] = "global_max_pool1d"
    examples = ({"type": "global_max_pool1d"},)
    example_shapes = (((3, 8),),)


@LAYERS.register
class GlobalMaxPool2d(_Global):
    """Greatest value of each channel: (C, H, W) → (C,)."""

    rank, reduction = 2, "amax"
    type: Literal["global_max_pool2d"] = "global_max_pool2d"
    examples = ({"type": "global_max_pool2d"}, {"type": "global_max_pool2d", "keepdim": True})
    example_shapes = (((3, 5, 5),), ((3, 5, 5),))
