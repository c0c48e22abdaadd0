"""Mixup and cutmix: batches whose samples, and targets, are mixed in pairs.

Both are drawn on the batch's device from torch's generator, without waiting for it. A mixed
sample's loss is the same share of the two targets' losses; for the cross-entropy that is its
loss of the mixed target.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.distributions import Beta

from trainyard.spec.training import TrainingSpec

if TYPE_CHECKING:
    from trainyard.spec.losses.base import LossFunction


class Mix:
    """Which sample joins each one of a batch, and the share that is left to it, half or more."""

    def __init__(self, order: Tensor, share: Tensor) -> None:
        self.order = order
        self.share = share

    def loss(
        self,
        function: LossFunction,
        outputs: Tensor,
        targets: Tensor,
        part: slice = slice(None),
    ) -> Tensor:
        """share · loss of its own targets + (1 − share) · loss of the other's.

        ``outputs`` are those of a part of the batch, ``targets`` the whole batch's.
        """
        own, other = targets[part], targets[self.order[part]]
        own, other = function(outputs, own), function(outputs, other)
        return self.share * own + (1 - self.share) * other


def mixed(batch: Tensor, training: TrainingSpec) -> tuple[Tensor, Mix | None]:
    """The batch (N, …) mixed as the spec says; None where it asks for nothing."""
    if training.mixup is None and training.cutmix is None:
        return batch, None
    order = torch.randperm(len(batch), device=batch.device)
    if training.cutmix is None:
        return _mixup(batch, order, training.mixup or 1.0)
    # Which of both is drawn on the CPU: the host must know it.
    if training.mixup is not None and torch.rand(()) < 0.5:
        return _mixup(batch, order, training.mixup)
    return _cutmix(batch, order, training.cutmix)


def _share(alpha: float, device: torch.device) -> Tensor:
    """Of Beta(alpha, alpha); the larger half, as the pairs' order makes both alike."""
    concentration = torch.tensor(alpha, device=device)
    share: Tensor = Beta(concentration, concentration, validate_args=False).sample()
    return torch.maximum(share, 1 - share)


def _mixup(batch: Tensor, order: Tensor, alpha: float) -> tuple[Tensor, Mix]:
    """Zhang et al., 2018: share · x + (1 − share) · x of the other."""
    share = _share(alpha, batch.device)
    return torch.lerp(batch[order], batch, share), Mix(order, share)


def _cutmix(batch: Tensor, order: Tensor, alpha: float) -> tuple[Tensor, Mix]:
    """Yun et al., 2019: a rectangle of 1 − share of the area about a random centre, cut at the
    edges; the share is then that of the pixels that stay."""
    height, width = batch.shape[-2:]
    device = batch.device
    half = (1 - _share(alpha, device)).sqrt() / 2
    centre = torch.rand(2, device=device)
    rows = (torch.arange(height, device=device) + 0.5) / height
    columns = (torch.arange(width, device=device) + 0.5) / width
    inside = ((rows - centre[0]).abs() <= half)[:, None] & ((columns - centre[1]).abs() <= half)[
        None, :
    ]
    share = 1 - inside.float().mean()
    return torch.where(inside, batch[order], batch), Mix(order, share)
