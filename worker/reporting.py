"""Collects what a trainer tells and writes it to the database in batches.

The first metrics are written at once, then everything at most twice a second. Progress stands in
the job's row; as events it is thinned, so that a long job does not fill the table with it.
"""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy.orm import Session

from trainyard.crashpoints import reach
from trainyard.store.attempts import note_used
from trainyard.store.claims import ClaimedJob
from trainyard.store.events import NewEvent, append_events, log_event, metrics_event
from trainyard.store.logs import LINE_BYTES, keep_within
from trainyard.store.passports import record_passport
from worker.context import WorkerContext
from worker.flood import Flood
from worker.patience import Patience

_FLUSH_SECONDS = 0.5
_MAX_WAITING = 500
_WORTH_TELLING_SECONDS = 2.0
_PROGRESS_SHARE = 0.01  # a progress event each time the attempt got 1 % older


class Reporting:
    """The batch of one attempt. Used by the supervisor's thread alone."""

    def __init__(
        self, context: WorkerContext, claim: ClaimedJob, patience: Patience, began: float
    ) -> None:
        """``began`` is the monotonic time of the attempt's begin."""
        self._context, self._claim, self._patience = context, claim, patience
        self._batch = 0  # the number of the last one written
        self._events: list[NewEvent] = []
        self._summary: dict[str, float] = {}
        self._progress: dict[str, Any] | None = None
        self._passport: dict[str, Any] | None = None
        self._began = began
        self._flushed = self._told = 0.0
        self._had_metrics = False
        self._flood = Flood()
        self._unbounded_bytes = context.settings.max_log_bytes  # logged since it was looked at

    def metrics(self, data: dict[str, Any]) -> None:
        values = data["values"]
        self._summary |= values
        if data["step"] == self._claim.start_step:
            # Told by an attempt that died before the next checkpoint: once is enough.
            values = {name: v for name, v in values.items() if name not in self._claim.told}
        if not values:
            return
        self._events.append(metrics_event(**{**data, "values": values}))
        if not self._had_metrics:
            self._had_metrics = True
            self.flush()

    def progress(self, data: dict[str, Any]) -> None:
        self._progress = data
        now = time.monotonic()
        if now - self._told >= max(1.0, (now - self._began) * _PROGRESS_SHARE):
            self._told = now
            self._events.append(NewEvent("progress", data))

    def passport(self, data: dict[str, Any]) -> None:
        """What the trainer found of itself; written with the first lines of its log."""
        self._passport = data

    @property
    def used_seconds(self) -> float:
        """Since the attempt's begin."""
        return time.monotonic() - self._began

    def log(self, level: str, message: str) -> None:
        self._unbounded_bytes += len(message) + LINE_BYTES
        if self._flood.passes(level, message):
            self._events.append(log_event(level, message))

    def seconds_to_flush(self) -> float | None:
        """How long until a flush is due; none if nothing waits."""
        if not self._events and self._progress is None:
            return None
        return max(0.0, self._flushed + _FLUSH_SECONDS - time.monotonic())

    def flush_if_due(self) -> None:
        if self.seconds_to_flush() == 0.0 or len(self._events) >= _MAX_WAITING:
            self.flush()

    def flush(self) -> None:
        """Write what waits and wake the listeners; as long as the database is away, wait.

        The batch has a number, so that it is never told twice.

        Raises:
            LeaseLost: the job is somebody else's by now.
            Refused: the database does not take it.
        """
        self._events += self._flood.end_batch()
        if not self._events and self._progress is None:
            return
        began = time.monotonic()
        self._patience.write(self._write)
        reach("flush.committed")
        self._batch += 1
        self._events, self._progress, self._passport = [], None, None
        self._flushed = time.monotonic()
        self._context.waker.wake(self._claim.id)
        if self._flushed - began > _WORTH_TELLING_SECONDS:
            seconds = self._flushed - began
            self.log("warning", f"The database took nothing for {seconds:.0f} s; nothing is lost.")

    def _write(self, session: Session) -> None:
        append_events(
            session,
            self._claim.lease,
            self._claim.attempt,
            self._events,
            batch=self._batch + 1,
            progress=self._progress,
            summary=self._summary or None,
        )
        note_used(session, self._claim.id, self._claim.attempt, self.used_seconds)
        if self._passport is not None:
            record_passport(session, self._claim.lease, self._claim.attempt, self._passport)
        self._bound_log(session)
        reach("flush.written")

    def _bound_log(self, session: Session) -> None:
        """Now and then, since it looks at every line: first of all, then after each eighth."""
        limit = self._context.settings.max_log_bytes
        if self._unbounded_bytes > limit // 8:
            self._flood.is_on = keep_within(session, self._claim.id, limit)
            self._unbounded_bytes = 0
