"""Batches of a split on the device: from there where it fits, else from memory map or storage.

A split that is larger than the shuffle buffer is streamed: a thread of its own reads it in the
order of its blocks and has the next batches ready, so that memory holds the buffer and a few
batches, whatever the size of the split. The order is the same wherever a split lies, and follows
from seed and epoch alone (``order.py``), so (epoch, step) is the sampler's position.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import TracebackType
from typing import Self

import numpy as np
import torch
from torch import Tensor

from worker.training.ahead import Ahead
from worker.training.order import Indices, Order, order_of, window_of
from worker.training.protocol import Split
from worker.training.ring import Ring
from worker.training.stored import Array, Rows

SHUFFLE_BUFFER_BYTES = 512 * 1024**2

_COPY_BYTES = 64 * 1024 * 1024  # of a split, at a time, on its way to the device
# How far is read ahead: so many batches, if they are not larger than this together.
_MOST_BATCHES = 8
_MOST_BYTES = 64 * 1024**2

Batch = tuple[Tensor, Tensor]


class Samples:
    """A split that gives batches on ``device``; resident there if ``room_bytes`` allows.

    Labels and numbers, (N,) or (N, K), are on the device always. Masks (N, H, W) are as large as
    pictures, and lie where these lie.

    Attributes:
        is_resident: whether all of the split is on the device.
        is_streamed: whether it is read from storage in a windowed order.
    """

    def __init__(
        self,
        split: Split,
        device: torch.device,
        room_bytes: int,
        buffer_bytes: int = SHUFFLE_BUFFER_BYTES,
    ) -> None:
        assert len(split.x) == len(split.y), "a target for each sample"
        self.device = device
        self.dtype = str(split.x.dtype)
        self._len = len(split.x)
        has_masks = split.y.ndim > 2
        self._columns = [
            Rows(column) for column in ([split.x, split.y] if has_masks else [split.x])
        ]
        self._targets = None if has_masks else _labels(split.y).to(device)
        sample_bytes = sum(column.row_bytes for column in self._columns)
        self._window = window_of(self._len, sample_bytes, buffer_bytes)
        self._is_stored = all(column.is_stored for column in self._columns)
        self.is_resident = sum(column.nbytes for column in self._columns) <= room_bytes
        self.is_streamed = self._window is not None and self._is_stored and not self.is_resident
        self._resident = [_copy_to(device, c) for c in self._columns] if self.is_resident else []

    def __len__(self) -> int:
        return self._len

    @property
    def targets(self) -> Tensor:
        """All targets (N,) or (N, K) on the device; there are none of masks."""
        assert self._targets is not None, "masks are too large to be held"
        return self._targets

    def order(self, seed: int, epoch: int) -> Order:
        """The order of an epoch."""
        return order_of(self._len, self._window, seed, epoch)

    def batch(self, indices: Indices) -> Batch:
        """Raw samples (N, *input_shape) in the split's own type, and targets, of any rows."""
        chosen = torch.from_numpy(indices).to(self.device, non_blocking=True)
        if self.is_resident:
            columns = [column.index_select(0, chosen) for column in self._resident]
        else:
            columns = self._sent([torch.from_numpy(c.take(indices)) for c in self._columns])
        return self._with_targets(columns, chosen)

    def in_order(self, order: Order, size: int, stop: int | None = None) -> Pass:
        """A pass over the first ``stop`` samples of an order, in batches of ``size``."""
        return Pass(self, order, size, self._len if stop is None else stop)

    def in_turn(self, size: int) -> Pass:
        """A pass over all samples as they are stored, in batches of ``size``."""
        return Pass(self, None, size, self._len)

    def _ahead(self, order: Order | None, start: int, stop: int, size: int) -> Ahead[list[Tensor]]:
        """Reads batches of an order, or of rows as they are stored, from ``start`` on."""
        ring = None
        if order is not None:
            assert order.blocks is not None
            ring = Ring(self._columns, order.blocks, start)

        def read(first: int) -> list[Tensor]:
            tensors = [self._empty(column, min(size, stop - first)) for column in self._columns]
            arrays: list[Array] = [tensor.numpy() for tensor in tensors]
            if ring is not None:
                ring.fill(arrays, first)
                return tensors
            for column, array in zip(self._columns, arrays, strict=True):
                column.read_into(array, first)
            return tensors

        batch_bytes = size * sum(column.row_bytes for column in self._columns)
        most = max(1, min(_MOST_BATCHES, _MOST_BYTES // max(1, batch_bytes)))
        return Ahead(read, start, stop, size, most)

    def _empty(self, column: Rows, num_rows: int) -> Tensor:
        """Memory of the host for rows; such that a GPU fetches from while the host goes on."""
        shape = (num_rows, *column.shape[1:])
        return torch.empty(shape, dtype=_type_of(column), pin_memory=self.device.type == "cuda")

    def _sent(self, columns: list[Tensor]) -> list[Tensor]:
        return [column.to(self.device, non_blocking=True) for column in columns]

    def _with_targets(self, columns: list[Tensor], chosen: Tensor) -> Batch:
        if self._targets is None:
            return columns[0], columns[1]
        return columns[0], self._targets.index_select(0, chosen)


class Pass:
    """Batches of a split one after the other; what is read from storage is read ahead.

    It begins where it is first asked, and goes back or forth when asked for a batch that is not
    the next: a step that ran out of memory is begun again. To be closed, for the sake of the
    thread that reads.
    """

    def __init__(self, samples: Samples, order: Order | None, size: int, stop: int) -> None:
        self._samples, self._order = samples, order
        self._size, self._stop = size, stop
        rows_of_file = order is None and samples._is_stored and not samples.is_resident
        self._reads_ahead = rows_of_file or (order is not None and samples.is_streamed)
        self._ahead: Ahead[list[Tensor]] | None = None
        self._next = 0

    def batch(self, start: int) -> Batch:
        """Raw samples and targets from place ``start`` of the order on.

        Raises:
            OSError: the storage cannot be read.
        """
        samples, stop = self._samples, min(start + self._size, self._stop)
        rows = np.arange(start, stop) if self._order is None else self._order.rows[start:stop]
        if not self._reads_ahead:
            return samples.batch(rows)
        if self._ahead is None or start != self._next:
            self.close()
            self._ahead = samples._ahead(self._order, start, self._stop, self._size)
        columns = samples._sent(self._ahead.take())
        self._next = stop
        if stop == self._stop:
            self.close()
        chosen = torch.from_numpy(rows).to(samples.device, non_blocking=True)
        return samples._with_targets(columns, chosen)

    def __iter__(self) -> Iterator[Batch]:
        return (self.batch(start) for start in range(0, self._stop, self._size))

    def close(self) -> None:
        """Ends the thread and frees what was read; a later batch is read anew."""
        if self._ahead is not None:
            self._ahead.close()
        self._ahead = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _labels(y: Array) -> Tensor:
    """Class indices (N,) as int64; labels and numbers (N, K) in their own type."""
    return torch.from_numpy(np.array(y, dtype=np.int64 if y.ndim == 1 else y.dtype))


def _type_of(column: Rows) -> torch.dtype:
    return torch.from_numpy(np.empty(0, column.dtype)).dtype


def _copy_to(device: torch.device, column: Rows) -> Tensor:
    """The column on the device, copied piece by piece so that little of it is held twice."""
    whole = torch.empty(column.shape, dtype=_type_of(column), device=device)
    num_rows = max(1, _COPY_BYTES // max(1, column.row_bytes))
    for start in range(0, len(column), num_rows):
        piece = column.read(start, min(start + num_rows, len(column)))
        whole[start : start + len(piece)] = torch.from_numpy(piece)
    return whole
