"""/v1/jobs/{id}/model: the trained model as a file."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from api.auth import Caller
from api.context import Ctx
from api.files import FILE_RESPONSES, file_response
from api.models.assembly import model_file
from trainyard.store import jobs

router = APIRouter(prefix="/v1/jobs/{job_id}/model", tags=["model"])


@router.get("", response_class=Response, responses={**FILE_RESPONSES, 409: {}, 503: {}})
def get_model(
    request: Request,
    context: Ctx,
    caller: Caller,
    job_id: str,
    format: Annotated[
        str,
        Query(
            pattern="^[a-z][a-z0-9_]{0,49}$",
            description="`bundle`, `safetensors`, `onnx`, or what a plugin exports",
        ),
    ] = "bundle",
    checkpoint: Annotated[
        str, Query(pattern="^(best|last|[0-9]{1,15})$", description="`best`, `last` or a step")
    ] = "best",
) -> Response:
    """The model with the weights of a checkpoint; with `ETag` and range requests."""
    with context.database.read() as session:
        job = jobs.get_job(session, caller.owner_id, job_id)
    return file_response(request, model_file(context, job, format, checkpoint))
