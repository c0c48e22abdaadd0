"""Logarithmic mel spectrograms, in NumPy.

Power of the short-time Fourier transform (Hann window, no padding) through triangular filters that
stand evenly on the mel scale m = 2595 log10(1 + f / 700) (O'Shaughnessy, "Speech Communication",
1987) from 0 Hz to half the sample rate, each of peak 1 (Young et al., "The HTK Book", 5.4), in
decibels: 10 log10(max(power, 1e-10)).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

WINDOW_SECONDS = 0.025
HOP_SECONDS = 0.010
FLOOR = 1e-10  # of power: -100 dB
FRAMES_AT_ONCE = 512


def window_samples(sample_rate: int) -> int:
    """Length of the window."""
    return max(2, round(WINDOW_SECONDS * sample_rate))


def num_frames(num_samples: int, sample_rate: int) -> int:
    """Frames of a sound: 1 + floor((samples - window) / hop); 0 where it is too short.

    >>> num_frames(16_000, 16_000)
    98
    """
    rest = num_samples - window_samples(sample_rate)
    return 0 if rest < 0 else 1 + rest // _hop(sample_rate)


def log_mel(sound: npt.NDArray[Any], sample_rate: int, mel_bands: int) -> npt.NDArray[np.float32]:
    """A sound (samples,) as (mel_bands, frames) float32 in decibels."""
    length, hop = window_samples(sample_rate), _hop(sample_rate)
    size = _fft_size(length)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)  # periodic
    filters = mel_filters(sample_rate, size, mel_bands)
    frames = np.lib.stride_tricks.sliding_window_view(sound, length)[::hop]
    found = np.empty((mel_bands, len(frames)), np.float32)
    for start in range(0, len(frames), FRAMES_AT_ONCE):
        part = frames[start : start + FRAMES_AT_ONCE] * window
        power = np.abs(np.fft.rfft(part, size)) ** 2
        found[:, start : start + FRAMES_AT_ONCE] = (
            10 * np.log10(np.maximum(power @ filters.T, FLOOR)).T
        )
    return found


@lru_cache(maxsize=8)
def mel_filters(sample_rate: int, fft_size: int, mel_bands: int) -> npt.NDArray[np.float64]:
    """Weights (mel_bands, fft_size / 2 + 1) of the frequencies k · sample_rate / fft_size.

    A filter so narrow that it holds no frequency takes the one nearest to its peak.
    """
    top = 2595 * np.log10(1 + sample_rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, mel_bands + 2) / 2595) - 1)
    frequencies = np.arange(fft_size // 2 + 1) * (sample_rate / fft_size)
    low, peak, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequencies - low) / (peak - low), (high - frequencies) / (high - peak)
    filters: npt.NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    for band in np.flatnonzero(filters.sum(axis=1) == 0):
        filters[band, np.abs(frequencies - peak[band]).argmin()] = 1
    return filters


def _hop(sample_rate: int) -> int:
    return max(1, round(HOP_SECONDS * sample_rate))


def _fft_size(length: int) -> int:
    """The next power of two."""
    return 1 << (length - 1).bit_length()
