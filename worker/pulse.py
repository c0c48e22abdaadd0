"""The heartbeat of a worker: its row, the reaper, the look at the table, and the sweep.

A doorbell may get lost, and Celery's consumer may stop after a fault of the broker. So an idle
worker looks at the table by itself: what waits for longer than a doorbell takes is simply done.
A store may be silent for long, and then only the sweep waits for it.
"""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from trainyard.store import faults, garbage, workers
from worker import scratch
from worker.context import WorkerContext
from worker.reaper import Reaper
from worker.work import Role, anything_waits

log = logging.getLogger(__name__)
_LONGEST_BEAT_SECONDS = 1.0
_BEATS_A_LEASE = 4  # at least, so that what a short lease has let go is found as soon
_DOORBELL_TAKES = timedelta(seconds=2)
_SWEEP_SECONDS = 10.0
_SWEEP_ENDS_SECONDS = 2.0


class Pulse:
    """Three threads: one beats and reaps, one does what no doorbell told of, one sweeps."""

    def __init__(
        self,
        context: WorkerContext,
        role: Role,
        device: str,
        memory_bytes: int | None = None,
        auto_precision: str | None = None,
    ) -> None:
        self._context, self._role = context, role
        self._device, self._memory_bytes = device, memory_bytes
        self._auto_precision = auto_precision
        lease_seconds = context.settings.lease_seconds
        self._beat_seconds = min(_LONGEST_BEAT_SECONDS, lease_seconds / _BEATS_A_LEASE)
        self._ended = threading.Event()
        try:
            self._beat()
        except SQLAlchemyError as error:
            log.warning("the database does not answer, and is asked again: %s", error)
        self._threads = [
            threading.Thread(target=self._beat_until_ended, name="pulse", daemon=True),
            threading.Thread(target=self._look_until_ended, name="look", daemon=True),
        ]
        self._sweeper = threading.Thread(target=self._sweep_until_ended, name="sweep", daemon=True)
        for thread in (*self._threads, self._sweeper):
            thread.start()

    def _beat_until_ended(self) -> None:
        reaper = Reaper(self._context)
        while not self._ended.wait(self._beat_seconds):
            try:
                self._beat()
                reaper.look()
            except Exception as error:
                if faults.is_fault(error):
                    log.warning("the database does not answer: %s", error)
                    continue
                # A heart that stops at an error helps nobody.
                log.exception("the heartbeat failed")

    def _sweep_until_ended(self) -> None:
        while not self._ended.is_set():
            try:
                scratch.sweep(self._context)
                garbage.collect(self._context.database, self._context.blobs)
            except Exception as error:
                if faults.is_fault(error):
                    log.warning("the database or the store does not answer: %s", error)
                else:
                    log.exception("the sweep failed")
            self._ended.wait(_SWEEP_SECONDS)

    def _beat(self) -> None:
        """Tell that this worker lives, also to a database that does not know it (any more)."""
        activity, stopping = self._context.activity, self._context.stopping.is_set()
        busy = self._context.working.locked()
        with self._context.database.write() as session:
            known = workers.beat(
                session,
                self._context.worker_id,
                "stopping" if stopping else "busy" if busy else "idle",
                job_id=activity.job_id,
                trainer_pid=activity.trainer_pid,
            )
            if not known:
                self._register(session)

    def _register(self, session: Session) -> None:
        workers.register_worker(
            session,
            self._context.worker_id,
            host=self._context.host,
            device=self._device,
            worker_pid=self._context.pid,
            memory_bytes=self._memory_bytes,
            auto_precision=self._auto_precision,
        )

    def _look_until_ended(self) -> None:
        while not self._ended.wait(self._beat_seconds):
            if self._context.working.locked() or self._context.stopping.is_set():
                continue
            try:
                if anything_waits(self._context, self._role, _DOORBELL_TAKES):
                    self._role.work(self._context)
            except Exception as error:  # the edge of a task, as in worker.tasks
                if faults.is_fault(error):
                    log.warning("the table cannot be looked at: %s", error)
                    continue
                log.exception("work found in the table failed")

    def end(self) -> None:
        """Stop beating and say so. What a sweep leaves undone, the next one does."""
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._sweeper.join(_SWEEP_ENDS_SECONDS)
        try:
            with self._context.database.write() as session:
                workers.beat(session, self._context.worker_id, "stopped")
        except SQLAlchemyError as error:
            log.warning("the database does not answer: %s", error)
