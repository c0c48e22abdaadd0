"""The values of each channel: mean, deviation, range and histogram, gathered in one pass."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from trainyard.datasets.canonical import RunningStatistics
from trainyard.datasets.facts import ChannelSummary, Histogram
from trainyard.datasets.format import Array

NUM_LEVELS = 256  # values of uint8
SHOWN_BINS = 32  # of a histogram, at most
MAX_SHIFT = 62  # bits of an int64; after so many only the sign is left
MAX_CHANNELS = 256  # whose figures stand in the report
MAX_HISTOGRAMS = 64
Floats = npt.NDArray[np.float64]


class ChannelValues:
    """Takes in blocks of samples (n, C, …) of one dtype, uint8 or float32.

    Bytes are counted level by level, which gives all figures exactly. Of floats it keeps mean
    and deviation by ``RunningStatistics``, the range, and a histogram.
    """

    def __init__(self, num_channels: int, dtype: str) -> None:
        self.num_channels = num_channels
        self._levels = np.zeros((num_channels, NUM_LEVELS), np.int64) if dtype == "uint8" else None
        self._statistics = RunningStatistics(num_channels)
        self._minimum = np.full(num_channels, np.inf)
        self._maximum = np.full(num_channels, -np.inf)
        self.num_not_finite = np.zeros(num_channels, np.int64)
        self._bins = [_Bins() for _ in range(min(num_channels, MAX_HISTOGRAMS))]

    def update(self, block: Array) -> None:
        """Take in samples (n, C, …)."""
        if not block.size:
            return
        if self._levels is not None:
            for channel in range(self.num_channels):
                values = block[:, channel].reshape(-1)
                self._levels[channel] += np.bincount(values, minlength=NUM_LEVELS)
            return
        self._statistics.update(block)
        finite = np.isfinite(block)
        axes = (0, *range(2, block.ndim))
        self.num_not_finite += np.sum(~finite, axis=axes)
        least = np.where(finite, block, np.inf).min(axis=axes)
        most = np.where(finite, block, -np.inf).max(axis=axes)
        self._minimum = np.minimum(self._minimum, least)
        self._maximum = np.maximum(self._maximum, most)
        for channel, bins in enumerate(self._bins):
            if least[channel] <= most[channel]:
                values = block[:, channel][finite[:, channel]].astype(np.float64)
                bins.update(values, float(least[channel]), float(most[channel]))

    def mean_and_std(self) -> tuple[list[float], list[float]]:
        """By channel; of the population."""
        if self._levels is None:
            return self._statistics.mean_and_std()
        levels = np.arange(NUM_LEVELS, dtype=np.float64)
        count = np.maximum(self._levels.sum(axis=1), 1)
        mean = self._levels @ levels / count
        squares = (self._levels * (levels - mean[:, None]) ** 2).sum(axis=1)
        return mean.tolist(), np.sqrt(squares / count).tolist()

    def summaries(self, names: list[str]) -> list[ChannelSummary]:
        """Of the first 256 channels, by name or number."""
        mean, std = self.mean_and_std()
        return [
            ChannelSummary(
                name=names[channel] if channel < len(names) else str(channel),
                mean=_finite(mean[channel]),
                std=_finite(std[channel]),
                minimum=_finite(self._range(channel)[0]),
                maximum=_finite(self._range(channel)[1]),
                num_not_finite=int(self.num_not_finite[channel]),
                histogram=self._histogram(channel) if channel < MAX_HISTOGRAMS else None,
            )
            for channel in range(min(self.num_channels, MAX_CHANNELS))
        ]

    def range(self) -> tuple[float, float]:
        """The least and the greatest value of all channels."""
        ranges = [self._range(channel) for channel in range(self.num_channels)]
        return min(least for least, _ in ranges), max(most for _, most in ranges)

    def constant_channels(self) -> list[int]:
        """Channels whose values are all the same."""
        ranges = [self._range(channel) for channel in range(self.num_channels)]
        return [channel for channel, (least, most) in enumerate(ranges) if least == most]

    def _range(self, channel: int) -> tuple[float, float]:
        if self._levels is None:
            return float(self._minimum[channel]), float(self._maximum[channel])
        seen = np.flatnonzero(self._levels[channel])
        return (float(seen[0]), float(seen[-1])) if len(seen) else (np.inf, -np.inf)

    def _histogram(self, channel: int) -> Histogram | None:
        if self._levels is None:
            return self._bins[channel].histogram()
        counts = self._levels[channel].reshape(SHOWN_BINS, -1).sum(axis=1)
        return Histogram(start=0, bin_width=NUM_LEVELS / SHOWN_BINS, counts=counts.tolist())


class _Bins:
    """A histogram of numbers whose range is not known: at most 32 bins, widened as needed.

    Their width is a power of two and their edges are multiples of it, so that they are exact, and
    bins are merged in pairs where a wider range needs it: no count is ever in a wrong bin.
    """

    def __init__(self) -> None:
        self._exponent, self._first = 0, 0  # the width's, and the first bin's number from zero
        self._counts = np.zeros(0, np.int64)

    def update(self, values: Floats, least: float, most: float) -> None:
        """Take in finite numbers of this range."""
        if not len(self._counts):
            # Of a constant: far finer than float32 can tell.
            spread = (most - least) or abs(least) * 2.0**-20 or 1.0
            self._exponent = math.frexp(spread / SHOWN_BINS)[1] - 1
            self._first = math.floor(math.ldexp(least, -self._exponent))
        low = min(self._first, math.floor(math.ldexp(least, -self._exponent)))
        high = max(
            self._first + len(self._counts) - 1, math.floor(math.ldexp(most, -self._exponent))
        )
        shift = 0
        while (high >> shift) - (low >> shift) >= SHOWN_BINS:
            shift += 1
        first, num = low >> shift, (high >> shift) - (low >> shift) + 1
        old = self._first + np.arange(len(self._counts))
        self._exponent, self._first = self._exponent + shift, first
        moved = np.bincount(
            (old >> min(shift, MAX_SHIFT)) - first, weights=self._counts, minlength=num
        )
        places = np.floor(np.ldexp(values, -self._exponent)).astype(np.int64) - first
        self._counts = moved.astype(np.int64) + np.bincount(places, minlength=num)

    def histogram(self) -> Histogram | None:
        if not len(self._counts):
            return None
        width = math.ldexp(1.0, self._exponent)
        counts = self._counts.tolist()
        return Histogram(start=self._first * width, bin_width=width, counts=counts)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
