"""Reads the stream of a windowed order, block after block, and picks each batch out of it.

Row p of the stream lies in slot p modulo the number of slots. There are as many as window and
block have rows, so that a block only ever falls on samples that have been given out: see
``worker.training.order.Blocks``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from worker.training.order import Blocks, Indices
from worker.training.stored import Array, Rows

_ANNOUNCED = 8  # blocks that the disk may begin with before they are read


class Ring:
    """Batches of an order from sample ``start`` on. Used by one thread at a time.

    ``columns`` are read alongside each other: samples, and targets where they are as large.
    """

    def __init__(self, columns: Sequence[Rows], blocks: Blocks, start: int) -> None:
        self._columns, self._blocks = columns, blocks
        num_slots = blocks.window.buffer_rows
        self._slots = [np.empty((num_slots, *c.shape[1:]), c.dtype) for c in columns]
        earliest = blocks.places[start:].min(initial=blocks.starts[-1])
        self._block = int(np.searchsorted(blocks.starts, earliest, side="right")) - 1
        for ahead in range(self._block, self._block + _ANNOUNCED):
            self._announce(ahead)

    def fill(self, targets: Sequence[Array], start: int) -> None:
        """Puts the next samples, from ``start`` of the order on, into an array (n, …) a column.

        Raises:
            OSError: the storage cannot be read.
        """
        places = self._blocks.places[start : start + len(targets[0])]
        left: Indices = np.arange(len(places))
        while True:
            is_here = places[left] < self._blocks.starts[self._block]
            self._pick(targets, left[is_here], places)
            left = left[~is_here]
            if not len(left):
                return
            self._read_block()

    def _pick(self, targets: Sequence[Array], chosen: Indices, places: Indices) -> None:
        slots = places[chosen] % len(self._slots[0])
        is_all = len(chosen) == len(places)
        for target, held in zip(targets, self._slots, strict=True):
            if is_all:  # without a copy in between; "clip" only means that nothing is buffered
                held.take(slots, axis=0, out=target, mode="clip")
            else:
                target[chosen] = held[slots]

    def _read_block(self) -> None:
        blocks, number = self._blocks, self._block
        begin, end = int(blocks.starts[number]), int(blocks.starts[number + 1])
        row = int(blocks.first_rows[number])
        self._announce(number + _ANNOUNCED)
        num_slots = len(self._slots[0])
        slot = begin % num_slots
        num_first = min(end - begin, num_slots - slot)  # the rest goes to the beginning
        for column, held in zip(self._columns, self._slots, strict=True):
            column.read_into(held[slot : slot + num_first], row)
            column.read_into(held[: end - begin - num_first], row + num_first)
        self._block += 1

    def _announce(self, number: int) -> None:
        if number < len(self._blocks.first_rows):
            row = int(self._blocks.first_rows[number])
            stop = min(row + self._blocks.window.block_rows, len(self._columns[0]))
            for column in self._columns:
                column.announce(row, stop)
