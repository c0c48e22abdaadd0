"""Augmentations that map pictures by matrices, sampled bilinearly; zeros come in from outside.

Masks are mapped by the same matrices and take the nearest pixel's class, class 0 from outside.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from trainyard.spec.augmentations.base import (
    AUGMENTATIONS,
    Chance,
    Fraction,
    GeometricAugmentation,
    Ratio,
    between,
    like,
    some_pairs,
)

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.augmentations.base import PairFunction

Degrees = Annotated[float, Field(ge=0.0, le=180.0)]
Slant = Annotated[float, Field(ge=0.0, le=60.0)]
Range = Annotated[tuple[Ratio, Ratio], Field(strict=False)]
Share = Annotated[tuple[Fraction, Fraction], Field(strict=False)]


def _in_order(values: tuple[float, float]) -> tuple[float, float]:
    if values[0] > values[1]:
        raise ValueError("the first number must not be above the second")
    return values


def grid_of(batch: Tensor, rows: list[list[Tensor]]) -> Tensor:
    """Where each pixel comes from by its picture's 2 by 3 matrix, for ``sampled``.

    The matrix goes from output to input places in pixels, which count from the picture's centre,
    so that turns keep right angles in pictures that are not square.
    """
    import torch
    from torch.nn.functional import affine_grid

    height, width = batch.shape[-2:]
    flat = torch.stack([torch.stack([v.flatten() for v in row], 1) for row in rows], 1)
    size = torch.tensor([width / 2, height / 2], device=batch.device)
    ones = torch.ones(1, device=batch.device)
    matrix = flat * torch.cat([size, ones]) / size[:, None]
    return affine_grid(matrix, list(batch.shape), align_corners=False)


def sampled(batch: Tensor, masks: Tensor | None, grid: Tensor) -> tuple[Tensor, Tensor | None]:
    """Pictures bilinearly and masks by the nearest pixel, where the grid (N, H, W, 2) says."""
    from torch.nn.functional import grid_sample

    pictures = like(batch, grid_sample(batch.float(), grid, align_corners=False))
    if masks is None:
        return pictures, None
    planes = grid_sample(masks[:, None].float(), grid, mode="nearest", align_corners=False)
    return pictures, planes[:, 0].to(masks.dtype)


def mapped(
    batch: Tensor, masks: Tensor | None, p: float, rows: list[list[Tensor]]
) -> tuple[Tensor, Tensor | None]:
    """Each picture, with probability ``p``, as its matrix says, and its mask with it."""
    return some_pairs(batch, masks, p, sampled(batch, masks, grid_of(batch, rows)))


@AUGMENTATIONS.register
class RandomAffine(GeometricAugmentation):
    """Turns, shifts, scales and shears each picture at random about its centre."""

    type: Literal["random_affine"] = "random_affine"
    degrees: Degrees = 0.0
    """Largest turn to either side."""
    translate: Chance = 0.0
    """Largest shift, as a share of width and height."""
    scale: Range = (1.0, 1.0)
    """Least and largest magnification."""
    shear: Slant = 0.0
    """Largest slant of the vertical axis, in degrees."""
    p: Chance = 1.0
    """Probability that a picture is changed."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "random_affine", "degrees": 15.0, "translate": 0.1, "scale": [0.9, 1.1]},
        {"type": "random_affine", "shear": 10.0, "p": 0.5},
    )

    _order = field_validator("scale")(_in_order)

    def build_pair(self) -> PairFunction:
        def change(batch: Tensor, masks: Tensor | None) -> tuple[Tensor, Tensor | None]:
            num, device = len(batch), batch.device
            turn, slant = math.radians(self.degrees), math.radians(self.shear)
            angle = between(num, -turn, turn, device)
            cos, sin = angle.cos(), angle.sin()
            tangent = between(num, -slant, slant, device).tan()
            size = between(num, *self.scale, device)
            height, width = batch.shape[-2:]
            right = between(num, -self.translate, self.translate, device) * width
            down = between(num, -self.translate, self.translate, device) * height
            rows = [
                [cos / size, (sin + tangent * cos) / size, right],
                [-sin / size, (cos - tangent * sin) / size, down],
            ]
            return mapped(batch, masks, self.p, rows)

        return change


@AUGMENTATIONS.register
class RandomRotation(GeometricAugmentation):
    """Turns each picture about its centre by an angle of up to ``degrees`` to either side."""

    type: Literal["random_rotation"] = "random_rotation"
    degrees: Degrees = 15.0
    """Largest turn to either side."""
    p: Chance = 1.0
    """Probability that a picture is turned."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "random_rotation"},
        {"type": "random_rotation", "degrees": 180.0, "p": 0.5},
    )

    def build_pair(self) -> PairFunction:
        return RandomAffine(degrees=self.degrees, p=self.p).build_pair()


@AUGMENTATIONS.register
class RandomResizedCrop(GeometricAugmentation):
    """Enlarges a random part of each picture to the whole (Szegedy et al., 2015)."""

    type: Literal["random_resized_crop"] = "random_resized_crop"
    scale: Share = (0.08, 1.0)
    """Least and largest share of the area."""
    ratio: Range = (0.75, 4 / 3)
    """Least and largest width / height of the part, beside the picture's own."""
    p: Chance = 1.0
    """Probability that a picture is changed."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "random_resized_crop"},
        {"type": "random_resized_crop", "scale": [0.5, 1.0], "ratio": [1.0, 1.0]},
    )

    _order = field_validator("scale", "ratio")(_in_order)

    def build_pair(self) -> PairFunction:
        import torch

        def change(batch: Tensor, masks: Tensor | None) -> tuple[Tensor, Tensor | None]:
            num, device = len(batch), batch.device
            area = between(num, *self.scale, device).sqrt()
            low, high = (math.log(ratio) / 2 for ratio in self.ratio)
            stretch = between(num, low, high, device).exp()
            across, up = (area * stretch).clamp(max=1.0), (area / stretch).clamp(max=1.0)
            height, width = batch.shape[-2:]
            right = (1 - across) * between(num, -0.5, 0.5, device) * width
            down = (1 - up) * between(num, -0.5, 0.5, device) * height
            zero = torch.zeros_like(right)
            rows = [[across, zero, right], [zero, up, down]]
            return mapped(batch, masks, self.p, rows)

        return change
