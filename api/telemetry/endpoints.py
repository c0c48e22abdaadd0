"""/v1/jobs/{id}/metrics, /events, /logs, /report: what a job tells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent

from api.auth import Caller
from api.context import Ctx
from api.paging import MAX_INTEGER, Limit, read_number_cursor, write_cursor
from api.telemetry import stream
from api.telemetry.schemas import JobReport, Level, LogLine, Logs, Metrics, MetricSeries
from trainyard.errors import InvalidInput, Mistake, NotFound
from trainyard.store import jobs
from trainyard.store.logs import read_logs
from trainyard.store.metrics import metric_series

router = APIRouter(prefix="/v1/jobs/{job_id}", tags=["telemetry"])


@router.get("/metrics")
def get_metrics(
    context: Ctx,
    caller: Caller,
    job_id: str,
    name: Annotated[list[str] | None, Query(description="These alone, such as val/loss")] = None,
    max_points: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    after_step: Annotated[int, Query(ge=-1, le=MAX_INTEGER)] = -1,
) -> Metrics:
    """Metric series, thinned to `max_points` each; extremes are kept."""
    with context.database.read() as session:
        jobs.get_job(session, caller.owner_id, job_id)
        names = set(name) if name else None
        found = metric_series(
            session, job_id, names=names, max_points=max_points, after_step=after_step
        )
    return Metrics(series=[MetricSeries(**series.as_dict()) for series in found])


def start_of_stream(
    context: Ctx,
    caller: Caller,
    job_id: str,
    after: Annotated[
        int | None, Query(ge=0, le=MAX_INTEGER, description="As Last-Event-ID")
    ] = None,
    last_event_id: Annotated[str | None, Header(description="Goes before `after`")] = None,
) -> int:
    """After which event the stream begins.

    Raises:
        NotFound: there is no such job.
        InvalidInput: no id of ours.
    """
    with context.database.read() as session:
        jobs.get_job(session, caller.owner_id, job_id)
    if not last_event_id:
        return after or 0
    is_number = last_event_id.isascii() and last_event_id.isdecimal() and len(last_event_id) < 16
    if not is_number:
        mistake = Mistake("/header/last-event-id", "no id of ours", "a number", last_event_id[:50])
        raise InvalidInput("Last-Event-ID is not one of ours.", [mistake])
    return int(last_event_id)


@router.get("/events", response_class=EventSourceResponse)
async def stream_events(
    context: Ctx, job_id: str, after_event: Annotated[int, Depends(start_of_stream)]
) -> AsyncIterator[ServerSentEvent]:
    """The job's story as Server-Sent Events, from its beginning or after `Last-Event-ID`.

    The data of `status`: {"status", "attempt", "reason"?}; of `metrics`: {"step", "epoch",
    "values": {name: value}}; of `log`: {"level", "message"}; of `progress`: as the job's; of
    `end`, which is the last: {"status", "reason", "summary"}. Each also holds "attempt" and
    "created_at".
    The id of an event is its number in the job's story.
    """
    async for event in stream.story(context, job_id, after_event):
        yield event


@router.get("/logs")
def list_logs(
    context: Ctx,
    caller: Caller,
    job_id: str,
    after: Annotated[int, Query(ge=0, le=MAX_INTEGER, description="`seq` of a line")] = 0,
    level: Annotated[Level | None, Query(description="At least as severe")] = None,
    q: Annotated[str | None, Query(max_length=200, description="In the message")] = None,
    attempt: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="Of this one")] = None,
    limit: Limit = 50,
    cursor: Annotated[str | None, Query(max_length=500, description="Goes before `after`")] = None,
) -> Logs:
    """Log lines, oldest first; kept after a crash."""
    position = read_number_cursor(cursor, "logs")
    start = after if position is None else position
    with context.database.read() as session:
        jobs.get_job(session, caller.owner_id, job_id)
        rows = read_logs(
            session,
            job_id,
            after_seq=start,
            level=level,
            q=q,
            attempt=attempt,
            limit=limit + 1,
        )
    items = [
        LogLine.model_validate(
            {
                "seq": row.seq,
                "level": row.level,
                "message": row.message,
                "attempt": row.attempt,
                "left_out": row.left_out,
                "created_at": row.created_at,
            }
        )
        for row in rows[:limit]
    ]
    following = write_cursor(items[-1].seq, "logs") if len(rows) > limit else None
    return Logs(items=items, next_cursor=following)


@router.get("/report")
def get_report(context: Ctx, caller: Caller, job_id: str) -> JobReport:
    """How the best checkpoint does, class by class; 404 before there is a report."""
    with context.database.read() as session:
        job = jobs.get_job(session, caller.owner_id, job_id)
    if job.report is None:
        raise NotFound("The job has no report: it is made when the training has ended well.")
    return JobReport.model_validate(job.report)
