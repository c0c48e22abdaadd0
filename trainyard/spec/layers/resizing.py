"""Layers that make a picture or a series larger: interpolation and pixel shuffling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from trainyard.spec.fields import AxisSizes, Size, expected
from trainyard.spec.layers.base import LAYERS, Layer
from trainyard.spec.shapes import Shape, ShapeError, shape_text

if TYPE_CHECKING:
    from torch import nn

MODES_OF_RANK = {
    1: ("nearest", "nearest-exact", "linear"),
    2: ("nearest", "nearest-exact", "bilinear", "bicubic"),
    3: ("nearest", "nearest-exact", "trilinear"),
}


@LAYERS.register
class Upsample(Layer):
    """Interpolates to `size`, or by `scale_factor`: (C, H, W) → (C, H', W'). As torch.nn.Upsample.

    Takes (C, L), (C, H, W) and (C, D, H, W); H' = floor(H · scale_factor).
    """

    type: Literal["upsample"] = "upsample"
    size: AxisSizes | None = None
    """Size of the output, one length for all spatial axes or a list; or give `scale_factor`."""
    scale_factor: Annotated[float, Field(gt=0, le=64)] | None = None
    """How many times larger the output is."""
    mode: Literal[
        "nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear"
    ] = "nearest"  # fmt: skip
    """How values between the given ones are found; `linear` for (C, L), `trilinear` for volumes."""
    align_corners: bool = False
    """Whether the corner values of input and output are aligned; not for the nearest modes."""

    examples = (
        {"type": "upsample", "scale_factor": 2},
        {"type": "upsample", "scale_factor": 1.5, "mode": "bilinear", "align_corners": True},
        {"type": "upsample", "size": [6, 7], "mode": "bicubic"},
        {"type": "upsample", "size": 9, "mode": "linear"},
        {"type": "upsample", "size": 4, "mode": "trilinear"},
    )
    example_shapes = (((2, 3, 3),), ((2, 3, 5),), ((2, 3, 3),), ((2, 4),), ((1, 2, 2, 2),))

    @model_validator(mode="after")
    def _has_one_measure(self) -> Self:
        if (self.size is None) == (self.scale_factor is None):
            raise expected("either `size` or `scale_factor`")
        if self.align_corners and self.mode.startswith("nearest"):
            raise expected("no align_corners with a nearest mode")
        return self

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        rank = len(shape) - 1
        if rank not in MODES_OF_RANK:
            raise ShapeError(
                f"takes a (C, L), (C, H, W) or (C, D, H, W) input, not the {shape_text(shape)} "
                "input",
                expected="one to three spatial axes",
                received=shape_text(shape),
            )
        if self.mode not in MODES_OF_RANK[rank]:
            raise ShapeError(
                f"with mode {self.mode} does not fit the {shape_text(shape)} input",
                expected=f"one of {', '.join(MODES_OF_RANK[rank])}",
                received=self.mode,
                field="mode",
            )
        return (shape[0], *self._sizes(shape))

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        corners = None if self.mode.startswith("nearest") else self.align_corners
        if self.size is not None:
            return nn.Upsample(size=self._sizes(shapes[0]), mode=self.mode, align_corners=corners)
        return nn.Upsample(scale_factor=self.scale_factor, mode=self.mode, align_corners=corners)

    def _sizes(self, shape: Shape) -> tuple[int, ...]:
        rank = len(shape) - 1
        if self.scale_factor is not None:
            found = tuple(math.floor(size * self.scale_factor) for size in shape[1:])
        else:
            assert self.size is not None
            found = self.size * rank if len(self.size) == 1 else self.size
        if len(found) != rank or min(found) < 1:
            field = "size" if self.scale_factor is None else "scale_factor"
            raise ShapeError(
                f"{field} does not fit the {shape_text(shape)} input",
                expected=f"{rank} sizes of at least 1",
                received=shape_text(found),
                field=field,
            )
        return found


@LAYERS.register
class PixelShuffle(Layer):
    """Channels become pixels: (C·r², H, W) → (C, H·r, W·r). As torch.nn.PixelShuffle.

    Shi et al. 2016.
    """

    type: Literal["pixel_shuffle"] = "pixel_shuffle"
    upscale_factor: Size
    """r, how many times larger the output is."""
    examples = ({"type": "pixel_shuffle", "upscale_factor": 2},)
    example_shapes = (((8, 3, 4),),)

    def output_shape(self, *shapes: Shape) -> Shape:
        factor, area = self.upscale_factor, self.upscale_factor**2
        if len(shapes[0]) != 3 or shapes[0][0] % area:
            raise _no_shuffle(f"(C·{area}, H, W)", shapes[0], "upscale_factor")
        channels, height, width = shapes[0]
        return (channels // area, height * factor, width * factor)

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        return nn.PixelShuffle(self.upscale_factor)


@LAYERS.register
class PixelUnshuffle(Layer):
    """Pixels become channels: (C, H·r, W·r) → (C·r², H, W). As torch.nn.PixelUnshuffle."""

    type: Literal["pixel_unshuffle"] = "pixel_unshuffle"
    downscale_factor: Size
    """r, how many times smaller the output is."""
    examples = ({"type": "pixel_unshuffle", "downscale_factor": 2},)
    example_shapes = (((2, 4, 6),),)

    def output_shape(self, *shapes: Shape) -> Shape:
        factor = self.downscale_factor
        if len(shapes[0]) != 3 or shapes[0][1] % factor or shapes[0][2] % factor:
            raise _no_shuffle(f"(C, H·{factor}, W·{factor})", shapes[0], "downscale_factor")
        channels, height, width = shapes[0]
        return (channels * factor**2, height // factor, width // factor)

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        return nn.PixelUnshuffle(self.downscale_factor)


def _no_shuffle(form: str, shape: Shape, field: str) -> ShapeError:
    return ShapeError(
        f"takes a {form} input, not the {shape_text(shape)} input",
        expected=form,
        received=shape_text(shape),
        field=field,
    )
