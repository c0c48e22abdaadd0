"""Gaps in series, over which windows reach as if there were none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trainyard.datasets.facts import Example
from trainyard.datasets.format import Array, Upload
from trainyard.datasets.gathered import MAX_EXAMPLES
from trainyard.datasets.tables.channels import Ints

if TYPE_CHECKING:
    from trainyard.datasets.tables.series import Series

NUM_EXAMPLES = 5
LONG_STEP = 5  # times a series' median step is a gap
COMMON = 0.5  # of the series that run must have a moment, for its lack to be a gap in the others


def tell_gaps(series: Series, upload: Upload) -> None:
    """Moments that most other series have, steps far longer than usual, and rows left out."""
    if len(series.rows) < 3:
        return
    lacking, is_long = _lacking(series), _long_steps(series)
    skipped = np.append(series.num_skipped[1:], 0)
    skipped[np.append(series.begins[1:], True)] = 0
    found = np.flatnonzero((lacking > 0) | is_long | (skipped > 0))
    if not len(found):
        return
    what = []
    if num := int(lacking.sum()):
        what.append(f"of {num:,} moments that most series have")
    if is_long.any():
        what.append(f"of steps longer than {LONG_STEP} times the usual")
    if num := int(skipped.sum()):
        what.append(f"of {num:,} rows that were left out")
    names = [
        f"{series.names[series.series[g]]}: {series.moments.shown(g)} to "
        f"{series.moments.shown(g + 1)}"
        for g in found[:MAX_EXAMPLES].tolist()
    ]
    num_series = len(np.unique(series.series[found]))
    upload.report.finding(
        "series-gap",
        "warning",
        f"{len(found):,} gap(s) in {num_series:,} series, {' or '.join(what)}; windows reach over "
        f"them: {'; '.join(names[:NUM_EXAMPLES])}",
        len(found),
        [Example(name=name) for name in names],
    )


def _lacking(series: Series) -> Ints:
    """(M,) how many moments that most running series have lie between a row and the next."""
    numbers = series.moments.numbers
    lacking = np.zeros(len(numbers), np.int64)
    if series.begins.sum() > 1:
        found, counts = np.unique(numbers, return_counts=True)
        common = found[counts >= COMMON * _num_running(series, found)]
        at = np.isin(numbers, common, kind="sort")
        lacking[:-1] = np.diff(np.searchsorted(common, numbers)) - at[:-1]
        lacking[:-1][series.begins[1:]] = 0
    return lacking.clip(min=0)


def _long_steps(series: Series) -> Array:
    """(M,) whether the step from a row to the next is long, and not the same in most series, as
    nights and holidays are."""
    numbers, begins = series.moments.numbers, series.begins
    within = np.flatnonzero(~begins[1:])
    steps = np.diff(numbers)[within]
    of_series = (np.cumsum(begins) - 1)[within]
    is_long = np.zeros(len(numbers), np.bool_)
    if not len(steps):
        return is_long
    order = np.lexsort((steps, of_series))
    _, places, counts = np.unique(of_series, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts + counts // 2
    long = within[steps > LONG_STEP * steps[order][middle][places]]
    ends = np.stack([numbers[long], numbers[long + 1]], axis=1)
    _, places, counts = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
    same = counts[places.reshape(-1)]
    shared = (same > 1) & (same >= COMMON * _num_running(series, numbers[long]))
    is_long[long[~shared]] = True
    return is_long


def _num_running(series: Series, moments: Ints) -> Ints:
    """How many series have begun and not ended at each of these moments."""
    ends = np.append(np.flatnonzero(series.begins)[1:], len(series.rows)) - 1
    first, last = series.moments.numbers[series.begins], series.moments.numbers[ends]
    begun = np.searchsorted(np.sort(first), moments, side="right")
    ended: Ints = np.searchsorted(np.sort(last), moments, side="left")
    return begun - ended
