"""/v1/jobs/{id}/checkpoints"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from api.auth import CallerDep
from api.checkpoints.schemas import CheckpointList
from api.context import Ctx
from api.files import FILE_RESPONSES
from api.paging import Cursor, Limit, Step

router = APIRouter(prefix="/v1/jobs/{job_id}/checkpoints", tags=["checkpoints"])


@router.get("")
def list_checkpoints(
    context: Ctx, caller: CallerDep, job_id: str, limit: Limit = 50, cursor: Cursor = None
) -> CheckpointList:
    """Checkpoints, oldest first."""
    raise NotImplementedError


@router.get("/{step}", response_class=Response, responses=FILE_RESPONSES)
def get_checkpoint(
    request: Request, context: Ctx, caller: CallerDep, job_id: str, step: Step
) -> Response:
    """The weights at a step, as safetensors; with `ETag` and range requests."""
    raise NotImplementedError
