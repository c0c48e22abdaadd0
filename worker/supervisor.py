"""Watches over one attempt at a job: starts the trainer, stores what it tells, ends it.

The supervisor owns the job's log and its truth: whatever happens to the trainer, what it said
before is kept, and the job gets a status that is true (``worker.settling``). How training works
is the engine's.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from multiprocessing.connection import wait
from typing import Any

from trainyard.crashpoints import reach
from trainyard.store.checkpoints import put_checkpoint
from trainyard.store.claims import ClaimedJob
from trainyard.store.lease import LeaseLost
from trainyard.store.states import Reason
from worker.children import Child, NotStarted, kill_fork_server
from worker.context import WorkerContext
from worker.keeper import Keeper
from worker.lines import LineReader
from worker.messages import Message, MessageReader
from worker.patience import STOPPING_SECONDS, Patience, Refused
from worker.preparing import (
    DamagedCheckpoint,
    MissingWeights,
    not_started,
    start_message,
    unprepared,
)
from worker.reporting import Reporting
from worker.requests import Requests
from worker.settling import Settlement, broken
from worker.watchdog import Watchdog

log = logging.getLogger(__name__)
_LOOK_SECONDS = 0.2
_DRAIN_SECONDS = 1.0
_LEVELS = {"stdout": "info", "stderr": "warning"}


def run_job(context: WorkerContext, claim: ClaimedJob, leased_at: float) -> None:
    """Train a claimed job to the end of this attempt. Raises nothing for what the job does.

    ``leased_at`` is the monotonic time of just before the claim.
    """
    supervisor = Supervisor(context, claim, leased_at)
    context.activity.job_id = claim.id
    try:
        supervisor.run()
    except LeaseLost:
        log.warning("%s is not ours any more", claim.id)
    except Refused as refused:
        log.error("%s cannot go on here: %s", claim.id, refused)
        supervisor.abandon(refused.why)
    except Exception as error:  # the edge of the task: a fault of our own must not stop the line
        log.exception("%s cannot be watched over", claim.id)
        supervisor.abandon(broken(error))
    finally:
        supervisor.close()
        context.activity.job_id = context.activity.trainer_pid = None
        context.waker.wake(claim.id)


class Supervisor:
    """One attempt, on one thread."""

    def __init__(self, context: WorkerContext, claim: ClaimedJob, leased_at: float) -> None:
        self._context, self._claim = context, claim
        self._requests = Requests()
        self._patience = Patience(context, claim.lease, self._requests)
        self._leased_at = leased_at
        self._reporting = Reporting(context, claim, self._patience, leased_at)
        self._settlement = Settlement(context, claim, self._patience, self._reporting)
        self._outcome: Message | None = None
        self._last_lines: deque[str] = deque(maxlen=5)
        self._watchdog = Watchdog(claim, context.settings.hang_seconds, leased_at)
        self._stop_asked = False
        self._kill_at: float | None = None
        self._child: Child | None = None
        self._starting = False
        self._keeper = Keeper(context, claim, leased_at, self._requests, self._kill)

    def run(self) -> None:
        """Watch the trainer to its end and settle the job."""
        self._keeper.start()
        if self._watchdog.over_time is not None:
            return self._settlement.fail(self._watchdog.over_time)
        try:
            start = self._patience.insist(
                lambda: start_message(self._context, self._claim, self._leased_at, self._go_on)
            )
        except MissingWeights as error:
            return self._settlement.fail(error.reason)
        except DamagedCheckpoint as error:
            log.exception("%s has to go on from an older checkpoint", self._claim.id)
            return self._settlement.give_back_without(error.id, error.reason)
        except (LeaseLost, Refused):
            raise
        except Exception as error:  # the edge of the task: whatever the store answers
            log.exception("%s could not be prepared", self._claim.id)
            return self._settlement.give_back(unprepared(error))
        self._context.waker.wake(self._claim.id)
        reach("start.prepared")
        try:
            self._child = self._start_child()
        except NotStarted as error:
            log.exception("%s got no trainer", self._claim.id)
            return self._settlement.give_back(not_started(error))
        reach("trainer.forked")
        self._context.activity.trainer_pid = self._child.pid
        self._child.send(start)
        reach("start.sent")
        self._watch(self._child)
        exit_code = self._child.wait_for_end()
        self._reporting.flush()
        return self._settle(exit_code)

    def abandon(self, why: Reason | None) -> None:
        """End the trainer and give the job back, if that much is possible."""
        self._kill()
        self._settlement.give_back_at_once(why)

    def close(self) -> None:
        """End the trainer and the keeper, whatever happened."""
        self._keeper.finish()
        if self._child is not None:
            child, self._child = self._child, None
            child.close()

    def _kill(self) -> None:
        """Also called on the keeper's threads: nothing of the trainer is needed any more."""
        child = self._child
        if child is not None:
            child.kill()
        elif self._starting:
            kill_fork_server()

    def _start_child(self) -> Child:
        """
        Raises:
            NotStarted: the fork server died or hung, or the attempt is to end.
        """
        self._starting = True
        try:
            return Child("worker.trainer", self._claim.id, self._context.settings.start_seconds)
        finally:
            self._starting = False

    def _go_on(self) -> None:
        """Called while there is no trainer yet that could be asked to stop.

        Raises:
            LeaseLost, Refused: the attempt is to end.
        """
        if self._requests.lost.is_set():
            raise LeaseLost(self._claim.lease)
        asked = self._requests.cancel, self._requests.pause, self._context.stopping
        if any(request.is_set() for request in asked):
            raise Refused(None)

    # The trainer and what it tells.

    def _watch(self, child: Child) -> None:
        """Take messages and lines until the trainer's end, and then what it has left."""
        sources: list[Any] = [child.messages, *child.lines]
        has_ended = False
        while sources and not has_ended:
            due = self._reporting.seconds_to_flush()
            timeout = _LOOK_SECONDS if due is None else min(due, _LOOK_SECONDS)
            began = time.monotonic()
            ready: list[Any] = wait([*sources, child.sentinel], timeout)
            self._watchdog.listened(min(time.monotonic() - began, timeout))
            has_ended = child.sentinel in ready
            self._take_ready(sources, ready)
            self._ask_to_stop_if_due(child)
            if self._outcome is None:
                self._watchdog.look(child)
            self._reporting.flush_if_due()
        self._drain(child, sources)

    def _drain(self, child: Child, sources: list[Any]) -> None:
        """Take what a trainer that is gone has written.

        Its pipes need not be closed: a process that it started may hold them, and write on.
        """
        until = time.monotonic() + _DRAIN_SECONDS
        while True:
            ready: list[Any] = wait(sources, 0)
            is_late = child.messages not in ready and time.monotonic() > until
            if not ready or is_late:
                return
            self._take_ready(sources, ready)

    def _take_ready(self, sources: list[Any], ready: list[Any]) -> None:
        for source in [source for source in sources if source in ready]:
            if not self._take(source):
                sources.remove(source)

    def _take(self, source: LineReader | MessageReader) -> bool:
        """One read; false at the end of the source."""
        if isinstance(source, LineReader):
            return self._take_lines(source)
        messages = source.read()
        for message in messages or ():
            self._watchdog.heard()
            self._handle(message)
        return messages is not None

    def _take_lines(self, reader: LineReader) -> bool:
        lines = reader.read()
        for line in lines or ():
            self._last_lines.append(line)
            self._reporting.log(_LEVELS[reader.stream], line)
        return lines is not None

    def _handle(self, message: Message) -> None:
        match message.type:
            case "metrics":
                self._reporting.metrics(message.data)
            case "progress":
                self._reporting.progress(message.data)
            case "passport":
                self._reporting.passport(message.data)
            case "log":
                self._reporting.log(message.data["level"], message.data["message"])
            case "checkpoint":
                self._store_checkpoint(message)
            case "estimate":
                self._settlement.estimate_bytes = sum(message.data.values())
            case "begun":
                self._settlement.has_begun = True
            case "alive":
                pass
            case "outcome":
                self._outcome = message
                self._kill_at = time.monotonic() + STOPPING_SECONDS  # nothing else is to come
                reach("outcome.received")
            case _:
                raise AssertionError(f"a trainer does not send {message.type!r}")

    def _store_checkpoint(self, message: Message) -> None:
        """A second try begins anew: what the first one wrote is invisible, or gives way."""
        self._reporting.flush()
        keep = self._claim.spec["training"]["checkpoints"]
        in_store = self._context.settings.checkpoint_store == "store"
        weights, state = message.blobs
        self._patience.insist(
            lambda: put_checkpoint(
                self._context.database,
                self._claim.lease,
                self._claim.attempt,
                **message.data,
                weights=weights,
                state=state,
                keep_last=keep["keep_last"],
                keep_best=keep["keep_best"],
                blobs=self._context.blobs if in_store else None,
                go_on=self._patience.go_on,
            )
        )
        self._context.waker.wake(self._claim.id)

    def _ask_to_stop_if_due(self, child: Child) -> None:
        if self._requests.lost.is_set():
            raise LeaseLost(self._claim.lease)
        if self._requests.cancel.is_set():  # also where it came before the child was there
            child.kill()
        moment = time.monotonic()
        asked = self._requests.pause.is_set() or self._context.stopping.is_set()
        if asked and not self._stop_asked:
            self._stop_asked, self._kill_at = True, moment + STOPPING_SECONDS
            child.send(Message("stop"))
        if self._kill_at is not None and moment > self._kill_at:
            log.warning("the trainer of %s did not stop in time", self._claim.id)
            self._kill_at = None
            child.kill()

    # The end of the attempt.

    def _settle(self, exit_code: int | None) -> None:
        if self._outcome is not None:
            return self._settlement.settle(self._outcome)
        if self._watchdog.over_time is not None and not self._requests.cancel.is_set():
            return self._settlement.fail(self._watchdog.over_time)
        if self._stop_asked or self._requests.cancel.is_set():  # killed by us
            return self._settlement.give_back(None)
        if self._watchdog.hung is not None:
            return self._settlement.give_back(self._watchdog.hung)
        return self._settlement.settle_death(exit_code, self._last_lines)
