"""What workers do with jobs: claim, keep, end, give back, and take back from the dead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.orm import Session

from trainyard.jsonable import jsonable
from trainyard.retries import DEFAULT_RETRIES, RetryPolicy
from trainyard.status import ON_A_WORKER, JobStatus, ReasonCode
from trainyard.store import line
from trainyard.store.attempts import last_checkpoint, num_memory_kills, used_seconds
from trainyard.store.datasets import stored_prefix
from trainyard.store.events import NewEvent, add_events, metrics_at
from trainyard.store.lease import Lease, LeaseLost, lock_leased, update_leased
from trainyard.store.states import Reason, change_status, reason
from trainyard.store.tables import Attempt, Dataset, Event, Job, Worker, now

_CANCELLED = reason(ReasonCode.CANCELLED_BY_USER, "Cancelled on request.")
_PAUSED = reason(ReasonCode.PAUSED_BY_USER, "Paused on request.")
_STOPPED = reason(ReasonCode.WORKER_STOPPED, "The worker was told to end, and gave the job back.")
_LOST = reason(
    ReasonCode.WORKER_LOST,
    "The worker went silent while it had the job.",
    "See the log of the worker, and whether its machine ran out of memory.",
)
_FORGOTTEN = reason(
    ReasonCode.INTERNAL,
    "The worker held the job without training it: it never learned that it had it, or could not "
    "give it back.",
    "See the log of the worker, and whether the database was away or its machine out of memory.",
)


@dataclass(frozen=True)
class ClaimedJob:
    """A job that this worker now holds."""

    lease: Lease
    attempt: int
    spec: dict[str, Any]
    owner_id: str
    dataset_id: str
    dataset_key: str  # where the store keeps its files
    manifest: dict[str, Any]
    checkpoint_id: str | None  # where to go on from
    start_step: int  # the step of that
    told: frozenset[str]  # the metrics that are known of that step already
    used_seconds: float  # by earlier attempts, to go on or in vain
    num_memory_kills: int  # attempts that began here and took more memory than there was

    @property
    def id(self) -> str:
        return self.lease.job_id


def claim_job(session: Session, worker_id: str, host: str, lease: timedelta) -> ClaimedJob | None:
    """Take the job whose turn it is, see ``line``. None if none is ready.

    Compare-and-set: however many try at once, one gets it. Metrics past the checkpoint that the
    attempt goes on from give way, so that no step is told twice.
    """
    for share in line.shares(session):
        job = _take_first(session, share.owner_id, worker_id, lease)
        if job is not None:
            line.take_turn(session, share.owner_id)
            return _begin_attempt(session, job, worker_id, host)
    return None


def _take_first(session: Session, owner_id: str, worker_id: str, lease: timedelta) -> Job | None:
    ready = line.is_ready()
    first = select(Job.id).where(ready, Job.owner_id == owner_id).order_by(*line.IN_LINE).limit(1)
    job_id = session.scalar(first.with_for_update(skip_locked=True))
    if job_id is None:
        return None
    statement = (
        update(Job)
        .where(Job.id == job_id, ready)
        .values(
            status=JobStatus.RUNNING.value,
            reason=None,
            attempt=Job.attempt + 1,
            fence=Job.fence + 1,
            num_batches=0,
            worker_id=worker_id,
            lease_expires_at=now() + lease,
            not_before=None,
            started_at=now(),
        )
        .returning(Job.id)
        .execution_options(synchronize_session=False)
    )
    if session.scalar(statement) is None:
        return None
    return session.get_one(Job, job_id, populate_existing=True)


def _begin_attempt(session: Session, job: Job, worker_id: str, host: str) -> ClaimedJob:
    last = last_checkpoint(session, job.id)
    step = last.step if last else 0
    past = (Event.job_id == job.id) & (Event.kind == "metrics") & (Event.step > step)
    session.execute(delete(Event).where(past), execution_options={"synchronize_session": False})
    used, kills = used_seconds(session, job.id), num_memory_kills(session, job.id, step)
    worker = session.get(Worker, worker_id)
    session.execute(
        insert(Attempt),
        {
            "job_id": job.id,
            "number": job.attempt,
            "worker_id": worker_id,
            "host": host,
            "device": worker.device if worker else None,
            "start_step": step,
        },
    )
    told: dict[str, Any] = {"status": job.status, "attempt": job.attempt, "resumed_from_step": step}
    add_events(session, job, [NewEvent("status", told)])
    dataset = session.get_one(Dataset, job.dataset_id)
    return ClaimedJob(
        lease=Lease(job.id, job.fence, worker_id),
        attempt=job.attempt,
        spec=job.spec,
        owner_id=job.owner_id,
        dataset_id=dataset.id,
        dataset_key=stored_prefix(dataset),
        manifest=dataset.manifest or {},
        checkpoint_id=last.id if last else None,
        start_step=step,
        told=metrics_at(session, job.id, step),
        used_seconds=used,
        num_memory_kills=kills,
    )


def renew_lease(session: Session, lease: Lease, duration: timedelta) -> JobStatus:
    """Keep the job; returns its status, which tells what is asked of the worker.

    Raises:
        LeaseLost: it is somebody else's by now.
    """
    update_leased(session, lease, lease_expires_at=now() + duration)
    return read_request(session, lease)


def read_request(session: Session, lease: Lease) -> JobStatus:
    """The job's status, such as ``cancelling``, without writing anything.

    Raises:
        LeaseLost: it is somebody else's by now.
    """
    query = select(Job.status, Job.fence, Job.worker_id).where(Job.id == lease.job_id)
    row = session.execute(query).first()
    if row is None or (row.fence, row.worker_id) != (lease.fence, lease.worker_id):
        raise LeaseLost(lease)
    return JobStatus(row.status)


def finish_job(
    session: Session,
    lease: Lease,
    status: JobStatus,
    *,
    why: Reason | None = None,
    summary: dict[str, Any] | None = None,
    best: dict[str, Any] | None = None,
    report: dict[str, Any] | None = None,
    speed: dict[str, Any] | None = None,
) -> JobStatus:
    """End a job as succeeded, failed or cancelled; returns the status that it really got.

    A job that was to be cancelled is cancelled, however it ended.

    Raises:
        LeaseLost: the job is somebody else's by now; nothing is written.
    """
    job = lock_leased(session, lease)
    if speed is not None:
        worker = session.get(Worker, lease.worker_id)
        speed = speed | {"device": worker.device if worker else None}
    if job.status == JobStatus.CANCELLING:
        status = JobStatus.CANCELLED
        why = _CANCELLED
    given = {"summary": summary, "best": best, "report": report, "speed": speed}
    for field, value in given.items():
        if value is not None:
            setattr(job, field, jsonable(value))
    change_status(session, job, status, why)
    return status


def requeue_job(
    session: Session,
    lease: Lease,
    *,
    crash: Reason | None = None,
    retries: RetryPolicy = DEFAULT_RETRIES,
) -> JobStatus:
    """Give a job back that did not end: queued again, paused where that was asked for.

    ``crash`` tells that the infrastructure failed: then the job waits as ``retries`` says, or has
    failed with it once that gives up.

    Raises:
        LeaseLost: the job is somebody else's by now; nothing is written.
    """
    return _give_back(session, lock_leased(session, lease), crash, retries)


def _give_back(session: Session, job: Job, crash: Reason | None, retries: RetryPolicy) -> JobStatus:
    job.num_crashes = _faults_so_far(session, job) + (crash is not None)
    following, why = JobStatus.QUEUED, crash or _STOPPED
    if job.status == JobStatus.CANCELLING:
        following, why = JobStatus.CANCELLED, _CANCELLED
    elif crash is not None and retries.gives_up(job.num_crashes):
        following, why = JobStatus.FAILED, _given_up(crash, job.num_crashes)
    elif job.status == JobStatus.PAUSING:
        following, why = JobStatus.PAUSED, crash or _PAUSED
    elif crash is not None:
        job.not_before = now() + retries.delay(job.num_crashes)
    change_status(session, job, following, why)
    return following


def _faults_so_far(session: Session, job: Job) -> int:
    """Faults in a row before this one: none where this attempt got further than it began."""
    begun = session.get_one(Attempt, (job.id, job.attempt))
    last = last_checkpoint(session, job.id)
    return 0 if last is not None and last.step > begun.start_step else job.num_crashes


def _given_up(crash: Reason, num_faults: int) -> Reason:
    if num_faults == 1:
        return crash
    told = f"{crash['message']} This was fault {num_faults} in a row without a new checkpoint."
    return crash | {"message": told}


def give_back_forgotten(
    session: Session, worker_id: str, retries: RetryPolicy = DEFAULT_RETRIES
) -> None:
    """Queue again what this worker holds without knowing of it, since it is about to claim.

    The answer to its last claim was lost with the database, or it could not give the job back.
    That is a fault, since it may come again, and others are to have their turn.
    """
    held = select(Job).where(Job.status.in_(ON_A_WORKER), Job.worker_id == worker_id)
    for job in session.scalars(held.with_for_update()).all():
        _give_back(session, job, _FORGOTTEN, retries)


@dataclass(frozen=True)
class HeldLease:
    """A job on a worker, as somebody saw it; each renewal changes ``expires_at``."""

    job_id: str
    fence: int
    expires_at: datetime | None


def held_leases(session: Session) -> list[HeldLease]:
    """Of every job that is on a worker."""
    query = select(Job.id, Job.fence, Job.lease_expires_at).where(Job.status.in_(ON_A_WORKER))
    return [HeldLease(*row) for row in session.execute(query.order_by(Job.id))]


def expire_leases(
    session: Session, silent: Sequence[HeldLease], retries: RetryPolicy = DEFAULT_RETRIES
) -> dict[str, JobStatus]:
    """Take back the jobs of these leases, but those renewed since; returns what became of each.

    Queued ones need ``send_train`` after the commit.
    """
    ids = [lease.job_id for lease in silent]
    on_a_worker = select(Job).where(Job.id.in_(ids), Job.status.in_(ON_A_WORKER))
    found = session.scalars(on_a_worker.order_by(Job.id).with_for_update(skip_locked=True)).all()
    jobs = [job for job in found if HeldLease(job.id, job.fence, job.lease_expires_at) in silent]
    return {job.id: _give_back(session, job, _LOST, retries) for job in jobs}


def waiting_jobs(session: Session, older_than: datetime) -> Sequence[str]:
    """Ready jobs that are older than this, as their message may have been lost, and retries, for
    which nobody rings."""
    from_the_future = Job.queued_at > now() + timedelta(seconds=1)  # a clock's error
    unheard = or_(Job.not_before.is_not(None), Job.queued_at < older_than, from_the_future)
    return session.scalars(select(Job.id).where(line.is_ready(), unheard).limit(100)).all()
