"""Splits that an upload does not give are chosen from its training samples, seeded.

The random numbers are the raw output of PCG64, whose stream NumPy promises not to change
(NEP 19); the methods of its Generator may change between releases.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from trainyard.datasets.format import Array, Contents, Part, Upload
from trainyard.datasets.manifest import SplitName, SplitOptions

SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
TRAIN, VAL, TEST = range(3)
LEFT_OUT = -1  # of a sample that would be in no split
Way = Literal["random", "stratified", "group", "time"]
MIN_PER_CLASS = 3  # a class of three or more gives at least one sample to each split asked for


def way_of(contents: Contents, upload: Upload) -> Way:
    """By what missing splits are chosen: as asked for, else as fits the data."""
    options = upload.options
    if options.split.by is not None:
        return options.split.by
    if contents.series is not None:
        return "time"
    train = next((p for p in contents.parts if p.split == "train"), None)
    if options.group is not None or (train is not None and train.groups is not None):
        return "group"
    return "stratified" if contents.task == "classification" else "random"


def choose_splits(
    part: Part, options: SplitOptions, missing: list[SplitName]
) -> npt.NDArray[np.int8]:
    """The split of every training sample, as an index into ``SPLITS``, or ``LEFT_OUT``.

    ``by="stratified"`` takes the fraction of each class, ``"random"`` of the whole. A split
    whose fraction is 0 gets nothing, and training keeps at least one of each class.
    """
    labels = part.labels
    chosen = np.zeros(len(labels), np.int8)
    fractions = {"val": options.val, "test": options.test}
    wanted = {name: fractions[name] for name in missing if fractions.get(name)}
    generator = np.random.PCG64(options.seed)
    order = np.argsort(generator.random_raw(len(labels)), kind="stable")
    for group in _groups(labels, order, options):
        start = 0
        for name, fraction in wanted.items():
            num = min(_number_of(len(group), fraction), max(0, len(group) - start - 1))
            chosen[group[start : start + num]] = SPLITS.index(name)
            start += num
    return chosen


def _groups(
    labels: Array, order: npt.NDArray[np.int64], options: SplitOptions
) -> list[npt.NDArray[np.int64]]:
    """Shuffled source indices: one group a class, or one of all."""
    if options.by not in (None, "stratified") or labels.ndim > 1 or not len(labels):
        return [order]
    by_class = order[np.argsort(labels[order], kind="stable")]
    return np.split(by_class, np.flatnonzero(np.diff(labels[by_class])) + 1)


def _number_of(num_samples: int, fraction: float) -> int:
    """How many of a group a split gets: rounded, at least one of three or more."""
    least = 1 if num_samples >= MIN_PER_CLASS else 0
    return max(least, int(num_samples * fraction + 0.5))
