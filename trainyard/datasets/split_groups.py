"""Splits of whole groups: a patient, source or series never stands in two splits.

Which group goes where is drawn from a seed; how the sizes come near the fractions is settled here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]


def deal_groups(groups: Numbers, shares: list[float], generator: np.random.PCG64) -> Numbers:
    """The share (an index into ``shares``) of every sample, whole groups together.

    groups: (N,) the group of each sample. shares: fractions of N, which add up to 1; the first is
    training's. Groups come in drawn order, each to the share that lacks most, so that no share
    outgrows its fraction by more than one group; every share has a group where there are enough,
    the first one before all others.
    """
    _, numbers, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    order = np.argsort(generator.random_raw(len(sizes)), kind="stable")
    lacking = np.array(shares) * len(groups)
    places = np.zeros(len(sizes), np.int64)
    for place, group in enumerate(order):
        share = int(np.argmax(lacking)) if place else 0
        places[group] = share
        lacking[share] -= sizes[group]
    _fill_empty(places, sizes, shares)
    return places[numbers]


def _fill_empty(places: Numbers, sizes: Numbers, shares: list[float]) -> None:
    """Give a share that is wanted and has no group the smallest of the share of most groups."""
    for share in np.flatnonzero(np.array(shares) > 0):
        if (places == share).any():
            continue
        richest = int(np.argmax(np.bincount(places, minlength=len(shares))))
        own = np.flatnonzero(places == richest)
        if len(own) > 1:
            places[own[np.argmin(sizes[own])]] = share
