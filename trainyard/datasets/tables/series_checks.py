"""What is wrong with series: doubled moments, gaps, prices that are none, series too short."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trainyard.datasets.format import Array, Upload
from trainyard.datasets.tables.channels import Ints
from trainyard.datasets.tables.stored import Stored
from trainyard.datasets.tables.survey import Column

if TYPE_CHECKING:
    from trainyard.datasets.tables.series import Series

NUM_EXAMPLES = 5
MAX_DOUBLED = 0.5  # of the rows; more, and a group was forgotten
FEW_NOT_POSITIVE = 0.01  # of a column; so few among positive values are faults, as in prices
LONG_STEP = 5  # times the median step, and a series of its own moments has a gap
COMMON = 0.5  # of the series that run must have a moment, for its lack to be a gap in the others


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
    few = ", ".join(stored.name_of(int(series.rows[d])) for d in doubled[:NUM_EXAMPLES])
    upload.report.warning(
        f"left out: {len(doubled):,} row(s) of a moment that stands in their series already: {few}"
    )
    kept = np.flatnonzero(~same)
    return replace(
        series,
        rows=series.rows[kept],
        series=series.series[kept],
        moments=series.moments.at(kept),
        split=series.split[kept],
        begins=series.begins[kept],
    )


def tell_not_positive(name: str, stored: Stored, upload: Upload) -> None:
    """Values of 0 and less in a column that is positive otherwise, as prices are."""
    values = stored.numbers[name]
    wrong = not_positive_faults(values)
    if not len(wrong):
        return
    few = ", ".join(f"{values[w]:g} in {stored.name_of(int(w))}" for w in wrong[:NUM_EXAMPLES])
    upload.report.warning(
        f'{len(wrong):,} value(s) of "{name}" are not positive, as all others are: {few}'
    )


def not_positive_faults(values: Array) -> Ints:
    """Where values are 0 or less, if so few are that they look like faults."""
    wrong = np.flatnonzero(values <= 0)
    return wrong if len(wrong) <= FEW_NOT_POSITIVE * len(values) else wrong[:0]


def tell_gaps(series: Series, upload: Upload) -> None:
    """Moments that a series lacks: those of most other series, or far longer steps than usual."""
    numbers, begins = series.moments.numbers, series.begins
    if len(numbers) < 3:
        return
    if len(series.names) > 1:
        found, counts = np.unique(numbers, return_counts=True)
        common = found[counts >= COMMON * _num_running(series, found)]
        after = np.searchsorted(common, numbers)
        at = np.isin(numbers, common, kind="sort")
        lacking = np.diff(after) - at[:-1]
        lacking[begins[1:]] = 0
        what = f"{int(lacking.clip(min=0).sum()):,} moments that most series have"
    else:
        steps = np.diff(numbers)
        median = np.median(steps[~begins[1:]]) if (~begins[1:]).any() else 0
        lacking = np.where(begins[1:], 0, steps > LONG_STEP * median)
        what = f"steps longer than {LONG_STEP} times the usual"
    gaps = np.flatnonzero(lacking > 0)
    if not len(gaps):
        return
    few = "; ".join(
        f"{series.names[series.series[g]]}: {series.moments.shown(g)} to "
        f"{series.moments.shown(g + 1)}"
        for g in gaps[:NUM_EXAMPLES]
    )
    num_series = len(np.unique(series.series[gaps]))
    upload.report.warning(
        f"{len(gaps):,} gap(s) in {num_series:,} series, of {what}; windows reach over them: {few}"
    )


def _num_running(series: Series, moments: Ints) -> Ints:
    """How many series have begun and not ended at each of these moments."""
    ends = np.append(np.flatnonzero(series.begins)[1:], len(series.rows)) - 1
    first, last = series.moments.numbers[series.begins], series.moments.numbers[ends]
    begun = np.searchsorted(np.sort(first), moments, side="right")
    ended: Ints = np.searchsorted(np.sort(last), moments, side="left")
    return begun - ended


def tell_short(lengths: Ints, names: list[str], least: int, upload: Upload) -> None:
    """Series that have fewer rows than one sample takes; all of them are an error."""
    short = np.flatnonzero(lengths < least)
    few = ", ".join(f"{names[s]} ({lengths[s]})" for s in short[:NUM_EXAMPLES])
    if len(short) == len(lengths):
        upload.report.reject(
            f"no series has the {least} rows of window and horizon: {few}; take a smaller window"
        )
    if len(short):
        upload.report.warning(
            f"left out: {len(short):,} of {len(lengths):,} series with fewer than the {least} rows "
            f"of window and horizon: {few}"
        )
