"""Steps that mix the channels of pictures: to grey, and from grey to three equal ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from trainyard.spec.preprocess.base import PREPROCESS, Geometry
from trainyard.spec.shapes import Shape, ShapeError, shape_text

if TYPE_CHECKING:
    from torch import Tensor


class Colours(Geometry):
    """A step whose channels are weighted sums of those before: rows of ``mixture``.

    Listed before the steps that reckon, so that these are of its channels.
    """

    mixture: ClassVar[tuple[tuple[float, ...], ...]]

    def output_shape(self, shape: Shape) -> Shape:
        wanted = len(self.mixture[0])
        if shape[0] != wanted:
            raise ShapeError(
                f"{self.type} takes pictures of {wanted} channels, not {shape_text(shape)}",
                f"{wanted} channels",
                str(shape[0]),
            )
        return (len(self.mixture), *shape[1:])

    def build(self) -> Callable[[Tensor], Tensor]:
        import torch

        def mixed(x: Tensor) -> Tensor:
            return torch.cat([_weighted(x, row) for row in self.mixture], dim=1)

        return mixed

    def build_for_masks(self) -> Callable[[Tensor], Tensor]:
        return lambda masks: masks


def _weighted(x: Tensor, weights: Sequence[float]) -> Tensor:
    """(N, C, H, W) → (N, 1, H, W): the sum of the channels by their weights."""
    whole = x[:, :1] * weights[0]
    for channel, weight in enumerate(weights[1:], start=1):
        whole = whole + x[:, channel : channel + 1] * weight
    return whole


@PREPROCESS.register
class Grayscale(Colours):
    """(3, H, W) → (1, H, W): 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601), as Pillow's ``L``."""

    type: Literal["grayscale"] = "grayscale"
    mixture: ClassVar[tuple[tuple[float, ...], ...]] = ((0.299, 0.587, 0.114),)
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "grayscale"},)


@PREPROCESS.register
class Rgb(Colours):
    """(1, H, W) → (3, H, W): the grey channel three times, for models made for colours."""

    type: Literal["rgb"] = "rgb"
    mixture: ClassVar[tuple[tuple[float, ...], ...]] = ((1.0,), (1.0,), (1.0,))
    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "rgb"},)
