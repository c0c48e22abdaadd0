"""Padding and cropping of the spatial axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from trainyard.spec.fields import AxisSizes, Number, Sides1d, Sides2d, Sides3d
from trainyard.spec.layers.base import LAYERS, Layer, function_module
from trainyard.spec.shapes import Shape, ShapeError, require_rank, shape_text, times

if TYPE_CHECKING:
    from torch import Tensor, nn


class _Pad(Layer):
    """What padding of every rank shares; ``rank`` counts the spatial axes."""

    rank: ClassVar[int]
    padding: tuple[int, ...]

    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    """What stands in the padding."""
    value: Number = 0.0
    """The constant."""

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        require_rank(shape, self.rank + 1)
        pairs = self._pairs()
        self._require_room(shape[1:], pairs)
        sizes = zip(shape[1:], pairs, strict=True)
        return (shape[0], *(size + before + after for size, (before, after) in sizes))

    def build(self, *shapes: Shape) -> nn.Module:
        from torch.nn import functional

        value = self.value if self.mode == "constant" else None

        def pad(x: Tensor) -> Tensor:
            return functional.pad(x, self.padding, self.mode, value)

        return function_module(pad)

    def _pairs(self) -> list[tuple[int, int]]:
        """Padding before and after each axis: torch's order starts with the last axis."""
        return list(zip(self.padding[::2], self.padding[1::2], strict=True))[::-1]

    def _require_room(self, sizes: tuple[int, ...], pairs: list[tuple[int, int]]) -> None:
        """torch's limits: reflected padding is less than the input, circular is at most it."""
        room = {"reflect": -1, "circular": 0}.get(self.mode)
        if room is None or all(
            max(pair) <= size + room for pair, size in zip(pairs, sizes, strict=True)
        ):
            return
        raise ShapeError(
            f"{self.mode} padding {times(self.padding)} does not fit the {times(sizes)} input",
            expected=f"at most {times(tuple(size + room for size in sizes))}",
            received=times(self.padding),
            field="padding",
        )


@LAYERS.register
class Pad1d(_Pad):
    """Lengthens a series: (C, L) → (C, left + L + right). As torch.nn.functional.pad.

    Padding on the left alone makes the convolution after it causal.
    """

    rank = 1
    type: Literal["pad1d"] = "pad1d"
    padding: Sides1d
    """For both ends, or [left, right]."""
    examples = (
        {"type": "pad1d", "padding": [2, 0]},
        {"type": "pad1d", "padding": 2, "mode": "circular"},
    )
    example_shapes = (((3, 5),),)


@LAYERS.register
class Pad2d(_Pad):
    """Enlarges a picture: (C, H, W) → (C, H', W'). As torch.nn.functional.pad."""

    rank = 2
    type: Literal["pad2d"] = "pad2d"
    padding: Sides2d
    """For all sides, or [left, right, top, bottom]."""
    examples = (
        {"type": "pad2d", "padding": 1, "value": -1.0},
        {"type": "pad2d", "padding": [1, 2, 0, 3], "mode": "reflect"},
        {"type": "pad2d", "padding": 2, "mode": "replicate"},
    )
    example_shapes = (((2, 4, 5),),)


@LAYERS.register
class Pad3d(_Pad):
    """Enlarges a volume: (C, D, H, W) → (C, D', H', W'). As torch.nn.functional.pad."""

    rank = 3
    type: Literal["pad3d"] = "pad3d"
    padding: Sides3d
    """For all sides, or [left, right, top, bottom, front, back]."""
    examples = (
        {"type": "pad3d", "padding": [0, 1, 1, 0, 2, 1]},
        {"type": "pad3d", "padding": 1, "mode": "replicate"},
    )
    example_shapes = (((2, 3, 4, 4),),)


def _middle(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """The middle of the last axes; where it cannot be exact, one place towards the start."""
    first = x.dim() - len(sizes)
    for axis, size in enumerate(sizes, start=first):
        x = x.narrow(axis, (x.shape[axis] - size) // 2, size)
    return x


@LAYERS.register
class CenterCrop(Layer):
    """The middle of a picture, a series or a volume: (C, H, W) → (C, size, size)."""

    type: Literal["center_crop"] = "center_crop"
    size: AxisSizes
    """Lengths of the spatial axes, one for all or a list."""
    examples = ({"type": "center_crop", "size": 3}, {"type": "center_crop", "size": [4, 2]})
    example_shapes = (((2, 6, 5),),)

    def output_shape(self, *shapes: Shape) -> Shape:
        wanted = self._sizes(shapes[0])
        _require_inside(wanted, shapes[0], "size")
        return (shapes[0][0], *wanted)

    def build(self, *shapes: Shape) -> nn.Module:
        wanted = self._sizes(shapes[0])

        def crop(x: Tensor) -> Tensor:
            return _middle(x, wanted)

        return function_module(crop)

    def _sizes(self, shape: Shape) -> tuple[int, ...]:
        return self.size * (len(shape) - 1) if len(self.size) == 1 else self.size


@LAYERS.register
class CropTo(Layer):
    """The middle of the first input, as large as the second: (C, H, W), (K, h, w) → (C, h, w)."""

    num_inputs = (2, 2)
    type: Literal["crop_to"] = "crop_to"
    examples = ({"type": "crop_to", "inputs": ["skip", "up"]},)
    example_shapes = (((2, 6, 5), (3, 4, 4)),)

    def output_shape(self, *shapes: Shape) -> Shape:
        _require_inside(shapes[1][1:], shapes[0], "inputs")
        return (shapes[0][0], *shapes[1][1:])

    def build(self, *shapes: Shape) -> nn.Module:
        wanted = shapes[1][1:]

        def crop(x: Tensor, _: Tensor) -> Tensor:
            return _middle(x, wanted)

        return function_module(crop)


def _require_inside(wanted: tuple[int, ...], shape: Shape, field: str) -> None:
    """ShapeError unless the wanted spatial sizes are within the shape's."""
    sizes = shape[1:]
    if wanted and len(wanted) == len(sizes) and all(map(int.__le__, wanted, sizes)):
        return
    raise ShapeError(
        f"to {shape_text(wanted)} does not fit the {shape_text(shape)} input",
        expected=f"at most {shape_text(sizes)}",
        received=shape_text(wanted),
        field=field,
    )
