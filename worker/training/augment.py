"""The augmentations of a spec as one function of a raw batch, run on the batch's device.

Each operator is a few lines of torch in ``trainyard.spec.augmentations``. Why no library is in
their place, by ``bench/augment.py``, where kornia's stand beside them: kornia takes floats, so that
pictures of bytes are cast and rounded about each, and draws on the host. Shifts, noise and affine
maps take about as long there; flips, rotation, resized crops, elastic, colours, blur, erasing and
CLAHE take 1.4 to 8 times as long. Two are slower here and are ours all the same: RandAugment, since
kornia draws one policy for the whole batch and here each picture has its own, and equalisation,
since kornia's jumps by whole levels and sums floats by ``cumsum``, so that it repeats neither in an
export behind a resize nor on a GPU. torchvision's ``transforms.v2`` draw one set of numbers for a
whole batch, and its wheels do not import beside a torch of another build, such as that for CPUs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor

from trainyard.spec.augmentations import Augmentation

Pair = tuple[Tensor, Tensor | None]


class Augment(Protocol):
    """A function of a raw batch (N, C, …), and of its masks (N, …) of classes where it has any."""

    def __call__(self, batch: Tensor, masks: Tensor | None = None) -> Pair: ...


def augmenter(augmentations: Sequence[Augmentation]) -> Augment:
    """All of them, in order; it gives the very batch and masks where there are none."""
    functions = [augmentation.build_pair() for augmentation in augmentations]

    def augment(batch: Tensor, masks: Tensor | None = None) -> Pair:
        for function in functions:
            batch, masks = function(batch, masks)
        return batch, masks

    return augment
