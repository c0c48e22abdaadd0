"""Walk-forward splits: val is later than train and test later than val, at moments that are common
to all series, and no sample's span reaches into a later split.

Purge and embargo are those of López de Prado, "Advances in Financial Machine Learning" (2018),
chapter 7, with the whole span of a sample, its window included, in place of its label's alone.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
TRAIN, VAL, TEST = range(3)
LEFT_OUT = -1  # of a sample that would be in no split


class TooShort(Exception):
    """The moments do not suffice for the splits asked for; the text says which."""


def by_time(
    times: Numbers,
    until: Numbers,
    *,
    val: float = 0.0,
    test: float = 0.0,
    embargo: int = 0,
    folds: int | None = None,
    fold: int = 0,
) -> npt.NDArray[np.int8]:
    """The split of every sample, or ``LEFT_OUT``.

    times, until: (N,) the first and last moment that a sample is made of. A split begins at the
    moment that brings its size nearest to its fraction of N, and holds the samples whose span
    begins there or later; an earlier split holds those that end before, with ``embargo`` distinct
    moments between. With ``folds``, what test leaves is cut into ``folds`` + 1 stretches:
    val is stretch ``fold`` + 1, and train all that ends before it.

    Raises:
        TooShort: a split, or training, would be empty.
    """
    moments = np.unique(np.concatenate([times, until]))
    first, last = np.searchsorted(moments, times), np.searchsorted(moments, until)
    chosen = np.full(len(times), LEFT_OUT, np.int8)
    left = np.ones(len(times), np.bool_)
    if test:
        start = _start(first[left], last[left], test * len(times), embargo, "test")
        chosen[first >= start] = TEST
        left &= last < start - embargo
    if folds:
        start, stop = _stretch(first[left], folds, fold)
        chosen[left & (first >= start) & (first < stop)] = VAL
        left &= last < start - embargo
        if not left.any() or not (chosen == VAL).any():
            raise TooShort(f"fold {fold} of {folds}")
    elif val:
        start = _start(first[left], last[left], val * len(times), embargo, "val")
        chosen[left & (first >= start)] = VAL
        left &= last < start - embargo
    chosen[left] = TRAIN
    return chosen


def _start(first: Numbers, last: Numbers, wanted: float, embargo: int, name: str) -> int:
    """The moment at which a split of about ``wanted`` samples begins, some being left before it."""
    starts = np.unique(first)
    starts = starts[starts - embargo > (last.min() if len(last) else 0)]
    if not len(starts):
        raise TooShort(name)
    sizes = len(first) - np.searchsorted(np.sort(first), starts)
    return int(starts[np.argmin(np.abs(sizes - wanted))])


def _stretch(first: Numbers, folds: int, fold: int) -> tuple[int, int]:
    """From and up to which moment validation is, in a fold."""
    ordered = np.sort(first)
    cuts = [len(ordered) * (n + 1) // (folds + 1) for n in (fold, fold + 1)]
    if not len(ordered):
        raise TooShort(f"fold {fold} of {folds}")
    stop = ordered[cuts[1]] if fold + 1 < folds else ordered[-1] + 1
    return int(ordered[cuts[0]]), int(stop)
