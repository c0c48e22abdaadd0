"""In which order an epoch takes the samples of a split. What reads them stands in ``samples.py``.

A split that fits into the shuffle buffer is permuted as a whole. A larger one is cut into blocks
of neighbouring rows, whose order is permuted; in this *stream* of rows each sample then falls
back by a random number of places below the length of a window. So whoever reads the stream from
its beginning, block after block, never has to hold more than a window and a block.

Which of the two it is follows from the split's size and from the spec alone, never from the memory
that a machine has to spare: a job is repeated in the same order on any other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]

# These two and the code below decide the order of splits that are larger than the buffer.
BLOCK_BYTES = 1024**2  # so long that a disk reads it as fast as one long file
_FEWEST_BLOCKS = 64  # in a buffer, however small it is
_FRACTION_BITS = 24  # of a place, so that samples hardly ever fall on the same one


def epoch_order(num_samples: int, seed: int, epoch: int) -> Indices:
    """The order of the samples in an epoch: a permutation that only these three decide.

    It comes from raw PCG64 output, whose stream NumPy promises not to change (NEP 19): a job
    can be repeated under a later NumPy too, unlike with ``Generator.permutation``.
    """
    return _permutation(_bits(seed, epoch), num_samples)


@dataclass(frozen=True)
class Window:
    """How a split is shuffled that is larger than the buffer, in rows."""

    block_rows: int
    window_rows: int

    @property
    def buffer_rows(self) -> int:
        """What a reader of the stream has to hold."""
        return self.window_rows + self.block_rows


def window_of(num_samples: int, sample_bytes: int, buffer_bytes: int) -> Window | None:
    """The window for samples of so many bytes; None where all of them fit into the buffer."""
    if num_samples * sample_bytes <= buffer_bytes:
        return None
    block_rows = max(1, min(BLOCK_BYTES, buffer_bytes // _FEWEST_BLOCKS) // sample_bytes)
    return Window(block_rows, max(1, buffer_bytes // sample_bytes - block_rows))


@dataclass(frozen=True)
class Blocks:
    """The stream of an order: blocks of rows (B,), as they are read.

    ``starts`` (B + 1,) are places in the stream, the last of which is its length; ``first_rows``
    (B,) are rows of the split. ``places`` (N,) tells for each sample in order where in the stream
    it stands. Once the stream is read up to the place of sample i, the samples after it stand
    less than ``window.window_rows`` before that place, or later.
    """

    window: Window
    starts: Indices
    first_rows: Indices
    places: Indices


@dataclass(frozen=True)
class Order:
    """``rows`` (N,) of the split, in the order of an epoch; ``blocks`` where it has a window."""

    rows: Indices
    blocks: Blocks | None = None


def order_of(num_samples: int, window: Window | None, seed: int, epoch: int) -> Order:
    """The order of an epoch, which only these four decide. It holds 8 or 16 bytes a sample."""
    if window is None:
        return Order(epoch_order(num_samples, seed, epoch))
    bits, size = _bits(seed, epoch), window.block_rows
    num_blocks = -(-num_samples // size)
    first_rows = _permutation(bits, num_blocks) * size
    sizes = np.minimum(size, num_samples - first_rows)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    fractions = bits.random_raw(num_samples) >> np.uint64(64 - _FRACTION_BITS)
    keys = np.arange(num_samples, dtype=np.uint64) << np.uint64(_FRACTION_BITS)
    keys += fractions * np.uint64(window.window_rows)
    places = np.argsort(keys, kind="stable")
    rows = np.repeat(first_rows - starts[:-1], sizes) + np.arange(num_samples)
    return Order(rows[places], Blocks(window, starts, first_rows, places))


def _bits(seed: int, epoch: int) -> np.random.PCG64:
    return np.random.PCG64(np.random.SeedSequence([seed, epoch]))


def _permutation(bits: np.random.PCG64, length: int) -> Indices:
    return np.argsort(bits.random_raw(length), kind="stable")
