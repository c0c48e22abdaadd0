"""RandAugment: some operators for each picture, drawn at random, at one strength for all.

The operators and their strengths are those of the paper's pictures as torchvision's RandAugment
has them. Every picture has operators of its own, without waiting for the device: those that move
pixels are one matrix, and the others are cheap enough to be worked out for all.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.augmentations.base import (
    AUGMENTATIONS,
    GeometricAugmentation,
    like,
    white,
)
from trainyard.spec.augmentations.colours import grey
from trainyard.spec.augmentations.maps import grid_of, sampled
from trainyard.spec.preprocess.equalisation import equalized

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.augmentations.base import PairFunction

_MOVES = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
_COLOURS = (
    "brightness", "saturation", "contrast", "sharpness",
    "posterize", "solarize", "autocontrast", "equalize",
)  # fmt: skip
OPERATORS = ("identity", *_MOVES, *_COLOURS)
_STRONGEST = 30


@AUGMENTATIONS.register
class RandAugment(GeometricAugmentation):
    """Applies ``num_ops`` operators at random to each picture (Cubuk et al., 2020).

    One of 14 each: identity, shear and shift either way, rotation, brightness, saturation,
    contrast, sharpness, posterise, solarise, autocontrast, equalise. Masks follow those that
    move pixels.
    """

    type: Literal["rand_augment"] = "rand_augment"
    num_ops: Annotated[int, Field(ge=1, le=8)] = 2
    """Operators of each picture, one after the other."""
    magnitude: Annotated[int, Field(ge=0, le=_STRONGEST)] = 9
    """Their strength, from 0 to 30."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "rand_augment"},
        {"type": "rand_augment", "num_ops": 3, "magnitude": 15},
    )

    def build_pair(self) -> PairFunction:
        import torch

        strength = self.magnitude / _STRONGEST

        def once(batch: Tensor, masks: Tensor | None) -> tuple[Tensor, Tensor | None]:
            num, device = len(batch), batch.device
            chosen = torch.randint(len(OPERATORS), (num, 1, 1, 1), device=device)
            sign = torch.randint(2, (num, 1, 1, 1), device=device) * 2.0 - 1.0
            grid = grid_of(batch, _matrix(batch, chosen, sign * strength))
            batch, masks = sampled(batch, masks, grid)
            return _coloured(batch, chosen, sign, strength), masks

        def change(batch: Tensor, masks: Tensor | None) -> tuple[Tensor, Tensor | None]:
            for _ in range(self.num_ops):
                batch, masks = once(batch, masks)
            return batch, masks

        return change


def _is(chosen: Tensor, operator: str) -> Tensor:
    return chosen == OPERATORS.index(operator)


def _matrix(batch: Tensor, chosen: Tensor, strength: Tensor) -> list[list[Tensor]]:
    """The 2 by 3 matrix of each picture: that of no change where its operator moves nothing."""
    height, width = batch.shape[-2:]
    amount = {name: _is(chosen, name) * strength for name in _MOVES}
    angle = amount["rotate"] * math.radians(30.0)
    share = 150 / 331  # of the picture's size, from the paper's largest pictures
    return [
        [angle.cos(), angle.sin() + 0.3 * amount["shear_x"], amount["translate_x"] * share * width],
        [0.3 * amount["shear_y"] - angle.sin(), angle.cos(),
         amount["translate_y"] * share * height],
    ]  # fmt: skip


def _coloured(batch: Tensor, chosen: Tensor, sign: Tensor, strength: float) -> Tensor:
    """Those operators that change values, in 0…1; other pictures stay as they are."""
    import torch

    top = white(batch)
    x = batch.float() / top
    factor = 1.0 + 0.9 * strength * sign
    flat = grey(x)
    mean = flat.mean(dim=(2, 3), keepdim=True)
    steps = 2.0 ** (8 - round(strength * 4)) - 1.0
    low, high = x.amin(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
    results = {
        "brightness": x * factor,
        "saturation": flat + (x - flat) * factor,
        "contrast": mean + (x - mean) * factor,
        "sharpness": _softened(x).lerp(x, factor.expand_as(x)),
        "posterize": (x * (steps + 1.0)).floor().clamp(max=steps) / (steps + 1.0),
        "solarize": torch.where(x >= 1.0 - strength, 1.0 - x, x) if strength else x,
        "autocontrast": torch.where(high > low, (x - low) / (high - low).clamp(min=1e-6), x),
        "equalize": equalized(x),
    }
    values = x
    for operator, result in results.items():
        values = torch.where(_is(chosen, operator), result.clamp(0.0, 1.0), values)
    is_changed = chosen >= OPERATORS.index(_COLOURS[0])
    return torch.where(is_changed, like(batch, values * top), batch)


def _softened(x: Tensor) -> Tensor:
    """Pillow's SMOOTH: the mean of the nine pixels about each, its own five times; edges stay."""
    import torch
    from torch.nn.functional import conv2d

    channels = x.shape[1]
    kernel = torch.ones(channels, 1, 3, 3, device=x.device)
    kernel[:, :, 1, 1] = 5.0
    whole = x.clone()
    if min(x.shape[-2:]) >= 3:
        whole[:, :, 1:-1, 1:-1] = conv2d(x, kernel / 13.0, groups=channels)
    return whole
