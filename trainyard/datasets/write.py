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
    ArrayForm,
    ChannelStatistics,
    Manifest,
    SplitInfo,
    TargetStatistics,
)
from trainyard.datasets.plan import Plan, plan_of
from trainyard.datasets.split_writer import SplitWriter
from trainyard.datasets.splits import LEFT_OUT, SPLITS, way_of
from trainyard.datasets.values import ChannelValues


def write_canonical(contents: Contents, format_name: str, upload: Upload, folder: Path) -> Manifest:
    """Write the arrays into ``folder`` and return the manifest, which is not yet written.

    Raises:
        RejectedDataset: with what only shows once every sample is read.
    """
    _check_size(contents, upload)
    plan = plan_of(contents, upload)
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
        arrays=_with_range(contents.arrays, values),
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


def _with_range(form: ArrayForm | None, values: ChannelValues) -> ArrayForm | None:
    if form is None:
        return None
    low, high = values.range()
    return form.model_copy(update={"minimum": low, "maximum": high})


def _target_statistics(splits: list[SplitWriter]) -> TargetStatistics:
    """Of the training split, which stands first, in float64."""
    numbers = splits[0].targets.astype(np.float64)
    return TargetStatistics(
        mean=numbers.mean(axis=0).tolist(),
        std=numbers.std(axis=0).tolist(),
        minimum=numbers.min(axis=0).tolist(),
        maximum=numbers.max(axis=0).tolist(),
    )
