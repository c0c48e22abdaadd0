"""Columns as channels of numbers: as they are, or one-hot; which are left out is said."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trainyard.datasets.facts import Example
from trainyard.datasets.format import Upload
from trainyard.datasets.gathered import MAX_EXAMPLES
from trainyard.datasets.labels import natural_key
from trainyard.datasets.tables.stored import Stored
from trainyard.datasets.tables.survey import Column

MAX_ONE_HOT = 20  # different texts of a column that becomes as many channels
MAX_EMPTY = 0.5  # of a column's cells; more, and the column is left out, not the rows
NUM_EXAMPLES = 3
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Channel:
    """A number of each row: a column's, or whether its text is ``value``."""

    name: str
    column: str
    value: str | None = None

    def read(self, stored: Stored, rows: Ints) -> npt.NDArray[np.float32]:
        """The channel of these rows; values past float32's range become infinite."""
        channel: npt.NDArray[np.float32]
        if self.value is not None:
            place = stored.values[self.column].index(self.value)
            channel = (stored.texts[self.column][rows] == place).astype(np.float32)
            return channel
        with np.errstate(over="ignore"):
            channel = stored.numbers[self.column][rows].astype(np.float32)
            return channel


def channels_of(
    names: list[str], columns: dict[str, Column], one_hot: bool, asked: bool, upload: Upload
) -> list[Channel]:
    """The channels of these columns; ``asked`` makes an error of what is otherwise left out."""
    channels: list[Channel] = []
    for name in names:
        column = columns[name]
        texts = column.distinct() if column.kind in ("text", "time") else None
        if why := _unfit(column):
            _leave_out(name, why, asked, upload)
        elif column.kind == "number":
            channels.append(Channel(name, name))
        elif one_hot and texts and len(texts) <= MAX_ONE_HOT:
            ordered = sorted(texts, key=natural_key)
            channels += [Channel(f"{name}={text}", name, text) for text in ordered]
            upload.report.warning(
                f'the texts of column "{name}" became {len(ordered)} channels of 0 and 1'
            )
        else:
            _leave_out(name, _why_no_number(column, one_hot), asked, upload)
    if not channels:
        upload.report.error("no column of numbers is left that a model could see")
    upload.report.raise_if_rejected()
    return channels


def _unfit(column: Column) -> str | None:
    num_filled = column.num_rows - column.num_empty
    if column.is_other:
        return "it holds lists, structures or bytes"
    if not num_filled:
        return "it is empty"
    if column.num_empty > MAX_EMPTY * column.num_rows:
        return f"{column.num_empty:,} of its {column.num_rows:,} cells are empty"
    return None


def _why_no_number(column: Column, one_hot: bool) -> str:
    if column.kind == "time":
        return "it holds moments, not numbers"
    few = column.distinct()
    count = f"{len(few)}" if few else "many"
    limit = f"at most {MAX_ONE_HOT} become channels" if one_hot else "a series takes numbers"
    examples = f", such as {column.examples[0]}" if column.examples else ""
    return f"it holds {count} different texts{examples}; {limit}"


def _leave_out(name: str, why: str, asked: bool, upload: Upload) -> None:
    if asked:
        upload.report.error(f'options.features: column "{name}": {why}')
    else:
        message = f'left out: column "{name}": {why}'
        upload.report.finding("left-out-column", "warning", message, 1, [Example(name=name)])


def complete_rows(
    channels: list[Channel], columns: dict[str, Column], stored: Stored, upload: Upload
) -> npt.NDArray[np.bool_]:
    """(N,) whether every channel of a row is known; what is missing is said by column."""
    complete = np.ones(stored.num_rows, np.bool_)
    for name in dict.fromkeys(channel.column for channel in channels):
        if name in stored.numbers:
            missing = np.isnan(stored.numbers[name])
        else:
            missing = stored.texts[name] < 0
        tell_missing(columns[name], missing, stored, upload)
        complete &= ~missing
    return complete


def tell_missing(
    column: Column, missing: npt.NDArray[np.bool_], stored: Stored, upload: Upload
) -> None:
    """Say how many rows of a column are left out, as empty or as no number, with examples."""
    if not missing.any():
        return
    wrong = column.num_wrong if column.kind == "number" else 0
    names = [stored.name_of(row) for row in np.flatnonzero(missing)[:MAX_EXAMPLES].tolist()]
    where = "; ".join(names[:NUM_EXAMPLES])
    num = int(missing.sum())
    text = f", of which {wrong:,} hold no number ({', '.join(column.examples)})" if wrong else ""
    upload.report.finding(
        "missing-cells",
        "warning",
        f'left out: {num:,} row(s) without "{column.name}"{text}: {where}',
        num,
        [Example(name=name) for name in names],
    )
