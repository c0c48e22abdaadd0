"""Several labels in one cell of a sheet: ``a|b``, ``a;b``, ``a, b``, ``["a", "b"]``, or ``a b``."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from trainyard.datasets.class_or_number import LIST_NAMES, called
from trainyard.datasets.sheets import Cell, text_of

SEPARATORS = (re.compile(r"\s*[|;]\s*"), re.compile(r"\s*,\s*"))
SPACE = re.compile(r"\s+")
BRACKETS = re.compile(r"\[(.*)\]", re.DOTALL)


def label_sets(name: str, cells: Sequence[Cell], *, is_asked: bool) -> list[set[str]] | None:
    """The labels of each cell, or None where the column holds no lists.

    Commas separate labels in a column that is called as lists are, or where most parts stand in
    several different cells; they may also stand in a name ("tench, Tinca tinca"). With ``is_asked``
    any cell is a list, and spaces separate where nothing else does. Empty cells have no labels.
    """
    texts = [cell for cell in cells if isinstance(cell, str)]
    separator = _separator(name, texts, is_asked)
    has_lists = any(isinstance(cell, list) for cell in cells) or any(map(_inside, texts))
    if not is_asked and not has_lists and separator is None:
        return None
    return [_labels(cell, separator) for cell in cells]


def _separator(name: str, texts: list[str], is_asked: bool) -> re.Pattern[str] | None:
    plain = {text for text in texts if _inside(text) is None}
    marks, comma = SEPARATORS
    if any(map(marks.search, plain)):
        return marks
    if any(map(comma.search, plain)):
        is_named = called(name, LIST_NAMES)
        if is_asked or is_named or _parts_recur(plain, comma):
            return comma
    if is_asked and any(map(SPACE.search, plain)):
        return SPACE
    return None


def _parts_recur(texts: set[str], separator: re.Pattern[str]) -> bool:
    """Whether at least half of the parts stand in several texts."""
    counts = Counter(part for text in texts for part in set(separator.split(text)))
    return 2 * sum(count > 1 for count in counts.values()) >= len(counts)


def _labels(cell: Cell, separator: re.Pattern[str] | None) -> set[str]:
    if cell is None:
        return set()
    if isinstance(cell, list):
        return {text_of(one) for one in cell}
    text = text_of(cell)
    inside = _inside(text)
    if inside is not None:
        parts = [part.strip().strip("'\"") for part in inside.split(",")]
    else:
        parts = separator.split(text) if separator else [text]
    return {part for part in parts if part}


def _inside(text: str) -> str | None:
    """What stands between the brackets of a list, else None."""
    found = BRACKETS.fullmatch(text)
    return found[1] if found else None
