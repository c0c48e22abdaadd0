"""The columns that a dataset is made of, kept on disk while it is made, and mapped into memory.

Numbers are float64 with NaN for what is missing, moments int64, and text the index of its value;
8 bytes a cell on disk, whatever the table's size. They go with the scan's folder for its work.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trainyard.datasets.format import Upload
from trainyard.datasets.tables.cells import moments_of, numbers_of, texts_of
from trainyard.datasets.tables.dates import NO_MOMENT
from trainyard.datasets.tables.source import Source
from trainyard.datasets.tables.survey import Column

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Wanted:
    """Names of columns by what they are kept as; one may stand in several."""

    numbers: list[str]
    texts: list[str]
    moments: list[str]


class Stored:
    """All rows of all files, in order.

    ``numbers[name]`` (N,) float64, NaN where missing; ``texts[name]`` (N,) int64 indices into
    ``values[name]``, -1 where missing; ``moments[name]`` (N,) int64, ``NO_MOMENT`` where missing.
    """

    def __init__(
        self, sources: list[Source], columns: dict[str, Column], wanted: Wanted, upload: Upload
    ) -> None:
        self.file_names = [source.name for source in sources]
        self._numbering: dict[str, dict[str, int]] = {name: {} for name in wanted.texts}
        self._columns, self._wanted = columns, wanted
        files = (
            _Growing(upload.work / "numbers", "<f8", len(wanted.numbers)),
            _Growing(upload.work / "texts", "<i8", len(wanted.texts)),
            _Growing(upload.work / "moments", "<i8", len(wanted.moments)),
        )
        try:
            ends = [self._read(source, *files) for source in sources]
        finally:
            numbers, texts, moments = (file.finish() for file in files)
        self.numbers: dict[str, Floats] = dict(zip(wanted.numbers, numbers.T, strict=True))
        self.texts: dict[str, Ints] = dict(zip(wanted.texts, texts.T, strict=True))
        self.moments: dict[str, Ints] = dict(zip(wanted.moments, moments.T, strict=True))
        self.values = {name: list(numbering) for name, numbering in self._numbering.items()}
        self._ends = np.cumsum(ends)
        self.num_rows = int(self._ends[-1])

    def file_of(self, rows: Ints) -> Ints:
        """The number of the file that each row stands in."""
        return np.searchsorted(self._ends, rows, side="right")

    def name_of(self, row: int) -> str:
        """What the user calls a row, counted from 1 below its file's header."""
        file = int(self.file_of(np.array([row]))[0])
        start = int(self._ends[file - 1]) if file else 0
        return f"{self.file_names[file]} row {row - start + 1}"

    def _read(self, source: Source, numbers: _Growing, texts: _Growing, moments: _Growing) -> int:
        """Append a file's rows; how many they are."""
        wanted = self._wanted
        names = list(dict.fromkeys([*wanted.numbers, *wanted.texts, *wanted.moments]))
        how = {name: self._columns[name].reading(source) for name in names}
        num_rows = 0
        for batch in source.read(names):
            cells = dict(zip(names, batch.columns, strict=True))
            numbers.append([numbers_of(cells[n], how[n].numerals).values for n in wanted.numbers])
            texts.append([self._indices(name, texts_of(cells[name])) for name in wanted.texts])
            moments.append([moments_of(cells[n], how[n]) for n in wanted.moments])
            num_rows += batch.num_rows
        return num_rows

    def _indices(self, name: str, texts: Any) -> Ints:
        numbering = self._numbering[name]
        encoded = texts.dictionary_encode()
        places = [numbering.setdefault(t, len(numbering)) for t in encoded.dictionary.to_pylist()]
        indices = encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
        table = np.array([*places, -1], np.int64)  # -1 finds the last
        found: Ints = table[indices]
        return found


class _Growing:
    """Columns of one dtype on disk, row by row, that grow by batches."""

    def __init__(self, path: Path, dtype: str, num_columns: int) -> None:
        self._path, self._dtype, self._num_columns = path, dtype, num_columns
        self._num_rows = 0
        self._file = path.open("wb")

    def append(self, columns: list[npt.NDArray[Any]]) -> None:
        if columns:
            self._file.write(np.stack(columns, axis=1).astype(self._dtype, copy=False).data)
            self._num_rows += len(columns[0])

    def finish(self) -> npt.NDArray[Any]:
        """Close the file; (N, num_columns), mapped."""
        self._file.close()
        shape = (self._num_rows, self._num_columns)
        if not self._num_rows:
            return np.zeros(shape, self._dtype)
        return np.memmap(self._path, self._dtype, "r", shape=shape)


def is_missing(moments: Ints) -> npt.NDArray[np.bool_]:
    """Which rows have no moment."""
    return np.asarray(moments == NO_MOMENT)
