"""The samples of all splits under one numbering, for checks that look across splits."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from trainyard.datasets.facts import Example, Place
from trainyard.datasets.format import Array
from trainyard.datasets.limits import BLOCK_BYTES
from trainyard.datasets.perceptual import Pairs
from trainyard.datasets.split_writer import SplitWriter

COPIES = 8  # of a sample while a pair is compared: two of them, perhaps as float32
Numbers = npt.NDArray[np.int64]


class AllSamples:
    """Numbers samples through the splits in their order; ``starts`` is each split's first."""

    def __init__(self, splits: list[SplitWriter]) -> None:
        self.splits = splits
        self.starts = np.cumsum([0, *(split.num_rows for split in splits)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    def owners(self, numbers: Numbers) -> Numbers:
        """The split of each number, as an index; any shape."""
        owners: Numbers = np.searchsorted(self.starts, numbers, side="right") - 1
        return owners

    def place(self, number: int) -> Place:
        """The sample of this number."""
        split, row = self._located(number)
        return split.place(row)

    def example(self, number: int, note: str | None, twin: Place | None) -> Example:
        """The same, with what is said of it."""
        return Example(**self.place(number).model_dump(), note=note, twin=twin)

    def rows(self, axis: Literal["x", "y"], numbers: Numbers) -> Array:
        """Samples or targets (n, …) of these numbers, from the finished files."""
        owners = self.owners(numbers)
        found: Array | None = None
        for owner in np.unique(owners):
            here = owners == owner
            read = self.splits[owner].rows(axis, numbers[here] - self.starts[owner])
            if found is None:
                found = np.empty((len(numbers), *read.shape[1:]), read.dtype)
            found[here] = read
        assert found is not None, "there is at least one number"
        return found

    def targets_differ(self, pairs: Pairs) -> npt.NDArray[np.bool_]:
        """Which pairs (n, 2) have other targets in the files, a block at a time."""
        differ = np.zeros(len(pairs), np.bool_)
        for some in self.blocks(len(pairs), "y"):
            left, right = (self.rows("y", pairs[some, side]) for side in (0, 1))
            differ[some] = (left != right).reshape(len(left), -1).any(axis=1)
        return differ

    def blocks(self, num: int, axis: Literal["x", "y"]) -> list[slice]:
        """Slices of ``num`` pairs that can be held against each other in a block of memory."""
        size = max(1, BLOCK_BYTES // (COPIES * max(1, self.splits[0].row_bytes(axis))))
        return [slice(start, start + size) for start in range(0, num, size)]

    def _located(self, number: int) -> tuple[SplitWriter, int]:
        owner = int(self.owners(np.array(number)))
        return self.splits[owner], number - int(self.starts[owner])
