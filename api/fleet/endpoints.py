"""/v1/workers, /v1/queue, /v1/usage"""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.auth import Caller
from api.context import Ctx
from api.fleet.schemas import QueuedJob, QueueState, Usage, UsageLimits, Worker, WorkerList
from api.uploads.piece import length_of
from trainyard.status import ON_A_WORKER, JobStatus
from trainyard.store import line, uploads, usage, workers
from trainyard.store.tables import Job
from trainyard.store.tables import Worker as WorkerRow
from trainyard.store.waiting import Waiting, waiting

router = APIRouter(prefix="/v1", tags=["operations"])
_MOST_QUEUED = 200


def _owned_jobs(session: Session, owner_id: str, job_ids: Sequence[str]) -> set[str]:
    """Those of the jobs that are this owner's."""
    query = select(Job.id).where(Job.owner_id == owner_id, Job.id.in_(job_ids))
    return set(session.scalars(query))


def _queued(job: Job, place: Waiting) -> QueuedJob:
    return QueuedJob(
        job_id=job.id,
        name=job.name,
        priority=job.priority,
        queued_at=job.queued_at,
        **place.as_dict(),
    )


def _view(row: WorkerRow, status: str, *, is_shown: bool) -> Worker:
    """A worker; what a lost one had is somebody else's by now, or will be."""
    is_lost = status == "lost"
    return Worker(
        id=row.id,
        host=row.host,
        device=row.device,
        status=status,
        job_id=row.job_id if is_shown and not is_lost else None,
        worker_pid=row.worker_pid,
        trainer_pid=None if is_lost else row.trainer_pid,
        started_at=row.started_at,
        last_seen=row.last_seen,
    )


@router.get("/workers")
def list_workers(context: Ctx, caller: Caller) -> WorkerList:
    """Workers seen of late."""
    silent_after = context.settings.lease
    with context.database.read() as session:
        rows = workers.list_workers(session)
        mine = _owned_jobs(session, caller.owner_id, [row.job_id for row in rows if row.job_id])
    items = []
    for row in rows:
        status = workers.effective_status(row, silent_after)
        items.append(_view(row, status, is_shown=caller.is_admin or row.job_id in mine))
    return WorkerList(items=items)


@router.get("/queue")
def get_queue(context: Ctx, caller: Caller) -> QueueState:
    """How long the queue is, and where the caller's first 200 jobs stand in it."""
    with context.database.read() as session:
        counts = usage.jobs_by_status(session)
        mine = line.first_of_owner(session, caller.owner_id, _MOST_QUEUED)
        places = waiting(session, mine, context.settings.lease)
        num_up, num_idle = workers.count_trainers(session, context.settings.lease)
    items = [_queued(job, places[job.id]) for job in mine if job.id in places]
    return QueueState(
        queued=counts[JobStatus.QUEUED],
        running=sum(counts[status] for status in ON_A_WORKER),
        workers=num_up,
        idle_workers=num_idle,
        items=sorted(items, key=lambda item: item.position),
    )


@router.get("/usage")
def get_usage(context: Ctx, caller: Caller) -> Usage:
    """What the caller holds, and the limits."""
    with context.database.read() as session:
        held = usage.usage(session, caller.owner_id)
        open_ids = uploads.open_ids(session, caller.owner_id)
    held["uploads"] = len(open_ids)
    lengths = (length_of(context.incoming_folder / one) for one in open_ids)
    held["bytes"]["uploads"] = sum(lengths)
    settings = context.settings
    limits = UsageLimits(
        max_jobs=settings.max_jobs_per_owner,
        max_upload_bytes=settings.max_upload_bytes,
        max_open_uploads=settings.max_open_uploads,
        max_requests_per_minute=settings.max_requests_per_minute,
    )
    return Usage(**held, limits=limits)
