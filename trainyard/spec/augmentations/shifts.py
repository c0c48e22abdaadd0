"""Augmentations that move whole pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from trainyard.spec.augmentations.base import AUGMENTATIONS, Augmentation, Chance

if TYPE_CHECKING:
    from torch import Tensor

    from trainyard.spec.augmentations.base import BatchFunction


@AUGMENTATIONS.register
class RandomFlip(Augmentation):
    """Mirrors each picture with probability ``p``."""

    type: Literal["random_flip"] = "random_flip"
    p: Chance = 0.5
    """Probability that a picture is mirrored."""
    direction: Literal["horizontal", "vertical"] = "horizontal"
    """`horizontal` swaps left and right, `vertical` top and bottom."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = (
        {"type": "random_flip"},
        {"type": "random_flip", "p": 0.25, "direction": "vertical"},
    )

    def build(self) -> BatchFunction:
        import torch

        axis = -1 if self.direction == "horizontal" else -2

        def flip(batch: Tensor) -> Tensor:
            chosen = torch.rand(len(batch), 1, 1, 1, device=batch.device) < self.p
            return torch.where(chosen, batch.flip(axis), batch)

        return flip


@AUGMENTATIONS.register
class RandomCrop(Augmentation):
    """Pads with zeros and cuts each picture out again at a random place, its size kept."""

    type: Literal["random_crop"] = "random_crop"
    padding: Annotated[int, Field(ge=1, le=1024)] = 4
    """Pixels added on every side before the cut: the largest shift."""

    examples: ClassVar[tuple[dict[str, Any], ...]] = ({"type": "random_crop", "padding": 2},)

    def build(self) -> BatchFunction:
        import torch
        from torch.nn.functional import pad

        def crop(batch: Tensor) -> Tensor:
            num, _, height, width = batch.shape
            device = batch.device
            top, left = torch.randint(2 * self.padding + 1, (2, num, 1), device=device)
            rows = (top + torch.arange(height, device=device))[:, None, :, None]
            columns = (left + torch.arange(width, device=device))[:, None, None, :]
            samples = torch.arange(num, device=device)[:, None, None, None]
            channels = torch.arange(batch.shape[1], device=device)[None, :, None, None]
            padded = pad(batch, (self.padding,) * 4)
            return padded[samples, channels, rows, columns]

        return crop
