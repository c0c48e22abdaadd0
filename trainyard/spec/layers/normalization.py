"""Batch and instance normalisation. Names and defaults are torch's; channels are found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

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
class BatchNorm3d(_BatchNorm):
    """Normalises each channel over the batch: (C, D, H, W). As torch.nn.BatchNorm3d."""

    torch_name, ranks = "BatchNorm3d", (4,)
    type: Literal["batch_norm3d"] = "batch_norm3d"
    examples = ({"type": "batch_norm3d"},)
    example_shapes = (((3, 2, 4, 4),),)


class _InstanceNorm(Elementwise):
    """What instance normalisation of every rank shares; ``rank`` counts the spatial axes."""

    rank: ClassVar[int]

    eps: Eps = 1e-5
    """Added to the variance."""
    momentum: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Weight of the newest batch in the running statistics."""
    affine: bool = False
    """Whether scale and shift are learnt for each channel."""
    track_running_stats: bool = False
    """Whether inference uses running statistics instead of the sample's own."""

    def output_shape(self, *shapes: Shape) -> Shape:
        require_rank(shapes[0], self.rank + 1)
        if numel(shapes[0][1:]) == 1:
            raise ShapeError(
                f"has one value a channel to take statistics of in the {shape_text(shapes[0])} "
                "input",
                expected="a spatial axis longer than 1",
                received=shape_text(shapes[0]),
            )
        return shapes[0]

    def num_params(self, *shapes: Shape) -> int:
        return 2 * shapes[0][0] * self.affine

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        module: nn.Module = getattr(nn, f"InstanceNorm{self.rank}d")(
            shapes[0][0], self.eps, self.momentum, self.affine, self.track_running_stats
        )
        return module


@LAYERS.register
class InstanceNorm1d(_InstanceNorm):
    """Normalises each channel of each sample: (C, L). As torch.nn.InstanceNorm1d."""

    rank = 1
    type: Literal["instance_norm1d"] = "instance_norm1d"
    examples = ({"type": "instance_norm1d"},)
    example_shapes = (((3, 8),),)


@LAYERS.register
class InstanceNorm2d(_InstanceNorm):
    """Normalises each channel of each sample: (C, H, W). As torch.nn.InstanceNorm2d."""

    rank = 2
    type: Literal["instance_norm2d"] = "instance_norm2d"
    examples = (
        {"type": "instance_norm2d"},
        {"type": "instance_norm2d", "affine": True, "track_running_stats": True},
    )
    example_shapes = (((3, 4, 4),),)


@LAYERS.register
class InstanceNorm3d(_InstanceNorm):
    """Normalises each channel of each sample: (C, D, H, W). As torch.nn.InstanceNorm3d."""

    rank = 3
    type: Literal["instance_norm3d"] = "instance_norm3d"
    examples = ({"type": "instance_norm3d", "affine": True},)
    example_shapes = (((3, 2, 4, 4),),)
