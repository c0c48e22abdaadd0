"""Augmentations that move whole pixels, and those of masks with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.augmentations.base import (
    AUGMENTATIONS,
    Chance,
    GeometricAugmentation,
    some_pairs,
)
from trainyard.spec.kinds import PLANES, Kinds

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.augmentations.base import PairFunction


@AUGMENTATIONS.register
class RandomFlip(GeometricAugmentation):
    """Mirrors each picture or volume with probability ``p``."""

    kinds: ClassVar[Kinds] = PLANES

    type: Literal["random_flip"] = "random_flip"
    p: Chance = 0.5
    """Probability that a picture is mirrored."""
    direction: Literal["horizontal", "vertical"] = "horizontal"
    """`horizontal` swaps left and right, `vertical` top and bottom."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "random_flip"},
        {"type": "random_flip", "p": 0.25, "direction": "vertical"},
    )

    def build_pair(self) -> PairFunction:
        axis = -1 if self.direction == "horizontal" else -2

        def flip(batch: Tensor, masks: Tensor | None) -> tuple[Tensor, Tensor | None]:
            mirrored = None if masks is None else masks.flip(axis)
            return some_pairs(batch, masks, self.p, (batch.flip(axis), mirrored))

        return flip


@AUGMENTATIONS.register
class RandomRightTurn(GeometricAugmentation):
    """Turns each square picture by 90, 180 or 270 degrees with probability ``p``; by 180 only
    where pictures are not square."""

    type: Literal["random_right_turn"] = "random_right_turn"
    p: Chance = 0.75
    """Probability that a picture is turned."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "random_right_turn"},)

    def build_pair(self) -> PairFunction:
        import torch

        def turn(batch: Tensor, masks: Tensor | None) -> tuple[Tensor, Tensor | None]:
            height, width = batch.shape[-2:]
            turns = [1, 2, 3] if height == width else [2]
            which = torch.randint(len(turns), (len(batch), 1, 1, 1), device=batch.device)

            def turned(planes: Tensor, which: Tensor) -> Tensor:
                whole = planes
                for place, count in enumerate(turns):
                    whole = torch.where(which == place, planes.rot90(count, (-2, -1)), whole)
                return whole

            of_masks = None if masks is None else turned(masks, which[:, 0])
            return some_pairs(batch, masks, self.p, (turned(batch, which), of_masks))

        return turn


@AUGMENTATIONS.register
class RandomCrop(GeometricAugmentation):
    """Pads with zeros and cuts each picture out again at a random place, its size kept."""

    type: Literal["random_crop"] = "random_crop"
    padding: Annotated[int, Field(ge=1, le=1024)] = 4
    """Pixels added on every side before the cut: the largest shift."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "random_crop", "padding": 2},)

    def build_pair(self) -> PairFunction:
        import torch
        from torch.nn.functional import pad

        def crop(batch: Tensor, masks: Tensor | None) -> tuple[Tensor, Tensor | None]:
            num, _, height, width = batch.shape
            device = batch.device
            top, left = torch.randint(2 * self.padding + 1, (2, num, 1), device=device)
            rows = (top + torch.arange(height, device=device))[:, None, :, None]
            columns = (left + torch.arange(width, device=device))[:, None, None, :]
            samples = torch.arange(num, device=device)[:, None, None, None]

            def cut(planes: Tensor) -> Tensor:
                channels = torch.arange(planes.shape[1], device=device)[None, :, None, None]
                return pad(planes, (self.padding,) * 4)[samples, channels, rows, columns]

            return cut(batch), None if masks is None else cut(masks[:, None])[:, 0]

        return crop
