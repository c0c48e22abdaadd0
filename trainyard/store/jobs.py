"""What users do with jobs: create, look at, change, cancel, pause, resume, delete.

What workers do stands in ``claims``. All look-ups are by owner: another owner's job is not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, cast, delete, func, select
from sqlalchemy.orm import Session

from trainyard.errors import Conflict, NotFound
from trainyard.ids import new_id
from trainyard.status import FINAL, ON_A_WORKER, JobStatus, ReasonCode
from trainyard.store import datasets, dependencies
from trainyard.store.events import NewEvent, add_events
from trainyard.store.garbage import discard
from trainyard.store.lease import lock_job
from trainyard.store.states import change_status, end_dependents, reason
from trainyard.store.tables import Artifact, Checkpoint, Dataset, Event, Job
from trainyard.store.types import octet_length

if TYPE_CHECKING:
    from trainyard.spec.job import JobSpec

WRITTEN = {"model", "training", "definitions"}  # what of a spec says how to train


def create_job(
    session: Session,
    owner_id: str,
    dataset: Dataset,
    spec: JobSpec,
    written: dict[str, Any] | None = None,
    *,
    after: Sequence[str] = (),
) -> Job:
    """A queued job; ``trainyard.queue.send_train(job.id)`` follows after the commit.

    ``written`` is what the user wrote of it; else it is made from what ``spec`` was given.
    ``after`` are the jobs that it waits for, as ``dependencies.look_at_awaited`` found them.
    """
    job = Job(
        id=new_id("job"),
        owner_id=owner_id,
        dataset_id=dataset.id,
        name=spec.name,
        notes=spec.notes,
        tags=list(spec.tags),
        priority=spec.priority,
        spec=spec.model_dump(mode="json"),
        written=written or spec.model_dump(mode="json", include=WRITTEN, exclude_unset=True),
        status=JobStatus.QUEUED.value,
        progress={},
        summary={},
    )
    session.add(job)
    session.flush()
    dependencies.await_jobs(session, job.id, after)
    add_events(session, job, [NewEvent("status", {"status": job.status, "attempt": 0})])
    return job


def get_job(session: Session, owner_id: str, job_id: str) -> Job:
    """One job of this owner.

    Raises:
        NotFound: there is none, or it is another owner's.
    """
    job = session.get(Job, job_id)
    if job is None or job.owner_id != owner_id:
        raise NotFound(f"There is no job {job_id}.")
    return job


def count_active(session: Session, owner_id: str) -> int:
    """How many of the owner's jobs are queued or on a worker, for ``max_jobs_per_owner``."""
    active = [status.value for status in ON_A_WORKER | {JobStatus.QUEUED}]
    query = select(func.count()).select_from(Job)
    return session.scalar(query.where(Job.owner_id == owner_id, Job.status.in_(active))) or 0


def update_job(
    session: Session,
    job: Job,
    *,
    name: str | None = None,
    notes: str | None = None,
    tags: Sequence[str] | None = None,
    priority: int | None = None,
) -> Job:
    """Change what is given; the priority counts for as long as the job waits."""
    locked = lock_job(session, job.id)
    given = {
        "name": name,
        "notes": notes,
        "tags": None if tags is None else list(tags),
        "priority": priority,
    }
    for field, value in given.items():
        if value is not None:
            setattr(locked, field, value)
    return locked


def request_cancel(session: Session, job: Job) -> Job:
    """Cancel: at once where no worker has the job, else the worker is asked to.

    Raises:
        Conflict: the job has ended.
    """
    locked = lock_job(session, job.id)
    if locked.status == JobStatus.CANCELLING:
        return locked
    why = reason(ReasonCode.CANCELLED_BY_USER, "Cancelled on request.")
    working = locked.status in ON_A_WORKER
    locked.not_before = None
    change_status(session, locked, JobStatus.CANCELLING if working else JobStatus.CANCELLED, why)
    return locked


def request_pause(session: Session, job: Job) -> Job:
    """Pause: at once while queued; a worker is asked to write a checkpoint first.

    Raises:
        Conflict: the job is neither queued nor running.
    """
    locked = lock_job(session, job.id)
    if locked.status == JobStatus.PAUSING:
        return locked
    working = locked.status == JobStatus.RUNNING
    locked.not_before = None
    change_status(session, locked, JobStatus.PAUSING if working else JobStatus.PAUSED)
    return locked


def resume(session: Session, job: Job) -> Job:
    """Queue a paused job again, with all its retries; ``send_train`` follows after the commit.

    Raises:
        Conflict: the job is not paused.
    """
    locked = lock_job(session, job.id)
    if locked.status != JobStatus.PAUSED:
        raise Conflict(f"Only a paused job can be resumed; this one is {locked.status}.")
    locked.num_crashes = 0
    change_status(session, locked, JobStatus.QUEUED)
    return locked


def delete_job(session: Session, job: Job) -> int:
    """Delete a job and all that belongs to it; returns the bytes that it took (``job_bytes``).
    Jobs that wait for it are cancelled.

    Files in the object store are marked as garbage in the same transaction; call
    ``garbage.collect`` after the commit.

    Raises:
        Conflict: a worker has the job.
    """
    locked = lock_job(session, job.id)
    if locked.status in ON_A_WORKER:
        raise Conflict(f"The job is {locked.status}: cancel it first.")
    end_dependents(session, locked, "was deleted")
    freed = job_bytes(session, [locked.id])
    discard(session, f"jobs/{locked.id}")
    dataset_id = locked.dataset_id
    session.execute(delete(Job).where(Job.id == locked.id))
    datasets.drop_tombstone(session, dataset_id)
    return freed


def job_bytes(session: Session, job_ids: Sequence[str]) -> int:
    """Bytes of the checkpoints, artifacts, metrics and logs of these jobs."""
    checkpoint_size = func.sum(Checkpoint.size_bytes + Checkpoint.state_size_bytes)
    checkpoints = session.scalar(select(checkpoint_size).where(Checkpoint.job_id.in_(job_ids)))
    artifact_size = select(func.sum(Artifact.size_bytes))
    artifacts = session.scalar(artifact_size.where(Artifact.job_id.in_(job_ids)))
    told = octet_length(cast(Event.data, Text)) + func.coalesce(octet_length(Event.message), 0)
    events = session.scalar(select(func.sum(told)).where(Event.job_id.in_(job_ids)))
    return int(checkpoints or 0) + int(artifacts or 0) + int(events or 0)


def has_ended(job: Job) -> bool:
    return JobStatus(job.status) in FINAL
