"""Does again what the database or the store refused, for as long as the job is surely ours.

Meanwhile nobody reads what the trainer tells: its own buffer fills (``worker.messages.Sender``
has the bound), and then it is held back. So an outage costs time and no data.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from trainyard.status import ReasonCode
from trainyard.store import faults
from trainyard.store.lease import Lease, LeaseLost
from trainyard.store.states import Reason, reason
from worker.context import WorkerContext
from worker.requests import Requests

log = logging.getLogger(__name__)
T = TypeVar("T")
_AGAIN_SECONDS = 0.25
# With the lease kept, so long: then what is refused is not the database as a whole.
_LEASES_OF_PATIENCE = 2.0
STOPPING_SECONDS = 8.0  # once the worker is told to end; below Docker's ten


class Refused(Exception):
    """The attempt cannot go on; ``why`` is the job's reason, none where it was asked to end."""

    def __init__(self, why: Reason | None) -> None:
        super().__init__(why["message"] if why else "asked to end")
        self.why = why


class Patience:
    """That of one attempt."""

    def __init__(self, context: WorkerContext, lease: Lease, requests: Requests) -> None:
        self._context, self._lease, self._requests = context, lease, requests

    def write(self, work: Callable[[Session], T]) -> T:
        """A transaction that is done until it is through; so it may be done twice.

        The answer to a commit may be lost although it went well: ``work`` has to see to it that
        a second time changes nothing.

        Raises:
            LeaseLost: the job may be somebody else's by now.
            Refused: the database took everything but this.
        """

        def once() -> T:
            with self._context.database.write() as session:
                return work(session)

        return self.insist(once)

    def insist(self, action: Callable[[], T]) -> T:
        """Do it until it succeeds; see ``write``."""
        began = time.monotonic()
        while True:
            self._check_lease()
            try:
                return action()
            except Exception as error:
                if not faults.is_fault(error):
                    raise
                self._give_up_if_hopeless(error, time.monotonic() - began)
            self._requests.wait(_AGAIN_SECONDS)

    def go_on(self) -> None:
        """To be called on the way, again and again, by an action that takes long.

        Raises:
            LeaseLost: the job may be somebody else's by now.
            Refused: it is to be cancelled.
        """
        self._check_lease()
        if self._requests.cancel.is_set():
            raise Refused(None)

    def _check_lease(self) -> None:
        if self._requests.lost.is_set():
            raise LeaseLost(self._lease)

    def _give_up_if_hopeless(self, error: Exception, seconds: float) -> None:
        self._check_lease()
        log.warning("%s has to wait: %s", self._lease.job_id, error)
        if self._requests.cancel.is_set():
            raise Refused(None) from error
        ending = self._context.stopping.is_set() and seconds > STOPPING_SECONDS
        if ending or seconds > _LEASES_OF_PATIENCE * self._context.settings.lease_seconds:
            raise Refused(refusal(error)) from error


def refusal(error: Exception) -> Reason:
    """The reason of a job that a fault keeps from going on."""
    hint = "Free some space." if faults.is_disk_full(error) else str(error)[:500]
    return reason(ReasonCode.INTERNAL, faults.told(error), hint)
