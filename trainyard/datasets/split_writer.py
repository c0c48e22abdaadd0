"""One split while it is written: its two array files, and what the checks need afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from trainyard.datasets.canonical import Array, ArrayFile
from trainyard.datasets.format import Labels, Part
from trainyard.datasets.manifest import SplitName

Hashes = npt.NDArray[np.uint64]


class SplitWriter:
    """Appends samples; keeps labels, a 64-bit hash and the origin of each (24 bytes a sample)."""

    def __init__(self, folder: Path, name: SplitName, shape: tuple[int, ...], dtype: str) -> None:
        self.name = name
        self._x = ArrayFile(folder / f"{name}_x.npy", shape, dtype)
        self._y = ArrayFile(folder / f"{name}_y.npy", (), "int64")
        self._labels: list[Labels] = []
        self._hashes: list[Hashes] = []
        self._origins: list[tuple[Part, Labels]] = []
        self.num_not_finite = 0

    def append(self, part: Part, indices: Labels, samples: Array) -> None:
        """Write the samples (n, *input_shape) that stand at ``indices`` of ``part``."""
        labels = part.labels[indices]
        self._x.append(samples)
        self._y.append(labels)
        self._labels.append(labels)
        self._hashes.append(hash_rows(samples))
        self._origins.append((part, indices))
        if samples.dtype == np.float32:
            self.num_not_finite += samples.size - int(np.isfinite(samples).sum())

    def finish(self) -> dict[str, dict[str, Any]]:
        """Complete both files; what identifies their content, by name."""
        return {f"{self.name}_x": self._x.finish(), f"{self.name}_y": self._y.finish()}

    def close(self) -> None:
        """Close the files as they are, in case of an error."""
        self._x.close()
        self._y.close()

    @property
    def labels(self) -> Labels:
        return np.concatenate(self._labels)

    @property
    def hashes(self) -> Hashes:
        return np.concatenate(self._hashes)

    def name_of(self, row: int) -> str:
        """What the user calls the sample in this row."""
        for part, indices in self._origins:
            if row < len(indices):
                return part.name_of(int(indices[row]))
            row -= len(indices)
        raise IndexError(row)


def hash_rows(samples: Array) -> Hashes:
    """A 64-bit BLAKE2b hash of each sample's bytes."""
    rows = np.ascontiguousarray(samples).reshape(len(samples), -1).view(np.uint8)
    hashes = b"".join(hashlib.blake2b(row, digest_size=8).digest() for row in rows)  # type: ignore[arg-type]
    return np.frombuffer(hashes, np.uint64)
