"""One look at every cell of a table: what each column holds, before anything is kept of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from trainyard.datasets.tables.cells import Reading, is_moment, is_number, is_text, plain, texts_of
from trainyard.datasets.tables.dates import num_fitting, possible_formats
from trainyard.datasets.tables.numerals import COMMA, POINT, Numerals
from trainyard.datasets.tables.source import Source
from trainyard.datasets.tables.tally import MAX_VALUES, Tally
from trainyard.datasets.time_formats import DIGITS, turned

Kind = Literal["number", "text", "time", "empty", "other"]
MAX_WRONG = 0.1  # of a column may be other than most of it is


@dataclass
class Column:
    """A column's cells, counted. ``num_wrong`` are neither number nor empty."""

    name: str
    num_rows: int = 0
    num_empty: int = 0
    is_other: bool = False  # lists, structures and bytes
    has_moments: bool = False
    asked_format: str | None = None  # of moments, in place of the one that fits most cells
    tally: Tally = field(default_factory=Tally)
    numerals: dict[str, Numerals] = field(default_factory=dict)  # by file
    texts: set[str] = field(default_factory=set)
    fitting: dict[str, int] | None = None  # cells by format of moments, of those that may fit

    @property
    def num_filled(self) -> int:
        return self.num_rows - self.num_empty

    @property
    def num_wrong(self) -> int:
        return self.tally.num_wrong

    @property
    def is_whole(self) -> bool:
        return self.tally.is_whole

    @property
    def numbers(self) -> set[float]:
        return self.tally.numbers

    @property
    def examples(self) -> list[str]:
        return self.tally.examples

    @property
    def kind(self) -> Kind:
        if self.is_other:
            return "other"
        if self.num_empty == self.num_rows:
            return "empty"
        if self.has_moments:
            return "time"
        if self.num_wrong <= MAX_WRONG * self.num_filled:
            return "number"
        return "time" if self.time_format else "text"

    @property
    def time_format(self) -> str | None:
        """How most cells write a moment, None where they are none, or are no text."""
        if self.asked_format:
            return self.asked_format
        found = self.fitting or {}
        best = max(found, key=lambda name: found[name], default=None)
        return best if best and self.fits(best) else None

    @property
    def is_date(self) -> bool:
        return self.has_moments or self.time_format is not None

    def fits(self, time_format: str) -> bool:
        """Whether most cells are written so; all where they could be plain numbers too."""
        most = 1 if time_format == DIGITS else 1 - MAX_WRONG
        fitting = (self.fitting or {}).get(time_format, 0)
        return fitting > 0 and fitting >= most * self.num_filled

    def other_order(self) -> str | None:
        """The format that reads as many cells with day and month in each other's places."""
        found, chosen = self.fitting or {}, self.time_format
        if chosen is None or chosen not in found:
            return None
        other = turned(chosen)
        return other if other != chosen and found.get(other) == found[chosen] else None

    def reading(self, source: Source) -> Reading:
        """How the cells of this file are to be read."""
        return Reading(self.numerals.get(source.name, POINT), self.time_format, self.is_whole)

    def distinct(self) -> list[Any] | None:
        """The different values in order, None where they are more than ``MAX_VALUES``."""
        values: set[Any] = self.numbers if self.kind == "number" else self.texts
        return sorted(values) if len(values) <= MAX_VALUES else None


def survey(sources: list[Source], columns: list[str]) -> dict[str, Column]:
    """Every column of all files, by name."""
    found = {name: Column(name) for name in columns}
    for source in sources:
        ways = (COMMA, POINT) if source.decimal_comma else (POINT,)
        tallies = {name: [Tally(way) for way in ways] for name in columns}
        start = 0
        for batch in source.read(columns):
            for name, cells in zip(columns, batch.columns, strict=True):
                _take(found[name], tallies[name], plain(cells), source.name, start)
            start += batch.num_rows
        for name, column in found.items():  # the first of those that read most cells
            best = min(tallies[name], key=lambda tally: tally.num_wrong)
            column.numerals[source.name] = best.numerals
            column.tally.add(best)
    return found


def _take(column: Column, tallies: list[Tally], cells: Any, file: str, start: int) -> None:
    column.num_rows += len(cells)
    if pa.types.is_null(cells.type):
        column.num_empty += len(cells)
    elif is_moment(cells.type):
        column.has_moments = True
        column.num_empty += cells.null_count
    elif is_text(cells.type):
        _take_text(column, cells)
        _take_numbers(column, tallies, cells, file, start)
    elif is_number(cells.type):
        _take_numbers(column, tallies, cells, file, start)
    else:
        column.is_other = True


def _take_text(column: Column, cells: Any) -> None:
    texts = texts_of(cells).drop_null()
    if len(column.texts) <= MAX_VALUES:
        column.texts.update(pc.unique(texts).to_pylist())
    if column.fitting is None and len(texts):
        column.fitting = dict.fromkeys(possible_formats(texts), 0)
    fitting = column.fitting or {}
    for name in fitting:
        fitting[name] += num_fitting(texts, name)


def _take_numbers(column: Column, tallies: list[Tally], cells: Any, file: str, start: int) -> None:
    num_empty = [tally.take(cells, file, start) for tally in tallies]
    column.num_empty += num_empty[0]
