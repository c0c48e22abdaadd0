"""What the masks of an upload hold, before it is known what that means."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from trainyard.datasets.masks import COLOUR, MAX_VALUE, Values
from trainyard.datasets.pictures import UnreadablePicture

MAX_COLOURS = 4096  # of one mask: a photograph has more
MAX_KEPT = 200_000  # values of all masks together, beyond which more change nothing
BLACK, WHITE = 0, 255
MIN_SHADES = 6  # between black and white, of a mask that was smoothed
FLAT = 0.1  # share of pixels like their neighbours, below which shades are edges and no areas
MIN_OBJECTS = 4
MIN_DIFFERENT = 3  # numbers of objects, so that masks of classes are not taken for objects


@dataclass
class MaskSurvey:
    """``pixels`` counts values as ``read_mask`` gives them."""

    pixels: Counter[int] = field(default_factory=Counter)
    num_files: int = 0
    num_coloured: int = 0
    num_lossy: int = 0
    _num_objects: set[int] = field(default_factory=set)  # k of masks that hold 1, 2, … k
    _has_gaps: bool = False
    _num_shaded: int = 0
    _num_flat: int = 0

    def add(self, mask: Values, *, is_lossy: bool) -> None:
        """Take in one mask.

        Raises:
            UnreadablePicture: it holds so many colours that it is none.
        """
        values, counts = _counted(mask)
        is_coloured = bool(values[-1] >= COLOUR)
        if is_coloured and len(values) > MAX_COLOURS:
            raise UnreadablePicture(f"a mask of colours, {len(values):,} of them: a photograph?")
        self.num_files += 1
        self.num_lossy += is_lossy
        self.num_coloured += is_coloured
        if len(self.pixels) < MAX_KEPT:
            self.pixels.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        if is_coloured:
            return
        found = values[values > 0]
        self._has_gaps |= len(found) > 0 and int(found[-1]) != len(found)
        self._num_objects.add(len(found))
        self._add_shades(mask)

    @property
    def is_coloured(self) -> bool:
        """Whether colours are classes: in half of the masks or more."""
        return 2 * self.num_coloured >= self.num_files > 0

    @property
    def is_lossy(self) -> bool:
        return self.num_lossy == self.num_files

    @property
    def values(self) -> list[int]:
        """The grey values, in their order."""
        return sorted(v for v in self.pixels if v <= MAX_VALUE)

    @property
    def is_smoothed(self) -> bool:
        """Whether between black and white there are shades that are edges of areas, no areas."""
        values = self.values
        if not values or values[0] != BLACK or values[-1] != WHITE or len(values) - 2 < MIN_SHADES:
            return False
        return self._num_flat < FLAT * self._num_shaded

    @property
    def are_objects(self) -> bool:
        """Whether every mask numbers its objects from 1 on, each as many as it has."""
        numbers = self._num_objects
        is_many = max(numbers, default=0) >= MIN_OBJECTS
        return not self._has_gaps and is_many and len(numbers) >= MIN_DIFFERENT

    def _add_shades(self, mask: Values) -> None:
        shaded = (mask > BLACK) & (mask < WHITE)
        self._num_shaded += int(np.count_nonzero(shaded))
        same_down, same_right = mask[1:] == mask[:-1], mask[:, 1:] == mask[:, :-1]
        flat = shaded[1:-1, 1:-1] & same_down[:-1, 1:-1] & same_down[1:, 1:-1]
        flat &= same_right[1:-1, :-1] & same_right[1:-1, 1:]
        self._num_flat += int(np.count_nonzero(flat))


def _counted(mask: Values) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The values in their order, and how many pixels have each."""
    if mask.dtype == np.uint16:
        counts = np.bincount(mask.reshape(-1))
        values = np.flatnonzero(counts)
        return values, counts[values]
    found, numbers = np.unique(mask, return_counts=True)
    return found.astype(np.int64), numbers
