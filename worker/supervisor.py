"""Watches over one attempt at a job: starts the trainer, stores what it tells, ends it.

The supervisor owns the job's log and its truth: whatever happens to the trainer, what it said
before is kept, and the job gets a status that is true. How training works is the engine's.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from multiprocessing.connection import wait
from typing import Any

from sqlalchemy.orm import Session

from trainyard.errors import NotFound
from trainyard.exporters import artifact_name
from trainyard.jsonable import jsonable
from trainyard.status import JobStatus, ReasonCode
from trainyard.store import artifacts
from trainyard.store.checkpoints import put_checkpoint, read_part
from trainyard.store.claims import ClaimedJob, finish_job, requeue_job
from trainyard.store.datasets import dataset_prefix
from trainyard.store.lease import LeaseLost
from trainyard.store.states import Reason, reason
from trainyard.store.tables import Checkpoint
from trainyard.store.weights import initial_pieces
from worker.children import Child, LineReader
from worker.context import WorkerContext
from worker.deaths import count_oom_kills, explain
from worker.keeper import Keeper
from worker.messages import Message, receive, send
from worker.reporting import Reporting

log = logging.getLogger(__name__)
_GRACE_SECONDS = 8.0  # to write a checkpoint, once asked to stop; below Docker's ten
_LOOK_SECONDS = 0.2
_LEVELS = {"stdout": "info", "stderr": "warning"}


_GONE = "What init_from names was deleted: queue the job again without it."


class MissingWeights(Exception):
    """What ``init_from`` names is not there any more."""


def run_job(context: WorkerContext, claim: ClaimedJob) -> None:
    """Train a claimed job to the end of this attempt. Raises nothing for what the job does."""
    supervisor = Supervisor(context, claim)
    context.activity.job_id = claim.id
    try:
        supervisor.run()
    except LeaseLost:
        log.warning("%s belongs to somebody else by now", claim.id)
    finally:
        supervisor.close()
        context.activity.job_id = context.activity.trainer_pid = None
        context.waker.wake(claim.id)


class Supervisor:
    """One attempt. All but ``_on_request`` and ``_on_lost`` runs on one thread."""

    def __init__(self, context: WorkerContext, claim: ClaimedJob) -> None:
        self._context, self._claim = context, claim
        self._reporting = Reporting(context, claim)
        self._outcome: Message | None = None
        self._last_lines: deque[str] = deque(maxlen=5)
        self._oom_kills = count_oom_kills()
        self._lost = self._stop_asked = False
        self._cancel_asked = self._pause_asked = False
        self._kill_at: float | None = None
        self._child: Child | None = None
        self._keeper = Keeper(context, claim.lease, self._on_request, self._on_lost)

    def run(self) -> None:
        """Watch the trainer to its end and settle the job."""
        self._keeper.start()
        try:
            start = self._start_message()
        except MissingWeights as error:
            return self._fail(reason(ReasonCode.BAD_DATA, str(error), _GONE))
        except Exception as error:  # the edge of the task: whatever the store answers
            log.exception("%s could not be prepared", self._claim.id)
            return self._give_back(_unprepared(error))
        self._context.waker.wake(self._claim.id)
        self._child = Child("worker.trainer", name=self._claim.id)
        self._context.activity.trainer_pid = self._child.pid
        try:
            send(self._child.connection, start)
        except OSError:
            log.warning("the trainer of %s died at its start", self._claim.id)
        self._watch(self._child)
        self._child.process.join()
        self._reporting.flush()
        self._settle(self._child.process.exitcode)
        return None

    def close(self) -> None:
        """End the trainer and the keeper, whatever happened."""
        if self._child is not None:
            child, self._child = self._child, None
            child.close()
        self._keeper.finish()

    # What is asked of us, on the keeper's thread.

    def _on_request(self, status: JobStatus) -> None:
        self._cancel_asked = status is JobStatus.CANCELLING
        self._pause_asked = status is JobStatus.PAUSING
        if self._cancel_asked and self._child is not None:
            self._child.kill()  # nothing of it is needed any more

    def _on_lost(self) -> None:
        self._lost = True
        if self._child is not None:
            self._child.kill()

    # The trainer and what it tells.

    def _start_message(self) -> Message:
        claim, context = self._claim, self._context
        folder = context.blobs.local_folder(dataset_prefix(claim.dataset_id), context.cache_folder)
        data = {"spec": claim.spec, "folder": str(folder), "device": context.settings.device}
        with context.database.read() as session:
            init_from = claim.spec["training"].get("init_from")
            if claim.checkpoint_id is None and init_from is not None:
                return Message("start", data, (self._initial(session, init_from),))
            if claim.checkpoint_id is None:
                return Message("start", data)
            checkpoint = session.get_one(Checkpoint, claim.checkpoint_id)
            weights = read_part(session, checkpoint, "weights", context.blobs)
            state = read_part(session, checkpoint, "state", context.blobs)
        return Message("start", data, (weights, state))

    def _initial(self, session: Session, init_from: str) -> bytes:
        """The weights to begin with.

        Raises:
            MissingWeights: they were deleted after the job was made.
        """
        pieces = initial_pieces(session, self._claim.owner_id, init_from, self._context.blobs)
        try:
            return b"".join(pieces)
        except NotFound as error:
            raise MissingWeights(error.detail) from error

    def _watch(self, child: Child) -> None:
        """Take messages and lines until all pipes are closed, which the trainer's end does."""
        sources: list[Any] = [child.connection, *child.readers]
        while sources:
            due = self._reporting.seconds_to_flush()
            timeout = _LOOK_SECONDS if due is None else min(due, _LOOK_SECONDS)
            for source in wait(sources, timeout):
                if not self._take(source):
                    sources.remove(source)
            self._ask_to_stop_if_due(child)
            self._reporting.flush_if_due()

    def _take(self, source: Any) -> bool:
        """One read; false at the end of the source."""
        if isinstance(source, LineReader):
            return self._take_lines(source)
        try:
            message = receive(source)
        except (EOFError, OSError):
            return False
        self._handle(message)
        return True

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
            case "outcome":
                self._outcome = message
            case _:
                raise AssertionError(f"a trainer does not send {message.type!r}")

    def _store_checkpoint(self, message: Message) -> None:
        self._reporting.flush()
        keep = self._claim.spec["training"]["checkpoints"]
        in_store = self._context.settings.checkpoint_store == "store"
        weights, state = message.blobs
        put_checkpoint(
            self._context.database,
            self._claim.lease,
            self._claim.attempt,
            **message.data,
            weights=weights,
            state=state,
            keep_last=keep["keep_last"],
            keep_best=keep["keep_best"],
            blobs=self._context.blobs if in_store else None,
        )
        self._context.waker.wake(self._claim.id)

    def _ask_to_stop_if_due(self, child: Child) -> None:
        if self._lost:
            raise LeaseLost(self._claim.lease)
        if self._cancel_asked:  # also where it came before the child was there
            child.kill()
        moment = time.monotonic()
        if not self._stop_asked and (self._pause_asked or self._context.stopping.is_set()):
            self._stop_asked, self._kill_at = True, moment + _GRACE_SECONDS
            try:
                send(child.connection, Message("stop"))
            except OSError:
                log.info("the trainer of %s is gone already", self._claim.id)
        if self._kill_at is not None and moment > self._kill_at:
            log.warning("the trainer of %s did not stop in time", self._claim.id)
            self._kill_at = None
            child.kill()

    # The end of the attempt.

    def _settle(self, exit_code: int | None) -> None:
        if self._outcome is None:
            return self._settle_without_outcome(exit_code)
        match self._outcome.data["kind"]:
            case "finished":
                self._store_model(self._outcome)
                return self._finish(JobStatus.SUCCEEDED, None)
            case "failed":
                return self._finish(JobStatus.FAILED, self._outcome.data["reason"])
            case _:
                return self._give_back(None)

    def _settle_without_outcome(self, exit_code: int | None) -> None:
        if self._stop_asked or self._cancel_asked:  # killed by us
            return self._give_back(None)
        death = explain(exit_code, self._last_lines, count_oom_kills() - self._oom_kills)
        self._reporting.log("error", death.reason["message"])
        self._reporting.flush()
        return self._give_back(death.reason) if death.retry else self._fail(death.reason)

    def _store_model(self, outcome: Message) -> None:
        for format, data in zip(outcome.data["files"], outcome.blobs, strict=True):
            name = artifact_name(format)
            key = artifacts.artifact_key(self._claim.id, self._claim.attempt, name)
            stored = self._context.blobs.put_bytes(key, data)
            with self._context.database.write() as session:
                artifacts.add_artifact(session, self._claim.lease, name, stored)

    def _finish(self, status: JobStatus, why: Reason | None) -> None:
        assert self._outcome is not None
        told = self._outcome.data
        with self._context.database.write() as session:
            finish_job(
                session,
                self._claim.lease,
                status,
                why=why,
                summary=jsonable(told["summary"]) or None,
                best=told["best"],
                report=told["report"],
                speed=told["speed"],
            )

    def _fail(self, why: Reason) -> None:
        with self._context.database.write() as session:
            finish_job(session, self._claim.lease, JobStatus.FAILED, why=why)

    def _give_back(self, crash: Reason | None) -> None:
        retries = self._context.settings.retries
        with self._context.database.write() as session:
            status = requeue_job(session, self._claim.lease, crash=crash, retries=retries)
        if status is JobStatus.QUEUED:
            self._context.doorbell.send_train(self._claim.id)


def _unprepared(error: Exception) -> Reason:
    return reason(
        ReasonCode.INTERNAL,
        f"The dataset or the checkpoint could not be read: {type(error).__name__}.",
        str(error)[:500],
    )
