"""How many requests a key may make: a bucket a key that refills evenly over the minute.

Counted in this process alone; behind several API processes the limit is that many times larger.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from trainyard.errors import TooManyRequests

_MAX_BUCKETS = 10_000


class RateLimit:
    """Lets ``per_minute`` requests through, as many as that at once after a quiet minute."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_minute, self.clock = per_minute, clock
        self._buckets: dict[str, tuple[float, float]] = {}  # key → (tokens left, when counted)
        self._lock = threading.Lock()

    def take(self, key: str) -> None:
        """Count one request.

        Raises:
            TooManyRequests: with the seconds until the next one passes.
        """
        now, per_second = self.clock(), self.per_minute / 60
        with self._lock:
            tokens, counted_at = self._buckets.pop(key, (float(self.per_minute), now))
            tokens = min(self.per_minute, tokens + (now - counted_at) * per_second)
            allowed = tokens >= 1
            self._buckets[key] = (tokens - 1 if allowed else tokens, now)
            if len(self._buckets) > _MAX_BUCKETS:
                del self._buckets[next(iter(self._buckets))]  # the longest unused
        if not allowed:
            raise TooManyRequests(
                f"More than {self.per_minute} requests a minute with one key "
                "(TRAINYARD_MAX_REQUESTS_PER_MINUTE).",
                retry_after_seconds=(1 - tokens) / per_second,
            )
