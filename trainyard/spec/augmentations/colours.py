"""Augmentations of values: brightness, contrast, colour, sharpness, noise.

Shares are of white: of 255 in pictures, of 1 in floats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator

from trainyard.spec.augmentations.base import (
    AUGMENTATIONS,
    Augmentation,
    Chance,
    between,
    like,
    some,
    white,
)
from trainyard.spec.augmentations.smoothing import blurred
from trainyard.spec.kinds import Kinds

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.augmentations.base import BatchFunction

Sigma = Annotated[float, Field(gt=0.0, le=20.0)]


def grey(values: Tensor) -> Tensor:
    """(N, 1, H, W): ITU-R 601 luma of three channels, else their mean."""
    if values.shape[1] != 3:
        return values.mean(dim=1, keepdim=True)
    return 0.299 * values[:, :1] + 0.587 * values[:, 1:2] + 0.114 * values[:, 2:]


def turned(values: Tensor, turns: Tensor) -> Tensor:
    """Pictures (N, 3, H, W) with their hues moved round the circle of HSV; value and chroma stay.

    turns: (N, 1, 1, 1), in turns. Hue as in Python's colorsys; back to RGB by k = (n + 6 hue) mod 6
    and value - chroma · max(0, min(k, 4 - k, 1)), with n = 5, 3, 1 for red, green and blue.
    """
    import torch

    value, chroma = values.amax(1, True), values.amax(1, True) - values.amin(1, True)
    red, green, blue = values[:, :1], values[:, 1:2], values[:, 2:]
    safe = torch.where(chroma > 0, chroma, torch.ones_like(chroma))
    after_green, after_blue = 2 + (blue - red) / safe, 4 + (red - green) / safe
    sixths = torch.where(value == green, after_green, after_blue)
    sixths = torch.where(value == red, (green - blue) / safe, sixths) + 6 * turns
    rungs = torch.tensor([5.0, 3.0, 1.0], device=values.device).view(1, 3, 1, 1)
    k = torch.remainder(rungs + sixths, 6)
    return value - chroma * torch.minimum(k, 4 - k).clamp(0, 1)


@AUGMENTATIONS.register
class ColorJitter(Augmentation):
    """Changes brightness, contrast and saturation by factors of 1 ± the field, and then the hue."""

    type: Literal["color_jitter"] = "color_jitter"
    brightness: Chance = 0.0
    """Values are multiplied by a factor."""
    contrast: Chance = 0.0
    """The distance from the picture's mean grey is multiplied."""
    saturation: Chance = 0.0
    """The distance from the pixel's grey is multiplied."""
    hue: Annotated[float, Field(ge=0.0, le=0.5)] = 0.0
    """Hues are moved by up to so many turns, one way or the other, where there are 3 channels."""
    p: Chance = 1.0
    """Probability that a picture is changed."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "color_jitter", "brightness": 0.2},
        {"type": "color_jitter", "brightness": 0.4, "contrast": 0.4, "saturation": 0.4, "p": 0.8},
        {"type": "color_jitter", "brightness": 0.2, "hue": 0.1},
    )

    def build(self) -> BatchFunction:
        def change(batch: Tensor) -> Tensor:
            num, device = len(batch), batch.device
            bright, strong, vivid = (
                between(num, 1 - amount, 1 + amount, device)
                for amount in (self.brightness, self.contrast, self.saturation)
            )
            values = batch.float() * bright
            if self.contrast:
                mean = grey(values).mean(dim=(2, 3), keepdim=True)
                values = mean + (values - mean) * strong
            if self.saturation:
                flat = grey(values)
                values = flat + (values - flat) * vivid
            if self.hue and values.shape[1] == 3:
                values = turned(values, between(num, -self.hue, self.hue, device))
            return some(batch, self.p, like(batch, values))

        return change


@AUGMENTATIONS.register
class RandomGrayscale(Augmentation):
    """Gives each picture, with probability ``p``, the same grey in all channels."""

    type: Literal["random_grayscale"] = "random_grayscale"
    p: Chance = 0.1
    """Probability that a picture loses its colour."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "random_grayscale", "p": 0.5},)

    def build(self) -> BatchFunction:
        return lambda batch: some(batch, self.p, like(batch, grey(batch.float())).expand_as(batch))


@AUGMENTATIONS.register
class RandomInvert(Augmentation):
    """Turns each picture, with probability ``p``, into its negative: white − value."""

    type: Literal["random_invert"] = "random_invert"
    p: Chance = 0.5
    """Probability that a picture is inverted."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "random_invert"},)

    def build(self) -> BatchFunction:
        return lambda batch: some(batch, self.p, like(batch, white(batch) - batch.float()))


@AUGMENTATIONS.register
class GaussianBlur(Augmentation):
    """Blurs each picture by a Gaussian whose deviation is drawn from ``sigma``; edges repeat."""

    type: Literal["gaussian_blur"] = "gaussian_blur"
    kernel_size: Annotated[int, Field(ge=3, le=63)] = 3
    """Pixels of the kernel across, an odd number."""
    sigma: Annotated[tuple[Sigma, Sigma], Field(strict=False)] = (0.1, 2.0)
    """Least and largest deviation, in pixels."""
    p: Chance = 0.5
    """Probability that a picture is blurred."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "gaussian_blur"},
        {"type": "gaussian_blur", "kernel_size": 5, "sigma": [0.5, 1.5], "p": 1.0},
    )

    @field_validator("kernel_size")
    @classmethod
    def _is_odd(cls, size: int) -> int:
        if size % 2 == 0:
            raise ValueError("kernel_size must be odd")
        return size

    def build(self) -> BatchFunction:
        low, high = sorted(self.sigma)

        def change(batch: Tensor) -> Tensor:
            sigma = between(len(batch), low, high, batch.device)
            return some(batch, self.p, like(batch, blurred(batch.float(), sigma, self.kernel_size)))

        return change


@AUGMENTATIONS.register
class GaussianNoise(Augmentation):
    """Adds normal noise to every value; of series, `jitter` asks for its share of their own."""

    kinds: ClassVar[Kinds] = ("series", "pictures", "volumes")

    type: Literal["gaussian_noise"] = "gaussian_noise"
    std: Annotated[float, Field(gt=0.0, le=1e6)] = 0.05
    """Its deviation, as a share of white."""
    p: Chance = 1.0
    """Probability that a picture is changed."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "gaussian_noise"},
        {"type": "gaussian_noise", "std": 0.2, "p": 0.5},
    )

    def build(self) -> BatchFunction:
        import torch

        def change(batch: Tensor) -> Tensor:
            noise = torch.randn(batch.shape, device=batch.device) * (self.std * white(batch))
            return some(batch, self.p, like(batch, batch.float() + noise))

        return change
