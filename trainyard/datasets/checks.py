"""What only shows once every sample is read: non-finite values, poor classes, poor targets.

Twins are looked for in ``trainyard.datasets.duplicates``, leaks in ``trainyard.datasets.leaks``.
"""

from __future__ import annotations

import numpy as np

from trainyard.datasets.facts import Example
from trainyard.datasets.format import Contents, Labels
from trainyard.datasets.manifest import SplitName
from trainyard.datasets.report import Report
from trainyard.datasets.split_writer import SplitWriter
from trainyard.datasets.values import ChannelValues

FEW_SAMPLES = 10  # of a class in training, below which the report warns
IMBALANCED = 10  # times as many samples of the commonest class as of the rarest
DIFFERENT = 0.1  # share of samples that would have to change class to make two splits alike
NUM_TOLD = 5  # classes that a message names
MIN_COMPARED = 50  # samples of a split, of which shares say something


def check_values(splits: list[SplitWriter], report: Report) -> None:
    """NaN and infinity anywhere are errors."""
    for split in splits:
        if split.num_not_finite:
            count = split.num_not_finite
            message = f"{split.name} holds {count:,} values of NaN or infinity"
            rows = split.not_finite_rows
            examples = [Example(**split.place(row).model_dump()) for row in rows]
            report.finding("not-finite", "error", message, count, examples)


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
    empty: dict[str, str] = {}
    few: dict[str, str] = {}
    for index in np.flatnonzero(train < FEW_SAMPLES):
        name = class_names[index]
        if not total[index] and index in announced:
            report.error(f'class "{name}" has no readable sample', code="empty-class")
        elif not total[index]:
            empty[name] = "no samples at all"
        elif not train[index]:
            empty[name] = f"no training samples, but {total[index]:,} others"
        else:
            few[name] = f"only {train[index]} training sample(s)"
    _tell_classes("empty-class", "no training samples", empty, report)
    _tell_classes("few-samples", f"fewer than {FEW_SAMPLES} training samples", few, report)
    if not train.sum():
        report.error("there are no training samples", code="no-training-samples")
    elif np.count_nonzero(train) < 2:
        message = "the training samples are all of one class; at least two are needed"
        report.error(message, code="one-class")
    else:
        _check_balance(counts, class_names, report)


def _tell_classes(code: str, what: str, notes: dict[str, str], report: Report) -> None:
    """One finding for all classes or labels of which the same is to be said."""
    if notes:
        many = "1 class has" if len(notes) == 1 else f"{len(notes):,} classes have"
        told = [f'"{name}" has {note}' for name, note in list(notes.items())[:NUM_TOLD]]
        more = ", …" if len(notes) > NUM_TOLD else ""
        examples = [Example(name=name) for name in notes]
        message = f"{many} {what}: {', '.join(told)}{more}"
        report.finding(code, "warning", message, len(notes), examples)


def _check_balance(counts: dict[SplitName, Labels], class_names: list[str], report: Report) -> None:
    """Classes much rarer than others in training, and splits of which each tells another story."""
    train = counts["train"]
    most, least = int(train.argmax()), int(np.where(train > 0, train, train.max()).argmin())
    if train[most] >= IMBALANCED * train[least]:
        report.finding(
            "imbalanced-classes",
            "warning",
            f"training has {train[most] / train[least]:,.0f} times as many samples of class "
            f'"{class_names[most]}" ({train[most]:,}) as of "{class_names[least]}" '
            f"({train[least]:,})",
            int(np.sum((train > 0) & (train * IMBALANCED <= train[most]))),
        )
    for name, other in counts.items():
        if name == "train" or min(other.sum(), train.sum()) < MIN_COMPARED:
            continue
        # Total variation distance of the two distributions.
        moved = float(np.abs(other / other.sum() - train / train.sum()).sum() / 2)
        if moved >= DIFFERENT:
            message = (
                f"{name} has other shares of the classes than train: {moved:.0%} of its samples "
                "would have to be of another class"
            )
            report.finding("splits-differ", "info", message, int(moved * other.sum()))


def check_targets(splits: list[SplitWriter], contents: Contents, report: Report) -> None:
    """Targets other than classes: nothing to learn from, and what cannot be a number."""
    train = splits[0] if splits and splits[0].name == "train" else None
    if train is None:
        report.error("there are no training samples", code="no-training-samples")
        return
    names = contents.outputs or contents.class_names
    for split in splits:
        if contents.outputs and (wrong := int(np.sum(~np.isfinite(split.targets)))):
            message = f"{split.name} holds {wrong:,} targets of NaN or infinity"
            report.finding("not-finite", "error", message, wrong)
    if contents.outputs:
        constant = np.ptp(train.targets, axis=0) == 0
        for index in np.flatnonzero(constant):
            message = f'the target "{names[index]}" is the same in every training sample'
            report.warning(message, code="constant-target")
        if constant.all():
            message = "the targets of the training samples are all the same"
            report.error(message, code="constant-target")
        return
    counts = train.class_counts()
    what = "pixels" if contents.task == "segmentation" else "samples"
    empty = [name for name, count in zip(names, counts, strict=True) if not count]
    none = dict.fromkeys(empty, f"no training {what}")
    _tell_classes("empty-class", f"no training {what}", none, report)
    if np.count_nonzero(counts) < (2 if contents.task == "segmentation" else 1):
        message = "the targets of the training samples are all the same"
        report.error(message, code="constant-target")


def check_channels(values: ChannelValues, contents: Contents, report: Report) -> None:
    """Channels or columns that never change in training."""
    constant = values.constant_channels()
    if not constant:
        return
    names = contents.features or [str(i) for i in range(values.num_channels)]
    examples = [Example(name=names[i], note="the same in every training sample") for i in constant]
    what = "column(s)" if contents.features else "channel(s)"
    message = f"{len(constant):,} of {values.num_channels:,} {what} never change"
    report.finding("constant-channel", "warning", message, len(constant), examples)
