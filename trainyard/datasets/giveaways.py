"""Columns that give the target away: how closely each value of a sample goes with its target.

One pass, by sums, and some samples that are kept for their order. Pictures are left out: a pixel
alone is no column; so are windows of series, see ``tables.future_checks``.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from trainyard.datasets.facts import Example
from trainyard.datasets.format import Array, Contents
from trainyard.datasets.orders import keep_apart, rank_correlations
from trainyard.datasets.report import Report
from trainyard.datasets.thinned import Thinned

MAX_COLUMNS = 4096  # values of a sample that are looked at, the last ones of each channel
MAX_TARGETS = 64
MIN_SAMPLES = 20  # with fewer, columns go with a target by chance
FEW = 64
ALMOST = 0.9999  # share of the variance that gives the target away
ALMOST_ORDERED = 0.999  # Spearman's correlation, or area under the ROC curve, that does
MAX_ORDERED = 4096  # samples that are kept for their order
MAX_CELLS = 2_000_000  # of these samples in all
Floats = npt.NDArray[np.float64]


class Giveaways:
    """Sums over the training samples (n, F) or (n, F, L) and their targets.

    For numbers the share is the square of Pearson's correlation. For classes and labels it is
    the correlation ratio η² (R. A. Fisher, "Statistical Methods for Research Workers", 1925): the
    variance between the classes' means as a share of all, which is 1 where a column takes one
    value a class. Curves that these miss show in the order of values, see ``orders``.
    """

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        shape = contents.input_shape
        self.applies = (
            len(shape) in (1, 2)
            and 0 < contents.num_outputs <= MAX_TARGETS
            and contents.series is None
        )
        self._last = max(1, min(shape[1], MAX_COLUMNS // shape[0])) if len(shape) == 2 else 1
        self._num_columns = min(MAX_COLUMNS, shape[0]) * self._last
        self._num = 0
        self._shift: tuple[Floats, Floats] | None = None
        self._sums: list[Floats] = []
        self._equal: npt.NDArray[np.bool_] | None = None
        self._some = Thinned(max(MIN_SAMPLES, min(MAX_ORDERED, MAX_CELLS // self._num_columns)))

    def update(self, samples: Array, targets: Array) -> None:
        """Take in samples (n, *input_shape) and what is kept of their targets."""
        if not self.applies or not len(samples):
            return
        self._num += len(samples)
        if self._contents.task == "regression":
            self._compare(samples, targets)
        self._some.take(self._columns(samples), targets)
        x, y = self._columns(samples).astype(np.float64), self._numbers(targets)
        if self._shift is None:  # near the mean, so that the sums of squares lose little
            self._shift = x.mean(axis=0), np.zeros(y.shape[1])
            self._sums = [np.zeros(x.shape[1])] * 2 + [np.zeros(y.shape[1])] * 2
            self._sums += [np.zeros((x.shape[1], y.shape[1]))]
            if self._contents.outputs:
                self._shift = self._shift[0], y.mean(axis=0)
        x, y = x - self._shift[0], y - self._shift[1]
        with np.errstate(all="ignore"):  # non-finite values are told elsewhere
            added = [x.sum(0), (x * x).sum(0), y.sum(0), (y * y).sum(0), x.T @ y]
            self._sums = [old + new for old, new in zip(self._sums, added, strict=True)]

    def _compare(self, samples: Array, targets: Array) -> None:
        """Which values still equal a target; after the first few samples hardly any is left."""
        if self._equal is None:
            self._equal = np.ones((targets.shape[1], self._num_columns), np.bool_)
        for some in (slice(0, FEW), slice(FEW, None)):
            x, y = self._columns(samples[some]), targets[some]
            for target in np.flatnonzero(self._equal.any(axis=1)):
                columns = np.flatnonzero(self._equal[target])
                same = (x[:, columns] == y[:, target, None]).all(axis=0)
                self._equal[target, columns] = same

    def check(self, report: Report) -> None:
        """Note the columns that give a target away."""
        if not self.applies or self._num < MIN_SAMPLES:
            return
        share = self.share()
        alike = share >= ALMOST
        ordered = ~alike & self.ordered()
        examples = []
        for column, target in zip(*np.nonzero(alike | ordered), strict=True):
            how = "equals" if share[column, target] > 1 else "goes with"
            how = "is in the order of" if ordered[column, target] else how
            examples.append(
                Example(name=self._name(int(column)), note=f"{how} {self._target(int(target))}")
            )
        if examples:
            num = len({example.name for example in examples})
            what = "column gives" if num == 1 else "columns give"
            report.finding(
                "target-leak", "warning", f"{num:,} {what} the target away", num, examples
            )

    def share(self) -> Floats:
        """(columns, targets): share of the variance in common; 2 where values are equal."""
        contents, equal = self._contents, self._equal
        sum_x, sum_xx, sum_y, sum_yy, sum_xy = self._sums
        with np.errstate(all="ignore"):
            spread_x = sum_xx - sum_x**2 / self._num
            if contents.task == "classification":
                # Here y is 1 in the column of the class: between the classes' means.
                between = (sum_xy**2 / np.maximum(sum_y, 1)).sum(axis=1) - sum_x**2 / self._num
                share = (between / spread_x)[:, None]
            else:
                spread_y = sum_yy - sum_y**2 / self._num
                together = sum_xy - np.outer(sum_x, sum_y) / self._num
                share = together**2 / np.outer(spread_x, spread_y)
            # Below this a column is constant but for rounding.
            varies = spread_x > 1e-12 * np.maximum(sum_xx, 1e-30)
        known: Floats = np.where(varies[:, None] & np.isfinite(share), share, 0.0)
        return known if equal is None else np.where(equal.T, 2.0, known)

    def ordered(self) -> npt.NDArray[np.bool_]:
        """(columns, targets): whether the order of the values is that of the target."""
        x, y = self._some.kept()
        usable = np.flatnonzero(np.isfinite(x).all(axis=0) & (np.ptp(x, axis=0) > 0))
        targets = [y] if self._contents.task == "classification" else list(y.T)
        found = np.zeros((x.shape[1], len(targets)), np.bool_)
        for number, target in enumerate(targets):
            if self._contents.task == "regression":
                alike = np.abs(rank_correlations(x[:, usable], target)) >= ALMOST_ORDERED
            else:
                alike = keep_apart(x[:, usable], target, ALMOST_ORDERED)
            found[usable, number] = alike
        return found

    def _columns(self, samples: Array) -> Array:
        kept = samples[:, :MAX_COLUMNS]
        kept = kept[:, :, -self._last :] if kept.ndim == 3 else kept
        return kept.reshape(len(samples), self._num_columns)

    def _numbers(self, targets: Array) -> Floats:
        if targets.ndim > 1:
            return targets.astype(np.float64)
        one_hot: Floats = np.eye(self._contents.num_outputs)[targets]
        return one_hot

    def _name(self, column: int) -> str:
        channel, place = divmod(column, self._last)
        features, shape = self._contents.features, self._contents.input_shape
        if not features and len(shape) == 2 and shape[0] == 1:
            return f"value {shape[1] - self._last + place}"
        name = features[channel] if channel < len(features) else f"column {channel}"
        return name if math.prod(shape[1:]) == 1 else f"{name}, {self._last - place} from the end"

    def _target(self, target: int) -> str:
        names = self._contents.outputs or self._contents.class_names
        return "the class" if self._contents.task == "classification" else f'"{names[target]}"'
