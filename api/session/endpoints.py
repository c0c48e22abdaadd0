"""/v1/session: logging a browser in and out."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response, status

from api.auth import COOKIE, Caller, get_caller, require_same_origin
from api.context import Ctx
from api.session.schemas import Login, SessionInfo
from trainyard.errors import Unauthorized
from trainyard.store import keys
from trainyard.store.keys import Identity

router = APIRouter(prefix="/v1/session", tags=["session"])
_USED = "This login link was used before, or is too old: log in with a key."


def _info(caller: Identity) -> SessionInfo:
    return SessionInfo(owner=caller.owner_name, key_id=caller.key_id, is_admin=caller.is_admin)


@router.post("")
def log_in(request: Request, response: Response, context: Ctx, body: Login) -> SessionInfo:
    """Trade an API key, or the token of a one-time login link, for a session cookie."""
    require_same_origin(request)
    with context.database.write() as session:
        if body.token is not None:
            cookie = keys.redeem_login_token(session, body.token)
        else:
            known = keys.authenticate(session, body.key or "")
            cookie = keys.create_session(session, known.key_id) if known else None
        caller = keys.authenticate_session(session, cookie) if cookie else None
    if caller is None or cookie is None:
        raise Unauthorized("This key is not known here." if body.key else _USED)
    response.set_cookie(
        COOKIE,
        cookie,
        max_age=int(keys.SESSION_LIFETIME.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=context.settings.secure_cookies,
    )
    return _info(caller)


@router.get("")
def get_session(caller: Caller) -> SessionInfo:
    """Who is logged in."""
    return _info(caller)


@router.delete(
    "",
    status_code=status.HTTP_204_NO_CONTENT,
    response_class=Response,
    dependencies=[Depends(get_caller)],
)
def log_out(request: Request, context: Ctx) -> Response:
    """End the session of the cookie."""
    token = request.cookies.get(COOKIE)
    if token:
        with context.database.write() as session:
            keys.end_session(session, token)
    answer = Response(status_code=status.HTTP_204_NO_CONTENT)
    answer.delete_cookie(
        COOKIE, httponly=True, samesite="strict", secure=context.settings.secure_cookies
    )
    return answer
