"""One split while it is written: its array files, and what the checks need afterwards."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from trainyard.datasets.canonical import Array, ArrayFile
from trainyard.datasets.facts import Place
from trainyard.datasets.format import Block, Contents, Labels, Part
from trainyard.datasets.gathered import MAX_EXAMPLES
from trainyard.datasets.manifest import SplitName, target_form
from trainyard.datasets.perceptual import is_picture, perceptual_hashes

Hashes = npt.NDArray[np.uint64]


class SplitWriter:
    """Appends samples; keeps of each its label, its origin, a 64-bit hash and, of pictures, a
    perceptual one: 32 bytes a sample, where labels are classes.

    Of masks it keeps how many pixels each class has.
    """

    def __init__(self, folder: Path, name: SplitName, contents: Contents) -> None:
        self.name, self._contents, self._folder = name, contents, folder
        self._x = ArrayFile(folder / f"{name}_x.npy", contents.input_shape, contents.dtype)
        shape, dtype = target_form(contents.task, contents.input_shape, contents.num_outputs)
        self._y = ArrayFile(folder / f"{name}_y.npy", shape, dtype)
        self._baselines: ArrayFile | None = None
        self._pixels = np.zeros(max(contents.num_outputs, 1), np.int64)
        self._labels: list[Array] = []
        self._hashes: list[Hashes] = []
        self._perceptual: list[Hashes] = []
        self._is_picture = is_picture(contents.input_shape)
        self._origins: list[tuple[Part, Labels]] = []
        self.num_not_finite = 0
        self.not_finite_rows: list[int] = []  # the first few samples that hold such

    def append(self, part: Part, block: Block) -> None:
        """Write the samples of a block of ``part``."""
        indices, samples, masks = block
        labels = part.labels[indices]
        self._x.append(samples)
        self._y.append(labels if masks is None else masks)
        if masks is not None:
            self._pixels += np.bincount(masks.reshape(-1), minlength=len(self._pixels))
        if part.baselines is not None:
            self._append_baselines(part.baselines[indices])
        self._labels.append(labels)
        self._hashes.append(hash_rows(samples))
        if self._is_picture:
            self._perceptual.append(perceptual_hashes(samples))
        self._origins.append((part, indices))
        if samples.dtype == np.float32 and (wrong := ~np.isfinite(samples)).any():
            self.num_not_finite += int(wrong.sum())
            rows = np.flatnonzero(wrong.reshape(len(samples), -1).any(axis=1))
            first = self.num_rows - len(samples)
            room = MAX_EXAMPLES - len(self.not_finite_rows)
            self.not_finite_rows += (rows[:room] + first).tolist()

    def finish(self) -> dict[str, dict[str, Any]]:
        """Complete the files; what identifies their content, by name."""
        if self._baselines is not None:
            self._baselines.finish()
        return {f"{self.name}_x": self._x.finish(), f"{self.name}_y": self._y.finish()}

    def close(self) -> None:
        """Close the files as they are, in case of an error."""
        self._x.close()
        self._y.close()
        if self._baselines is not None:
            self._baselines.close()

    def _append_baselines(self, baselines: Array) -> None:
        if self._baselines is None:
            path = self._folder / f"{self.name}_baselines.npy"
            self._baselines = ArrayFile(path, baselines.shape[1:], "float32")
        self._baselines.append(baselines)

    @property
    def num_rows(self) -> int:
        return self._x.num_rows

    @property
    def targets(self) -> Array:
        """What is kept of the targets: as ``Part.labels``, of the rows of this split."""
        return np.concatenate(self._labels)

    @property
    def labels(self) -> Labels:
        """Class indices (N,), of a classification."""
        return self.targets

    def class_counts(self) -> list[int]:
        """Samples by class or label, pixels by class of masks; empty for numbers."""
        num_outputs = self._contents.num_outputs
        counts: Array
        match self._contents.task:
            case "classification":
                counts = np.bincount(self.targets, minlength=num_outputs)
            case "multi-label":
                counts = self.targets.sum(axis=0, dtype=np.int64)
            case "segmentation":
                counts = self._pixels
            case _:
                counts = np.zeros(0, np.int64)
        return [int(count) for count in counts]

    @property
    def hashes(self) -> Hashes:
        return np.concatenate(self._hashes)

    @property
    def perceptual(self) -> Hashes:
        """Perceptual hashes (N,), of pictures; else none at all."""
        return np.concatenate([np.zeros(0, np.uint64), *self._perceptual])

    def values_of(
        self, chosen: Callable[[Part], npt.NDArray[np.int64] | None]
    ) -> npt.NDArray[np.int64] | None:
        """What the parts say of each row, such as ``lambda part: part.groups``; None if nothing."""
        told = [(chosen(part), indices) for part, indices in self._origins]
        if any(values is None for values, _ in told):
            return None
        return np.concatenate([values[indices] for values, indices in told if values is not None])

    def place(self, row: int) -> Place:
        """The sample in this row, for the report."""
        label = None
        if self._contents.task == "classification":
            label = self._contents.class_names[int(self._label(row))]
        return Place(name=self.name_of(row), split=self.name, row=row, label=label)

    def rows(self, axis: Literal["x", "y"], rows: npt.NDArray[np.int64]) -> Array:
        """Some rows of a finished file; read rather than mapped, so that memory stays bounded."""
        kept = self._x if axis == "x" else self._y
        return kept.read_rows(rows)

    def row_bytes(self, axis: Literal["x", "y"]) -> int:
        """Size of one sample or target in its file."""
        kept = self._x if axis == "x" else self._y
        return math.prod(kept.row_shape) * kept.dtype.itemsize

    def _label(self, row: int) -> Any:
        for labels in self._labels:
            if row < len(labels):
                return labels[row]
            row -= len(labels)
        raise IndexError(row)

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
