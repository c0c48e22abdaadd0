"""The canonical form on disk: arrays appended block by block, and opened as memory maps.

One pass over the samples writes them, hashes them and gathers what the manifest needs, so that
memory holds one block and eight or so bytes a sample, whatever the size of the dataset.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from trainyard.datasets.manifest import Manifest, SplitName

MANIFEST = "manifest.json"
MAX_VALUES = 4 * 1024**2  # that are converted to float64 at a time: 32 MiB
Array = npt.NDArray[Any]


@dataclass(frozen=True)
class OpenDataset:
    """A canonical folder, opened.

    ``splits``: (x, y) memory maps, read only. x: (N, *input_shape) uint8 or float32; y: (N, …) as
    ``manifest.target_form`` says. ``baselines``: (N, B, K) float32, of a forecasting dataset.
    """

    manifest: Manifest
    splits: dict[SplitName, tuple[Array, Array]]
    baselines: dict[SplitName, Array] = field(default_factory=dict)


def open_dataset(folder: Path) -> OpenDataset:
    """Open what ``ingest`` has written; nothing is read but the manifest and headers.

    Raises:
        OSError: a file is missing, unreadable or shorter than its header says.
    """
    manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    splits = {name: (_mapped(folder, name, "x"), _mapped(folder, name, "y"))
              for name in manifest.splits}  # fmt: skip
    has_baselines = manifest.series is not None and manifest.series.baselines
    named = manifest.splits if has_baselines else []
    return OpenDataset(manifest, splits, {n: _mapped(folder, n, "baselines") for n in named})


def _mapped(folder: Path, split: SplitName, axis: str) -> Array:
    path = folder / f"{split}_{axis}.npy"
    try:
        array: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        # What ingest wrote was right: a file that is cut short or garbled is the disk's fault.
        raise OSError(errno.EIO, f"{path} is damaged: {error}") from error
    return array


class ArrayFile:
    """A ``.npy`` file that grows by blocks; its header is filled in at the end.

    numpy pads the header so that the first axis can grow in place (numpy.lib.format).
    """

    def __init__(self, path: Path, row_shape: tuple[int, ...], dtype: str) -> None:
        self.row_shape, self.dtype = row_shape, np.dtype(dtype)
        self.num_rows, self._path = 0, path
        self._sha256 = hashlib.sha256()
        self._file: IO[bytes] = path.open("wb")
        self._write_header()

    def append(self, block: Array) -> None:
        """Write rows (n, *row_shape) of the file's dtype."""
        assert block.shape[1:] == self.row_shape, (block.shape, self.row_shape)
        assert block.dtype == self.dtype, (block.dtype, self.dtype)
        data = np.ascontiguousarray(block).data
        self._file.write(data)
        self._sha256.update(data)
        self.num_rows += len(block)

    def finish(self) -> dict[str, Any]:
        """Close the file; what identifies its content."""
        self._file.seek(0)
        self._write_header()
        self._file.close()
        shape = [self.num_rows, *self.row_shape]
        return {"shape": shape, "dtype": self.dtype.str, "sha256": self._sha256.hexdigest()}

    def read_rows(self, rows: npt.NDArray[np.int64]) -> Array:
        """Rows (n, *row_shape) of the finished file, in the order asked for."""
        size_bytes = math.prod(self.row_shape) * self.dtype.itemsize
        read = np.empty((len(rows), *self.row_shape), self.dtype)
        with self._path.open("rb", buffering=0) as file:  # scattered rows gain nothing by it
            start = self._path.stat().st_size - self.num_rows * size_bytes
            for place, row in enumerate(rows):
                file.seek(start + int(row) * size_bytes)
                read[place] = np.frombuffer(file.read(size_bytes), self.dtype).reshape(
                    self.row_shape
                )
        return read

    def close(self) -> None:
        """Close the file as it is, in case of an error."""
        self._file.close()

    def _write_header(self) -> None:
        np.lib.format.write_array_header_1_0(
            self._file,
            {
                "descr": np.lib.format.dtype_to_descr(self.dtype),
                "fortran_order": False,
                "shape": (self.num_rows, *self.row_shape),
            },
        )


class RunningStatistics:
    """Mean and variance by channel in one pass, in float64.

    Merges blocks by Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for
    computing sample variances" (1979); population variance.
    """

    def __init__(self, num_channels: int) -> None:
        self._count = 0
        self._mean = np.zeros(num_channels)
        self._sum_of_squares = np.zeros(num_channels)  # of deviations from the mean

    def update(self, block: Array) -> None:
        """Take in samples (n, C, …), of which large ones piece by piece."""
        values = block.reshape(len(block), block.shape[1], -1)
        step = max(1, MAX_VALUES // max(1, values.shape[0] * values.shape[1]))
        for start in range(0, values.shape[2], step):
            piece = np.moveaxis(values[..., start : start + step], 1, 0)
            by_channel = piece.reshape(block.shape[1], -1).astype(np.float64)
            if by_channel.size:
                with np.errstate(all="ignore"):  # non-finite values are counted and told elsewhere
                    self._merge(by_channel, by_channel.shape[1])

    def _merge(self, by_channel: Array, count: int) -> None:
        mean = by_channel.mean(axis=1)
        by_channel -= mean[:, None]
        squares = np.einsum("ci,ci->c", by_channel, by_channel)
        total = self._count + count
        delta = mean - self._mean
        self._sum_of_squares += squares + delta**2 * (self._count * count / total)
        self._mean += delta * (count / total)
        self._count = total

    def mean_and_std(self) -> tuple[list[float], list[float]]:
        with np.errstate(all="ignore"):
            std = np.sqrt(self._sum_of_squares / max(self._count, 1))
        return self._mean.tolist(), std.tolist()


def digest(class_names: list[str], files: dict[str, dict[str, Any]]) -> str:
    """SHA-256 over class names and, for each array file, shape, dtype and bytes."""
    text = json.dumps({"class_names": class_names, "files": files}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
