"""From the columns of a sheet to targets: one class, several labels, or numbers.

``options.target`` and ``options.task`` decide; without them the names and values of the columns
do, and the report says what was read as what.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import numpy as np
import numpy.typing as npt

from trainyard.datasets.class_or_number import are_classes, name_rows
from trainyard.datasets.format import Array, Upload
from trainyard.datasets.labels import check_class_names, natural_key
from trainyard.datasets.manifest import Task
from trainyard.datasets.sheet_lists import label_sets
from trainyard.datasets.sheets import Cell, Sheet, are_flags, number_of, text_of

TARGET_NAMES = (
    "label", "labels", "class", "class_name", "target", "targets", "category", "tags", "diagnosis",
    "finding_labels", "y",
)  # fmt: skip


@dataclass(frozen=True)
class SheetTargets:
    """``labels`` as those of ``Part``, of every row; ``usable`` (N,) says which rows have them."""

    task: Task
    labels: Array
    usable: npt.NDArray[np.bool_]
    class_names: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)


def targets_of(sheet: Sheet, others: set[str], upload: Upload) -> SheetTargets:
    """The targets; ``others`` are columns that mean something else.

    Raises:
        RejectedDataset: no column, or several that might be meant.
    """
    columns = _columns(sheet, others, upload)
    cells = [sheet.column(name) for name in columns]
    task = upload.options.task or _task_of(columns, cells)
    if task in ("segmentation", "forecasting"):
        upload.report.reject(f'options.task "{task}" is not for pictures with a sheet')
    match task:
        case "classification":
            found = classes_from(columns, cells, upload)
        case "multi-label":
            found = labels_from(columns, cells, upload)
        case _:
            found = numbers_from(columns, cells)
    _tell(found, columns, sheet, upload)
    return found


def _columns(sheet: Sheet, others: set[str], upload: Upload) -> list[str]:
    asked = upload.options.target
    if asked is not None:
        names = [asked] if isinstance(asked, str) else asked
        for name in names:
            if name not in sheet.columns:
                known = ", ".join(sheet.columns[:20])
                upload.report.error(f'no column "{name}"; there are {known}', sheet.member.name)
        upload.report.raise_if_rejected()
        return names
    left = [n for n in sheet.columns if n not in others and not _is_ignored(n, upload)]
    named = [n for n in left if n.lower().replace(" ", "_") in TARGET_NAMES]
    flags = [n for n in left if are_flags(sheet.column(n))]
    numbers = [n for n in left if _is_numeric(sheet.column(n))]
    chosen: list[str] = []
    if len(named) > 1:
        named = _one_of_equals(named, sheet)
    if len(named) == 1:
        chosen = named
    elif not named:  # all that is left, or else the only ones that look like labels
        chosen = left if len(left) == 1 or left == numbers else flags if len(flags) > 1 else []
        if left == numbers and 0 < len(flags) < len(left):
            chosen = []  # labels beside quantities
    if not chosen:
        listed = ", ".join(left[:20]) or "none"
        upload.report.reject(
            f"which column is to be predicted? Say it as options.target; left are: {listed}",
            sheet.member.name,
        )
    return chosen


def _one_of_equals(names: list[str], sheet: Sheet) -> list[str]:
    """Of columns that say the same, as numbers and as names of classes do, the one of names."""
    pairs = set(zip(*(map(str, sheet.column(name)) for name in names), strict=True))
    if any(len({pair[at] for pair in pairs}) < len(pairs) for at in range(len(names))):
        return names
    return [next((n for n in names if not _is_numeric(sheet.column(n))), names[0])]


def _is_ignored(column: str, upload: Upload) -> bool:
    return any(fnmatchcase(column, pattern) for pattern in upload.options.ignore)


def _is_numeric(cells: list[Cell]) -> bool:
    return all(cell is None or number_of(cell) is not None for cell in cells)


def _task_of(names: list[str], columns: list[list[Cell]]) -> Task:
    if len(columns) > 1:
        if not all(map(are_flags, columns)):
            return "regression"
        ones = np.array([[number_of(cell) or 0 for cell in cells] for cells in columns])
        return "classification" if (ones.sum(axis=0) == 1).all() else "multi-label"
    cells = [cell for cell in columns[0] if cell is not None]
    if label_sets(names[0], cells, is_asked=False) is not None:
        return "multi-label"
    numbers = [number_of(cell) for cell in cells]
    values = {n for n in numbers if n is not None}
    if None in numbers or not values:
        return "classification"
    return "classification" if are_classes(names[0], values, len(cells)) else "regression"


def classes_from(columns: list[str], cells: list[list[Cell]], upload: Upload) -> SheetTargets:
    """One column of names or numbers, or columns of which each row has a single 1."""
    if len(columns) > 1:
        ones = np.array([[number_of(c) or 0.0 for c in column] for column in cells]).T
        usable = ((ones == 1).sum(1) == 1) & ((ones != 0).sum(1) == 1)
        check_class_names(columns, upload)
        return SheetTargets("classification", ones.argmax(1), usable, columns)
    names = [None if c is None or isinstance(c, list) else text_of(c) for c in cells[0]]
    classes = sorted({n for n in names if n is not None}, key=natural_key)
    if name_rows(len(classes), num_rows := sum(n is not None for n in names)):
        upload.report.reject(
            f'the column "{columns[0]}" has {len(classes):,} different values in {num_rows:,} '
            "rows: it names the rows, and is no class"
        )
    check_class_names(classes, upload)
    places = {name: place for place, name in enumerate(classes)}
    labels = np.array([places.get(n, 0) if n is not None else 0 for n in names], np.int64)
    return SheetTargets("classification", labels, np.array([n is not None for n in names]), classes)


def labels_from(columns: list[str], cells: list[list[Cell]], upload: Upload) -> SheetTargets:
    """Columns of 0 and 1, or one of lists; in a list, an empty cell is a sample without labels."""
    if len(columns) > 1 or are_flags(cells[0]):
        flags = [[number_of(cell) for cell in column] for column in cells]
        known = np.array([[flag in (0.0, 1.0) for flag in column] for column in flags])
        usable = np.logical_and.reduce(known, axis=0)
        labels = np.array([[flag == 1.0 for flag in column] for column in flags], np.uint8).T
        check_class_names(columns, upload)
        return SheetTargets("multi-label", labels, usable, columns)
    sets = label_sets(columns[0], cells[0], is_asked=True) or []
    names = sorted(set().union(*sets), key=natural_key)
    check_class_names(names, upload)
    places = {name: place for place, name in enumerate(names)}
    labels = np.zeros((len(sets), len(names)), np.uint8)
    for row, chosen in enumerate(sets):
        labels[row, [places[name] for name in chosen]] = 1
    return SheetTargets("multi-label", labels, np.ones(len(sets), np.bool_), names)


def numbers_from(columns: list[str], cells: list[list[Cell]]) -> SheetTargets:
    numbers = [[number_of(cell) for cell in column] for column in cells]
    known = np.array([[n is not None for n in column] for column in numbers])
    usable = np.logical_and.reduce(known, axis=0)
    labels = np.array([[n or 0.0 for n in column] for column in numbers], np.float32).T
    return SheetTargets("regression", labels, usable, outputs=columns)


def _tell(found: SheetTargets, columns: list[str], sheet: Sheet, upload: Upload) -> None:
    few = ", ".join(columns[:5]) + (", …" if len(columns) > 5 else "")
    hint = "" if upload.options.task else f"; {_because(found, columns, sheet)}"
    upload.report.warning(f"read as {found.task} of column(s) {few}{hint}", sheet.member.name)
    for row in np.flatnonzero(~found.usable):
        text = f"left out: no {found.task} target in column(s) {few}"
        upload.report.warning(text, sheet.lines[row])


def _because(found: SheetTargets, columns: list[str], sheet: Sheet) -> str:
    """Why numbers are classes or quantities, and how to have it otherwise."""
    cells = [cell for cell in sheet.column(columns[0]) if cell is not None]
    numbers = {number_of(cell) for cell in cells}
    if len(columns) > 1 or None in numbers or found.task == "multi-label":
        return "the option `task` decides otherwise"
    what = "different whole numbers" if found.task == "classification" else "different numbers"
    return f"it holds {len(numbers):,} {what}; the option `task` decides otherwise"
