"""The augmentation that bends pictures, and masks with them, as if they were of rubber."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.augmentations.base import (
    AUGMENTATIONS,
    Chance,
    GeometricAugmentation,
    some_pairs,
)
from trainyard.spec.augmentations.maps import sampled
from trainyard.spec.augmentations.smoothing import blurred

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.augmentations.base import PairFunction

_REACH = 3  # deviations of the Gaussian on either side


@AUGMENTATIONS.register
class Elastic(GeometricAugmentation):
    """Moves each pixel by a smooth random field (Simard et al., 2003).

    Numbers drawn evenly from −1…1 by pixel and axis, smoothed by a Gaussian of ``sigma``, times
    ``alpha``. Smoothing leaves little of them: at the defaults pixels move by about two.
    """

    type: Literal["elastic"] = "elastic"
    alpha: Annotated[float, Field(gt=0.0, le=10_000.0)] = 50.0
    """The field's strength in pixels, before it is smoothed."""
    sigma: Annotated[float, Field(ge=0.5, le=64.0)] = 4.0
    """Deviation of the Gaussian, in pixels."""
    p: Chance = 1.0
    """Probability that a picture is bent."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "elastic", "alpha": 20.0, "sigma": 2.0},
        {"type": "elastic", "alpha": 100.0, "sigma": 6.0, "p": 0.5},
    )

    def build_pair(self) -> PairFunction:
        import torch
        from torch.nn.functional import affine_grid

        size = 2 * round(_REACH * self.sigma) + 1

        def bend(batch: Tensor, masks: Tensor | None) -> tuple[Tensor, Tensor | None]:
            num, _, height, width = batch.shape
            device = batch.device
            noise = torch.empty(num, 2, height, width, device=device).uniform_(-1.0, 1.0)
            sigma = torch.full((num, 1, 1, 1), self.sigma, device=device)
            pixels = blurred(noise, sigma, size) * self.alpha
            half = torch.tensor([width / 2, height / 2], device=device)
            same = torch.eye(2, 3, device=device).expand(num, 2, 3)
            grid = affine_grid(same, list(batch.shape), align_corners=False)
            grid = grid + pixels.permute(0, 2, 3, 1) / half
            return some_pairs(batch, masks, self.p, sampled(batch, masks, grid))

        return bend
