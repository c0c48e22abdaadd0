"""What is wrong with series: doubled moments, prices that are none, series too short.

Gaps are looked for in ``gaps``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trainyard.datasets.facts import Example
from trainyard.datasets.format import Array, Upload
from trainyard.datasets.gathered import MAX_EXAMPLES
from trainyard.datasets.tables.channels import Ints
from trainyard.datasets.tables.stored import Stored
from trainyard.datasets.tables.survey import Column

if TYPE_CHECKING:
    from trainyard.datasets.tables.series import Series

NUM_EXAMPLES = 5
MAX_DOUBLED = 0.5  # of the rows; more, and a group was forgotten
FEW_NOT_POSITIVE = 0.01  # of a column; so few among positive values are faults, as in prices


def without_doubled(
    series: Series, time: str | None, columns: dict[str, Column], stored: Stored, upload: Upload
) -> Series:
    """The series with the first of each moment's rows."""
    if time is None or len(series.rows) < 2:
        return series
    same = np.zeros(len(series.rows), np.bool_)
    same[1:] = (np.diff(series.moments.numbers) == 0) & ~series.begins[1:]
    doubled = np.flatnonzero(same)
    if not len(doubled):
        return series
    if len(doubled) > MAX_DOUBLED * len(series.rows):
        texts = [c.name for c in columns.values() if c.kind == "text"]
        hint = f": {', '.join(texts[:NUM_EXAMPLES])}?" if texts else ""
        upload.report.reject(
            f'most moments of "{time}" stand in several rows of one series: name the column that '
            f"tells the series apart in the option `group`{hint}"
        )
    names = [stored.name_of(row) for row in series.rows[doubled[:MAX_EXAMPLES]].tolist()]
    upload.report.finding(
        "doubled-moment",
        "warning",
        f"left out: {len(doubled):,} row(s) of a moment that stands in their series already: "
        + ", ".join(names[:NUM_EXAMPLES]),
        len(doubled),
        [Example(name=name) for name in names],
    )
    kept = np.flatnonzero(~same)
    return replace(
        series,
        rows=series.rows[kept],
        series=series.series[kept],
        moments=series.moments.at(kept),
        split=series.split[kept],
        begins=series.begins[kept],
        num_skipped=series.num_skipped[kept],
    )


def tell_not_positive(name: str, stored: Stored, upload: Upload) -> None:
    """Values of 0 and less in a column that is positive otherwise, as prices are."""
    values = stored.numbers[name]
    wrong = not_positive_faults(values)
    if not len(wrong):
        return
    names = [f"{values[w]:g} in {stored.name_of(w)}" for w in wrong[:MAX_EXAMPLES].tolist()]
    upload.report.finding(
        "not-positive",
        "warning",
        f'{len(wrong):,} value(s) of "{name}" are not positive, as all others are: '
        + ", ".join(names[:NUM_EXAMPLES]),
        len(wrong),
        [Example(name=name) for name in names],
    )


def not_positive_faults(values: Array) -> Ints:
    """Where values are 0 or less, if so few are that they look like faults."""
    wrong = np.flatnonzero(values <= 0)
    return wrong if len(wrong) <= FEW_NOT_POSITIVE * len(values) else wrong[:0]


def tell_short(lengths: Ints, names: list[str], least: int, upload: Upload) -> None:
    """Series that have fewer rows than one sample takes; all of them are an error."""
    short = np.flatnonzero(lengths < least)
    shown = [f"{names[s]} ({lengths[s]})" for s in short[:MAX_EXAMPLES].tolist()]
    few = ", ".join(shown[:NUM_EXAMPLES])
    if len(short) == len(lengths):
        upload.report.reject(
            f"no series has the {least} rows of window and horizon: {few}; take a smaller window",
            code="short-series",
        )
    if len(short):
        upload.report.finding(
            "short-series",
            "warning",
            f"left out: {len(short):,} of {len(lengths):,} series with fewer than the {least} rows "
            f"of window and horizon: {few}",
            len(short),
            [Example(name=name) for name in shown],
        )
