"""Power-average pooling by windows. Names and defaults are torch's."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Literal

from trainyard.spec.fields import Pair, PositiveNumber, Single, Triple
from trainyard.spec.layers.base import LAYERS, Layer
from trainyard.spec.shapes import Shape, numel, pool_output_size, require_fit, require_rank

if TYPE_CHECKING:
    from torch import nn


class _Lp(Layer):
    """The root of a sum of powers; ``rank`` counts the spatial axes."""

    rank: ClassVar[int]
    kernel_size: tuple[int, ...]
    stride: tuple[int, ...] | None

    norm_type: PositiveNumber = 2.0
    """The power: 1 is the sum; greater ones come nearer to the greatest value. Where it is odd \
or no whole number, inputs must not be negative."""
    ceil_mode: bool = False
    """Whether a last window may hang over the edge."""

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        require_rank(shape, self.rank + 1)
        kernel, none = self.kernel_size, (0,) * self.rank
        steps = zip(shape[1:], kernel, self.stride or kernel, none, strict=True)
        found = tuple(pool_output_size(*step, ceil_mode=self.ceil_mode) for step in steps)
        require_fit(found, shape[1:], kernel, none, (1,) * self.rank)
        return (shape[0], *found)

    def flops(self, *shapes: Shape) -> int:
        return math.prod(self.kernel_size) * numel(self.output_shape(*shapes))

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        if self.rank == 1:  # where torch takes numbers only
            stride = None if self.stride is None else self.stride[0]
            return nn.LPPool1d(self.norm_type, self.kernel_size[0], stride, self.ceil_mode)
        module: nn.Module = getattr(nn, f"LPPool{self.rank}d")(
            self.norm_type, self.kernel_size, self.stride, self.ceil_mode
        )
        return module


@LAYERS.register
class LpPool1d(_Lp):
    """(Σ xᵖ)^(1/p) of each window: (C, L) → (C, L'). As torch.nn.LPPool1d."""

    rank = 1
    type: Literal["lp_pool1d"] = "lp_pool1d"
    kernel_size: Single
    """Length of the window."""
    stride: Single | None = None
    """Step of the window; null for its length."""
    examples = ({"type": "lp_pool1d", "kernel_size": 2},)
    example_shapes = (((2, 9),),)


@LAYERS.register
class LpPool2d(_Lp):
    """(Σ xᵖ)^(1/p) of each window: (C, H, W) → (C, H', W'). As torch.nn.LPPool2d."""

    rank = 2
    type: Literal["lp_pool2d"] = "lp_pool2d"
    kernel_size: Pair
    """Height and width of the window."""
    stride: Pair | None = None
    """Step of the window; null for its size."""
    examples = (
        {"type": "lp_pool2d", "kernel_size": 2},
        {"type": "lp_pool2d", "kernel_size": [3, 2], "stride": 2, "norm_type": 4.0,
         "ceil_mode": True},
    )  # fmt: skip
    example_shapes = (((2, 6, 6),), ((2, 6, 6),))


@LAYERS.register
class LpPool3d(_Lp):
    """(Σ xᵖ)^(1/p) of each window: (C, D, H, W) → (C, D', H', W'). As torch.nn.LPPool3d."""

    rank = 3
    type: Literal["lp_pool3d"] = "lp_pool3d"
    kernel_size: Triple
    """Depth, height and width of the window."""
    stride: Triple | None = None
    """Step of the window; null for its size."""
    examples = ({"type": "lp_pool3d", "kernel_size": 2},)
    example_shapes = (((2, 4, 4, 4),),)
