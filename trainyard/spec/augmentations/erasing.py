"""Augmentations that cover a part of each picture with zeros; masks keep what was there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.augmentations.base import (
    AUGMENTATIONS,
    Augmentation,
    Chance,
    Fraction,
    Ratio,
    between,
    some,
)

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.augmentations.base import BatchFunction


def _covered(batch: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Zeros in a rectangle (N, 1, 1, 1) about a random pixel of each picture, cut at the edges."""
    import torch

    num, _, rows, columns = batch.shape
    device = batch.device
    row = torch.rand(num, 1, 1, 1, device=device) * rows
    column = torch.rand(num, 1, 1, 1, device=device) * columns
    down = torch.arange(rows, device=device).view(1, 1, rows, 1) + 0.5
    across = torch.arange(columns, device=device).view(1, 1, 1, columns) + 0.5
    inside = ((down - row).abs() < height / 2) & ((across - column).abs() < width / 2)
    return batch.masked_fill(inside, 0)


@AUGMENTATIONS.register
class Cutout(Augmentation):
    """Covers a square about a random pixel of each picture (DeVries and Taylor, 2017)."""

    type: Literal["cutout"] = "cutout"
    size: Annotated[int, Field(ge=1, le=4096)] = 8
    """Pixels of the square across."""
    p: Chance = 1.0
    """Probability that a picture is covered."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "cutout"},
        {"type": "cutout", "size": 3, "p": 0.5},
    )

    def build(self) -> BatchFunction:
        def change(batch: Tensor) -> Tensor:
            side = between(len(batch), self.size, self.size, batch.device)
            return some(batch, self.p, _covered(batch, side, side))

        return change


@AUGMENTATIONS.register
class RandomErasing(Augmentation):
    """Covers a rectangle of random size and form (Zhong et al., 2020), cut at the edges."""

    type: Literal["random_erasing"] = "random_erasing"
    p: Chance = 0.5
    """Probability that a picture is covered."""
    scale: Annotated[tuple[Fraction, Fraction], Field(strict=False)] = (0.02, 0.33)
    """Least and largest share of the area."""
    ratio: Annotated[tuple[Ratio, Ratio], Field(strict=False)] = (0.3, 3.3)
    """Least and largest height / width."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "random_erasing"},
        {"type": "random_erasing", "p": 1.0, "scale": [0.1, 0.2], "ratio": [1.0, 1.0]},
    )

    def build(self) -> BatchFunction:
        def change(batch: Tensor) -> Tensor:
            num, device = len(batch), batch.device
            least, most = sorted(self.scale)
            side = (between(num, least, most, device) * batch[0, 0].numel()).sqrt()
            low, high = sorted(math.log(ratio) / 2 for ratio in self.ratio)
            stretch = between(num, low, high, device).exp()
            return some(batch, self.p, _covered(batch, side * stretch, side / stretch))

        return change
