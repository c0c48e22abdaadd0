"""/v1/weights: safetensors files that jobs may begin with."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response, status
from starlette.concurrency import run_in_threadpool

from api.auth import Caller
from api.context import Ctx
from api.idempotency import IdempotencyKey
from api.multipart import read_form
from api.paging import Cursor, Limit, read_cursor, write_cursor
from api.schemas import Freed
from api.weights.schemas import Weights, WeightsList
from api.weights.upload import take_in
from trainyard.store import idempotency, weights
from trainyard.store.tables import Weights as WeightsRow

router = APIRouter(prefix="/v1/weights", tags=["weights"])

_UPLOAD: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["file"],
                "properties": {
                    "file": {"type": "string", "format": "binary"},
                    "name": {"type": "string", "maxLength": 200},
                },
            }
        }
    },
}


@router.post(
    "",
    status_code=status.HTTP_201_CREATED,
    responses={409: {}},
    openapi_extra={"requestBody": _UPLOAD},
)
async def create_weights(
    request: Request,
    response: Response,
    context: Ctx,
    caller: Caller,
    idempotency_key: IdempotencyKey = None,
) -> Weights:
    """Upload a safetensors file, such as a PyTorch model's. Nothing in it is ever executed."""
    most = context.settings.max_upload_bytes
    async with read_form(request, context.upload_folder, max_bytes=most, max_files=1) as form:
        weights_id = await run_in_threadpool(take_in, context, caller, form, idempotency_key)
    response.headers["Location"] = f"/v1/weights/{weights_id}"
    return await run_in_threadpool(get_weights, context, caller, weights_id)


@router.get("")
def list_weights(
    context: Ctx, caller: Caller, limit: Limit = 50, cursor: Cursor = None
) -> WeightsList:
    """Uploaded weights, newest first."""
    before = read_cursor(cursor, "weights")
    with context.database.read() as session:
        rows, following = weights.list_weights(session, caller.owner_id, limit=limit, before=before)
        items = [_view(row) for row in rows]
    next_cursor = None if following is None else write_cursor(following, "weights")
    return WeightsList(items=items, next_cursor=next_cursor)


@router.get("/{weights_id}")
def get_weights(context: Ctx, caller: Caller, weights_id: str) -> Weights:
    """One file's names and shapes."""
    with context.database.read() as session:
        return _view(weights.get_weights(session, caller.owner_id, weights_id))


@router.delete("/{weights_id}")
def delete_weights(context: Ctx, caller: Caller, weights_id: str) -> Freed:
    """Delete a file; a job that still waits to begin with it will fail and say so."""
    with context.database.write() as session:
        row = weights.get_weights(session, caller.owner_id, weights_id)
        freed = weights.delete_weights(session, row)
        idempotency.forget(session, caller.owner_id, weights_id)
    context.collect_garbage()
    return Freed(freed_bytes=freed)


def _view(row: WeightsRow) -> Weights:
    return Weights(
        id=row.id,
        name=row.name,
        size_bytes=row.size_bytes,
        sha256=row.sha256,
        tensors=row.tensors,
        created_at=row.created_at,
    )
