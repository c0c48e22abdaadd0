"""What a step before the model is: a map by channel, a change of shape, or one of values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from pydantic import ConfigDict

from trainyard.spec.component import Component, Family
from trainyard.spec.kinds import ALL, PICTURES, Kinds
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
    """Base of the preprocessing steps. ``kinds`` are the samples that a step is for."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)

    kinds: ClassVar[Kinds] = ALL

    def after(self, before: ChannelAffine, statistics: Statistics) -> ChannelAffine:
        """``before`` followed by this step, as one map."""
        raise NotImplementedError

    def num_channels(self) -> int | None:
        """How many channels the numbers of the spec are for; None where they fit any."""
        return None

    def output_shape(self, shape: Shape) -> Shape:
        """A sample's shape after the step.

        Raises:
            ShapeError: the step does not take samples of this shape.
        """
        return shape


class Geometry(Preprocess):
    """A step that changes the shape of pictures (C, H, W), and of volumes where ``kinds`` say."""

    kinds: ClassVar[Kinds] = PICTURES

    def after(self, before: ChannelAffine, statistics: Statistics) -> ChannelAffine:
        return before

    def build(self) -> Callable[[Tensor], Tensor]:
        """A function of raw float samples (N, C, …)."""
        raise NotImplementedError

    def build_for_masks(self) -> Callable[[Tensor], Tensor]:
        """How masks (N, …) of class indices follow the pictures: a function that keeps their type.

        They keep being indices: places take the class of one place before, and what is new has
        class 0.
        """
        raise NotImplementedError


class Values(Preprocess):
    """A step that is no map by channel: what it gives depends on a whole sample, or is bent.

    It sees what the steps before it give. ``needs_unit`` says that these have to be values of
    0…1, as pictures of bytes are, and ``gives_unit`` that it gives such.
    """

    needs_unit: ClassVar[bool] = False
    gives_unit: ClassVar[bool] = False

    def build(self) -> Callable[[Tensor], Tensor]:
        """A function of float samples (N, C, …)."""
        raise NotImplementedError

    def build_for_masks(self) -> Callable[[Tensor], Tensor]:
        """A function of masks (N, H, W) of class indices, which go the way of their pictures."""
        change = self.build()
        return lambda masks: change(masks[:, None])[:, 0]


PREPROCESS: Family[Preprocess] = Family("preprocess step")
