"""Notices a trainer that hangs, or that takes longer than its spec allows.

A sign of life is a message from the trainer, and those come of its training thread: it tells
``alive`` when it asks whether to stop, before each step and each batch that is evaluated. Time
counts only while somebody listens, so an outage that keeps the supervisor is no silence.
"""

from __future__ import annotations

import time

from trainyard.status import ReasonCode
from trainyard.store.claims import ClaimedJob
from trainyard.store.states import Reason, reason
from worker.children import Child

_DUMP_SECONDS = 2.0  # for the stacks to arrive, before the trainer is killed
_OWN_WORD_SECONDS = 2.0  # for the trainer to find by itself that its time is over
_HINT = "Raise time_limit_seconds, or train fewer epochs or a smaller model."


class Watchdog:
    """That of one attempt; ``hung`` and ``over_time`` tell which end it has made."""

    def __init__(self, claim: ClaimedJob, hang_seconds: float, began: float) -> None:
        """``began`` is the monotonic time of the attempt's begin."""
        self._hang_seconds, self._silent_seconds = hang_seconds, 0.0
        self._limit_seconds: float | None = claim.spec["training"].get("time_limit_seconds")
        self._used_before = claim.used_seconds
        self._began = began - claim.used_seconds
        self._kill_at: float | None = None
        self.hung: Reason | None = None
        self.over_time: Reason | None = self._used_up() if self._is_used_up() else None

    def heard(self) -> None:
        """The trainer has told something."""
        self._silent_seconds = 0.0

    def listened(self, seconds: float) -> None:
        """So long nothing came from the trainer, although somebody listened."""
        self._silent_seconds += seconds

    def look(self, child: Child) -> None:
        """Ends the trainer if it is time: one that hangs after its stacks are in the log."""
        if self.over_time is None and self._is_over_time():
            self.over_time = self._time_limit()
            child.kill()
        elif self._kill_at is not None and time.monotonic() > self._kill_at:
            self._kill_at = None
            child.kill()
        elif self.hung is None and self._silent_seconds > self._hang_seconds:
            self.hung = self._no_progress()
            self._kill_at = time.monotonic() + _DUMP_SECONDS
            child.dump_stacks()

    def _is_used_up(self) -> bool:
        return self._limit_seconds is not None and self._used_before >= self._limit_seconds

    def _used_up(self) -> Reason:
        return reason(
            ReasonCode.TIME_LIMIT,
            f"Earlier attempts took {self._used_before:.1f} seconds, which leaves nothing of the "
            f"time limit of {self._limit_seconds:g} seconds.",
            _HINT,
        )

    def _is_over_time(self) -> bool:
        limit = self._limit_seconds
        return limit is not None and time.monotonic() - self._began > limit + _OWN_WORD_SECONDS

    def _time_limit(self) -> Reason:
        return reason(
            ReasonCode.TIME_LIMIT,
            f"The time limit of {self._limit_seconds:g} seconds was reached outside of the steps: "
            f"while data was read, the model built, evaluated or exported.{self._told_before()}",
            _HINT,
        )

    def _told_before(self) -> str:
        seconds = self._used_before
        return f" Earlier attempts took {seconds:.1f} seconds of it." if seconds else ""

    def _no_progress(self) -> Reason:
        return reason(
            ReasonCode.INTERNAL,
            f"The training made no progress for {self._hang_seconds:g} seconds and was ended.",
            "The log holds the stacks of its threads. If single steps take that long, the operator "
            "can raise TRAINYARD_HANG_SECONDS.",
        )
