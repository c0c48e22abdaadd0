"""RandAugment: some operators for each picture, drawn at random, at one strength for all.

The operators and their strengths are those of the paper's pictures as torchvision's RandAugment
has them. Every picture has operators of its own; each operator is worked out for those pictures
alone that drew it.
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
            # Drawn on the host, which has to know which pictures an operator is for.
            chosen = torch.randint(len(OPERATORS), (num,))
            sign = (torch.randint(2, (num, 1, 1, 1), device=device) * 2.0 - 1.0) * strength
            batch, masks = batch.clone(), None if masks is None else masks.clone()
            for place, operator in enumerate(OPERATORS):
                which = (chosen == place).nonzero().flatten().to(device, non_blocking=True)
                if operator == "identity" or not len(which):
                    continue
                part = batch[which]
                if operator in _MOVES:
                    grid = grid_of(part, _matrix(operator, part, sign[which]))
                    part, mask = sampled(part, None if masks is None else masks[which], grid)
                    if masks is not None and mask is not None:
                        masks[which] = mask
                else:
                    part = _coloured(operator, part, sign[which], strength)
                batch[which] = part
            return batch, masks

        def change(batch: Tensor, masks: Tensor | None) -> tuple[Tensor, Tensor | None]:
            for _ in range(self.num_ops):
                batch, masks = once(batch, masks)
            return batch, masks

        return change


def _matrix(operator: str, batch: Tensor, strength: Tensor) -> list[list[Tensor]]:
    """The 2 by 3 matrix of each picture, from output to input places in pixels."""
    import torch

    height, width = batch.shape[-2:]
    angle = strength * math.radians(30.0) if operator == "rotate" else torch.zeros_like(strength)
    slant = {name: 0.3 * strength * (operator == name) for name in ("shear_x", "shear_y")}
    share = 150 / 331  # of the picture's size, from the paper's largest pictures
    shift = {name: share * strength * (operator == name) for name in ("translate_x", "translate_y")}
    return [
        [angle.cos(), angle.sin() + slant["shear_x"], shift["translate_x"] * width],
        [slant["shear_y"] - angle.sin(), angle.cos(), shift["translate_y"] * height],
    ]


def _coloured(operator: str, batch: Tensor, signed: Tensor, strength: float) -> Tensor:
    """Pictures by an operator that changes values; it works in 0…1."""
    import torch

    top = white(batch)
    x = batch.float() / top
    factor = 1.0 + 0.9 * signed
    if operator == "brightness":
        x = x * factor
    elif operator == "saturation":
        flat = grey(x)
        x = flat + (x - flat) * factor
    elif operator == "contrast":
        mean = grey(x).mean(dim=(2, 3), keepdim=True)
        x = mean + (x - mean) * factor
    elif operator == "sharpness":
        x = _softened(x).lerp(x, factor.expand_as(x))
    elif operator == "posterize":
        width = 2.0 ** round(strength * 4)  # of a step, in levels of bytes
        x = (x * 255 / width + 1e-3).floor() * width / 255
    elif operator == "solarize":
        x = torch.where(x >= 1.0 - strength, 1.0 - x, x) if strength else x
    elif operator == "autocontrast":
        low, high = x.amin(dim=(2, 3), keepdim=True), x.amax(dim=(2, 3), keepdim=True)
        x = torch.where(high > low, (x - low) / (high - low).clamp(min=1e-6), x)
    else:
        x = equalized(x)
    return like(batch, x.clamp(0.0, 1.0) * top)


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
