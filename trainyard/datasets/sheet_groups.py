"""Columns of sheets that name patients or other sources, whose samples belong in one split."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainyard.datasets.possible_groups import may_be_groups
from trainyard.datasets.sheets import Cell, Sheet

Numbers = npt.NDArray[np.int64]


def numbered(cells: list[Cell]) -> Numbers:
    """Each value by its number; rows without one are groups of their own."""
    numbers: dict[str, int] = {}
    found = []
    for row, cell in enumerate(cells):
        key = f"row {row}" if cell is None else f"value {cell}"
        found.append(numbers.setdefault(key, len(numbers)))
    return np.array(found, np.int64)


def possible_group(sheet: Sheet, columns: list[str], used: list[int]) -> str | None:
    """The first of these columns that looks like one, by the rows that are ``used``."""
    for column in columns:
        cells = sheet.column(column)
        values = {str(cells[row]) for row in used if cells[row] is not None}
        if may_be_groups(column, len(values), len(used)):
            return column
    return None
