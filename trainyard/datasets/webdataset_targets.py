"""From the labels beside WebDataset's pictures to targets: classes, sets of labels, or numbers.

JSON says what is text, a number or a list, so nothing is guessed from digits, as in sheets.
"""

from __future__ import annotations

import numpy as np

from trainyard.datasets.class_or_number import are_classes
from trainyard.datasets.format import Upload
from trainyard.datasets.manifest import Task
from trainyard.datasets.sheet_targets import SheetTargets, classes_from, labels_from, numbers_from
from trainyard.datasets.sheets import Cell, are_flags, number_of

Rows = list[list[Cell]]


def targets_of_labels(names: list[str], rows: Rows, upload: Upload) -> SheetTargets:
    """The targets of samples by their labels, of which each has one for each of ``names``.

    Lists are sets of labels, or where all are of one length, numbers with fractions are a vector
    that is predicted, and 0 and 1 say which labels there are. Whole numbers are classes, but where
    ``options.target`` names a field that holds many of them.
    """
    columns = [list(column) for column in zip(*rows, strict=True)]
    if len(columns) == 1 and (vector := _as_vector(columns[0], upload.options.task)):
        names = [f"{names[0]}{i}" for i in range(len(vector))]
        columns = vector
    task = upload.options.task or _task(names, columns, upload)
    upload.report.warning(f"the labels were read as {task} of {', '.join(names[:5])}")
    if task in ("segmentation", "forecasting"):
        upload.report.reject(f'options.task "{task}" needs masks or series; these are labels')
    if task == "regression":
        return numbers_from(names, columns)
    make = classes_from if task == "classification" else labels_from
    return make(names, columns, upload)


def _as_vector(cells: list[Cell], task: Task | None) -> list[list[Cell]] | None:
    """Lists of numbers of one length as columns, unless they list the numbers of labels.

    Those are whole, and not only 0 and 1; the task ``regression`` says that they are none.
    """
    lists = [cell for cell in cells if isinstance(cell, list)]
    if len(lists) < len(cells) or len({len(one) for one in lists}) != 1 or len(lists[0]) < 2:
        return None
    values = {value for one in lists for value in one if isinstance(value, float)}
    if any(isinstance(value, str) for one in lists for value in one):
        return None
    are_numbers_of_labels = all(value.is_integer() and value >= 0 for value in values)
    if are_numbers_of_labels and not values <= {0.0, 1.0} and task != "regression":
        return None
    return [list(column) for column in zip(*lists, strict=True)]


def _task(names: list[str], columns: list[list[Cell]], upload: Upload) -> Task:
    if len(columns) > 1:
        if not all(map(are_flags, columns)):
            return "regression"
        ones = np.array([[number_of(cell) or 0 for cell in cells] for cells in columns])
        return "classification" if (ones.sum(axis=0) == 1).all() else "multi-label"
    cells = columns[0]
    if 2 * sum(isinstance(cell, list) for cell in cells) > len(cells):
        return "multi-label"
    values = {cell for cell in cells if isinstance(cell, float)}
    if len(values) == 0 or any(isinstance(cell, str) for cell in cells):
        return "classification"
    if all(value.is_integer() for value in values) and upload.options.target is None:
        return "classification"
    return "classification" if are_classes(names[0], values, len(cells)) else "regression"
