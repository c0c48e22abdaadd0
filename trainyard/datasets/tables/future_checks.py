"""Columns of series that give the future away: that hold it, or tell whether the target will rise.

Held against the target itself, whatever of it is predicted, over some windows of all.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trainyard.datasets.facts import Example
from trainyard.datasets.format import Array, Upload
from trainyard.datasets.orders import is_chance, separation
from trainyard.datasets.tables.channels import Channel, Ints
from trainyard.datasets.tables.stored import Stored

MAX_WINDOWS = 20_000
MIN_WINDOWS = 20
FEW = 64
APART = 0.999  # area under the ROC curve, of rises and falls
OWN = 0.99  # the same of the target's own past: then others' say nothing
MIN_TURNS = 20  # of rises and falls, which a mere trend does not have
Floats = npt.NDArray[np.float64]


def tell_future(
    channels: list[Channel],
    targets: dict[str, Array],
    places: tuple[int, int],
    starts: Ints,
    rows: Ints,
    stored: Stored,
    upload: Upload,
) -> None:
    """Note each channel that gives a target away.

    ``targets``: by name the values (M,) in the order of the series. ``places``: rows of a window,
    and rows ahead. ``starts``: windows, by the place of their first row. ``rows`` (M,): the
    table's rows in the order of the series.
    """
    starts = starts[:: max(1, -(-len(starts) // MAX_WINDOWS))]
    if len(starts) < MIN_WINDOWS:
        return
    examples = []
    for channel in channels:
        for name, values in targets.items():
            if channel.column == name:
                continue
            column = stored.numbers[channel.column][rows]
            told = _held(column, values, starts, *places) or _foreseen(
                column, values, starts, *places, len(channels)
            )
            if told:
                back, ahead, how = told
                where = f"{channel.name}, {back + 1} from the end"
                examples.append(Example(name=where, note=how.format(f'"{name}+{ahead}"')))
    if examples:
        num = len({example.name for example in examples})
        what = "column gives" if num == 1 else "columns give"
        message = f"{num:,} {what} the target away"
        upload.report.finding("target-leak", "warning", message, num, examples)


Told = tuple[int, int, str]  # rows before the window's last, rows after it, and how


def _held(column: Floats, values: Array, starts: Ints, window: int, horizon: int) -> Told | None:
    """Whether some row of the window always holds some value of the target after it."""
    last = starts + window - 1
    for distance in range(1, window + horizon):
        ahead = min(distance, horizon)
        back = distance - ahead
        for some in (slice(0, FEW), slice(None)):
            future = values[last[some] + ahead]
            if np.ptp(future) == 0 or not np.array_equal(column[last[some] - back], future):
                break
        else:
            return back, ahead, "equals {}"
    return None


def _foreseen(
    column: Floats, values: Array, starts: Ints, window: int, horizon: int, num_tried: int
) -> Told | None:
    """Whether the window's last row, or its difference from the target, tells rises from falls."""
    last = starts + window - 1
    now, step = values[last], values[last] - values[np.maximum(last - 1, starts)]
    for ahead in range(1, horizon + 1):
        rises = values[last + ahead] > now
        num = int(rises.sum())
        turns = int(np.sum(rises[1:] != rises[:-1]))
        if turns < MIN_TURNS or is_chance([num, len(rises) - num], num_tried):
            continue
        if max(_clear(now, rises), _clear(step, rises)) >= OWN:
            continue
        if max(_clear(column[last], rises), _clear(column[last] - now, rises)) >= APART:
            return 0, ahead, "tells whether {} rises"
    return None


def _clear(values: Floats, rises: npt.NDArray[np.bool_]) -> float:
    found = separation(values, rises)
    return max(found, 1 - found)
