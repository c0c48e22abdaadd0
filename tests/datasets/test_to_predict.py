"""Tables of which predictions are asked: the samples that ingest made, by row or latest window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainyard.datasets import DatasetOptions, RejectedDataset, SplitOptions, open_dataset
from trainyard.datasets.samples import decode_samples

from .conftest import Ingest, zip_of
from .tables import PANEL_HEADER, csv_of, days, panel, parquet_of, prices

ALL = SplitOptions(val=0, test=0)
HOUSES = ("rooms", "kind", "area", "price")
ROWS = [[n % 5, ["flat", "house"][n % 2], 10.5 * n, 1000 * n] for n in range(40)]


def asked(tmp_path: Path, data: bytes, manifest: Any, name: str = "asked.csv") -> Any:
    file = tmp_path / "asked"
    file.write_bytes(data)
    names, samples = decode_samples(file, name, manifest)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["store"]
    return names, samples


def refused(tmp_path: Path, data: bytes, manifest: Any) -> list[str]:
    with pytest.raises(RejectedDataset) as caught:
        asked(tmp_path, data, manifest)
    return [mistake.message for mistake in caught.value.errors]


def test_every_row_is_the_sample_that_it_was(take: Ingest, tmp_path: Path):
    manifest = take(csv_of(HOUSES, ROWS), DatasetOptions(target="price", split=ALL))
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    assert manifest.features == ["rooms", "kind=flat", "kind=house", "area"]
    turned = [[row[2], row[1], row[0]] for row in ROWS]  # other order, no target
    names, samples = asked(tmp_path, csv_of(("area", "kind", "rooms"), turned, ";"), manifest)
    np.testing.assert_array_equal(samples, x)
    assert samples.dtype == np.float32
    assert names[:2] == ["asked.csv row 1", "asked.csv row 2"]
    columns = dict(zip(HOUSES, map(list, zip(*ROWS, strict=True)), strict=True))
    _, of_parquet = asked(tmp_path, parquet_of(columns), manifest)
    np.testing.assert_array_equal(of_parquet, x)


def test_the_latest_window_of_every_series_is_what_ingest_would_cut(take: Ingest, tmp_path: Path):
    rows = panel("AB", 12)
    options = DatasetOptions(target="close", time="day", group="name", window=4, split=ALL)
    manifest = take(csv_of(PANEL_HEADER, rows), options)
    x = open_dataset(tmp_path / "store" / "out").splits["train"][0]
    past = csv_of(PANEL_HEADER, rows[:-2][::-1])  # all days but the last, newest first
    names, samples = asked(tmp_path, past, manifest)
    last = [n for n in range(len(x)) if any(np.array_equal(x[n], sample) for sample in samples)]
    assert len(last) == 2
    np.testing.assert_array_equal(sorted(samples.tolist()), sorted(x[[7, 15]].tolist()))
    assert sorted(names) == ["A 2020-01-08 to 2020-01-11", "B 2020-01-08 to 2020-01-11"]


def test_rows_with_empty_cells_are_passed_over_and_the_window_is_told(take: Ingest, tmp_path: Path):
    close = prices(12)
    rows = [[day, c] for day, c in zip(days(12), close, strict=True)]
    options = DatasetOptions(target="close", time="day", window=3, split=ALL)
    manifest = take(csv_of(("day", "close"), rows), options)
    rows[-1][1] = ""
    names, samples = asked(tmp_path, csv_of(("day", "close"), rows), manifest)
    assert names == ["the series 2020-01-09 to 2020-01-11"]
    np.testing.assert_array_equal(samples, [[close[8:11].astype(np.float32)]])


def test_files_that_are_series_are_asked_about_as_files(take: Ingest, tmp_path: Path):
    files = {f"{n}.csv": csv_of(("close",), [[c] for c in prices(9, n)]) for n in range(2)}
    options = DatasetOptions(task="forecasting", target="close", window=3, split=ALL)
    manifest = take(zip_of(files), options)
    names, samples = asked(tmp_path, files["1.csv"], manifest, "1.csv")
    assert names == ["1.csv 6 to 8"]
    np.testing.assert_array_equal(samples[0, 0], prices(9, 1)[6:].astype(np.float32))
    names, samples = asked(tmp_path, zip_of(files), manifest, "all.zip")
    assert names == ["0.csv 6 to 8", "1.csv 15 to 17"]
    assert samples.shape == (2, 1, 3)


def test_all_that_a_table_lacks_is_told_at_once(take: Ingest, tmp_path: Path):
    manifest = take(csv_of(HOUSES, ROWS), DatasetOptions(target="price", split=ALL))
    assert refused(tmp_path, csv_of(("rooms", "price"), [[1, 2]]), manifest) == [
        'asked.csv: no column "kind"',
        'asked.csv: no column "area"',
    ]
    rows = [[1, "flat", 3], [2, "tent", ""], ["many", "", 5]]
    assert refused(tmp_path, csv_of(("rooms", "kind", "area"), rows), manifest) == [
        'asked.csv row 3: no number in "rooms"',
        'asked.csv row 2: no number in "area"',
        'asked.csv row 2: "kind" is "tent"; the model knows flat, house',
        'asked.csv row 3: "kind" is nothing; the model knows flat, house',
    ]
    assert refused(tmp_path, b"\x89PNG\r\n\x1a\nno table", manifest) == [
        "asked.csv: neither Parquet nor delimited text with a header"
    ]
    assert refused(tmp_path, b"", manifest) == ["the file is empty"]
    many = csv_of(("rooms", "kind", "area"), [[1, "flat", 2]] * 10_001)
    assert refused(tmp_path, many, manifest) == ["asked.csv: 10,001 rows; at most 10,000 at once"]


def test_a_series_shorter_than_the_window_is_named(take: Ingest, tmp_path: Path):
    options = DatasetOptions(target="close", time="day", group="name", window=4, split=ALL)
    manifest = take(csv_of(PANEL_HEADER, panel("AB", 12)), options)
    rows = [row for row in panel("AB", 6) if row[1] == "A" or row[0] < "2020-01-03"]
    assert refused(tmp_path, csv_of(PANEL_HEADER, rows), manifest) == [
        "asked.csv: B has 2 complete rows; the model sees 4"
    ]


def test_a_wide_table_is_missed_no_column_that_it_never_had(take: Ingest, tmp_path: Path):
    """Its series and values are columns of the long form alone."""
    rows = [[day, value] for day, value in zip(days(12), prices(12), strict=True)]
    options = DatasetOptions(time="day", wide=True, window=3, split=ALL)
    manifest = take(csv_of(("day", "A"), rows), options)
    assert refused(tmp_path, csv_of(("date", "A"), rows), manifest) == [
        'asked.csv: no column "day"'
    ]
