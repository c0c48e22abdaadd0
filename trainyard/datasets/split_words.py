"""Words by which folders, files and cells of sheets say which split they are of."""

from __future__ import annotations

import re
from collections.abc import Iterable

from trainyard.datasets.manifest import SplitName

SPLIT_FOLDERS: dict[str, SplitName] = {
    "train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val",
    "dev": "val", "test": "test", "testing": "test",
}  # fmt: skip


def split_of_name(name: str) -> SplitName | None:
    """The split that a whole word of a name says, or None.

    >>> split_of_name("training_set"), split_of_name("seg_test"), split_of_name("strain")
    ('train', 'test', None)
    """
    return next((SPLIT_FOLDERS[w] for w in words_of(name) if w in SPLIT_FOLDERS), None)


def split_of_folders(names: Iterable[str]) -> SplitName | None:
    """The split that the innermost of these folders says, or None."""
    found = [split for name in names if (split := split_of_name(name))]
    return found[-1] if found else None


def words_of(name: str) -> list[str]:
    """The words of a name, in small letters, without digits and marks.

    >>> words_of("instances_val2017")
    ['instances', 'val']
    """
    return [word for word in re.split(r"[^a-z]+", name.lower()) if word]
