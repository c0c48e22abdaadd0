"""The figures of a dataset's report: counts, balance, targets, channels, pictures."""

from __future__ import annotations

from collections import Counter
from typing import Literal

import numpy as np

from trainyard.datasets.facts import Balance, DatasetReport, NumberSummary, Split
from trainyard.datasets.format import Contents
from trainyard.datasets.perceptual import is_picture
from trainyard.datasets.report import picture_summary
from trainyard.datasets.split_writer import SplitWriter
from trainyard.datasets.values import ChannelValues

KINDS = {1: "grey", 3: "colour"}  # by number of channels


def figures_of(
    contents: Contents, splits: list[SplitWriter], values: ChannelValues
) -> DatasetReport:
    """All that can be counted once every sample was written; findings are not among it."""
    num_samples: dict[Split, int] = {split.name: split.num_rows for split in splits}
    targets = {s.name: _targets(contents, s) for s in splits} if contents.outputs else {}
    pictures = None
    if is_picture(contents.input_shape):
        channels, height, width = contents.input_shape
        total = sum(num_samples.values())
        kind = KINDS.get(channels, f"{channels} channels")
        pictures = picture_summary(Counter({(height, width): total}), Counter({kind: total}))
    return DatasetReport(
        num_samples=num_samples,
        classes=_balance(contents, splits),
        targets=targets,
        num_channels=contents.input_shape[0],
        channels=values.summaries(contents.features),
        pictures=pictures,
    )


def _balance(contents: Contents, splits: list[SplitWriter]) -> Balance | None:
    if not contents.class_names:
        return None
    units: dict[str, Literal["labels", "pixels"]] = {
        "multi-label": "labels",
        "segmentation": "pixels",
    }
    return Balance(
        names=contents.class_names,
        unit=units.get(contents.task, "samples"),
        counts={split.name: split.class_counts() for split in splits},
    )


def _targets(contents: Contents, split: SplitWriter) -> list[NumberSummary]:
    """Of finite numbers, in float64."""
    summaries = []
    for name, column in zip(contents.outputs, split.targets.astype(np.float64).T, strict=True):
        finite = column[np.isfinite(column)]
        if not len(finite):
            summaries.append(
                NumberSummary(name=name, mean=None, std=None, minimum=None, maximum=None)
            )
            continue
        summaries.append(
            NumberSummary(
                name=name,
                mean=float(finite.mean()),
                std=float(finite.std()),
                minimum=float(finite.min()),
                maximum=float(finite.max()),
            )
        )
    return summaries
