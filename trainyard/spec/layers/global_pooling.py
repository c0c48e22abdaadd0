"""Pooling to a given size: adaptive (names are torch's) and global."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from trainyard.spec.fields import AdaptivePair, AdaptiveSingle, AdaptiveTriple
from trainyard.spec.layers.base import LAYERS, Layer, function_module
from trainyard.spec.shapes import Shape, require_rank

if TYPE_CHECKING:
    from torch import Tensor, nn


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
        import torch
        from torch import nn

        sizes, wanted = shapes[0][1:], self.output_shape(*shapes)[1:]
        base: type[nn.Module] = getattr(nn, self.torch_name)
        reduction = "mean" if "Avg" in self.torch_name else "amax"

        class Adaptive(base):  # type: ignore[misc, valid-type]
            def forward(self, x: Tensor) -> Tensor:
                if not torch.compiler.is_exporting():
                    return super().forward(x)  # type: ignore[no-any-return]
                # The same numbers, axis by axis: ONNX has no windows of unequal lengths.
                for axis, (size, count) in enumerate(zip(sizes, wanted, strict=True), start=2):
                    windows = _windows(size, count)
                    parts = [x.narrow(axis, start, end - start) for start, end in windows]
                    x = torch.cat([getattr(p, reduction)(axis, keepdim=True) for p in parts], axis)
                return x

        return Adaptive(wanted)


def _windows(size: int, count: int) -> list[tuple[int, int]]:
    """Start and end of each of ``count`` windows over an axis, as in ATen's AdaptivePooling.h."""
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


class _Adaptive1d(_Adaptive):
    rank = 1
    output_size: AdaptiveSingle
    """Length of the output; null for the input's."""


class _Adaptive2d(_Adaptive):
    rank = 2
    output_size: AdaptivePair
    """Height and width of the output; null for the input's."""


class _Adaptive3d(_Adaptive):
    rank = 3
    output_size: AdaptiveTriple
    """Depth, height and width of the output; null for the input's."""


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


@LAYERS.register
class AdaptiveAvgPool3d(_Adaptive3d):
    """Mean over windows that make the given size. As torch.nn.AdaptiveAvgPool3d."""

    torch_name = "AdaptiveAvgPool3d"
    type: Literal["adaptive_avg_pool3d"] = "adaptive_avg_pool3d"
    examples = ({"type": "adaptive_avg_pool3d", "output_size": [2, None, 1]},)
    example_shapes = (((2, 5, 4, 4),),)


@LAYERS.register
class AdaptiveMaxPool3d(_Adaptive3d):
    """Greatest value over windows that make the given size. As torch.nn.AdaptiveMaxPool3d."""

    torch_name = "AdaptiveMaxPool3d"
    type: Literal["adaptive_max_pool3d"] = "adaptive_max_pool3d"
    examples = ({"type": "adaptive_max_pool3d", "output_size": 2},)
    example_shapes = (((2, 5, 4, 4),),)


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


@LAYERS.register
class GlobalAvgPool3d(_Global):
    """Mean of each channel: (C, D, H, W) → (C,)."""

    rank, reduction = 3, "mean"
    type: Literal["global_avg_pool3d"] = "global_avg_pool3d"
    examples = ({"type": "global_avg_pool3d"},)
    example_shapes = (((3, 4, 4, 4),),)


@LAYERS.register
class GlobalMaxPool3d(_Global):
    """Greatest value of each channel: (C, D, H, W) → (C,)."""

    rank, reduction = 3, "amax"
    type: Literal["global_max_pool3d"] = "global_max_pool3d"
    examples = ({"type": "global_max_pool3d"},)
    example_shapes = (((3, 4, 4, 4),),)
