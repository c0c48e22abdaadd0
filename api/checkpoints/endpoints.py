"""/v1/jobs/{id}/checkpoints"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.auth import Caller
from api.checkpoints.schemas import Checkpoint, CheckpointList
from api.checkpoints.weights import weights
from api.context import Ctx
from api.files import FILE_RESPONSES, file_response
from api.paging import Cursor, Limit, Step, read_number_cursor, write_cursor
from trainyard.store import checkpoints, jobs
from trainyard.store.tables import Checkpoint as CheckpointRow

router = APIRouter(prefix="/v1/jobs/{job_id}/checkpoints", tags=["checkpoints"])


@router.get("")
def list_checkpoints(
    context: Ctx, caller: Caller, job_id: str, limit: Limit = 50, cursor: Cursor = None
) -> CheckpointList:
    """Checkpoints, oldest first."""
    after = read_number_cursor(cursor, "checkpoints")
    with context.database.read() as session:
        jobs.get_job(session, caller.owner_id, job_id)
        found = checkpoints.list_checkpoints(session, job_id)
    rows = [row for row in found if after is None or row.step > after]
    following = write_cursor(rows[limit - 1].step, "checkpoints") if len(rows) > limit else None
    return CheckpointList(items=[_view(row) for row in rows[:limit]], next_cursor=following)


def _view(row: CheckpointRow) -> Checkpoint:
    return Checkpoint(
        step=row.step,
        epoch=row.epoch,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        is_best=row.is_best,
        is_last=row.is_last,
        metric_value=row.metric_value,
        attempt=row.attempt,
        created_at=row.created_at,
    )


@router.get("/{step}", response_class=Response, responses=FILE_RESPONSES)
def get_checkpoint(
    request: Request, context: Ctx, caller: Caller, job_id: str, step: Step
) -> Response:
    """The weights at a step, as safetensors; with `ETag` and range requests."""
    with context.database.read() as session:
        job = jobs.get_job(session, caller.owner_id, job_id)
        row = checkpoints.find_checkpoint(session, job_id, str(step))
    return file_response(request, weights(context, job, row))
