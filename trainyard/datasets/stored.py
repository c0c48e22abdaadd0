"""An array in an upload that is known by its header, and read in blocks of its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainyard.datasets.format import Array


@dataclass(frozen=True)
class StoredArray:
    """An array in the upload, known by its header; ``read`` streams blocks of its rows."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    read: Callable[[], Iterator[Array]]


class Rows:
    """Rows out of blocks, in portions of any number, so that two arrays are read in step."""

    def __init__(self, blocks: Iterator[Array]) -> None:
        self._blocks = blocks
        self._left: list[Array] = []

    def take(self, num: int) -> Array:
        """The next ``num`` rows; there must be so many."""
        have = sum(map(len, self._left))
        while have < num:
            self._left.append(next(self._blocks))
            have += len(self._left[-1])
        rows = np.concatenate(self._left) if len(self._left) > 1 else self._left[0]
        self._left = [rows[num:]]
        return rows[:num]
