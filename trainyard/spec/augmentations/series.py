"""Augmentations of series (N, C, L), on raw values of any scale.

What is added or put in goes by each window's own figures, so that prices and shares alike change
by their own measure. Targets stay: a strong change of a forecast's input belies its target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.augmentations.base import (
    AUGMENTATIONS,
    Augmentation,
    Chance,
    Fraction,
    between,
    like,
    some,
)
from trainyard.spec.kinds import SERIES, Kinds

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.augmentations.base import BatchFunction

Deviation = Annotated[float, Field(gt=0.0, le=10.0)]


class _OfSeries(Augmentation):
    kinds: ClassVar[Kinds] = SERIES

    p: Chance = 1.0
    """Probability that a series is changed."""

    def change(self, values: Tensor) -> Tensor:
        """Floats (N, C, L) to floats of the same shape."""
        raise NotImplementedError

    def build(self) -> BatchFunction:
        return lambda batch: some(batch, self.p, like(batch, self.change(batch.float())))


@AUGMENTATIONS.register
class Jitter(_OfSeries):
    """Adds normal noise to every value (Um et al., 2017)."""

    type: Literal["jitter"] = "jitter"
    std: Deviation = 0.05
    """Its deviation, as a share of that of the channel within the window."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "jitter"},
        {"type": "jitter", "std": 0.2, "p": 0.5},
    )

    def change(self, values: Tensor) -> Tensor:
        import torch

        spread = values.std(dim=2, correction=0, keepdim=True)
        return values + torch.randn_like(values) * (self.std * spread)


@AUGMENTATIONS.register
class Scaling(_OfSeries):
    """Multiplies each channel of a window by one factor (Um et al., 2017).

    `log_return` and `standardize_window` undo it: there it changes nothing.
    """

    type: Literal["scaling"] = "scaling"
    std: Deviation = 0.1
    """Deviation of the factor about 1; it is never below 0.01."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "scaling", "std": 0.2},)

    def change(self, values: Tensor) -> Tensor:
        import torch

        factor = 1.0 + self.std * torch.randn_like(values[:, :, :1])
        return values * factor.clamp(min=0.01)


@AUGMENTATIONS.register
class MagnitudeWarp(_OfSeries):
    """Multiplies each channel by a smooth curve about 1 (Um et al., 2017).

    The curve goes through ``knots`` normal numbers, evenly spread, by cubic interpolation.
    """

    type: Literal["magnitude_warp"] = "magnitude_warp"
    std: Deviation = 0.1
    """Deviation of the curve's knots about 1."""
    knots: Annotated[int, Field(ge=2, le=1000)] = 4
    """How many; more of them make the curve livelier."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "magnitude_warp"},
        {"type": "magnitude_warp", "std": 0.2, "knots": 3},
    )

    def change(self, values: Tensor) -> Tensor:
        import torch
        from torch.nn.functional import interpolate

        num, channels, length = values.shape
        drawn = torch.randn(num, channels, 1, self.knots, device=values.device)
        curve = interpolate(drawn, (1, length), mode="bicubic", align_corners=True)
        return values * (1.0 + self.std * curve[:, :, 0])


@AUGMENTATIONS.register
class TimeMask(_OfSeries):
    """Puts the channel's mean over the window in place of a stretch of rows (Park et al., 2019).

    Of a forecast with one row or few, keep it short: the last rows are covered as often as others.
    """

    type: Literal["time_mask"] = "time_mask"
    size: Fraction = 0.2
    """The longest stretch, as a share of the window; each one's length is drawn from 0 to it."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "time_mask", "size": 0.4},)

    def change(self, values: Tensor) -> Tensor:
        import torch

        num, _, length = values.shape
        extent = between(num, 0.0, self.size * length, values.device, rank=3)
        start = between(num, 0.0, 1.0, values.device, rank=3) * (length - extent)
        place = torch.arange(length, device=values.device) + 0.5
        is_covered = (place >= start) & (place < start + extent)
        return torch.where(is_covered, values.mean(dim=2, keepdim=True), values)


@AUGMENTATIONS.register
class TimeShift(_OfSeries):
    """Moves each window by up to ``most`` rows either way; the row at its edge is repeated."""

    type: Literal["time_shift"] = "time_shift"
    most: Annotated[int, Field(ge=1, le=1_000_000)] = 2
    """The largest shift, in rows."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "time_shift", "most": 3},)

    def change(self, values: Tensor) -> Tensor:
        import torch

        num, _, length = values.shape
        device = values.device
        shift = torch.randint(-self.most, self.most + 1, (num, 1, 1), device=device)
        place = (torch.arange(length, device=device) + shift).clamp(0, length - 1)
        return values.gather(2, place.expand_as(values))


@AUGMENTATIONS.register
class TimeCrop(_OfSeries):
    """Stretches a random part of each window to the whole, linearly (Le Guennec et al., 2016)."""

    type: Literal["time_crop"] = "time_crop"
    scale: Annotated[tuple[Fraction, Fraction], Field(strict=False)] = (0.8, 1.0)
    """Least and largest share of the window."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "time_crop"},
        {"type": "time_crop", "scale": [0.5, 0.9], "p": 0.5},
    )

    def change(self, values: Tensor) -> Tensor:
        import torch

        num, _, length = values.shape
        device = values.device
        least, most = sorted(self.scale)
        extent = between(num, least, most, device, rank=3) * (length - 1)
        start = between(num, 0.0, 1.0, device, rank=3) * (length - 1 - extent)
        place = start + torch.linspace(0.0, 1.0, length, device=device) * extent
        below = place.floor().clamp(0, max(length - 2, 0))
        left = below.long().expand_as(values)
        right = (left + 1).clamp(max=length - 1)
        first = values.gather(2, left)
        return torch.lerp(first, values.gather(2, right), (place - below).expand_as(values))
