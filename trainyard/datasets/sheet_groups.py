"""Columns of sheets that name patients or other sources, whose samples belong in one split."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import numpy.typing as npt

from trainyard.datasets.format import Upload
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.sheets import Cell, Sheet

GROUP_WORDS = {"patient", "patients", "subject", "subjects", "participant", "case", "person"}
Numbers = npt.NDArray[np.int64]


def numbered(cells: list[Cell]) -> Numbers:
    """Each value by its number; rows without one are groups of their own."""
    numbers: dict[str, int] = {}
    found = []
    for row, cell in enumerate(cells):
        key = f"row {row}" if cell is None else f"value {cell}"
        found.append(numbers.setdefault(key, len(numbers)))
    return np.array(found, np.int64)


def tell_possible_groups(
    sheet: Sheet, columns: list[str], by_split: dict[SplitName, list[int]], upload: Upload
) -> None:
    """Tell of columns that are called as groups are, whose values repeat, and of their leaks.

    ``columns`` are those of no other use; ``by_split`` holds the rows of each split as given.
    """
    for column in columns:
        if not GROUP_WORDS & set(re.findall(r"[a-z]+", _spaced(column).lower())):
            continue
        groups = numbered(sheet.column(column))
        used = groups[[row for rows in by_split.values() for row in rows]]
        num_groups, num_rows = len(np.unique(used)), len(used)
        if not 1 < num_groups < num_rows:
            continue
        message = (
            f'the column "{column}" of {sheet.member.name} may name groups: {num_groups:,} '
            f"different values in {num_rows:,} samples, not kept apart by the splits"
        )
        upload.report.finding("possible-group", "warning", message, num_groups)
        for first, second in combinations(by_split, 2):
            own, others = groups[by_split[first]], groups[by_split[second]]
            if shared := len(np.intersect1d(own, others)):
                num_leaked = int(np.isin(others, own).sum())
                message = (
                    f'{shared:,} value(s) of "{column}" have samples in both {first} and '
                    f"{second}: {num_leaked:,} of {len(others):,} samples of {second}"
                )
                upload.report.finding("group-leak", "warning", message, shared)


def _spaced(name: str) -> str:
    """patientId as patient Id."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
