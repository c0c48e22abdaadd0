"""What is wrong with series, as findings with counts, examples and advice."""

from __future__ import annotations

from typing import Any

import pytest

from trainyard.datasets import DatasetOptions, Manifest, SplitOptions
from trainyard.datasets.facts import Finding

from .conftest import Ingest, messages
from .tables import PANEL_HEADER, csv_of, days, panel, prices

ALL = SplitOptions(val=0, test=0)
SERIES: dict[str, Any] = {"time": "day", "split": ALL}


def found(manifest: Manifest, code: str) -> Finding:
    (finding,) = [f for f in manifest.report.findings if f.code == code]
    return finding


def codes(manifest: Manifest) -> set[str]:
    return {finding.code for finding in manifest.report.findings}


def test_dirt_is_told_with_counts_examples_and_advice(take: Ingest):
    rows = panel("ABC", 60)
    rows = [row for row in rows if not (row[1] == "A" and row[0] in ("2020-01-10", "2020-01-11"))]
    rows = [row for row in rows if row[1] != "C" or row[0] < "2020-01-06"]
    rows.append([*rows[0][:2], 5.0, 7])
    rows[40][2] = ""
    rows[50][0] = "someday"
    rows[60][3] = 0
    options = DatasetOptions(**SERIES, target="close", group="name", window=8)
    manifest = take(csv_of(PANEL_HEADER, rows), options)
    missing = [f for f in manifest.report.findings if f.code == "missing-cells"]
    assert [(f.message, [e.name for e in f.examples]) for f in missing] == [
        ('left out: 1 row(s) without "close": mine.zip row 41', ["mine.zip row 41"]),
        ('left out: 1 row(s) without "day": mine.zip row 51', ["mine.zip row 51"]),
    ]
    doubled = found(manifest, "doubled-moment")
    assert [e.name for e in doubled.examples] == [f"mine.zip row {len(rows)}"]
    assert [e.name for e in found(manifest, "short-series").examples] == ["C (5)"]
    low = found(manifest, "not-positive")
    assert [e.name for e in low.examples] == ["0 in mine.zip row 61"]
    gap = found(manifest, "series-gap")
    assert gap.message.startswith(
        "3 gap(s) in 2 series, of 4 moments that most series have or of 1 rows that were left out"
    )
    assert gap.examples[0].name == "A: 2020-01-09 to 2020-01-12"
    told = [doubled, low, gap, *missing, found(manifest, "short-series")]
    assert [f.count for f in told] == [1, 1, 3, 1, 1, 1]
    assert all(f.advice for f in told)
    assert manifest.report.num_unreadable == 0


def test_a_long_step_of_a_lone_series_is_a_gap(take: Ingest):
    rows = [[day, n] for n, day in enumerate([*days(30), *days(30, "2020-06-01")])]
    manifest = take(csv_of(("day", "y"), rows), DatasetOptions(**SERIES, target="y", window=4))
    said = messages(manifest)
    assert "1 gap(s) in 1 series, of steps longer than 5 times the usual" in said
    assert "the series: 2020-01-30 to 2020-06-01" in said


def test_holes_of_a_series_show_beside_others_that_hardly_run(take: Ingest):
    """40 and 30 days are missing from the one long series, and three have a row each."""
    long = [*days(100), *days(100, "2020-05-20"), *days(100, "2020-09-27")]
    rows = [[day, "a", n] for n, day in enumerate(long)]
    rows += [["2020-01-01", f"z{n}", 1] for n in range(3)]
    options = DatasetOptions(**SERIES, target="y", group="name", window=4)
    gap = found(take(csv_of(("day", "name", "y"), rows), options), "series-gap")
    assert [e.name for e in gap.examples] == [
        "a: 2020-04-09 to 2020-05-20",
        "a: 2020-08-27 to 2020-09-27",
    ]
    assert gap.count == 2


def test_holidays_that_all_series_share_are_no_gaps(take: Ingest):
    open_days = [*days(30), *days(30, "2020-03-01")]
    rows = [[day, name, n] for n, day in enumerate(open_days) for name in "abc"]
    options = DatasetOptions(**SERIES, target="y", group="name", window=4)
    assert "series-gap" not in codes(take(csv_of(("day", "name", "y"), rows), options))


def test_rows_left_out_for_empty_cells_are_gaps_that_windows_reach_over(take: Ingest):
    close = list(prices(60))
    rows = [[day, c] for day, c in zip(days(60), close, strict=True)]
    for n in (10, 11, 30, 0, 59):  # the first and the last leave no gap
        rows[n][1] = ""
    rows.append([rows[20][0], ""])  # of a moment that has another row
    manifest = take(csv_of(("day", "y"), rows), DatasetOptions(**SERIES, target="y", window=4))
    gap = found(manifest, "series-gap")
    assert gap.message.startswith("2 gap(s) in 1 series, of 3 rows that were left out; windows")
    assert [e.name for e in gap.examples] == [
        "the series: 2020-01-10 to 2020-01-13",
        "the series: 2020-01-30 to 2020-02-01",
    ]


@pytest.mark.parametrize("num", [1, 6])
def test_rows_of_another_width_are_counted_by_rows_and_no_files(take: Ingest, num):
    rows = [[day, n] for n, day in enumerate(days(60))]
    wrong = [["2021-01-01", 1, 2]] * num
    data = csv_of(("day", "y"), [*rows[:20], *wrong, *rows[20:]])
    manifest = take(data, DatasetOptions(**SERIES, target="y", window=4))
    assert found(manifest, "wrong-rows").count == num
    assert found(manifest, "wrong-rows").examples[0].name == "mine.zip row 22 of the file"
    assert manifest.report.num_unreadable == 0
