"""/v1/jobs/{id}/predictions: try a trained model."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from api.auth import CallerDep
from api.context import Ctx
from api.predictions.schemas import PredictionArrays, Predictions

router = APIRouter(prefix="/v1/jobs/{job_id}/predictions", tags=["model"])


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
    caller: CallerDep,
    job_id: str,
    top: Annotated[int, Query(ge=1, le=1000, description="How many classes a sample")] = 5,
) -> Predictions:
    """Classes of pictures (multipart `file`, one or more) or of raw samples (JSON arrays)."""
    raise NotImplementedError
