"""Tables made for the tests: rows of text as CSV, and series whose values are known."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from trainyard.datasets import DatasetOptions, SplitOptions, open_dataset


def csv_of(header: Sequence[str], rows: Sequence[Sequence[Any]], delimiter: str = ",") -> bytes:
    """A CSV file; fields are written as they are."""
    lines = [delimiter.join(map(str, row)) for row in [header, *rows]]
    return ("\n".join(lines) + "\n").encode()


def parquet_of(columns: dict[str, Any], metadata: dict[bytes, bytes] | None = None) -> bytes:
    """A Parquet file of these columns."""
    table = pa.table(columns)
    buffer = io.BytesIO()
    pq.write_table(table.replace_schema_metadata(metadata) if metadata else table, buffer)
    return buffer.getvalue()


def days(num: int, start: str = "2020-01-01") -> list[str]:
    """So many days in a row, ISO 8601."""
    return [str(day) for day in np.datetime64(start) + np.arange(num)]


def prices(num: int, seed: int = 0) -> np.ndarray:
    """Positive values of two decimals, so that CSV holds them exactly."""
    steps = np.random.default_rng(seed).normal(0, 0.02, num)
    return np.round(100 * np.exp(np.cumsum(steps)), 2)


def panel(names: str, num: int) -> list[list[Any]]:
    """Rows (day, name, close, volume) of several series, in the order of the days."""
    close = {name: prices(num, seed) for seed, name in enumerate(names)}
    return [
        [day, name, close[name][n], 1000 + 10 * n]
        for n, day in enumerate(days(num))
        for name in names
    ]


PANEL_HEADER = ("day", "name", "close", "volume")

HEADER = ("size", "weight", "colour", "kind")
KINDS = ["apple", "pear", "plum"]
ROWS = [[n % 7 + 0.5, n * 3 % 11, ["red", "green"][n % 2], KINDS[n % 3]] for n in range(60)]
KIND = DatasetOptions(target="kind")
ALL_IN_TRAIN = SplitOptions(val=0, test=0)


def read(tmp_path: Path, split: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """Samples and targets of the dataset that ``take`` wrote last."""
    x, y = open_dataset(tmp_path / "store" / "out").splits[split]
    return np.array(x), np.array(y)
