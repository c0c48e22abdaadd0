"""From a format's contents to the canonical arrays and their manifest: one pass, streamed."""

from __future__ import annotations

import math
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trainyard.datasets.canonical import RunningStatistics, digest
from trainyard.datasets.checks import check_classes, check_leaks, check_values
from trainyard.datasets.format import Contents, Upload
from trainyard.datasets.manifest import ChannelStatistics, Manifest, SplitInfo, SplitName
from trainyard.datasets.split_writer import SplitWriter
from trainyard.datasets.splits import SPLITS, choose_splits

Plan = dict[SplitName, npt.NDArray[np.int8]]  # by part: the split of each source sample


def write_canonical(contents: Contents, format_name: str, upload: Upload, folder: Path) -> Manifest:
    """Write the arrays into ``folder`` and return the manifest, which is not yet written.

    Raises:
        RejectedDataset: with what only shows once every sample is read.
    """
    _check_size(contents, upload)
    plan = _plan(contents, upload)
    with ExitStack() as stack:
        splits, statistics = _write(contents, plan, folder, stack)
        report = upload.report
        announced = {int(i) for part in contents.parts for i in np.unique(part.labels)}
        check_values(splits, report)
        check_classes(splits, announced, contents.class_names, report)
        check_leaks(splits, report)
        report.raise_if_rejected()
        files = {key: value for split in splits for key, value in split.finish().items()}
    given = {part.split for part in contents.parts if len(part.labels)}
    mean, std = statistics.mean_and_std()
    return Manifest(
        format=format_name,
        task="classification",
        input_shape=contents.input_shape,
        dtype=contents.dtype,
        num_classes=len(contents.class_names),
        class_names=contents.class_names,
        splits={s.name: _info(s, len(contents.class_names)) for s in splits},
        split_options=upload.options.split,
        made_splits=[s.name for s in splits if s.name not in given],
        statistics=ChannelStatistics(mean=mean, std=std),
        problems=upload.report.problems(),
        size_bytes=sum(f.stat().st_size for f in folder.iterdir()),
        sha256=digest(contents.class_names, files),
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
    labels = next((p.labels for p in contents.parts if p.split == "train"), None)
    if labels is None or not len(labels):
        upload.report.reject("there are no training samples")
    for name, chosen in plan.items():
        if not len(chosen):
            upload.report.warning(f"the {name} split of the upload is empty")
    missing = [name for name in SPLITS if name not in plan or not len(plan[name])]
    options = upload.options.split
    plan["train"] = choose_splits(labels, options, missing)
    for name in missing:
        if not getattr(options, name, 0):
            continue
        num = int(np.sum(plan["train"] == SPLITS.index(name)))
        upload.report.warning(
            f"no {name} split in the upload: {num:,} of {len(labels):,} training samples were "
            f"taken for it ({options.by}, seed {options.seed})"
        )
    return plan


def _write(
    contents: Contents, plan: Plan, folder: Path, stack: ExitStack
) -> tuple[list[SplitWriter], RunningStatistics]:
    """Read every part to its end and spread its samples over the splits, which stay open."""
    writers: dict[int, SplitWriter] = {}
    statistics = RunningStatistics(contents.input_shape[0])
    for part in contents.parts:
        for indices, samples in part.read():
            numbers = plan[part.split][indices]
            for number in np.unique(numbers).tolist():
                if number not in writers:
                    name = SPLITS[number]
                    writers[number] = SplitWriter(
                        folder, name, contents.input_shape, contents.dtype
                    )
                    stack.callback(writers[number].close)
                mask = numbers == number
                chosen = samples if mask.all() else samples[mask]
                writers[number].append(part, indices[mask], chosen)
                if SPLITS[number] == "train":
                    statistics.update(chosen)
    return [writers[number] for number in sorted(writers)], statistics


def _info(split: SplitWriter, num_classes: int) -> SplitInfo:
    counts = np.bincount(split.labels, minlength=num_classes)
    return SplitInfo(num_samples=len(split.labels), class_counts=counts.tolist())
