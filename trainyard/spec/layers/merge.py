"""Layers of several inputs: sums, products, extremes and concatenation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from trainyard.spec.fields import Axis
from trainyard.spec.layers.base import LAYERS, Layer, function_module
from trainyard.spec.shapes import Shape, ShapeError, numel, sample_axis, shape_text

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


class _Pairwise(Layer):
    """Takes inputs of one shape, two by two from the first on."""

    num_inputs: ClassVar[tuple[int, int | None]] = (2, None)
    function: ClassVar[str]  # torch's name for the operation on two
    example_shapes: ClassVar[tuple[tuple[Shape, ...], ...]] = (
        ((2, 4, 4), (2, 4, 4)),
        ((2, 4), (2, 4), (2, 1)),
    )

    def output_shape(self, *shapes: Shape) -> Shape:
        return broadcast(shapes)

    def build(self, *shapes: Shape) -> nn.Module:
        import torch

        operation = getattr(torch, self.function)

        def merge(first: Tensor, *others: Tensor) -> Tensor:
            for other in others:
                first = operation(first, other)
            return first

        return function_module(merge)


@LAYERS.register
class Add(_Pairwise):
    """Sum of all inputs: equal shapes → that shape; an axis of length 1 stretches."""

    function = "add"
    type: Literal["add"] = "add"
    examples = ({"type": "add", "inputs": ["a", "b"]}, {"type": "add", "inputs": ["a", "b", "c"]})


@LAYERS.register
class Subtract(_Pairwise):
    """The first input less the second: equal shapes → that shape; an axis of length 1 stretches."""

    num_inputs = (2, 2)
    function = "sub"
    type: Literal["subtract"] = "subtract"
    examples = ({"type": "subtract", "inputs": ["a", "b"]},)
    example_shapes = (((2, 4, 4), (2, 4, 4)),)


@LAYERS.register
class Multiply(_Pairwise):
    """Product of all inputs: equal shapes → that shape; an axis of length 1 stretches."""

    function = "mul"
    type: Literal["multiply"] = "multiply"
    examples = ({"type": "multiply", "inputs": ["a", "gate"]},)
    example_shapes = (((3, 4, 4), (3, 1, 1)),)


@LAYERS.register
class Maximum(_Pairwise):
    """Greatest of all inputs at each place: equal shapes → that shape; length 1 stretches."""

    function = "maximum"
    type: Literal["maximum"] = "maximum"
    examples = (
        {"type": "maximum", "inputs": ["a", "b"]},
        {"type": "maximum", "inputs": ["a", "b", "c"]},
    )


@LAYERS.register
class Minimum(_Pairwise):
    """Least of all inputs at each place: equal shapes → that shape; length 1 stretches."""

    function = "minimum"
    type: Literal["minimum"] = "minimum"
    examples = ({"type": "minimum", "inputs": ["a", "b"]},)
    example_shapes = (((2, 4), (1, 4)),)


@LAYERS.register
class Average(Layer):
    """Mean of all inputs: equal shapes → that shape; an axis of length 1 stretches."""

    num_inputs = (2, None)
    type: Literal["average"] = "average"
    examples = (
        {"type": "average", "inputs": ["a", "b"]},
        {"type": "average", "inputs": ["a", "b", "c"]},
    )
    example_shapes = (((2, 4, 4), (2, 4, 4)), ((2, 4), (2, 4), (2, 1)))

    def output_shape(self, *shapes: Shape) -> Shape:
        return broadcast(shapes)

    def build(self, *shapes: Shape) -> nn.Module:
        def average(first: Tensor, *others: Tensor) -> Tensor:
            for other in others:
                first = first + other
            return first / (1 + len(others))

        return function_module(average)


@LAYERS.register
class Matmul(Layer):
    """Matrix product of two inputs: (…, N, K) and (…, K, M) → (…, N, M). As torch.matmul.

    The axes before the last two are equal, or 1 and stretch.
    """

    num_inputs = (2, 2)
    type: Literal["matmul"] = "matmul"
    examples = ({"type": "matmul", "inputs": ["a", "b"]},)
    example_shapes = (((2, 3, 4), (2, 4, 5)),)

    def output_shape(self, *shapes: Shape) -> Shape:
        first, second = shapes
        if len(first) < 2 or len(second) != len(first) or first[-1] != second[-2]:
            raise ShapeError(
                "takes inputs (…, N, K) and (…, K, M), not these inputs",
                expected="as many columns in the first as rows in the second",
                received=f"{shape_text(first)} and {shape_text(second)}",
                field="inputs",
            )
        return (*broadcast((first[:-2], second[:-2])), first[-2], second[-1])

    def flops(self, *shapes: Shape) -> int:
        return 2 * numel(self.output_shape(*shapes)) * shapes[0][-1]

    def build(self, *shapes: Shape) -> nn.Module:
        import torch

        return function_module(torch.matmul)


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
        first, axis = shapes[0], sample_axis(shapes[0], self.dim)
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


def _without(shape: Shape, axis: int) -> Shape:
    return shape[:axis] + shape[axis + 1 :]
