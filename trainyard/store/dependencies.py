"""Jobs that come after others: what they wait for, and what becomes of them.

An edge stands in ``awaited`` for as long as it is waited for. Only jobs that exist can be named,
so there are no cycles. Rows are locked by growing id, and a job that comes after another is
younger: transactions that end jobs do not lock each other out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from trainyard.errors import Mistake
from trainyard.status import FINAL, JobStatus
from trainyard.store.tables import Awaited, Job

_QUIETLY = {"synchronize_session": False}


def look_at_awaited(
    session: Session, owner_id: str, after: Mapping[str, str]
) -> tuple[list[str], list[Mistake]]:
    """Which of the jobs have yet to succeed, and mistakes where one is not there, is another
    owner's, or has ended otherwise. ``after`` are ids by their places in the spec.

    The jobs do not change before the transaction ends.
    """
    query = select(Job).where(Job.id.in_(after.values()), Job.owner_id == owner_id)
    rows = session.scalars(
        query.order_by(Job.id).with_for_update(read=True),
        execution_options={"populate_existing": True},
    )
    found = {job.id: JobStatus(job.status) for job in rows}
    mistakes = []
    for path, job_id in after.items():
        status = found.get(job_id)
        if status is None:
            mistakes.append(_mistake(path, f"there is no job {job_id}", job_id))
        elif status in FINAL - {JobStatus.SUCCEEDED}:
            mistakes.append(_mistake(path, f"{job_id} is {status}: it cannot succeed", job_id))
    return [job_id for job_id, status in found.items() if status not in FINAL], mistakes


def await_jobs(session: Session, job_id: str, after: Sequence[str]) -> None:
    """Let a new job wait for these, which ``look_at_awaited`` found in this transaction."""
    if after:
        session.execute(insert(Awaited), [{"job_id": job_id, "after_id": one} for one in after])


def dependents(session: Session, job_id: str) -> Sequence[str]:
    """The jobs that wait for this one."""
    query = select(Awaited.job_id).where(Awaited.after_id == job_id)
    return session.scalars(query.order_by(Awaited.job_id)).all()


def release_dependents(session: Session, job_id: str) -> None:
    """The job has succeeded: nobody waits for it any more."""
    session.execute(delete(Awaited).where(Awaited.after_id == job_id), execution_options=_QUIETLY)


def stop_awaiting(session: Session, job_id: str) -> None:
    """The job has ended: it waits for nobody any more."""
    session.execute(delete(Awaited).where(Awaited.job_id == job_id), execution_options=_QUIETLY)


def awaited_by(session: Session, job_ids: Sequence[str]) -> dict[str, list[tuple[str, JobStatus]]]:
    """What each of these jobs still waits for: ids and states by the waiting job's id."""
    query = select(Awaited.job_id, Job.id, Job.status).join(Job, Job.id == Awaited.after_id)
    found: dict[str, list[tuple[str, JobStatus]]] = {}
    for job_id, after_id, status in session.execute(
        query.where(Awaited.job_id.in_(job_ids)).order_by(Job.id)
    ):
        found.setdefault(job_id, []).append((after_id, JobStatus(status)))
    return found


def _mistake(path: str, message: str, received: str) -> Mistake:
    return Mistake(path, message, "id of a job of yours that succeeded or may succeed", received)
