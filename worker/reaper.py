"""Takes back the jobs of workers that went silent. Every worker does it; it needs no leader.

A lease has run out when it was not renewed for its whole length, as this worker's monotonic clock
measures. The clocks of the machines are not compared: a worker whose clock is an hour off neither
loses its job nor takes another's.
"""

from __future__ import annotations

import logging
import time

from trainyard.crashpoints import reach
from trainyard.status import JobStatus
from trainyard.store.claims import HeldLease, expire_leases, held_leases
from worker.context import WorkerContext

log = logging.getLogger(__name__)


class Reaper:
    """Remembers since when it has seen each lease unchanged."""

    def __init__(self, context: WorkerContext) -> None:
        self._context = context
        self._seen_since: dict[HeldLease, float] = {}

    def look(self) -> None:
        """To be called every second or so: queue again what has run out, and tell everybody."""
        before = time.monotonic()
        with self._context.database.read() as session:
            held = held_leases(session)
        after = time.monotonic()
        self._seen_since = {lease: self._seen_since.get(lease, after) for lease in held}
        seconds = self._context.settings.lease_seconds
        silent = [lease for lease, since in self._seen_since.items() if before - since > seconds]
        if silent:
            self._take_back(silent)

    def _take_back(self, silent: list[HeldLease]) -> None:
        with self._context.database.write() as session:
            taken = expire_leases(session, silent, self._context.settings.retries)
            reach("reaper.written")
        reach("reaper.committed")
        for job_id, status in taken.items():
            log.warning("%s was lost with its worker: %s", job_id, status.value)
            self._context.waker.wake(job_id)
            if status is JobStatus.QUEUED:
                self._context.doorbell.send_train(job_id)
