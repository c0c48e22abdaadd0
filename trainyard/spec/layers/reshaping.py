"""Layers that only arrange values anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from trainyard.spec.fields import Axis
from trainyard.spec.layers.base import LAYERS, Layer
from trainyard.spec.shapes import Shape, ShapeError, numel, shape_text

if TYPE_CHECKING:
    from torch import nn


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
        start, end = (self._axis(shape, field) for field in ("start_dim", "end_dim"))
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

    def _axis(self, shape: Shape, field: Literal["start_dim", "end_dim"]) -> int:
        """The axis counted from the batch axis, so 1 is the first of the sample."""
        rank, axis = len(shape) + 1, int(getattr(self, field))
        counted = axis + rank if axis < 0 else axis
        if not 1 <= counted < rank:
            raise ShapeError(
                f"{field} {axis} is no axis of the {shape_text(shape)} input",
                expected=f"an axis from 1 to {rank - 1}, or -{rank - 1} to -1",
                received=str(axis),
                field=field,
            )
        return counted
