"""/v1/jobs/{id}/model: the trained model as a file."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response

from api.auth import CallerDep
from api.context import Ctx
from api.files import FILE_RESPONSES

router = APIRouter(prefix="/v1/jobs/{job_id}/model", tags=["model"])
Format = Literal["bundle", "safetensors", "onnx"]


@router.get("", response_class=Response, responses=FILE_RESPONSES)
def get_model(
    request: Request,
    context: Ctx,
    caller: CallerDep,
    job_id: str,
    format: Annotated[Format, Query(description="Kind of file")] = "bundle",
    checkpoint: Annotated[
        str,
        Query(pattern="^(best|last|[0-9]{1,15})$", description="`best`, `last` or a step"),
    ] = "best",
) -> Response:
    """The model with the weights of a checkpoint; with `ETag` and range requests."""
    raise NotImplementedError
