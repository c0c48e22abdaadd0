"""Windows of series as samples, what follows them as targets, and naive forecasts beside them.

Windows are read in blocks when they are written; only targets and forecasts are kept, 4 bytes a
number. Nothing of a window, and no forecast, is made of any row after the window's last.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from trainyard.datasets.format import Array, Block, Part, Upload
from trainyard.datasets.limits import BLOCK_BYTES
from trainyard.datasets.splits import SPLITS
from trainyard.datasets.tables import series_checks as checks
from trainyard.datasets.tables.channels import Channel, Ints
from trainyard.datasets.tables.future_checks import tell_future
from trainyard.datasets.tables.stored import Stored

if TYPE_CHECKING:
    from trainyard.datasets.tables.series import Series

BASELINES = ["last_value", "mean", "drift"]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Cut:
    """How samples are cut: rows of a window, rows ahead, what of the targets is predicted."""

    window: int
    horizon: int
    predict: Literal["value", "change", "direction"]
    targets: list[str]

    @property
    def length(self) -> int:
        return self.window + self.horizon

    @property
    def outputs(self) -> list[str]:
        return [f"{t}+{ahead + 1}" for t in self.targets for ahead in range(self.horizon)]


@dataclass(frozen=True)
class Windowed:
    """Samples by the place of their first row in the series' order, (N,)."""

    cut: Cut
    series: Series
    channels: list[Channel]
    stored: Stored
    starts: Ints

    def at(self, chosen: Array) -> Windowed:
        return Windowed(self.cut, self.series, self.channels, self.stored, self.starts[chosen])

    def name_of(self, index: int) -> str:
        """Series, and first and last moment of the window."""
        start = int(self.starts[index])
        moments = self.series.moments
        name = self.series.names[self.series.series[start]]
        end = start + self.cut.window - 1
        return f"{name} {moments.shown(start)} to {moments.shown(end)}"

    def blocks(self) -> Iterator[Block]:
        """The windows (n, C, L) float32."""
        shape = len(self.channels) * self.cut.window
        size = max(1, BLOCK_BYTES // (4 * shape))
        for start in range(0, len(self.starts), size):
            chosen = self.starts[start : start + size]
            rows = self.series.rows[chosen[:, None] + np.arange(self.cut.window)]
            samples = np.stack([c.read(self.stored, rows) for c in self.channels], axis=1)
            yield Block(np.arange(start, start + len(chosen)), samples)


def cut_windows(
    cut: Cut, series: Series, channels: list[Channel], stored: Stored, upload: Upload
) -> tuple[list[Part], list[str]]:
    """A part for each split that is given, and the names of the naive forecasts."""
    values = [np.array(stored.numbers[name][series.rows]) for name in cut.targets]
    starts = _starts(cut, series, upload)
    starts, by_ratio = _usable(cut, values, starts, upload)
    targets = dict(zip(cut.targets, values, strict=True))
    tell_future(channels, targets, (cut.window, cut.horizon), starts, series.rows, stored, upload)
    windowed = Windowed(cut, series, channels, stored, starts)
    parts = []
    for number, split in enumerate(SPLITS):
        chosen = windowed.at(series.split[starts] == number)
        if len(chosen.starts) or not number:
            parts.append(_part(split, chosen, values, by_ratio, upload))
    return parts, BASELINES


def _part(
    split: Literal["train", "val", "test"],
    windowed: Windowed,
    values: list[Array],
    by_ratio: list[bool],
    upload: Upload,
) -> Part:
    cut, starts, moments = windowed.cut, windowed.starts, windowed.series.moments.numbers
    if cut.predict == "direction":
        change = values[0][starts + cut.length - 1] - values[0][starts + cut.window - 1]
        labels: Array = (change > 0).astype(np.int64)
        if unchanged := int(np.sum(change == 0)):
            upload.report.warning(f'{unchanged:,} unchanged value(s) of {split} count as "down"')
        baselines = _direction_baselines(cut, starts, values[0])
    else:
        baselines = _baselines(cut, starts, values, by_ratio)
        with np.errstate(over="ignore"):  # becomes infinity, and is told by the checks
            labels = _numbers(cut, starts, values, by_ratio)
    return Part(
        split,
        labels,
        windowed.blocks,
        partial(Windowed.name_of, windowed),
        groups=windowed.series.series[starts],
        times=moments[starts],
        until=moments[starts + cut.length - 1],
        baselines=baselines,
    )


def _starts(cut: Cut, series: Series, upload: Upload) -> Ints:
    """Places at which a window and its target fit into one series and one split."""
    if not len(series.rows):
        upload.report.reject("no complete row is left")
    run = np.cumsum(series.begins) - 1
    sizes = np.bincount(run)
    names = [series.names[n] for n in series.series[series.begins]]
    checks.tell_short(sizes, names, cut.length, upload)
    last = np.arange(len(run)) + cut.length - 1
    fits = last < len(run)
    fits[fits] = run[fits] == run[last[fits]]
    starts = np.flatnonzero(fits)
    changes = np.concatenate([[0], np.cumsum(np.diff(series.split) != 0)])
    within = changes[starts] == changes[starts + cut.length - 1]
    if left_out := int(np.sum(~within)):
        upload.report.warning(
            f"left out: {left_out:,} windows that reach over two splits",
            code="left-out-between-splits",
        )
    found: Ints = starts[within]
    return found


def _usable(cut: Cut, values: list[Array], starts: Ints, upload: Upload) -> tuple[Ints, list[bool]]:
    """Starts without those whose change cannot be told, and of each target whether its change is a
    log return: so it is where values are positive, but for a few faults, else a difference."""
    if cut.predict != "change":
        return starts, [False] * len(values)
    by_ratio = []
    good = np.ones(len(starts), np.bool_)
    for name, of_target in zip(cut.targets, values, strict=True):
        faults = checks.not_positive_faults(of_target)
        by_ratio.append(bool((of_target > 0).sum() == len(of_target) - len(faults)))
        what = "logarithm of the ratio to" if by_ratio[-1] else "difference from"
        upload.report.warning(f'the change of "{name}" is the {what} the window\'s last value')
        if by_ratio[-1] and len(faults):
            near = np.concatenate([[0], np.cumsum(of_target <= 0)])
            good &= near[starts + cut.length] == near[starts]
    if left_out := int(np.sum(~good)):
        message = f"left out: {left_out:,} windows over values that are not positive"
        upload.report.finding("not-positive", "warning", message, left_out)
    return starts[good], by_ratio


def _numbers(cut: Cut, starts: Ints, values: list[Array], by_ratio: list[bool]) -> Array:
    """(N, K) float32: of each target the rows ahead, as values or changes."""
    found = np.empty((len(starts), len(cut.outputs)), np.float32)
    last = starts + cut.window - 1
    for number, (of_target, ratio) in enumerate(zip(values, by_ratio, strict=True)):
        for ahead in range(cut.horizon):
            told = _told(cut, of_target[last + 1 + ahead], of_target[last], ratio)
            found[:, number * cut.horizon + ahead] = told
    return found


def _told(cut: Cut, value: Array, last: Array, ratio: bool) -> Array:
    """A value in the target's own units: itself, or as a change from the last known one."""
    if cut.predict == "value":
        return value
    return np.log(value / last) if ratio else value - last


def _baselines(cut: Cut, starts: Ints, values: list[Array], by_ratio: list[bool]) -> Array:
    """(N, 3, K) float32: ``BASELINES``, made of the window's values of the target.

    The last value again; the window's mean; and the last value moved on by the window's mean step
    (Hyndman and Athanasopoulos, "Forecasting: Principles and Practice", 3rd edition, section 5.2).
    For log returns the steps are those of the logarithm.
    """
    found = np.empty((len(starts), len(BASELINES), len(cut.outputs)))
    size = max(1, BLOCK_BYTES // (8 * cut.window))
    for start in range(0, len(starts), size):
        chosen = slice(start, start + size)
        rows = starts[chosen][:, None] + np.arange(cut.window)
        for number, (of_target, ratio) in enumerate(zip(values, by_ratio, strict=True)):
            window = of_target[rows]
            first, last, mean = window[:, 0], window[:, -1], window.mean(axis=1)
            step = _told(cut, last, first, ratio) if cut.predict == "change" else last - first
            step = step / max(cut.window - 1, 1)
            for ahead in range(cut.horizon):
                place = number * cut.horizon + ahead
                found[chosen, 0, place] = _told(cut, last, last, ratio)
                found[chosen, 1, place] = _told(cut, mean, last, ratio)
                moved = (ahead + 1) * step
                found[chosen, 2, place] = moved if cut.predict == "change" else last + moved
    largest = np.finfo(np.float32).max
    return found.clip(-largest, largest).astype(np.float32)


def _direction_baselines(cut: Cut, starts: Ints, values: Array) -> Array:
    """(N, 3, 2) float32: ``BASELINES``, 1 at the class that each names.

    The direction of the last step again; that of the window's mean, seen from the last value; and
    that of the whole window. What does not change is down, as in the targets.
    """
    found = np.zeros((len(starts), len(BASELINES), 2), np.float32)
    size = max(1, BLOCK_BYTES // (8 * cut.window))
    for start in range(0, len(starts), size):
        chosen = slice(start, start + size)
        window = values[starts[chosen][:, None] + np.arange(cut.window)]
        last = window[:, -1]
        before = window[:, -2] if cut.window > 1 else last
        rises = np.stack([last > before, window.mean(axis=1) > last, last > window[:, 0]], axis=1)
        found[chosen] = np.stack([~rises, rises], axis=2)
    return found
