"""Steps that change the size of pictures and volumes, and how masks follow them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainyard.spec.fields import PlaneSides, PlaneSizes
from trainyard.spec.kinds import PLANES, Kinds
from trainyard.spec.preprocess.base import PREPROCESS, Geometry
from trainyard.spec.shapes import Shape, ShapeError

if TYPE_CHECKING:
    from torch import Tensor


def _for_axes(given: tuple[int, ...], shape: Shape, what: str) -> tuple[int, ...]:
    """The numbers of a field for the axes of ``shape`` after the first, ``what`` of each axis.

    Raises:
        ShapeError: there are not as many as the shape has axes.
    """
    wanted = (len(shape) - 1) * (2 if what == "sides" else 1)
    if len(given) not in (1, wanted):
        message = f"{len(given)} {what} for samples of {shape}"
        raise ShapeError(message, f"one number, or {wanted}", str(len(given)))
    return given * wanted if len(given) == 1 else given


def _smoothed(x: Tensor, size: list[int]) -> Tensor:
    """Samples (N, C, …) in the size, (tri)linear and smoothed where they shrink.

    torch smooths planes alone, so a volume goes slice by slice, and then along its depth.
    """
    from torch.nn.functional import interpolate

    if x.dim() == 4:
        return interpolate(x, size, mode="bilinear", antialias=True)
    depth, height, width = size
    slices = interpolate(x.flatten(1, 2), [height, width], mode="bilinear", antialias=True)
    columns = slices.reshape(-1, x.shape[1], x.shape[2], height * width)
    deep = interpolate(columns, [depth, height * width], mode="bilinear", antialias=True)
    return deep.reshape(-1, x.shape[1], depth, height, width)


@PREPROCESS.register
class Resize(Geometry):
    """Samples of ``size``, sampled as torch.nn.functional.interpolate, corners not aligned.

    Where a side shrinks, each new pixel is the mean of all that it covers, as in Pillow and as at
    ingest, so that fine patterns do not alias. Masks take the nearest pixel's class.
    """

    kinds: ClassVar[Kinds] = PLANES

    type: Literal["resize"] = "resize"
    size: PlaneSizes = (64,)
    """Height and width, of volumes depth, height and width, or one number for all."""
    mode: Literal["bilinear", "nearest"] = "bilinear"
    """Means of the nearest pixels (of volumes trilinear), or the nearest one."""
    antialias: bool = True
    """Whether sides that shrink are smoothed; without it only the nearest pixels count."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "resize", "size": [16, 20]},
        {"type": "resize", "size": 5, "mode": "nearest"},
    )

    def output_shape(self, shape: Shape) -> Shape:
        return (shape[0], *_for_axes(self.size, shape, "sizes"))

    def build(self) -> Callable[[Tensor], Tensor]:
        from torch.nn.functional import interpolate

        def resize(x: Tensor) -> Tensor:
            size = list(_for_axes(self.size, tuple(x.shape[1:]), "sizes"))
            shrinks = any(new < old for new, old in zip(size, x.shape[2:], strict=True))
            if self.mode == "nearest" or not (self.antialias and shrinks):
                mode = "trilinear" if self.mode == "bilinear" and x.dim() == 5 else self.mode
                return interpolate(x, size, mode=mode)
            return _smoothed(x, size)

        return resize

    def build_for_masks(self) -> Callable[[Tensor], Tensor]:
        from torch.nn.functional import interpolate

        # Of torch's two kinds of nearest only the exact one has the pixels' centres, as
        # bilinear has them, where the other one is what the picture itself is resized by.
        mode = "nearest-exact" if self.mode == "bilinear" else "nearest"

        def resize(masks: Tensor) -> Tensor:
            planes = masks[:, None].float()
            size = list(_for_axes(self.size, tuple(planes.shape[1:]), "sizes"))
            return interpolate(planes, size, mode=mode)[:, 0].to(masks.dtype)

        return resize


@PREPROCESS.register
class CenterCropPictures(Geometry):
    """The middle ``size`` of each sample; one pixel to the upper left where it is not even."""

    kinds: ClassVar[Kinds] = PLANES

    type: Literal["center_crop"] = "center_crop"
    size: PlaneSizes = (56,)
    """Height and width, of volumes depth, height and width, or one number for all."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "center_crop", "size": [6, 5]},)

    def output_shape(self, shape: Shape) -> Shape:
        size = _for_axes(self.size, shape, "sizes")
        if any(mine > given for mine, given in zip(size, shape[1:], strict=True)):
            message = f"center_crop {size} is larger than the picture {shape[1:]}"
            raise ShapeError(message, f"at most {shape[1:]}", str(size))
        return (shape[0], *size)

    def build(self) -> Callable[[Tensor], Tensor]:
        def crop(x: Tensor) -> Tensor:
            size = _for_axes(self.size, tuple(x.shape[1:]), "sizes")
            for axis, length in enumerate(size, start=2):
                x = x.narrow(axis, (x.shape[axis] - length) // 2, length)
            return x

        return crop

    def build_for_masks(self) -> Callable[[Tensor], Tensor]:
        crop = self.build()
        return lambda masks: crop(masks[:, None])[:, 0]


@PREPROCESS.register
class PadPictures(Geometry):
    """Adds pixels of value 0, black in raw pictures, around each sample; class 0 in masks."""

    kinds: ClassVar[Kinds] = PLANES

    type: Literal["pad"] = "pad"
    padding: PlaneSides = (2,)
    """Pixels left, right, above and below, of volumes in front and behind too, or one number."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "pad", "padding": 2},
        {"type": "pad", "padding": [1, 2, 0, 3]},
    )

    def output_shape(self, shape: Shape) -> Shape:
        sides = _for_axes(self.padding, shape, "sides")
        added = [sides[i] + sides[i + 1] for i in range(0, len(sides), 2)]
        return (shape[0], *(n + more for n, more in zip(shape[1:], added[::-1], strict=True)))

    def build(self) -> Callable[[Tensor], Tensor]:
        from torch.nn.functional import pad

        return lambda x: pad(x, _for_axes(self.padding, tuple(x.shape[1:]), "sides"))

    def build_for_masks(self) -> Callable[[Tensor], Tensor]:
        grow = self.build()
        return lambda masks: grow(masks[:, None])[:, 0]
