"""Layers of several inputs: sums, products and concatenation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from trainyard.spec.fields import Axis
from trainyard.spec.layers.base import LAYERS, Layer, function_module
from trainyard.spec.shapes import Shape, ShapeError, shape_text

if TYPE_CHECKING:
    from torch import Tensor, nn


def broadcast(shapes: tuple[Shape, ...]) -> Shape:
    """The shape of an elementwise operation: axes of length 1 stretch, the rank must agree.

    Raises:
        ShapeError: two lengths differ and neither is 1.
    """
    if len({len(shape) for shape in shapes}) == 1:
        sizes = [set(axis) - {1} for axis in zip(*shapes, strict=True)]
        if all(len(lengths) < 2 for lengths in sizes):
            return tuple(max(axis) for axis in zip(*shapes, strict=True))
    raise ShapeError(
        "takes inputs of one shape (an axis of length 1 stretches), not these inputs",
        expected=shape_text(shapes[0]),
        received=" and ".join(map(shape_text, shapes[1:])),
        field="inputs",
    )


@LAYERS.register
class Add(Layer):
    """Sum of all inputs: equal shapes → that shape; an axis of length 1 stretches."""

    num_inputs = (2, None)
    type: Literal["add"] = "add"
    examples = ({"type": "add", "inputs": ["a", "b"]}, {"type": "add", "inputs": ["a", "b", "c"]})
    example_shapes = (((2, 4, 4), (2, 4, 4)), ((2, 4), (2, 4), (2, 1)))

    def output_shape(self, *shapes: Shape) -> Shape:
        return broadcast(shapes)

    def build(self, *shapes: Shape) -> nn.Module:
        def add(first: Tensor, *others: Tensor) -> Tensor:
            for other in others:
                first = first + other
            return first

        return function_module(add)


@LAYERS.register
class Multiply(Layer):
    """Product of all inputs: equal shapes → that shape; an axis of length 1 stretches."""

    num_inputs = (2, None)
    type: Literal["multiply"] = "multiply"
    examples = ({"type": "multiply", "inputs": ["a", "gate"]},)
    example_shapes = (((3, 4, 4), (3, 1, 1)),)

    def output_shape(self, *shapes: Shape) -> Shape:
        return broadcast(shapes)

    def build(self, *shapes: Shape) -> nn.Module:
        def multiply(first: Tensor, *others: Tensor) -> Tensor:
            for other in others:
                first = first * other
            return first

        return function_module(multiply)


@LAYERS.register
class Concatenate(Layer):
    """Inputs one after another along an axis: (A, H, W), (B, H, W) → (A + B, H, W).

    As torch.cat with dim=1, the channels.
    """

    num_inputs = (2, None)
    type: Literal["concatenate"] = "concatenate"
    dim: Axis = 1
    """Axis to join along, the batch axis being 0 as in torch; 1 is the channels."""
    examples = (
        {"type": "concatenate", "inputs": ["a", "b"]},
        {"type": "concatenate", "inputs": ["a", "b"], "dim": -1},
    )
    example_shapes = (((2, 4, 4), (3, 4, 4)), ((2, 4), (2, 6)))

    def output_shape(self, *shapes: Shape) -> Shape:
        first, axis = shapes[0], self._axis(shapes[0])
        for shape in shapes[1:]:
            same = len(shape) == len(first)
            if not same or _without(shape, axis) != _without(first, axis):
                raise ShapeError(
                    f"along axis {self.dim} needs all other axes equal, unlike these inputs",
                    expected=f"as {shape_text(first)} but for axis {self.dim}",
                    received=shape_text(shape),
                    field="inputs",
                )
        joined = sum(shape[axis] for shape in shapes)
        return (*first[:axis], joined, *first[axis + 1 :])

    def build(self, *shapes: Shape) -> nn.Module:
        import torch

        def concatenate(*inputs: Tensor) -> Tensor:
            return torch.cat(inputs, dim=self.dim)

        return function_module(concatenate)

    def _axis(self, shape: Shape) -> int:
        """The axis within a sample's shape, from 0."""
        rank = len(shape) + 1
        if self.dim == 0 or not -rank < self.dim < rank:
            raise ShapeError(
                f"along axis {self.dim} does not fit the inputs",
                expected=f"an axis from 1 to {rank - 1}, or -{rank - 1} to -1",
                received=str(self.dim),
                field="dim",
            )
        return (self.dim + rank if self.dim < 0 else self.dim) - 1


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]
