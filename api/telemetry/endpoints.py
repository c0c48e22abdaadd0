"""/v1/jobs/{id}/metrics, /events, /logs, /report: what a job tells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.auth import CallerDep
from api.context import Ctx
from api.paging import MAX_INTEGER, Limit
from api.telemetry.schemas import JobReport, Level, Logs, Metrics

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["telemetry"])


@router.get("/metrics")
def get_metrics(
    context: Ctx,
    caller: CallerDep,
    job_id: str,
    name: Annotated[list[str] | None, Query(description="These alone, such as val/loss")] = None,
    max_points: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    after_step: Annotated[int, Query(ge=-1, le=MAX_INTEGER)] = -1,
) -> Metrics:
    """Metric series, thinned to `max_points` each; extremes are kept."""
    raise NotImplementedError


@router.get("/events", response_class=EventSourceResponse)
async def stream_events(
    context: Ctx,
    caller: CallerDep,
    job_id: str,
    after: Annotated[int | None, Query(ge=0, le=MAX_INTEGER)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> AsyncIterator[ServerSentEvent]:
    """The job's story as Server-Sent Events, from its beginning or after `Last-Event-ID`.

    The data of `status`: {"status", "attempt", "reason"?}; of `metrics`: {"step", "epoch",
    "values": {name: value}}; of `log`: {"level", "message"}; of `progress`: as the job's; of
    `end`, which is the last: {"status", "reason", "summary"}. Each also holds "created_at".
    The id of an event is its number in the job's story.
    """
    raise NotImplementedError
    yield


@router.get("/logs")
def list_logs(
    context: Ctx,
    caller: CallerDep,
    job_id: str,
    after: Annotated[int, Query(ge=0, le=MAX_INTEGER, description="`seq` of a line")] = 0,
    level: Annotated[Level | None, Query(description="At least as severe")] = None,
    q: Annotated[str | None, Query(max_length=200, description="In the message")] = None,
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(max_length=500)] = None,
) -> Logs:
    """Log lines, oldest first; kept after a crash."""
    raise NotImplementedError


@router.get("/report")
def get_report(context: Ctx, caller: CallerDep, job_id: str) -> JobReport:
    """How the best checkpoint does, class by class; 404 before there is a report."""
    raise NotImplementedError
