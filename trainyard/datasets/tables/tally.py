"""The numbers of a column, counted while all its cells go by, in one way of writing them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow.compute as pc

from trainyard.datasets.tables.cells import is_text, numbers_of, texts_of
from trainyard.datasets.tables.numerals import MARKS, POINT, Numerals

MAX_VALUES = 64  # distinct ones of a column that are remembered
NUM_EXAMPLES = 3


@dataclass
class Tally:
    """``mark`` is the first cell that holds more than digits and their point, if any does;
    ``is_doubtful`` where some cell could have three decimals as well as thousands, and
    ``is_clear`` where some cell tells which of both."""

    numerals: Numerals = POINT
    num_wrong: int = 0
    is_whole: bool = True
    numbers: set[float] = field(default_factory=set)  # distinct ones, a few more than are of use
    examples: list[str] = field(default_factory=list)  # of cells that are no number
    mark: tuple[str, float] | None = None  # the cell, and the number that it is read as
    is_doubtful: bool = False
    is_clear: bool = False

    def take(self, cells: Any, file: str, start: int) -> int:
        """Count cells, which follow ``start`` others of their file; how many are empty."""
        numbers = numbers_of(cells, self.numerals)
        self.num_wrong += int(numbers.wrong.sum())
        known = numbers.values[~(numbers.empty | numbers.wrong)]
        if len(known):
            self.is_whole &= bool(np.all(np.floor(known) == known))
        for row in np.flatnonzero(numbers.wrong)[: NUM_EXAMPLES - len(self.examples)]:
            self.examples.append(f'"{str(cells[row])[:40]}" in {file} row {start + row + 1}')
        if len(self.numbers) <= MAX_VALUES:
            self.numbers.update(np.unique(known).tolist())
        if is_text(cells.type):
            self._look_for_marks(cells, numbers.values)
        return int(numbers.empty.sum())

    def _look_for_marks(self, cells: Any, values: Any) -> None:
        any_mark = rf"{MARKS}|\{self.numerals.thousands}"
        if not pc.any(pc.match_substring_regex(cells, any_mark)).as_py():
            return
        known = np.flatnonzero(~np.isnan(values))
        text = texts_of(cells).take(known)
        marked = pc.match_substring_regex(text, any_mark)  # without spaces around it
        if not pc.any(marked).as_py():
            return
        if self.mark is None:
            place = pc.index(marked, True).as_py()
            self.mark = str(text[place]), float(values[known[place]])
        self.is_doubtful |= bool(
            pc.any(pc.match_substring_regex(text, self.numerals.doubtful)).as_py()
        )
        self.is_clear |= bool(pc.any(pc.match_substring_regex(text, self.numerals.clear)).as_py())

    def add(self, other: Tally) -> None:
        """Count what another file holds too."""
        self.num_wrong += other.num_wrong
        self.is_whole &= other.is_whole
        if len(self.numbers) <= MAX_VALUES:
            self.numbers |= other.numbers
        self.examples += other.examples[: NUM_EXAMPLES - len(self.examples)]
        self.mark = self.mark or other.mark
        self.is_doubtful |= other.is_doubtful
        self.is_clear |= other.is_clear
