"""Layers that only arrange values anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field

from trainyard.spec.fields import MAX_SIZE, Axis, expected
from trainyard.spec.layers.base import LAYERS, Layer, function_module
from trainyard.spec.shapes import Shape, ShapeError, numel, sample_axis, shape_text

if TYPE_CHECKING:
    from torch import Tensor, nn


def _not_zero(length: int) -> int:
    if length == 0:
        raise expected("an integer of at least 1, or -1")
    return length


Length = Annotated[int, Field(ge=-1, le=MAX_SIZE), AfterValidator(_not_zero)]


@LAYERS.register
class Flatten(Layer):
    """Joins the axes start_dim to end_dim into one: (C, H, W) → (C·H·W,). As torch.nn.Flatten."""

    type: Literal["flatten"] = "flatten"
    start_dim: Axis = 1
    """First axis to join, the batch axis being 0 as in torch."""
    end_dim: Axis = -1
    """Last axis to join."""

    examples = ({"type": "flatten"}, {"type": "flatten", "start_dim": 2})
    example_shapes = (((2, 3, 4),), ((2, 3, 4),))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        start = sample_axis(shape, self.start_dim, "start_dim") + 1
        end = sample_axis(shape, self.end_dim, "end_dim") + 1
        if start > end:
            raise ShapeError(
                f"from axis {start} to axis {end} does not fit the {shape_text(shape)} input",
                expected=f"an axis from {start} on",
                received=str(self.end_dim),
                field="end_dim",
            )
        return (*shape[: start - 1], numel(shape[start - 1 : end]), *shape[end:])

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        return nn.Flatten(self.start_dim, self.end_dim)


@LAYERS.register
class Reshape(Layer):
    """The same values in another shape, in their order: (…) → shape. As torch.reshape."""

    type: Literal["reshape"] = "reshape"
    shape: Annotated[list[Length], Field(min_length=1, max_length=8)]
    """The sample's new shape, without the batch axis; -1 for one axis takes what is left."""

    examples = (
        {"type": "reshape", "shape": [6, 4]},
        {"type": "reshape", "shape": [3, -1]},
    )
    example_shapes = (((2, 3, 4),),)

    def output_shape(self, *shapes: Shape) -> Shape:
        return _filled(self.shape, numel(shapes[0]), shapes[0], "shape")

    def build(self, *shapes: Shape) -> nn.Module:
        found = self.output_shape(*shapes)

        def reshape(x: Tensor) -> Tensor:
            return x.reshape(-1, *found)

        return function_module(reshape)


@LAYERS.register
class Unflatten(Layer):
    """Parts one axis into several: (F,) → sizes. As torch.nn.Unflatten."""

    type: Literal["unflatten"] = "unflatten"
    dim: Axis = 1
    """Axis to part, the batch axis being 0 as in torch."""
    unflattened_size: Annotated[list[Length], Field(min_length=1, max_length=8)]
    """Lengths of the new axes; -1 for one of them takes what is left."""

    examples = (
        {"type": "unflatten", "unflattened_size": [2, 3, -1]},
        {"type": "unflatten", "dim": -1, "unflattened_size": [2, 2]},
    )
    example_shapes = (((12,),), ((3, 4),))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = sample_axis(shape, self.dim)
        parts = _filled(self.unflattened_size, shape[axis], shape, "unflattened_size")
        return (*shape[:axis], *parts, *shape[axis + 1 :])

    def build(self, *shapes: Shape) -> nn.Module:
        from torch import nn

        axis = sample_axis(shapes[0], self.dim)
        parts = _filled(self.unflattened_size, shapes[0][axis], shapes[0], "unflattened_size")
        return nn.Unflatten(axis + 1, parts)


@LAYERS.register
class Permute(Layer):
    """Axes in another order: (C, L) → (L, C) with dims [2, 1]. As torch.permute."""

    type: Literal["permute"] = "permute"
    dims: Annotated[list[Annotated[int, Field(ge=1, le=8)]], Field(min_length=1, max_length=8)]
    """Which axis stands first, second …; the batch axis is 0, stays there and is not named."""

    examples = ({"type": "permute", "dims": [2, 1]}, {"type": "permute", "dims": [3, 1, 2]})
    example_shapes = (((3, 5),), ((2, 3, 4),))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axes = list(range(1, len(shape) + 1))
        if sorted(self.dims) != axes:
            raise ShapeError(
                f"to the order {self.dims} does not fit the {shape_text(shape)} input",
                expected=f"each of {axes} once",
                received=str(self.dims),
                field="dims",
            )
        return tuple(shape[axis - 1] for axis in self.dims)

    def build(self, *shapes: Shape) -> nn.Module:
        def permute(x: Tensor) -> Tensor:
            return x.permute(0, *self.dims)

        return function_module(permute)


@LAYERS.register
class Select(Layer):
    """One place along an axis, which goes: (C, L) → (C,). As torch.select.

    The last step of a series is index -1 of axis 2.
    """

    type: Literal["select"] = "select"
    dim: Axis = 1
    """Axis to pick from, the batch axis being 0 as in torch; -1 is the last."""
    index: Annotated[int, Field(ge=-MAX_SIZE, le=MAX_SIZE)]
    """Which place of it; -1 is the last."""

    examples = ({"type": "select", "dim": 2, "index": -1}, {"type": "select", "index": 1})
    example_shapes = (((3, 5),), ((2, 3, 4),))

    def output_shape(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        axis = sample_axis(shape, self.dim)
        if len(shape) == 1 or not -shape[axis] <= self.index < shape[axis]:
            raise ShapeError(
                f"of index {self.index} does not fit the {shape_text(shape)} input",
                expected=f"two axes or more, and an index below {shape[axis]}",
                received=str(self.index),
                field="index",
            )
        return (*shape[:axis], *shape[axis + 1 :])

    def build(self, *shapes: Shape) -> nn.Module:
        def select(x: Tensor) -> Tensor:
            return x.select(self.dim, self.index)

        return function_module(select)


def _filled(sizes: list[int], count: int, shape: Shape, field: str) -> Shape:
    """The sizes with what is left of ``count`` values in the place of -1.

    Raises:
        ShapeError: they do not hold exactly ``count`` values; ``field`` is to blame.
    """
    known = numel(tuple(size for size in sizes if size != -1))
    left = count // known if sizes.count(-1) == 1 and count % known == 0 else -1
    found = tuple(left if size == -1 else size for size in sizes)
    if -1 in found or numel(found) != count:
        raise ShapeError(
            f"into {shape_text(tuple(sizes))} does not fit the {shape_text(shape)} input",
            expected=f"sizes of {count} values in all, with at most one -1",
            received=shape_text(tuple(sizes)),
            field=field,
        )
    return found
