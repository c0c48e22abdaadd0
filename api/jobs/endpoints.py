"""/v1/jobs"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response, status
from sqlalchemy.orm import Session

from api.auth import Caller
from api.context import Context, Ctx
from api.idempotency import IdempotencyKey, once, recall
from api.jobs.schemas import JobDetail, JobList, JobPatch
from api.jobs.views import job_detail, job_views
from api.paging import Cursor, Limit
from api.schemas import Freed
from api.specs.guarding import facts_of, held_against, named_dataset, read_spec, refuse_too_many
from api.specs.schemas import JobRequest
from api.specs.trying import has_definitions, tried
from trainyard import jsonable
from trainyard.crashpoints import reach
from trainyard.spec.job import JobSpec, parse_job
from trainyard.status import JobStatus
from trainyard.store import idempotency, jobs, listing
from trainyard.store.keys import Identity
from trainyard.store.tables import Job

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
Sort = Literal[
    "created_at", "-created_at", "name", "-name", "priority", "-priority", "status", "-status"
]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses={201: {"headers": {"Location": {"schema": {"type": "string"}}}}, 409: {}},
)
def create_job(
    response: Response,
    context: Ctx,
    caller: Caller,
    body: JobRequest,
    idempotency_key: IdempotencyKey = None,
) -> JobDetail:
    """Queue a training job. Every mistake in its spec comes back at once."""
    text = jsonable.dumps(body.root).encode()
    request = idempotency.request_digest("POST", "/v1/jobs", text)
    job_id = recall(context.database, caller.owner_id, idempotency_key, request)
    if job_id is None:
        spec = _sound_spec(context, caller, body.root)

        def make(session: Session) -> str:
            return _make_job(session, context, caller, spec, body.root)

        job_id, is_new = once(context.database, caller.owner_id, idempotency_key, request, make)
        reach("job.committed")
        if is_new:
            context.doorbell.send_train(job_id)
    response.headers["Location"] = f"/v1/jobs/{job_id}"
    return get_job(context, caller, job_id)


def _sound_spec(context: Context, caller: Identity, body: dict[str, Any]) -> JobSpec:
    """The spec, whose definitions have been tried.

    Raises:
        InvalidInput: with every mistake.
    """
    spec = read_spec(context, caller.owner_id, body, parse_job)
    if has_definitions(spec):
        with context.database.read() as session:
            facts = facts_of(named_dataset(session, caller.owner_id, spec.dataset))
            fitted = spec.for_task(facts.task)
            held_against(session, context, caller.owner_id, fitted, facts)
        tried(context, fitted, facts)
    return spec


def _make_job(
    session: Session, context: Context, caller: Identity, spec: JobSpec, body: dict[str, Any]
) -> str:
    dataset = named_dataset(session, caller.owner_id, spec.dataset)
    facts = facts_of(dataset)
    spec = spec.for_task(facts.task)
    _, awaited = held_against(session, context, caller.owner_id, spec, facts)
    refuse_too_many(session, context, caller.owner_id)
    written = {key: value for key, value in body.items() if key in jobs.WRITTEN}
    job = jobs.create_job(session, caller.owner_id, dataset, spec, written, after=awaited)
    return job.id


@router.get("")
def list_jobs(
    context: Ctx,
    caller: Caller,
    status: Annotated[list[JobStatus] | None, Query(description="One of these")] = None,
    tag: Annotated[str | None, Query(max_length=200)] = None,
    q: Annotated[str | None, Query(max_length=200, description="In the name or notes")] = None,
    dataset: Annotated[str | None, Query(max_length=200, description="Id or name")] = None,
    sort: Sort = "-created_at",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JobList:
    """Jobs, newest first unless sorted otherwise."""
    with context.database.read() as session:
        rows, following = listing.list_jobs(
            session,
            caller.owner_id,
            limit=limit,
            cursor=cursor,
            status=[one.value for one in status or []],
            tag=tag,
            q=q,
            dataset=dataset,
            sort=sort,
        )
        return JobList(items=job_views(session, context, caller, rows), next_cursor=following)


@router.get("/{job_id}")
def get_job(context: Ctx, caller: Caller, job_id: str) -> JobDetail:
    """One job."""
    with context.database.read() as session:
        return job_detail(session, context, caller, jobs.get_job(session, caller.owner_id, job_id))


@router.patch("/{job_id}")
def update_job(context: Ctx, caller: Caller, job_id: str, body: JobPatch) -> JobDetail:
    """Change name, notes, tags or priority."""
    with context.database.write() as session:
        job = jobs.get_job(session, caller.owner_id, job_id)
        jobs.update_job(session, job, **body.model_dump())
    return get_job(context, caller, job_id)


@router.delete("/{job_id}", responses={409: {}})
def delete_job(context: Ctx, caller: Caller, job_id: str) -> Freed:
    """Delete a job and everything of it; 409 while a worker has it."""
    with context.database.write() as session:
        freed = jobs.delete_job(session, jobs.get_job(session, caller.owner_id, job_id))
        idempotency.forget(session, caller.owner_id, job_id)
    context.collect_garbage()
    context.model_files.forget(job_id)
    context.waker.wake(job_id)
    return Freed(freed_bytes=freed)


@router.post("/{job_id}/cancel", status_code=status.HTTP_202_ACCEPTED, responses={409: {}})
def cancel_job(context: Ctx, caller: Caller, job_id: str) -> JobDetail:
    """End a job for good."""
    return _ask(context, caller, job_id, jobs.request_cancel)


@router.post("/{job_id}/pause", status_code=status.HTTP_202_ACCEPTED, responses={409: {}})
def pause_job(context: Ctx, caller: Caller, job_id: str) -> JobDetail:
    """Let a job write a checkpoint and wait."""
    return _ask(context, caller, job_id, jobs.request_pause)


@router.post("/{job_id}/resume", status_code=status.HTTP_202_ACCEPTED, responses={409: {}})
def resume_job(context: Ctx, caller: Caller, job_id: str) -> JobDetail:
    """Queue a paused job again."""
    detail = _ask(context, caller, job_id, jobs.resume)
    context.doorbell.send_train(job_id)
    return detail


def _ask(
    context: Context, caller: Identity, job_id: str, change: Callable[[Session, Job], Job]
) -> JobDetail:
    with context.database.write() as session:
        change(session, jobs.get_job(session, caller.owner_id, job_id))
    context.waker.wake(job_id)
    return get_job(context, caller, job_id)
