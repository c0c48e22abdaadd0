"""Whether values go with a target in their order, whatever the curve between them."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
CHANCE = 1e-6  # that so clear an order comes about by itself
NEAR = 0.98  # of what the share of the classes can be, below which they are not apart


def ranks(values: Values) -> Floats:
    """(n,) from 1, the mean of their places for equal values.

    >>> ranks(np.array([7, 5, 7])).tolist()
    [2.5, 1.0, 2.5]
    """
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    found: Floats = (np.cumsum(counts) - (counts - 1) / 2)[places]
    return found


def rank_correlations(columns: Values, target: Values) -> Floats:
    """(F,) Spearman's of columns (n, F), none of them constant, with the target (n,)."""
    of_target = ranks(target) - (len(target) + 1) / 2
    of_columns = _centred(columns)
    scale = np.sqrt((of_columns**2).sum(axis=0) * (of_target**2).sum())
    found: Floats = of_target @ of_columns / np.maximum(scale, 1)
    return found


def separation(values: Values, is_second: Bools) -> float:
    """The area under the ROC curve, of values (n,): 1 where all of the second class are higher, 0
    where all are lower (Hanley and McNeil, 1982: Mann and Whitney's U)."""
    num = int(is_second.sum())
    others = len(is_second) - num
    if not num or not others:
        return 0.5
    above = ranks(values)[is_second].sum() - num * (num + 1) / 2
    return float(above / (num * others))


def keep_apart(columns: Values, labels: Values, least: float) -> Bools:
    """(F,) which columns (n, F) give each class (n,) a range of its own: ``separation`` of those
    that are neighbours is ``least`` or more. None, where that may be chance."""
    found = np.zeros(columns.shape[1], np.bool_)
    classes, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(classes) < 2 or is_chance(counts.tolist(), columns.shape[1]):
        return found
    of_columns = _centred(columns)
    sums = np.zeros((len(classes), columns.shape[1]))
    np.add.at(sums, places, of_columns)
    share = (sums**2 / counts[:, None]).sum(axis=0) / (of_columns**2).sum(axis=0)
    best = 1 - ((counts / len(labels)) ** 3).sum()  # what ranges of their own come to
    for column in np.flatnonzero(share >= NEAR * best):
        order = np.argsort(sums[:, column] / counts, kind="stable")
        found[column] = all(
            _are_apart(columns[:, column], places, first, second, least)
            for first, second in pairwise(order)
        )
    return found


def is_chance(counts: list[int], num_tried: int) -> bool:
    """Whether classes of so many samples may stand apart by chance in one of so many columns."""
    ways = math.lgamma(len(counts) + 1) + sum(math.lgamma(count + 1) for count in counts)
    return ways - math.lgamma(sum(counts) + 1) + math.log(max(1, num_tried)) > math.log(CHANCE)


def _centred(columns: Values) -> Floats:
    """Ranks within each column, about their mean."""
    found = np.empty(columns.shape)
    for place in range(columns.shape[1]):
        found[:, place] = ranks(columns[:, place])
    return found - (len(columns) + 1) / 2


def _are_apart(
    values: Values, places: npt.NDArray[np.int64], first: int, second: int, least: float
) -> bool:
    chosen = (places == first) | (places == second)
    return separation(values[chosen], places[chosen] == second) >= least
