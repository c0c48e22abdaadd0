"""Whether whole numbers that are to be predicted are classes or quantities: one rule for tables
and for sheets beside files."""

from __future__ import annotations

from collections.abc import Collection

FEW_NUMBERS = 20  # different whole numbers that are classes, whatever they are called
MAX_NUMBERED_CLASSES = 100  # of a column that is called as classes are
MIN_SAMPLES = 4  # of such a class, on average
CLASS_NAMES = {"label", "labels", "class", "class_id", "class_index", "category", "category_id",
               "target", "y"}  # fmt: skip
LIST_NAMES = {"labels", "tags", "targets", "categories", "classes", "attributes", "keywords",
              "findings", "finding_labels", "genres"}  # fmt: skip


def are_classes(name: str, values: Collection[float], num_rows: int) -> bool:
    """Whether the different values of a column are classes.

    Whole numbers, and at most 20 of them, each in two rows on average. Or up to 100 in a column
    that is called ``label``, ``class`` or the like, if they are 0, 1, 2, … or 1, 2, 3, … without a
    gap, each in four rows on average: ages and counts are called otherwise.

    >>> are_classes("age", [float(age) for age in range(60)], 6000)
    False
    >>> are_classes("label", [float(label) for label in range(60)], 6000)
    True
    """
    if not values or not all(value.is_integer() for value in values):
        return False
    num = len(values)
    if num <= 2 or (num <= FEW_NUMBERS and 2 * num <= num_rows):
        return True
    start = min(values)
    return (
        called(name, CLASS_NAMES)
        and num <= MAX_NUMBERED_CLASSES
        and start in (0, 1)
        and max(values) - start == num - 1
        and MIN_SAMPLES * num <= num_rows
    )


def called(name: str, names: set[str]) -> bool:
    """Whether a column has one of these names."""
    return name.lower().replace(" ", "_") in names


def name_rows(num_names: int, num_rows: int) -> bool:
    """Whether so many different values of a target are names of the rows, and no classes."""
    return num_names > max(FEW_NUMBERS, num_rows // 2)
