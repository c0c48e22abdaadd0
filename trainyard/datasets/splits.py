"""Splits that an upload does not give are chosen from its training samples, seeded.

Here are the ways that treat samples one by one, and the choice of a way; ``split_groups`` and
``split_times`` hold the others. The random numbers are the raw output of PCG64, whose stream NumPy
promises not to change (NEP 19); the methods of its Generator may change between releases.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt

from trainyard.datasets.format import Array, Contents, Part, Upload
from trainyard.datasets.manifest import SplitName, SplitOptions
from trainyard.datasets.split_groups import deal_groups
from trainyard.datasets.split_times import LEFT_OUT, TEST, TRAIN, VAL, TooShort, by_time

__all__ = [
    "LEFT_OUT",
    "SPLITS",
    "TEST",
    "TRAIN",
    "VAL",
    "TooShort",
    "check_way",
    "choose_splits",
    "way_of",
]

SPLITS: tuple[SplitName, ...] = ("train", "val", "test")
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


def check_way(contents: Contents, upload: Upload, missing: list[SplitName]) -> None:
    """Reject ways that the samples do not allow: without groups, moments, classes or a free val."""
    options, way, report = upload.options.split, way_of(contents, upload), upload.report
    train = next((p for p in contents.parts if p.split == "train"), None)
    if options.folds and "val" not in missing:
        report.error("split.folds: the upload has a val split of its own; leave folds out")
    if not missing or train is None:
        report.raise_if_rejected()
        return
    if way == "group" and train.groups is None:
        report.error(
            'split.by "group" needs the option `group`: a column, of a table or of a sheet beside '
            "pictures, that names the groups"
        )
    if way == "time" and (train.times is None or train.until is None):
        report.error(
            'split.by "time" needs the option `time`: a column of a table that orders the rows'
        )
    if way == "stratified" and contents.task not in ("classification", "multi-label"):
        report.error(f'split.by "stratified" needs classes or labels; the task is {contents.task}')
    if options.embargo and way != "time":
        report.error(f'split.embargo belongs to splits by time; these are by "{way}"')
    report.raise_if_rejected()


def choose_splits(
    part: Part, options: SplitOptions, missing: list[SplitName]
) -> npt.NDArray[np.int8]:
    """The split of every training sample, as an index into ``SPLITS``, or ``LEFT_OUT``.

    ``by="stratified"`` takes the fraction of each class, or of each set of labels; ``"random"`` of
    the whole; ``"group"`` whole groups; ``"time"`` the latest. A split whose fraction is 0 gets
    nothing. With ``folds`` val is one of so many equal parts of what test leaves, whose choice
    does not depend on ``fold``.

    Raises:
        TooShort: by time, where there are too few moments.
    """
    fractions = {"val": 0.0 if options.folds else options.val, "test": options.test}
    wanted = {name: fractions[name] for name in missing if fractions.get(name)}
    folds = options.folds if "val" in missing else None
    if options.by == "time":
        assert part.times is not None
        assert part.until is not None
        return by_time(
            part.times,
            part.until,
            val=wanted.get("val", 0.0),
            test=wanted.get("test", 0.0),
            embargo=options.embargo,
            folds=folds,
            fold=options.fold,
        )
    generator = np.random.PCG64(options.seed)
    if options.by == "group":
        assert part.groups is not None
        return _by_group(part.groups, wanted, generator, folds, options.fold)
    order = np.argsort(generator.random_raw(len(part.labels)), kind="stable")
    strata = _strata(part.labels, order, options)
    return _by_strata(strata, len(order), wanted, folds, options.fold)


def _by_strata(
    strata: list[npt.NDArray[np.int64]],
    num_samples: int,
    wanted: dict[SplitName, float],
    folds: int | None,
    fold: int,
) -> npt.NDArray[np.int8]:
    """Of each stratum the fractions wanted; without folds, training keeps at least one of each."""
    chosen = np.zeros(num_samples, np.int8)
    num_dealt = 0  # folds go on being dealt from stratum to stratum, so that they are of one size
    for stratum in strata:
        start = 0
        for name, fraction in wanted.items():
            num = min(_number_of(len(stratum), fraction), max(0, len(stratum) - start - 1))
            chosen[stratum[start : start + num]] = SPLITS.index(name)
            start += num
        if folds:
            rest = stratum[start:]
            chosen[rest[(num_dealt + np.arange(len(rest))) % folds == fold]] = VAL
            num_dealt += len(rest)
    return chosen


def _by_group(
    groups: npt.NDArray[np.int64],
    wanted: dict[SplitName, float],
    generator: np.random.PCG64,
    folds: int | None,
    fold: int,
) -> npt.NDArray[np.int8]:
    shares = [1 - sum(wanted.values()), wanted.get("val", 0.0), wanted.get("test", 0.0)]
    chosen = deal_groups(groups, shares, generator).astype(np.int8)
    if folds:
        rest = np.flatnonzero(chosen == TRAIN)
        dealt = deal_groups(groups[rest], [1 / folds] * folds, generator)
        chosen[rest[dealt == fold]] = VAL
    return chosen


def _strata(
    labels: Array, order: npt.NDArray[np.int64], options: SplitOptions
) -> list[npt.NDArray[np.int64]]:
    """Shuffled source indices: one stratum a class or set of labels, or one of all."""
    if options.by not in (None, "stratified") or not len(labels):
        return [order]
    if labels.ndim > 1:
        if options.by is None or not labels.shape[1]:
            return [order]
        labels = _label_sets(labels)
    by_class = order[np.argsort(labels[order], kind="stable")]
    return np.split(by_class, np.flatnonzero(np.diff(labels[by_class])) + 1)


def _label_sets(labels: Array) -> Array:
    """The number of each sample's set of labels (N, L); the rarest share one number."""
    _, numbers, counts = np.unique(labels, axis=0, return_inverse=True, return_counts=True)
    numbers = numbers.reshape(-1)
    return np.where(counts[numbers] < MIN_PER_CLASS, -1, numbers)


def _number_of(num_samples: int, fraction: float) -> int:
    """How many of a stratum a split gets: rounded, at least one of three or more."""
    least = 1 if num_samples >= MIN_PER_CLASS else 0
    return max(least, int(num_samples * fraction + 0.5))
