"""Who calls: ``Authorization: Bearer <key>``, or the session cookie of a browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from api.context import Ctx

COOKIE = "trainyard_session"
_bearer = HTTPBearer(auto_error=False, scheme_name="key", description="An API key")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, scheme_name="session")


@dataclass(frozen=True)
class Caller:
    """Whose request it is; all that it sees and does is within ``owner_id``."""

    owner_id: str
    owner: str
    key_id: str
    key_name: str
    is_admin: bool
    session_expires_at: datetime | None


def get_caller(
    request: Request,
    context: Ctx,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    cookie: Annotated[str | None, Security(_cookie)],
) -> Caller:
    """The caller, or 401."""
    raise NotImplementedError


CallerDep = Annotated[Caller, Depends(get_caller)]
