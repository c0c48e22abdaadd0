"""Mean and deviation of pictures whose colours are mixed before they are normalised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trainyard.spec.preprocess import Colours, Preprocess, Statistics
from worker.training.protocol import Split
from worker.training.stored import Rows

_CHUNK = 1024  # pictures at a time


def after_colours(
    steps: Sequence[Preprocess] | None, split: Split, statistics: Statistics
) -> Statistics:
    """The figures of the channels that ``normalize`` gets; the dataset's where none are mixed.

    Of channels mixed by M, the mean is M·mean and the variance the diagonal of M·cov·Mᵀ.
    """
    mixtures = [np.array(step.mixture) for step in steps or [] if isinstance(step, Colours)]
    if not mixtures:
        return statistics
    whole = np.linalg.multi_dot(mixtures[::-1]) if len(mixtures) > 1 else mixtures[0]
    mean, covariance = _moments(split.x)
    variance = np.diag(whole @ covariance @ whole.T)
    return Statistics((whole @ mean).tolist(), np.sqrt(variance.clip(min=0)).tolist())


def _moments(x: npt.NDArray[np.generic]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Mean (C,) and covariance (C, C) of raw pixels of (N, C, H, W)."""
    num_channels = x.shape[1]
    sums = np.zeros(num_channels)
    products = np.zeros((num_channels, num_channels))
    rows = Rows(x)
    for start in range(0, len(x), _CHUNK):
        chunk = rows.read(start, min(start + _CHUNK, len(x)))
        pixels = chunk.astype(np.float64).swapaxes(0, 1)
        flat = pixels.reshape(num_channels, -1)
        sums += flat.sum(axis=1)
        products += flat @ flat.T
    count = x.size // num_channels
    mean = sums / count
    return mean, products / count - np.outer(mean, mean)
