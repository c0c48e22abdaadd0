"""What a step before the model is: a map of values by channel, or a change of shape."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from pydantic import ConfigDict

from trainyard.spec.component import Component, Family
from trainyard.spec.shapes import Shape

if TYPE_CHECKING:
    from torch import Tensor


class ChannelAffine(NamedTuple):
    """x ↦ x × scale + shift by channel, on raw values (pictures: 0 to 255)."""

    scale: tuple[float, ...]
    shift: tuple[float, ...]


class Statistics(NamedTuple):
    """Mean and standard deviation by channel of the training split, in raw values."""

    mean: Sequence[float]
    std: Sequence[float]


class Preprocess(Component):
    """Base of the preprocessing steps."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    def after(self, before: ChannelAffine, statistics: Statistics) -> ChannelAffine:
        """``before`` followed by this step, as one map."""
        raise NotImplementedError

    def num_channels(self) -> int | None:
        """How many channels the numbers of the spec are for; None where they fit any."""
        raise NotImplementedError


class Geometry(Preprocess):
    """A step that changes the shape of pictures (C, H, W)."""

    def after(self, before: ChannelAffine, statistics: Statistics) -> ChannelAffine:
        return before

    def num_channels(self) -> int | None:
        return None

    def output_shape(self, shape: Shape) -> Shape:
        """The picture's shape after the step.

        Raises:
            ShapeError: the step does not take pictures of this shape.
        """
        raise NotImplementedError

    def build(self) -> Callable[[Tensor], Tensor]:
        """A function of raw float pictures (N, C, H, W)."""
        raise NotImplementedError

    def build_for_masks(self) -> Callable[[Tensor], Tensor]:
        """A function of masks (N, H, W) of class indices, which go the way of their pictures."""
        change = self.build()
        return lambda masks: change(masks[:, None])[:, 0]


PREPROCESS: Family[Preprocess] = Family("preprocess step")
