"""Keeps the lease of a running job and tells what is asked of it, from a thread of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from trainyard.status import JobStatus
from trainyard.store.claims import read_request, renew_lease
from trainyard.store.lease import Lease, LeaseLost
from worker.context import WorkerContext

log = logging.getLogger(__name__)
_LOOK_EVERY_SECONDS = 0.5


class Keeper(threading.Thread):
    """Calls ``on_request`` at each change of the job's status, and ``on_lost`` at the end of it.

    A database that does not answer is asked again for as long as the lease lasts; after that
    somebody else may have the job, and it counts as lost.
    """

    def __init__(
        self,
        context: WorkerContext,
        lease: Lease,
        on_request: Callable[[JobStatus], None],
        on_lost: Callable[[], None],
    ) -> None:
        super().__init__(name="keeper", daemon=True)
        self._context, self._lease = context, lease
        self._on_request, self._on_lost = on_request, on_lost
        self._ended = threading.Event()

    def run(self) -> None:
        duration = self._context.settings.lease
        seen, renewed = JobStatus.RUNNING, time.monotonic()
        wait_seconds = min(_LOOK_EVERY_SECONDS, duration.total_seconds() / 6)
        while not self._ended.wait(wait_seconds):
            try:
                began = time.monotonic()
                if began - renewed >= duration.total_seconds() / 3:
                    with self._context.database.write() as session:
                        status = renew_lease(session, self._lease, duration)
                    renewed = began
                else:
                    with self._context.database.read() as session:
                        status = read_request(session, self._lease)
            except LeaseLost:
                return self._on_lost()
            except SQLAlchemyError as error:
                log.warning("the database does not answer: %s", error)
                if time.monotonic() - renewed > duration.total_seconds():
                    return self._on_lost()
                continue
            if status is not seen:
                seen = status
                self._on_request(status)
        return None

    def finish(self) -> None:
        """Stop keeping; the lease then lasts as long as it lasts."""
        self._ended.set()
        self.join()
