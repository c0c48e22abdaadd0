"""Histograms of levels as torch operators that repeat bit for bit and go into every export.

256 levels of 0…1, as in pictures of bytes, whose figures are exact. A value between two levels
counts for both by its distance, and looks its result up between both: so equalisation has no
jumps, and a value that a resize moved by its last bit never changes the result by a level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

NUM_LEVELS = 256
_PARTS = 2**16  # that a value's one count is shared out in: sums of integers have no order


def levels_of(values: Tensor) -> tuple[Tensor, Tensor]:
    """The level at or below each value of 0…1 as int64, at most 254, and how far it is above."""
    scaled = values.clamp(0.0, 1.0) * (NUM_LEVELS - 1)
    below = scaled.floor().clamp(max=NUM_LEVELS - 2)
    return below.long(), scaled - below


def histograms(below: Tensor, above: Tensor) -> Tensor:
    """(R, num) of ``levels_of`` → (R, 256): how many values of each row have each level."""
    upper = (above * _PARTS).round().long()
    counts = upper[:, :1].expand(-1, NUM_LEVELS) * 0
    counts = counts.scatter_add(1, below, _PARTS - upper).scatter_add(1, below + 1, upper)
    return counts.float() / _PARTS


def cumulative(counts: Tensor) -> Tensor:
    """(R, 256) → (R, 256): the counts up to each level.

    By a product of matrices: ``torch.cumsum`` of floats does not repeat on a GPU.
    """
    import torch

    places = torch.arange(NUM_LEVELS, device=counts.device)
    return counts @ (places[:, None] <= places).to(counts.dtype)


def looked_up(table: Tensor, below: Tensor, above: Tensor, start: Tensor | int = 0) -> Tensor:
    """What the table (R, …) says of values (R, num); their 256 entries begin at ``start``."""
    low = table.gather(1, below + start)
    return low + (table.gather(1, below + start + 1) - low) * above
