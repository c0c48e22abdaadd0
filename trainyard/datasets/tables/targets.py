"""What the target columns of a table ask for: classes, labels or numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from trainyard.datasets.class_or_number import are_classes, name_rows
from trainyard.datasets.format import Array, Upload
from trainyard.datasets.labels import check_class_names, natural_key
from trainyard.datasets.manifest import Task
from trainyard.datasets.tables.channels import tell_missing
from trainyard.datasets.tables.stored import Stored
from trainyard.datasets.tables.survey import Column

TabularTask = Literal["classification", "multi-label", "regression"]


@dataclass(frozen=True)
class Targets:
    """labels: (N, …) as ``Part.labels``; known: (N,) whether a row has them all."""

    labels: Array
    known: Array
    class_names: list[str]
    outputs: list[str]


def task_of(names: list[str], columns: dict[str, Column], upload: Upload) -> TabularTask:
    """By the option, else by what the columns hold, which is said; mistakes go to the report."""
    targets = [columns[name] for name in names]
    for target in targets:
        if target.is_other or target.kind == "empty":
            what = "lists, structures or bytes" if target.is_other else "nothing at all"
            upload.report.error(f'the target "{target.name}" holds {what}')
    upload.report.raise_if_rejected()
    asked = upload.options.task
    found = _found(targets)
    if asked is None:
        hint = "" if len(targets) > 1 else "; the option `task` decides otherwise"
        upload.report.warning(f"the task is {found}: {_because(found, targets)}{hint}")
        return found
    _check(asked, targets, upload)
    upload.report.raise_if_rejected()
    assert asked in ("classification", "multi-label", "regression")
    return asked


def _found(targets: list[Column]) -> TabularTask:
    if len(targets) > 1:
        return "multi-label" if all(map(_is_flag, targets)) else "regression"
    distinct = targets[0].distinct()
    if targets[0].kind != "number":
        return "classification"
    num_rows = targets[0].num_rows - targets[0].num_empty
    few = distinct is not None and are_classes(targets[0].name, distinct, num_rows)
    return "classification" if few else "regression"


def _because(found: Task, targets: list[Column]) -> str:
    names = ", ".join(f'"{t.name}"' for t in targets[:5])
    if found == "multi-label":
        return f"the targets {names} hold 0 and 1"
    if len(targets) > 1:
        return f"the targets {names} are several numbers"
    if targets[0].kind != "number":
        return f"the target {names} holds text"
    if found == "classification":
        return f"the target {names} holds {len(targets[0].numbers)} different whole numbers"
    return f"the target {names} holds many numbers"


def _check(asked: Task, targets: list[Column], upload: Upload) -> None:
    error = upload.report.error
    if asked not in ("classification", "multi-label", "regression"):
        error(f"options.task: a table without pictures cannot be for {asked}")
    if asked == "classification" and len(targets) > 1:
        error(f"options.task: classification has one target; received {len(targets)}")
    for target in targets:
        where = f'the target "{target.name}"'
        if asked == "multi-label" and not _is_flag(target):
            error(f"{where} must hold 0 and 1 alone for multi-label")
        if asked == "regression" and target.kind != "number":
            few = ", ".join(target.examples) or "moments"
            error(f"{where} must hold numbers for regression; received {few}")
        if asked == "classification" and target.kind == "number" and not target.is_whole:
            error(f"{where} holds numbers with fractions, which are no classes")


def _is_flag(target: Column) -> bool:
    return target.kind == "number" and target.numbers <= {0.0, 1.0}


def targets_of(
    task: TabularTask,
    names: list[str],
    columns: dict[str, Column],
    stored: Stored,
    upload: Upload,
) -> Targets:
    """The targets of all rows."""
    known = np.ones(stored.num_rows, np.bool_)
    for name in names:
        texts = stored.texts.get(name)
        missing = texts < 0 if texts is not None else np.isnan(stored.numbers[name])
        tell_missing(columns[name], missing, stored, upload)
        known &= ~missing
    if task == "classification":
        labels, class_names = _classes(names[0], stored, known, upload)
        return Targets(labels, known, class_names, [])
    numbers = np.stack([stored.numbers[name] for name in names], axis=1)
    if task == "regression":
        with np.errstate(over="ignore"):
            return Targets(numbers.astype(np.float32), known, [], names)
    check_class_names(names, upload)
    return Targets(np.nan_to_num(numbers).astype(np.uint8), known, names, [])


def _classes(name: str, stored: Stored, known: Array, upload: Upload) -> tuple[Array, list[str]]:
    """Class indices (N,) and names, in natural order."""
    if name in stored.texts:
        raw, texts = stored.texts[name], stored.values[name]
        names = sorted(texts, key=natural_key)
        places = {text: place for place, text in enumerate(names)}
        table = np.array([*(places[text] for text in texts), -1], np.int64)
        labels = table[raw]
    else:
        values, labels = np.unique(stored.numbers[name], return_inverse=True)
        names = [str(int(value)) for value in values[~np.isnan(values)].tolist()]
    if name_rows(len(names), int(known.sum())):
        upload.report.error(
            f'the target "{name}" has {len(names):,} different values in {known.sum():,} rows: '
            "it names the rows, and is no class"
        )
    check_class_names(names, upload, name)
    upload.report.raise_if_rejected()
    return labels, names
