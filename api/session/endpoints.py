"""/v1/session: logging a browser in and out."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response, status

from api.auth import CallerDep
from api.context import Ctx
from api.session.schemas import Login, SessionInfo

router = APIRouter(prefix="/v1/session", tags=["session"])


@router.post("")
def log_in(request: Request, response: Response, context: Ctx, body: Login) -> SessionInfo:
    """Trade an API key, or the token of a one-time login link, for a session cookie."""
    raise NotImplementedError


@router.get("")
def get_session(caller: CallerDep) -> SessionInfo:
    """Who is logged in."""
    raise NotImplementedError


@router.delete("", status_code=status.HTTP_204_NO_CONTENT, response_class=Response)
def log_out(request: Request, context: Ctx, caller: CallerDep) -> Response:
    """End the session of the cookie."""
    raise NotImplementedError
