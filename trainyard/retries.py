"""When a job that the infrastructure failed is tried again, and when it is given up."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

_GROWTH = 4
LONGEST_DELAY = timedelta(minutes=10)


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff: before the n-th retry ``first_delay`` × 4ⁿ⁻¹, at most ten minutes.

    Retries count in a row: an attempt that left a checkpoint further than the one it began with
    starts the count anew, so that a long job outlives any number of faults, while a hopeless one
    ends. No jitter: workers claim from one table, so equal delays are no stampede.
    """

    max_retries: int = 5
    first_delay: timedelta = timedelta(seconds=1)

    def gives_up(self, num_faults: int) -> bool:
        """Whether so many faults in a row are too many."""
        return num_faults > self.max_retries

    def delay(self, num_faults: int) -> timedelta:
        """How long to wait after the so-manieth fault in a row, counted from 1.

        >>> [RetryPolicy().delay(n).total_seconds() for n in (1, 2, 3, 4, 5, 6)]
        [1.0, 4.0, 16.0, 64.0, 256.0, 600.0]
        """
        assert num_faults > 0
        growth = float(_GROWTH) ** min(num_faults - 1, 100)  # 4¹⁰⁰⁰ is no float any more
        seconds = self.first_delay.total_seconds() * growth
        return timedelta(seconds=min(seconds, LONGEST_DELAY.total_seconds()))


DEFAULT_RETRIES = RetryPolicy()
