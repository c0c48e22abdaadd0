"""Keeps the lease of a running job and tells what is asked of it, from threads of its own."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from trainyard.crashpoints import reach
from trainyard.status import JobStatus
from trainyard.store import faults
from trainyard.store.attempts import note_used
from trainyard.store.claims import ClaimedJob, read_request, renew_lease
from trainyard.store.lease import LeaseLost
from worker.context import WorkerContext
from worker.requests import Requests

log = logging.getLogger(__name__)
_LOOK_EVERY_SECONDS = 0.5
# Of the lease: the trainer is stopped before somebody else may have the job. No clock but the
# monotonic one of each machine is asked, so those may go as they like.
_SURE_SHARE = 0.9


class Keeper:
    """Sets ``requests``, and calls ``on_ending`` where the trainer is to end at once.

    A database that does not answer is asked again. Whether it answers in time or not at all is
    watched by a second thread, which asks nobody: at the end of the lease the job counts as lost.
    """

    def __init__(
        self,
        context: WorkerContext,
        claim: ClaimedJob,
        leased_at: float,
        requests: Requests,
        on_ending: Callable[[], None],
    ) -> None:
        """``leased_at`` is the monotonic time of just before the claim."""
        self._context, self._claim, self._lease = context, claim, claim.lease
        self._requests, self._on_ending = requests, on_ending
        self._seconds = context.settings.lease_seconds
        self._began = self._leased_at = leased_at
        self._ended = threading.Event()

    def start(self) -> None:
        for name, work in (("keeper", self._keep), ("lease", self._watch_the_lease)):
            threading.Thread(target=work, name=name, daemon=True).start()

    def finish(self) -> None:
        """Stop keeping; the lease then lasts as long as it lasts.

        Waits for nothing: a thread may hang in a call to a database that does not answer, and
        what it still writes for an attempt that has ended changes nothing.
        """
        self._ended.set()

    def _keep(self) -> None:
        seen = JobStatus.RUNNING
        while not self._ended.wait(min(_LOOK_EVERY_SECONDS, self._seconds / 6)):
            try:
                status = self._look()
            except LeaseLost:
                return self._end(self._requests.tell_lost)
            except Exception as error:
                if not faults.is_fault(error):
                    log.exception("%s cannot be kept", self._lease.job_id)
                else:
                    log.warning("the database does not answer: %s", error)
                continue
            if status is not seen:
                seen = status
                self._tell(status)
        return None

    def _look(self) -> JobStatus:
        began = time.monotonic()
        if began - self._leased_at < self._seconds / 3:
            with self._context.database.read() as session:
                return read_request(session, self._lease)
        with self._context.database.write() as session:
            status = renew_lease(session, self._lease, self._context.settings.lease)
            note_used(session, self._lease.job_id, self._claim.attempt, began - self._began)
            reach("renewal.written")
        reach("renewal.committed")
        self._leased_at = began
        return status

    def _tell(self, status: JobStatus) -> None:
        if status is JobStatus.CANCELLING:
            self._end(self._requests.ask_to_cancel)
        elif status is JobStatus.PAUSING:
            self._requests.pause.set()

    def _watch_the_lease(self) -> None:
        """Sleeps to the end of what is sure, again and again as it moves."""
        while (left := self._leased_at + self._seconds * _SURE_SHARE - time.monotonic()) > 0:
            if self._ended.wait(left):
                return
        if not self._ended.is_set():
            log.warning("%s could not be kept: its training stops", self._lease.job_id)
            self._end(self._requests.tell_lost)

    def _end(self, tell: Callable[[], None]) -> None:
        tell()
        self._on_ending()
