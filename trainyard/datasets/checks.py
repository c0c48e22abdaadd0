"""What only shows once every sample is read: non-finite values, poor classes, leaks."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from trainyard.datasets.format import Contents
from trainyard.datasets.report import Report
from trainyard.datasets.split_writer import SplitWriter

FEW_SAMPLES = 10  # of a class in training, below which the report warns
MAX_NAMED_DUPLICATES = 20  # of each pair of splits


def check_values(splits: list[SplitWriter], report: Report) -> None:
    """NaN and infinity anywhere are errors."""
    for split in splits:
        if split.num_not_finite:
            report.error(f"{split.name} holds {split.num_not_finite:,} values of NaN or infinity")


def check_classes(
    splits: list[SplitWriter], announced: set[int], class_names: list[str], report: Report
) -> None:
    """Fewer than two classes, lost classes and poor classes.

    ``announced`` are the classes that had samples before those were read.
    """
    num_classes = len(class_names)
    counts = {s.name: np.bincount(s.labels, minlength=num_classes) for s in splits}
    total = sum(counts.values(), np.zeros(num_classes, np.int64))
    train = counts.get("train", np.zeros(num_classes, np.int64))
    for index in np.flatnonzero(train < FEW_SAMPLES):
        name = class_names[index]
        if not total[index] and index in announced:
            report.error(f'class "{name}" has no readable sample')
        elif not total[index]:
            report.warning(f'class "{name}" has no samples at all')
        elif not train[index]:
            report.warning(f'class "{name}" has no training samples, but {total[index]:,} others')
        else:
            report.warning(f'class "{name}" has only {train[index]} training sample(s)')
    if not train.sum():
        report.error("there are no training samples")
    elif np.count_nonzero(train) < 2:
        report.error("the training samples are all of one class; at least two are needed")


def check_targets(splits: list[SplitWriter], contents: Contents, report: Report) -> None:
    """Targets other than classes: nothing to learn from, and what cannot be a number."""
    train = splits[0] if splits and splits[0].name == "train" else None
    if train is None:
        report.error("there are no training samples")
        return
    names = contents.outputs or contents.class_names
    for split in splits:
        if contents.outputs and (wrong := int(np.sum(~np.isfinite(split.targets)))):
            report.error(f"{split.name} holds {wrong:,} targets of NaN or infinity")
    if contents.outputs:
        constant = np.ptp(train.targets, axis=0) == 0
        for index in np.flatnonzero(constant):
            report.warning(f'the target "{names[index]}" is the same in every training sample')
        if constant.all():
            report.error("the targets of the training samples are all the same")
        return
    counts = train.class_counts()
    for name, count in zip(names, counts, strict=True):
        if not count:
            what = "pixel" if contents.task == "segmentation" else "sample"
            report.warning(f'no training {what} has the label "{name}"')
    if np.count_nonzero(counts) < (2 if contents.task == "segmentation" else 1):
        report.error("the targets of the training samples are all the same")


def check_leaks(splits: list[SplitWriter], report: Report) -> None:
    """Samples that stand, bit for bit, in two splits make the figures look better than they are."""
    for first, second in combinations(splits, 2):
        hashes = first.hashes
        shared = np.flatnonzero(np.isin(second.hashes, hashes))
        if not len(shared):
            continue
        report.warning(
            f"{len(shared):,} sample(s) of {second.name} stand in {first.name} too, bit for bit"
        )
        for row in shared[:MAX_NAMED_DUPLICATES]:
            twin = first.name_of(int(np.flatnonzero(hashes == second.hashes[row])[0]))
            report.warning(f"the same as {twin}", second.name_of(int(row)))
