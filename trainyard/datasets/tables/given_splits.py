"""Splits that a table gives itself: a column of words, or files named after them."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from trainyard.datasets.facts import Example
from trainyard.datasets.format import Upload
from trainyard.datasets.gathered import MAX_EXAMPLES
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.splits import SPLITS
from trainyard.datasets.tables.stored import Stored

WORDS: dict[str, SplitName] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "dev": "val", "test": "test", "testing": "test",
}  # fmt: skip
NUM_EXAMPLES = 3


def split_of_file(name: str) -> SplitName | None:
    """By the first word of a file's name, or the folder that it stands in.

    >>> split_of_file("data/validation-00000-of-00002.parquet"), split_of_file("trainers.csv")
    ('val', None)
    """
    path = PurePosixPath(name)
    for part in (path.name, *reversed(path.parts[:-1])):
        word = re.split(r"[^a-z]", part.lower())[0]
        if word in WORDS:
            return WORDS[word]
    return None


def splits_of_files(names: list[str]) -> list[SplitName] | None:
    """The split of each file, None where not all are named after one, or none is train."""
    found = [split_of_file(name) for name in names]
    if None in found or "train" not in found or len(set(found)) < 2:
        return None
    return [split for split in found if split]


def split_of_rows(column: str | None, stored: Stored, upload: Upload) -> npt.NDArray[np.int8]:
    """(N,) index into ``SPLITS``, -1 for none: by the column, by the files, or all train."""
    if column is None:
        of_files = splits_of_files(stored.file_names)
        if of_files is None:
            return np.zeros(stored.num_rows, np.int8)
        numbers = np.array([SPLITS.index(split) for split in of_files], np.int8)
        return numbers[stored.file_of(np.arange(stored.num_rows))]
    words = stored.values[column]
    places = [SPLITS.index(WORDS[w.lower()]) if w.lower() in WORDS else -1 for w in words]
    unknown = [word for word, place in zip(words, places, strict=True) if place < 0]
    if unknown:
        few = ", ".join(f'"{word[:40]}"' for word in unknown[:NUM_EXAMPLES])
        upload.report.reject(
            f'options.split.column: "{column}" must say train, val or test; it has '
            f"{len(unknown):,} other value(s): {few}"
        )
    found = np.array([*places, -1], np.int8)[stored.texts[column]]
    if missing := int(np.sum(found < 0)):
        message = f'left out: {missing:,} row(s) without a split in "{column}"'
        names = [stored.name_of(row) for row in np.flatnonzero(found < 0)[:MAX_EXAMPLES].tolist()]
        examples = [Example(name=name) for name in names]
        upload.report.finding("missing-cells", "warning", message, missing, examples)
    return found
