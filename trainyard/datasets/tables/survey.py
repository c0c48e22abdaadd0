"""One look at every cell of a table: what each column holds, before anything is kept of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainyard.datasets.tables.cells import (
    MAX_WRONG,
    is_moment,
    is_number,
    is_text,
    numbers_of,
    plain,
    texts_of,
    time_format_of,
)
from trainyard.datasets.tables.source import Source

Kind = Literal["number", "text", "time", "empty", "other"]
MAX_VALUES = 64  # distinct ones of a column that are remembered
NUM_EXAMPLES = 3


@dataclass
class Column:
    """A column's cells, counted. ``wrong`` is what is neither number nor empty, by row number."""

    name: str
    num_rows: int = 0
    num_empty: int = 0
    num_wrong: int = 0
    is_typed: bool = False  # by the file; else its numbers are text
    is_other: bool = False  # lists, structures and bytes
    has_moments: bool = False
    time_format: str | None = None
    is_whole: bool = True
    lowest: float = np.inf
    numbers: set[float] = field(default_factory=set)  # distinct ones, a few more than are of use
    texts: set[str] = field(default_factory=set)
    examples: list[str] = field(default_factory=list)

    @property
    def kind(self) -> Kind:
        if self.is_other:
            return "other"
        if self.num_empty == self.num_rows:
            return "empty"
        if self.has_moments:
            return "time"
        if self.num_wrong <= MAX_WRONG * (self.num_rows - self.num_empty):
            return "number"
        return "time" if self.time_format else "text"

    def distinct(self) -> list[Any] | None:
        """The different values in order, None where they are more than ``MAX_VALUES``."""
        values: set[Any] = self.numbers if self.kind == "number" else self.texts
        return sorted(values) if len(values) <= MAX_VALUES else None


def survey(sources: list[Source], columns: list[str]) -> dict[str, Column]:
    """Every column of all files, by name."""
    found = {name: Column(name) for name in columns}
    for source in sources:
        start = 0
        for batch in source.read(columns):
            for name, column in zip(columns, batch.columns, strict=True):
                _take(found[name], plain(column), source, start)
            start += batch.num_rows
    return found


def _take(column: Column, cells: Any, source: Source, start: int) -> None:
    column.num_rows += len(cells)
    if pa.types.is_null(cells.type):
        column.num_empty += len(cells)
    elif is_moment(cells.type):
        column.has_moments = True
        column.num_empty += cells.null_count
    elif is_text(cells.type):
        _take_text(column, cells, source, start)
    elif is_number(cells.type):
        column.is_typed = True
        _take_numbers(column, cells, source, start)
    else:
        column.is_other = True


def _take_text(column: Column, cells: Any, source: Source, start: int) -> None:
    if column.num_rows == len(cells):  # the first batch shows how moments are written
        column.time_format = time_format_of(cells[:1000])
    if len(column.texts) <= MAX_VALUES:
        column.texts.update(pc.unique(texts_of(cells).drop_null()).to_pylist())
    _take_numbers(column, cells, source, start)


def _take_numbers(column: Column, cells: Any, source: Source, start: int) -> None:
    numbers = numbers_of(cells, source.decimal_comma)
    column.num_empty += int(numbers.empty.sum())
    column.num_wrong += int(numbers.wrong.sum())
    known = numbers.values[~(numbers.empty | numbers.wrong)]
    if len(known):
        column.is_whole &= bool(np.all(np.floor(known) == known))
        column.lowest = min(column.lowest, float(known.min()))
    for row in np.flatnonzero(numbers.wrong)[: NUM_EXAMPLES - len(column.examples)]:
        column.examples.append(f'"{str(cells[row])[:40]}" in {source.name} row {start + row + 1}')
    if len(column.numbers) <= MAX_VALUES:
        column.numbers.update(np.unique(known).tolist())
