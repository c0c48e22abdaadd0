"""Some of many samples, evenly spread over all that came."""

from __future__ import annotations

import numpy as np

from trainyard.datasets.format import Array


class Thinned:
    """Every n-th sample with its target; n doubles where more than ``most`` are kept."""

    def __init__(self, most: int) -> None:
        self._most, self._step, self._num = most, 1, 0
        self._kept: list[tuple[Array, Array]] = []

    def take(self, samples: Array, targets: Array) -> None:
        """Look at samples (n, ...) and their targets (n, ...), which follow those before."""
        first = -self._num % self._step
        self._num += len(samples)
        self._kept.append((samples[first :: self._step].copy(), targets[first :: self._step]))
        while sum(len(some) for some, _ in self._kept) > self._most:
            samples, targets = self.kept()
            self._kept = [(samples[::2].copy(), targets[::2])]
            self._step *= 2

    def kept(self) -> tuple[Array, Array]:
        """Those that are kept, in their order."""
        samples, targets = zip(*self._kept, strict=True)
        return np.concatenate(samples), np.concatenate(targets)
