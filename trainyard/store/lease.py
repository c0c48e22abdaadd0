"""Who may write to a running job: the holder of its lease, proved by the fencing token.

Each claim makes the job's ``fence`` grow. A worker that was silent for too long and comes back
holds an old fence; whatever it writes changes nothing and raises ``LeaseLost``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from trainyard.errors import NotFound
from trainyard.status import ON_A_WORKER
from trainyard.store.tables import Job


class LeaseLost(Exception):
    """The job belongs to somebody else by now, or is gone."""


@dataclass(frozen=True)
class Lease:
    """A claim on a job, carried by every write of a worker."""

    job_id: str
    fence: int
    worker_id: str


def _is_held(lease: Lease) -> Any:
    return (
        (Job.id == lease.job_id)
        & (Job.fence == lease.fence)
        & (Job.worker_id == lease.worker_id)
        & Job.status.in_(ON_A_WORKER)
    )


def lock_leased(session: Session, lease: Lease) -> Job:
    """The job's row, locked until the transaction ends.

    Raises:
        LeaseLost: the lease is not current.
    """
    query = select(Job).where(_is_held(lease)).with_for_update()
    job = session.scalar(query, execution_options={"populate_existing": True})
    if job is None:
        raise LeaseLost(lease)
    return job


def update_leased(
    session: Session, lease: Lease, *conditions: ColumnElement[bool], **values: Any
) -> int | None:
    """Change columns of the job in one statement; returns ``last_seq`` after it.

    None where the lease is current, but one of the further conditions does not hold.

    Raises:
        LeaseLost: the lease is not current.
    """
    statement = update(Job).where(_is_held(lease), *conditions).values(**values)
    statement = statement.returning(Job.last_seq).execution_options(synchronize_session=False)
    last_seq = session.scalar(statement)
    if last_seq is None:
        lock_leased(session, lease)
    return last_seq


def lock_job(session: Session, job_id: str) -> Job:
    """The job's row, locked until the transaction ends, whoever works on it.

    Raises:
        NotFound: the job is gone.
    """
    query = select(Job).where(Job.id == job_id).with_for_update()
    job = session.scalar(query, execution_options={"populate_existing": True})
    if job is None:
        raise NotFound(f"There is no job {job_id}.")
    return job
