"""The preprocessing of a training, with the figures of its training split put in.

``normalize`` with the figures of the dataset means those of what it gets: where a step before it
bends values, they are measured by passing samples through the steps so far.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from trainyard.spec.preprocess import (
    ChannelAffine,
    Colours,
    Geometry,
    Preprocess,
    Statistics,
    Values,
    affine,
    sections_of,
)
from worker.training.colours import after_colours
from worker.training.data import Preprocessing
from worker.training.protocol import Split

_NUM_MEASURED = 10_000  # samples, evenly spread over the split
_NUM_VALUES = 2**22  # raw values of a batch


class _Stage(NamedTuple):
    """What one ``Preprocessing`` is made of."""

    affine: ChannelAffine
    shape: tuple[int, ...]  # of the samples that come
    geometry: Sequence[Geometry]
    then: Values | None = None


def preprocessing_of(
    steps: Sequence[Preprocess] | None,
    split: Split,
    statistics: Statistics,
    device: torch.device,
) -> Preprocessing:
    """Of raw samples as ``split``, the training split, has them; ``statistics`` are its own."""
    shape: tuple[int, ...] = split.x.shape[1:]
    sections = sections_of(steps)
    made: list[_Stage] = []
    for place, section in enumerate(sections):
        colours = [step for step in section.geometry if isinstance(step, Colours)]
        after = shape
        for step in section.geometry:
            after = step.output_shape(after)
        if place == 0:
            figures = after_colours(colours, split, statistics)
            folded = affine(section.reckoning, figures, dtype=str(split.x.dtype))
        else:
            figures = Statistics([0.0] * after[0], [1.0] * after[0])
            if section.asks:
                same = ChannelAffine((1.0,) * after[0], (0.0,) * after[0])
                until = _chained([*made, _Stage(same, shape, colours)])
                figures = _measured(until.to(device), split, device)
            folded = affine(section.reckoning, figures, dtype="float32")
        made.append(_Stage(folded, shape, section.geometry, section.then))
        shape = after if section.then is None else section.then.output_shape(after)
    return _chained(made).to(device)


def _chained(stages: Sequence[_Stage]) -> Preprocessing:
    whole: Preprocessing | None = None
    for stage in reversed(stages):
        whole = Preprocessing(
            stage.affine, stage.shape, stage.geometry, stage.then, following=whole
        )
    assert whole is not None
    return whole


def _measured(until: Preprocessing, split: Split, device: torch.device) -> Statistics:
    """Mean and deviation by channel of what ``until`` makes of the split, in float64."""
    count = min(len(split.x), _NUM_MEASURED)
    places = np.linspace(0, len(split.x) - 1, count).astype(np.int64)
    size = max(1, _NUM_VALUES // max(1, split.x[0].size))
    sums: list[Tensor] = []
    num_values = 0
    with torch.inference_mode():
        for start in range(0, count, size):
            raw = torch.from_numpy(np.asarray(split.x)[places[start : start + size]]).to(device)
            values = until(raw).double().transpose(0, 1).flatten(1)
            sums.append(torch.stack([values.sum(1), values.square().sum(1)]))
            num_values += values.shape[1]
    total, squares = torch.stack(sums).sum(0).cpu()
    mean = total / num_values
    variance = (squares / num_values - mean.square()).clamp(min=0.0)
    return Statistics(mean.tolist(), variance.sqrt().tolist())
