"""The preprocessing that follows a batch. What gives batches stands in ``samples.py``."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainyard.spec.preprocess import ChannelAffine, Geometry, Values
from worker.training.order import epoch_order
from worker.training.samples import Samples

__all__ = ["Preprocessing", "Samples", "epoch_order"]


class Preprocessing(nn.Module):
    """Raw samples (N, C, …) to what the model takes: cast, size, one multiply-add by channel.

    ``then`` is a step that bends what these give, and ``following`` what comes after it, on what
    it gives. The buffers are not part of the weights: they follow from spec and dataset.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        affine: ChannelAffine,
        input_shape: tuple[int, ...],
        geometry: Sequence[Geometry] = (),
        then: Values | None = None,
        following: Preprocessing | None = None,
    ) -> None:
        super().__init__()
        self.changes = [step.build() for step in geometry]
        self.mask_changes = [step.build_for_masks() for step in geometry]
        by_channel = (1, len(affine.scale)) + (1,) * (len(input_shape) - 1)
        self.register_buffer("scale", torch.tensor(affine.scale).view(by_channel), persistent=False)
        self.register_buffer("shift", torch.tensor(affine.shift).view(by_channel), persistent=False)
        self.then = None if then is None else then.build()
        self.following = following
        self.memory_format = (
            torch.channels_last if len(input_shape) == 3 else torch.contiguous_format
        )

    def forward(self, raw: Tensor) -> Tensor:
        x = raw.to(torch.float32, memory_format=self.memory_format)
        for change in self.changes:
            x = change(x)
        x = torch.addcmul(self.shift, x, self.scale)
        if self.then is not None:
            x = self.then(x)
        return x if self.following is None else self.following(x)

    def masks(self, masks: Tensor) -> Tensor:
        """Masks (N, …) of class indices as the pictures that they are of: the same sizes."""
        for change in self.mask_changes:
            masks = change(masks)
        return masks if self.following is None else self.following.masks(masks)
