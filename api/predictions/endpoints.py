"""/v1/jobs/{id}/predictions: try a trained model."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from api import strict_json
from api.auth import Caller
from api.context import Ctx
from api.multipart import read_form
from api.predictions.predict import predict_arrays, predict_files
from api.predictions.schemas import PredictionArrays, Predictions

router = APIRouter(prefix="/v1/jobs/{job_id}/predictions", tags=["model"])


_MAX_FILES = 100
_MAX_BYTES = 256 * 1024**2
_FILES = {
    "type": "object",
    "required": ["file"],
    "properties": {
        "file": {"type": "array", "items": {"type": "string", "format": "binary"}, "minItems": 1}
    },
}
_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {"schema": _FILES},
        "application/json": {"schema": PredictionArrays.model_json_schema()},
    },
}


@router.post("", responses={409: {}, 503: {}}, openapi_extra={"requestBody": _BODY})
async def create_predictions(
    request: Request,
    context: Ctx,
    caller: Caller,
    job_id: str,
    top: Annotated[int, Query(ge=1, le=1000, description="How many classes a sample")] = 5,
) -> Predictions:
    """What the best model says of files (multipart `file`, one or more: pictures, or what else the
    dataset was made of) or of raw samples (JSON arrays).

    Of a table (CSV, Parquet) every row is a sample; of series, what follows the last rows of each.
    """
    if request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        most = context.settings.max_upload_bytes
        async with read_form(
            request, context.upload_folder, max_bytes=min(most, _MAX_BYTES), max_files=_MAX_FILES
        ) as form:
            return await run_in_threadpool(predict_files, context, caller, job_id, top, form)
    body = strict_json.parse(await request.body())
    return await run_in_threadpool(predict_arrays, context, caller, job_id, top, body)
