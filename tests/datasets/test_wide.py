"""Wide tables, a column a series, against the long ones that say the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainyard.datasets import DatasetOptions, open_dataset
from trainyard.datasets.samples import decode_samples

from .conftest import Ingest, zip_of
from .tables import csv_of, days, parquet_of, prices

NUM = 80
NAMES = ["AA", "BB", "CC"]
CLOSE = {name: [str(c) for c in prices(NUM, seed)] for seed, name in enumerate(NAMES)}
CLOSE["CC"][:30] = [""] * 30  # begins later
WIDE: dict[str, Any] = {"time": "day", "wide": True, "window": 6, "horizon": 2}


def wide_rows(num: int = NUM) -> list[list[Any]]:
    return [[day, *(CLOSE[name][n] for name in NAMES)] for n, day in enumerate(days(num))]


def long_table() -> bytes:
    rows = [
        [day, name, CLOSE[name][n]]
        for n, day in enumerate(days(NUM))
        for name in NAMES
        if CLOSE[name][n]
    ]
    return csv_of(("day", "series", "value"), rows)


def test_a_wide_table_is_the_long_one_of_its_values(take: Ingest):
    options = {**WIDE, "wide": False, "target": "value", "group": "series"}
    long = take(long_table(), DatasetOptions(**options))
    wide = take(csv_of(("day", *NAMES), wide_rows()), DatasetOptions(**WIDE), name="wide")
    assert wide.sha256 == long.sha256
    assert (wide.series.num_series, wide.features, wide.outputs) == (
        3,
        ["value"],
        ["value+1", "value+2"],
    )
    columns = {name: [float(c) if c else None for c in CLOSE[name]] for name in NAMES}
    parquet = take(parquet_of({"day": days(NUM), **columns}), DatasetOptions(**WIDE), name="pq")
    assert parquet.sha256 == long.sha256
    halves = {
        "a.csv": csv_of(("day", *NAMES), wide_rows()[:40]),
        "b.csv": csv_of(("day", *NAMES), wide_rows()[40:]),
    }
    assert take(zip_of(halves), DatasetOptions(**WIDE), name="zip").sha256 == long.sha256


def test_rows_are_named_by_their_place_in_the_wide_file(take: Ingest):
    rows = wide_rows()
    rows[40][2], rows[50][0] = "oops", "someday"
    manifest = take(csv_of(("day", *NAMES), rows), DatasetOptions(**WIDE))
    missing = [f for f in manifest.report.findings if f.code == "missing-cells"]
    assert missing[0].examples[-1].name == "mine.zip row 20"
    assert 'left out: 3 row(s) without "day": mine.zip row 51' in missing[1].message
    (gap,) = [f for f in manifest.report.findings if f.code == "series-gap"]
    assert "BB: 2020-02-09 to 2020-02-11" in {example.name for example in gap.examples}


def test_features_choose_the_series_and_text_is_none(take: Ingest):
    rows = [[*row, "note", row[1]] for row in wide_rows()]
    header = ("day", *NAMES, "remark", "copy")
    all_of = take(csv_of(header, rows), DatasetOptions(**WIDE, ignore=["copy"]))
    assert all_of.series.num_series == 3
    assert 'left out: column "remark": no series of numbers' in str(all_of.problems)
    two = take(csv_of(header, rows), DatasetOptions(**WIDE, features=["AA", "BB"]), name="two")
    assert two.series.num_series == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "AA"}, "options.target: with `wide` every column is a series; leave it out"),
        ({"group": "AA"}, "options.group: with `wide` every column is a series; leave it out"),
        ({"time": None}, "options.wide: needs the option `time`, the column of the moments"),
        ({"time": "date"}, 'options.time: no column "date"'),
        ({"features": ["day", "ZZ"]}, 'options.features: no column "ZZ"'),
        ({"features": ["remark"]}, 'options.features: "remark" holds no numbers; received "note"'),
        ({"task": "regression", "window": None}, "options.wide: is for series"),
    ],
)
def test_mistakes_in_the_options_of_wide_tables_are_told(refuse, options, message):
    rows = [[*row, "note"] for row in wide_rows()]
    given = DatasetOptions.model_validate({**WIDE, **options})
    assert message in refuse(csv_of(("day", *NAMES, "remark"), rows), given)


def test_forecasts_go_on_from_the_last_window_of_every_column(take: Ingest, tmp_path: Path):
    manifest = take(csv_of(("day", *NAMES), wide_rows()), DatasetOptions(**WIDE))
    stored = open_dataset(tmp_path / "store" / "out").manifest
    assert stored.series is not None
    assert stored.series.wide
    asked = tmp_path / "asked"
    asked.write_bytes(
        csv_of(("day", "AA", "NEW"), [[*r[:2], n] for n, r in enumerate(wide_rows())])
    )
    names, samples = decode_samples(asked, "asked.csv", manifest)
    assert names == ["AA 2020-03-15 to 2020-03-20", "NEW 2020-03-15 to 2020-03-20"]
    np.testing.assert_array_equal(samples[0, 0], np.float32(CLOSE["AA"][-6:]))
    assert samples[1, 0].tolist() == [74, 75, 76, 77, 78, 79]
