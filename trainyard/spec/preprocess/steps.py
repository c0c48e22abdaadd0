"""The steps that reckon with values and sizes, and all of them as one map by channel."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from trainyard.spec.fields import Pair, Sides2d
from trainyard.spec.preprocess.base import (
    PREPROCESS,
    ChannelAffine,
    Geometry,
    Preprocess,
    Statistics,
)
from trainyard.spec.shapes import Shape, ShapeError

if TYPE_CHECKING:
    from torch import Tensor

Mean = Annotated[float, Field(ge=-1e9, le=1e9)]
Deviation = Annotated[float, Field(gt=0.0, le=1e9)]


@PREPROCESS.register
class Normalize(Preprocess):
    """(x − mean) / std by channel."""

    type: Literal["normalize"] = "normalize"
    mean: Literal["dataset"] | Annotated[list[Mean], Field(max_length=1024)] = "dataset"
    """`dataset` for the training split's, or one number a channel, pictures being scaled to 0…1."""
    std: Literal["dataset"] | Annotated[list[Deviation], Field(max_length=1024)] = "dataset"
    """As ``mean``."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "normalize"},
        {"type": "normalize", "mean": [0.5], "std": [0.25]},
    )

    @field_validator("std")
    @classmethod
    def _as_many_as_means(
        cls, std: Literal["dataset"] | list[float], info: ValidationInfo
    ) -> Literal["dataset"] | list[float]:
        mean = info.data.get("mean", "dataset")
        if "dataset" not in (mean, std) and len(mean) != len(std):
            raise ValueError(f"{len(std)} deviations for {len(mean)} means")
        return std

    def num_channels(self) -> int | None:
        counts = [len(v) for v in (self.mean, self.std) if v != "dataset"]
        return counts[0] if counts else None

    def after(self, before: ChannelAffine, statistics: Statistics) -> ChannelAffine:
        scales, shifts = before
        # The dataset's figures are of raw values; carry them through the steps before this one.
        mean = (
            [m * a + b for m, a, b in zip(statistics.mean, scales, shifts, strict=True)]
            if self.mean == "dataset"
            else self.mean
        )
        std = (
            [s * abs(a) for s, a in zip(statistics.std, scales, strict=True)]
            if self.std == "dataset"
            else self.std
        )
        std = [s if s > 0 else 1.0 for s in std]  # a channel that never changes becomes 0
        return ChannelAffine(
            tuple(a / s for a, s in zip(scales, std, strict=True)),
            tuple((b - m) / s for b, m, s in zip(shifts, mean, std, strict=True)),
        )


@PREPROCESS.register
class Resize(Geometry):
    """Pictures of ``size``, sampled as torch.nn.functional.interpolate, corners not aligned."""

    type: Literal["resize"] = "resize"
    size: Pair = (64, 64)
    """Height and width, or one number for both."""
    mode: Literal["bilinear", "nearest"] = "bilinear"
    """Means of the four nearest pixels, or the nearest one."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "resize", "size": [16, 20]},
        {"type": "resize", "size": 5, "mode": "nearest"},
    )

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[0], *self.size)

    def build(self) -> Callable[[Tensor], Tensor]:
        from torch.nn.functional import interpolate

        return lambda x: interpolate(x, list(self.size), mode=self.mode)

    def build_for_masks(self) -> Callable[[Tensor], Tensor]:
        from torch.nn.functional import interpolate

        size = list(self.size)
        return lambda masks: interpolate(masks[:, None], size, mode="nearest-exact")[:, 0]


@PREPROCESS.register
class CenterCropPictures(Geometry):
    """The middle ``size`` of each picture; one pixel to the upper left where it is not even."""

    type: Literal["center_crop"] = "center_crop"
    size: Pair = (56, 56)
    """Height and width, or one number for both."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "center_crop", "size": [6, 5]},)

    def output_shape(self, shape: Shape) -> Shape:
        if self.size[0] > shape[1] or self.size[1] > shape[2]:
            message = f"center_crop {self.size} is larger than the picture {shape[1:]}"
            raise ShapeError(message, f"at most {shape[1:]}", str(self.size))
        return (shape[0], *self.size)

    def build(self) -> Callable[[Tensor], Tensor]:
        def crop(x: Tensor) -> Tensor:
            height, width = self.size
            top, left = (x.shape[2] - height) // 2, (x.shape[3] - width) // 2
            return x[:, :, top : top + height, left : left + width]

        return crop


@PREPROCESS.register
class PadPictures(Geometry):
    """Adds pixels of raw value 0, black, around each picture."""

    type: Literal["pad"] = "pad"
    padding: Sides2d = (2, 2, 2, 2)
    """Pixels left, right, above and below, or one number for all."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "pad", "padding": 2},
        {"type": "pad", "padding": [1, 2, 0, 3]},
    )

    def output_shape(self, shape: Shape) -> Shape:
        left, right, above, below = self.padding
        return (shape[0], shape[1] + above + below, shape[2] + left + right)

    def build(self) -> Callable[[Tensor], Tensor]:
        from torch.nn.functional import pad

        return lambda x: pad(x, self.padding)


def affine(
    steps: Sequence[Preprocess] | None, statistics: Statistics, *, dtype: str
) -> ChannelAffine:
    """All preprocessing of samples of ``dtype`` (``uint8`` or ``float32``) as one map by channel.

    ``None``, the field being absent, normalises with the training split's figures.
    """
    num_channels = len(statistics.mean)
    scale = 1.0 / 255.0 if dtype == "uint8" else 1.0
    whole = ChannelAffine((scale,) * num_channels, (0.0,) * num_channels)
    for step in [Normalize()] if steps is None else steps:
        whole = step.after(whole, statistics)
    return whole
