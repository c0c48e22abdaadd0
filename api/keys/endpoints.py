"""/v1/keys"""

from __future__ import annotations

from fastapi import APIRouter, Response, status

from api.auth import CallerDep
from api.context import Ctx
from api.keys.schemas import KeyList, KeyRequest, NewKey
from api.paging import Cursor, Limit

router = APIRouter(prefix="/v1/keys", tags=["keys"])


@router.post("", status_code=status.HTTP_201_CREATED, responses={403: {}, 409: {}})
def create_key(context: Ctx, caller: CallerDep, body: KeyRequest) -> NewKey:
    """Make a key; its secret is shown this once."""
    raise NotImplementedError


@router.get("")
def list_keys(context: Ctx, caller: CallerDep, limit: Limit = 50, cursor: Cursor = None) -> KeyList:
    """Keys of the caller's owner; an administrator sees everybody's."""
    raise NotImplementedError


@router.delete(
    "/{key_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses={409: {}},
)
def delete_key(context: Ctx, caller: CallerDep, key_id: str) -> Response:
    """Take a key back, and end its sessions."""
    raise NotImplementedError
