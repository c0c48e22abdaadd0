"""From a format's contents to the canonical arrays and their manifest: one pass, streamed."""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainyard.datasets.canonical import digest
from trainyard.datasets.checks import check_channels, check_classes, check_targets, check_values
from trainyard.datasets.duplicates import check_duplicates
from trainyard.datasets.figures import figures_of
from trainyard.datasets.format import Block, Contents, Upload
from trainyard.datasets.giveaways import Giveaways
from trainyard.datasets.leaks import check_groups, check_possible_group, check_times
from trainyard.datasets.manifest import (
    ChannelStatistics,
    Manifest,
    SplitInfo,
    SplitName,
    TargetStatistics,
)
from trainyard.datasets.split_writer import SplitWriter
from trainyard.datasets.splits import (
    LEFT_OUT,
    SPLITS,
    TooShort,
    check_way,
    choose_splits,
    way_of,
)
from trainyard.datasets.values import ChannelValues

Plan = dict[SplitName, npt.NDArray[np.int8]]  # by part: the split of each source sample


def write_canonical(contents: Contents, format_name: str, upload: Upload, folder: Path) -> Manifest:
    """Write the arrays into ``folder`` and return the manifest, which is not yet written.

    Raises:
        RejectedDataset: with what only shows once every sample is read.
    """
    _check_size(contents, upload)
    plan = _plan(contents, upload)
    with ExitStack() as stack:
        splits, values, giveaways = _write(contents, plan, folder, stack)
        report = upload.report
        report.figures = figures_of(contents, splits, values)  # kept of a rejected dataset too
        check_values(splits, report)
        if contents.task == "classification":
            announced = {int(i) for part in contents.parts for i in np.unique(part.labels)}
            check_classes(splits, announced, contents.class_names, report)
        else:
            check_targets(splits, contents, report)
        check_channels(values, contents, report)
        report.raise_if_rejected()
        files = {key: value for split in splits for key, value in split.finish().items()}
        check_duplicates(splits, contents.series is not None, report)
        if contents.series is None:
            check_groups(splits, report)
            check_possible_group(splits, contents.possible_group, report)
        check_times(splits, report)
        giveaways.check(report)
    given = {part.split for part in contents.parts if len(part.labels)}
    mean, std = values.mean_and_std()
    return Manifest(
        format=format_name,
        task=contents.task,
        input_shape=contents.input_shape,
        dtype=contents.dtype,
        num_classes=None if contents.outputs else len(contents.class_names),
        class_names=contents.class_names,
        outputs=contents.outputs,
        features=contents.features,
        targets=_target_statistics(splits) if contents.outputs else None,
        series=contents.series,
        audio=contents.audio,
        grey_window=contents.grey_window,
        pictures=contents.pictures,
        splits={
            s.name: SplitInfo(num_samples=s.num_rows, class_counts=s.class_counts()) for s in splits
        },
        split_options=upload.options.split.model_copy(update={"by": way_of(contents, upload)}),
        made_splits=[s.name for s in splits if s.name not in given],
        statistics=ChannelStatistics(mean=mean, std=std),
        problems=report.problems(),
        report=report.result(),
        size_bytes=sum(f.stat().st_size for f in folder.iterdir()),
        sha256=digest(contents.class_names or contents.outputs, files),
    )


def _check_size(contents: Contents, upload: Upload) -> None:
    num_samples = sum(len(p.labels) for p in contents.parts)
    size = num_samples * math.prod(contents.input_shape) * np.dtype(contents.dtype).itemsize
    most = upload.limits.max_unpacked_bytes
    if size > most:
        shape = " × ".join(map(str, contents.input_shape))
        upload.report.reject(
            f"{num_samples:,} samples of {shape} take {size:,} bytes; the limit is {most:,}"
        )


def _plan(contents: Contents, upload: Upload) -> Plan:
    """Where every sample goes; splits that are missing are taken from training."""
    plan = {p.split: np.full(len(p.labels), SPLITS.index(p.split), np.int8) for p in contents.parts}
    train = next((p for p in contents.parts if p.split == "train"), None)
    if train is None or not len(train.labels):
        upload.report.reject("there are no training samples", code="no-training-samples")
    if contents.is_split:
        return plan
    for name, chosen in plan.items():
        if not len(chosen):
            upload.report.warning(f"the {name} split of the upload is empty", code="empty-split")
    missing = [name for name in SPLITS if name not in plan or not len(plan[name])]
    options = upload.options.split
    check_way(contents, upload, missing)
    way = way_of(contents, upload)
    try:
        plan["train"] = choose_splits(train, options.model_copy(update={"by": way}), missing)
    except TooShort as e:
        upload.report.reject(
            f"the samples span too few moments for splits by time: {e} would be empty, or nothing "
            "would be left before it; take a smaller window, horizon, embargo or fraction"
        )
    if left_out := int(np.sum(plan["train"] == LEFT_OUT)):
        upload.report.warning(
            f"{left_out:,} of {len(train.labels):,} samples were left out between the splits: "
            "their moments overlap those of a later split, lie in the embargo or after the fold",
            code="left-out-between-splits",
        )
    for name in missing:
        in_folds = name == "val" and options.folds
        if not in_folds and not getattr(options, name, 0):
            continue
        num = int(np.sum(plan["train"] == SPLITS.index(name)))
        how = f"{way}{'' if way == 'time' else f', seed {options.seed}'}"
        how += f", fold {options.fold} of {options.folds}" if in_folds else ""
        upload.report.warning(
            f"no {name} split in the upload: {num:,} of {len(train.labels):,} training samples "
            f"were taken for it ({how})",
            code="made-split",
        )
    return plan


def _write(
    contents: Contents, plan: Plan, folder: Path, stack: ExitStack
) -> tuple[list[SplitWriter], ChannelValues, Giveaways]:
    """Read every part to its end and spread its samples over the splits, which stay open."""
    writers: dict[int, SplitWriter] = {}
    values = ChannelValues(contents.input_shape[0], contents.dtype)
    giveaways = Giveaways(contents)
    for part in contents.parts:
        for block in part.read():
            numbers = plan[part.split][block.indices]
            for number in set(np.unique(numbers).tolist()) - {LEFT_OUT}:
                if number not in writers:
                    writers[number] = SplitWriter(folder, SPLITS[number], contents)
                    stack.callback(writers[number].close)
                chosen = _where(block, numbers == number)
                writers[number].append(part, chosen)
                if SPLITS[number] == "train":
                    values.update(chosen.samples)
                    giveaways.update(chosen.samples, part.labels[chosen.indices])
    return [writers[number] for number in sorted(writers)], values, giveaways


def _where(block: Block, mask: npt.NDArray[np.bool_]) -> Block:
    if mask.all():
        return block
    masks = None if block.masks is None else block.masks[mask]
    return Block(block.indices[mask], block.samples[mask], masks)


def _target_statistics(splits: list[SplitWriter]) -> TargetStatistics:
    """Of the training split, which stands first, in float64."""
    numbers = splits[0].targets.astype(np.float64)
    return TargetStatistics(
        mean=numbers.mean(axis=0).tolist(),
        std=numbers.std(axis=0).tolist(),
        minimum=numbers.min(axis=0).tolist(),
        maximum=numbers.max(axis=0).tolist(),
    )
