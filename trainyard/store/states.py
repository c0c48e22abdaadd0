"""Changes of a job's status: the one place where they happen, by trainyard.status's table."""

from __future__ import annotations

from datetime import datetime
from heapq import heappop, heappush
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from trainyard.errors import Conflict
from trainyard.status import FINAL, ON_A_WORKER, JobStatus, ReasonCode, may_become
from trainyard.store import dependencies
from trainyard.store.artifacts import drop_artifacts
from trainyard.store.checkpoints import drop_incomplete
from trainyard.store.events import NewEvent, add_events
from trainyard.store.logs import log_tail
from trainyard.store.tables import Attempt, Job, now

Reason = dict[str, Any]
_GOES_ON = {JobStatus.QUEUED, JobStatus.PAUSED}
_NO_FAULT = {
    ReasonCode.CANCELLED_BY_USER,
    ReasonCode.PAUSED_BY_USER,
    ReasonCode.WORKER_STOPPED,
}


def reason(code: ReasonCode, message: str, hint: str = "") -> Reason:
    """A reason as the API shows it; one of an attempt gets its ``log_tail`` with its end."""
    return {"code": code.value, "message": message, "hint": hint}


def change_status(
    session: Session, job: Job, following: JobStatus, why: Reason | None = None
) -> None:
    """Bring a locked job to another status: columns, attempt row and events in one.

    ``why`` tells of the attempt that ends with it, and of the job where that ends too. Jobs that
    come after one that ends are free to go, or end with it.

    Raises:
        Conflict: the table of transitions does not allow it.
    """
    status = JobStatus(job.status)
    if not may_become(status, following):
        raise Conflict(f"A job that is {status} cannot become {following}.")
    if status in ON_A_WORKER and following not in ON_A_WORKER:
        shown = _with_log_tail(session, job, why)
        _leave_worker(session, job, following, shown)
    else:
        shown = why
    _set_status(session, job, following, why)
    job.reason = None if following in _GOES_ON else shown
    if following is JobStatus.SUCCEEDED:
        dependencies.release_dependents(session, job.id)
    elif following in FINAL:
        end_dependents(session, job, f"is {following}")


def _set_status(session: Session, job: Job, following: JobStatus, why: Reason | None) -> None:
    job.status = following.value
    job.reason = why
    if following is JobStatus.QUEUED:
        job.queued_at = now()
    data: dict[str, Any] = {"status": following.value, "attempt": job.attempt}
    data |= {"reason": why} if why else {}
    data |= {"retry_at": _text(job.not_before)} if job.not_before else {}
    events = [NewEvent("status", data)]
    if following in FINAL:
        job.finished_at = now()
        end = {"status": following.value, "reason": why, "summary": job.summary}
        events.append(NewEvent("end", end))
        dependencies.stop_awaiting(session, job.id)
    add_events(session, job, events)


def _with_log_tail(session: Session, job: Job, why: Reason | None) -> Reason | None:
    """Of a fault, with what the attempt said last; it is not told in events, which hold the log."""
    if why is None or why["code"] in _NO_FAULT:
        return why
    return {**why, "log_tail": log_tail(session, job.id, job.attempt)}


def end_dependents(session: Session, ended: Job, what: str) -> None:
    """Cancel the jobs that come after one that will not succeed, and those that come after them.

    ``what`` completes the sentence "job_… …". They were never begun, so no worker is asked.
    """
    waiting = [
        (job_id, f"{ended.id} {what}") for job_id in dependencies.dependents(session, ended.id)
    ]
    while waiting:
        job_id, told = heappop(waiting)
        query = select(Job).where(Job.id == job_id).with_for_update()
        job = session.scalar(query, execution_options={"populate_existing": True})
        if job is None or job.status in FINAL:
            continue
        message = f"It was to come after another job, but {told}."
        hint = "Queue it again without `after`, or after a job that succeeds."
        why = reason(ReasonCode.DEPENDENCY_FAILED, message, hint)
        _set_status(session, job, JobStatus.CANCELLED, why)
        for more in dependencies.dependents(session, job.id):
            heappush(waiting, (more, f"{job.id} is cancelled"))


def _text(moment: datetime) -> str:
    """As the API writes it."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _leave_worker(session: Session, job: Job, outcome: JobStatus, why: Reason | None) -> None:
    job.worker_id = job.lease_expires_at = None
    drop_incomplete(session, job.id)
    if outcome is not JobStatus.SUCCEEDED:
        drop_artifacts(session, job.id, job.attempt)
    attempt = session.get(Attempt, (job.id, job.attempt))
    assert attempt is not None, "a claim makes the attempt's row"
    attempt.outcome, attempt.reason, attempt.finished_at = outcome.value, why, now()
