"""Leaves a part alone for a moment after it has failed to answer.

For what may be left out, such as a doorbell or a wake-up: each try at a Redis that hangs costs
seconds of waiting, and a request or a training should not pay for them again and again.
"""

from __future__ import annotations

import time


class Breaker:
    """Safe to use from many threads: the worst that a race does is one more try."""

    def __init__(self, rest_seconds: float) -> None:
        self._rest_seconds = rest_seconds
        self._rests_until = float("-inf")

    @property
    def rests(self) -> bool:
        """Whether it failed a moment ago, and is not to be tried."""
        return time.monotonic() < self._rests_until

    def tell_failure(self) -> None:
        self._rests_until = time.monotonic() + self._rest_seconds
