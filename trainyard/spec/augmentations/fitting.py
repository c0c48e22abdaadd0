"""Whether augmentations take the samples of a dataset."""

from __future__ import annotations

from collections.abc import Sequence

from trainyard.errors import Mistake
from trainyard.spec.augmentations.base import Augmentation
from trainyard.spec.kinds import is_for, not_for
from trainyard.spec.shapes import Shape


def mistakes_of_augmentations(
    augmentations: Sequence[Augmentation], input_shape: Shape, path: str
) -> list[Mistake]:
    """What does not fit samples of ``input_shape``, as pointers below ``path``."""
    found: list[Mistake] = []
    for index, step in enumerate(augmentations):
        place = f"{path}/{index}"
        if is_for(step.kinds, input_shape):
            found += step.mistakes(input_shape, place)
        else:
            found.append(not_for(place, step.type, step.kinds, input_shape))
    return found
