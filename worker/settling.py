"""The end of an attempt: what is stored of it, and which status the job gets.

Each write may be done twice, where the answer to the first was lost: the second finds the lease
given back and raises ``LeaseLost``, after which nothing is left to do.
"""

from __future__ import annotations

import logging
from collections import deque

from sqlalchemy.orm import Session

from trainyard.crashpoints import reach
from trainyard.exporters import artifact_name
from trainyard.jsonable import jsonable
from trainyard.status import JobStatus, ReasonCode
from trainyard.store import artifacts, garbage
from trainyard.store.attempts import drop_damaged, note_used
from trainyard.store.blobs import StoredFile
from trainyard.store.claims import ClaimedJob, finish_job, requeue_job
from trainyard.store.lease import LeaseLost
from trainyard.store.states import Reason, reason
from worker.context import WorkerContext
from worker.deaths import count_oom_kills, explain
from worker.messages import Message
from worker.patience import Patience
from worker.reporting import Reporting

log = logging.getLogger(__name__)


class Settlement:
    """That of one attempt; made at its begin, to count what the kernel kills meanwhile."""

    def __init__(
        self, context: WorkerContext, claim: ClaimedJob, patience: Patience, reporting: Reporting
    ) -> None:
        self._context, self._claim = context, claim
        self._patience, self._reporting = patience, reporting
        self._oom_kills = count_oom_kills()
        self.estimate_bytes: int | None = None  # of memory, as the trainer reckons
        self.has_spoken = False  # the trainer, about anything
        self.has_begun = False  # the steps: what memory they take depends on the batch

    def settle(self, outcome: Message) -> None:
        """What the trainer says of its end becomes the job's."""
        match outcome.data["kind"]:
            case "finished":
                self._store_model(outcome)
                self._finish(JobStatus.SUCCEEDED, None, outcome)
            case "failed":
                self._finish(JobStatus.FAILED, outcome.data["reason"], outcome)
            case "broken":
                self.give_back(outcome.data["reason"])
            case _:
                self.give_back(None)

    def settle_death(self, exit_code: int | None, last_lines: deque[str]) -> None:
        """The trainer is gone and has said nothing."""
        oom_kills = count_oom_kills() - self._oom_kills
        has_fitted = self.has_begun or self._claim.start_step > 0
        death = explain(
            exit_code,
            last_lines,
            oom_kills,
            self.estimate_bytes,
            has_spoken=self.has_spoken,
            has_fitted=has_fitted,
        )
        self._reporting.log("error", death.reason["message"])
        self._reporting.flush()
        if death.retry:
            self.give_back(death.reason)
        else:
            self.fail(death.reason)

    def fail(self, why: Reason) -> None:
        """The job has failed, and another attempt would."""
        self._patience.write(
            lambda session: finish_job(session, self._claim.lease, JobStatus.FAILED, why=why)
        )

    def give_back(self, crash: Reason | None) -> None:
        """Another attempt may go better, or the job was asked to pause or to end."""
        self._ring(self._patience.write(lambda session: self._requeue(session, crash)))

    def give_back_without(self, checkpoint_id: str, crash: Reason) -> None:
        """Another attempt goes on from an older checkpoint than this one, which is damaged."""

        def write(session: Session) -> JobStatus:
            drop_damaged(session, self._claim.lease, checkpoint_id)
            return self._requeue(session, crash)

        self._ring(self._patience.write(write))

    def give_back_at_once(self, crash: Reason | None) -> None:
        """As ``give_back``, without waiting: where that fails, the next claim does it."""
        try:
            with self._context.database.write() as session:
                status = self._requeue(session, crash)
        except LeaseLost:
            return
        except Exception:  # the last that can be done for this attempt
            log.exception("%s is left to the next claim", self._claim.id)
            return
        self._ring(status)

    def _requeue(self, session: Session, crash: Reason | None) -> JobStatus:
        retries = self._context.settings.retries
        status = requeue_job(session, self._claim.lease, crash=crash, retries=retries)
        note_used(session, self._claim.id, self._claim.attempt, self._reporting.used_seconds)
        reach("requeue.written")
        return status

    def _ring(self, status: JobStatus) -> None:
        reach("requeue.committed")
        if status is JobStatus.QUEUED:
            self._context.doorbell.send_train(self._claim.id)
        reach("requeue.rung")

    def _store_model(self, outcome: Message) -> None:
        for format, data in zip(outcome.data["files"], outcome.blobs, strict=True):
            self._store_file(artifact_name(format), data)

    def _store_file(self, name: str, data: bytes) -> None:
        key = artifacts.artifact_key(self._claim.id, self._claim.attempt, name)
        blobs, go_on = self._context.blobs, self._patience.go_on
        stored: StoredFile = self._patience.insist(lambda: blobs.put_bytes(key, data, go_on))
        reach("model.stored")
        try:
            self._patience.write(
                lambda session: artifacts.add_artifact(session, self._claim.lease, name, stored)
            )
        except LeaseLost:  # perhaps after what the attempt left was swept
            with self._context.database.write() as session:
                garbage.discard(session, key)
            raise
        reach("model.recorded")

    def _finish(self, status: JobStatus, why: Reason | None, outcome: Message) -> None:
        told = outcome.data

        def write(session: Session) -> None:
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
            reach("finish.written")

        self._patience.write(write)
        reach("finish.committed")


def broken(error: Exception) -> Reason:
    """The reason of an attempt whose supervisor failed."""
    what = ": ".join(filter(None, (type(error).__name__, str(error)[:300])))
    return reason(
        ReasonCode.INTERNAL,
        f"The worker failed while it watched over the training ({what}).",
        "See the log of the worker, and whether its machine ran out of memory.",
    )
