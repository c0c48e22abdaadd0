"""/v1/keys"""

from __future__ import annotations

from fastapi import APIRouter, Response, status
from sqlalchemy.orm import Session

from api.auth import Caller
from api.context import Ctx
from api.idempotency import IdempotencyKey, once
from api.keys.schemas import Key, KeyList, KeyRequest, NewKey
from api.paging import Cursor, Limit, read_cursor, write_cursor
from trainyard.errors import Conflict
from trainyard.store import idempotency, keys
from trainyard.store.tables import ApiKey

router = APIRouter(prefix="/v1/keys", tags=["keys"])


def _view(key: ApiKey, owner_name: str) -> Key:
    return Key(
        id=key.id,
        name=key.name,
        owner=owner_name,
        is_admin=key.is_admin,
        created_at=key.created_at,
        last_used_at=key.last_used_at,
    )


@router.post("", status_code=status.HTTP_201_CREATED, responses={403: {}, 409: {}})
def create_key(
    context: Ctx, caller: Caller, body: KeyRequest, idempotency_key: IdempotencyKey = None
) -> NewKey:
    """Make a key; its secret is shown this once."""
    secrets: list[str] = []

    def make(session: Session) -> str:
        key, secret = keys.create_key(session, caller, body.name, body.owner)
        secrets.append(secret)
        return key.id

    request = idempotency.request_digest("POST", "/v1/keys", body.model_dump_json().encode())
    key_id, is_new = once(context.database, caller.owner_id, idempotency_key, request, make)
    with context.database.read() as session:
        found = [_view(*row) for row in keys.list_keys(session, caller) if row[0].id == key_id]
    if not found:
        raise Conflict("The key that was made with this Idempotency-Key is gone.")
    return NewKey(**found[0].model_dump(), key=secrets[-1] if is_new else None)


@router.get("")
def list_keys(context: Ctx, caller: Caller, limit: Limit = 50, cursor: Cursor = None) -> KeyList:
    """Keys of the caller's owner; an administrator sees everybody's."""
    after = read_cursor(cursor, "keys")
    with context.database.read() as session:
        rows = [row for row in keys.list_keys(session, caller) if row[0].id > after]
    following = write_cursor(rows[limit - 1][0].id, "keys") if len(rows) > limit else None
    return KeyList(items=[_view(*row) for row in rows[:limit]], next_cursor=following)


@router.delete(
    "/{key_id}",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    responses={409: {}},
)
def delete_key(context: Ctx, caller: Caller, key_id: str) -> Response:
    """Take a key back, and end its sessions."""
    with context.database.write() as session:
        admins = [key.id for key, _ in keys.list_keys(session, caller) if key.is_admin]
        if admins == [key_id]:
            raise Conflict("This is the last administrator's key: nobody could make keys again.")
        keys.delete_key(session, caller, key_id)
        idempotency.forget(session, caller.owner_id, key_id)
    return Response(status_code=status.HTTP_204_NO_CONTENT)
