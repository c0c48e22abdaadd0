"""The augmentations of a spec as one function of a raw batch, run on the batch's device.

Masks of a segmentation come along, for they have to follow their pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from trainyard.spec.augmentations import Augmentation

Pair = tuple[Tensor, Tensor | None]


def augmenter(
    augmentations: Sequence[Augmentation],
) -> Callable[[Tensor, Tensor | None], Pair]:
    """Applies all of them, in order; the batch itself where there are none."""
    functions = [augmentation.build() for augmentation in augmentations]

    def augment(batch: Tensor, masks: Tensor | None) -> Pair:
        for function in functions:
            batch = function(batch)
        return batch, masks

    return augment
