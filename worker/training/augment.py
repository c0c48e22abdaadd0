"""The augmentations of a spec as one function of a raw batch, run on the batch's device."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor

from trainyard.spec.augmentations import Augmentation


def augmenter(augmentations: Sequence[Augmentation]) -> Callable[[Tensor], Tensor]:
    """Applies all of them, in order; the batch itself where there are none."""
    functions = [augmentation.build() for augmentation in augmentations]

    def augment(batch_NCHW: Tensor) -> Tensor:
        for function in functions:
            batch_NCHW = function(batch_NCHW)
        return batch_NCHW

    return augment
