"""/v1/jobs"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response, status

from api.auth import CallerDep
from api.context import Ctx
from api.idempotency import IdempotencyKey
from api.jobs.schemas import JobDetail, JobList, JobPatch
from api.paging import Cursor, Limit
from api.schemas import Freed
from api.specs.schemas import JobRequest
from trainyard.status import JobStatus

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])
Sort = Literal["created_at", "-created_at"]


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses={
        201: {"headers": {"Location": {"schema": {"type": "string"}}}},
        409: {},
    },
)
def create_job(
    response: Response,
    context: Ctx,
    caller: CallerDep,
    body: JobRequest,
    idempotency_key: IdempotencyKey = None,
) -> JobDetail:
    """Queue a training job. Every mistake in its spec comes back at once."""
    raise NotImplementedError


@router.get("")
def list_jobs(
    context: Ctx,
    caller: CallerDep,
    status: Annotated[list[JobStatus] | None, Query(description="One of these")] = None,
    tag: Annotated[str | None, Query(max_length=100)] = None,
    q: Annotated[str | None, Query(max_length=200, description="In the name or notes")] = None,
    dataset: Annotated[str | None, Query(max_length=200, description="Id or name")] = None,
    sort: Sort = "-created_at",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> JobList:
    """Jobs."""
    raise NotImplementedError


@router.get("/{job_id}")
def get_job(context: Ctx, caller: CallerDep, job_id: str) -> JobDetail:
    """One job."""
    raise NotImplementedError


@router.patch("/{job_id}")
def update_job(context: Ctx, caller: CallerDep, job_id: str, body: JobPatch) -> JobDetail:
    """Change name, notes, tags or priority."""
    raise NotImplementedError


@router.delete("/{job_id}", responses={409: {}})
def delete_job(context: Ctx, caller: CallerDep, job_id: str) -> Freed:
    """Delete a job and everything of it."""
    raise NotImplementedError


@router.post("/{job_id}/cancel", status_code=status.HTTP_202_ACCEPTED, responses={409: {}})
def cancel_job(context: Ctx, caller: CallerDep, job_id: str) -> JobDetail:
    """End a job for good."""
    raise NotImplementedError


@router.post("/{job_id}/pause", status_code=status.HTTP_202_ACCEPTED, responses={409: {}})
def pause_job(context: Ctx, caller: CallerDep, job_id: str) -> JobDetail:
    """Let a job write a checkpoint and wait."""
    raise NotImplementedError


@router.post("/{job_id}/resume", status_code=status.HTTP_202_ACCEPTED, responses={409: {}})
def resume_job(context: Ctx, caller: CallerDep, job_id: str) -> JobDetail:
    """Queue a paused job again."""
    raise NotImplementedError
