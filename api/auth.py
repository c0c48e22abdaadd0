"""Who calls: ``Authorization: Bearer <key>``, or the session cookie of a browser.

A cookie is sent by the browser on its own, also when another site makes it: with a cookie, calls
that change something must come from our own pages, as ``Sec-Fetch-Site`` or ``Origin`` tell.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlparse

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from api.context import Context, Ctx
from trainyard.errors import Forbidden, Unauthorized
from trainyard.store import keys
from trainyard.store.keys import Identity

COOKIE = "trainyard_session"
_bearer = HTTPBearer(auto_error=False, scheme_name="key", description="An API key")
_cookie = APIKeyCookie(name=COOKIE, auto_error=False, scheme_name="session")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


def get_caller(
    request: Request,
    context: Ctx,
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    cookie: Annotated[str | None, Security(_cookie)],
) -> Identity:
    """The caller, within the limit of rate.

    Raises:
        Unauthorized: neither a key nor a session, or one that is not known (any more).
        TooManyRequests: over the limit.
    """
    if "authorization" in request.headers:
        caller = _of_key(context, bearer.credentials if bearer else "")
    elif cookie:
        require_same_origin(request)
        caller = _of_session(context, cookie)
    else:
        raise Unauthorized("Send `Authorization: Bearer <key>`, or log in.")
    context.rate_limit.take(caller.key_id)
    return caller


Caller = Annotated[Identity, Depends(get_caller)]


def _of_key(context: Context, secret: str) -> Identity:
    caller = identify(context, secret)
    if caller is None:
        raise Unauthorized("This key is not known here.")
    return caller


def identify(context: Context, secret: str) -> Identity | None:
    """Who a key's secret belongs to; keeps that it was used."""
    with context.database.read() as session:
        caller = keys.authenticate(session, secret)
    if caller is not None and context.first_use_this_minute(caller.key_id):
        with context.database.write() as session:
            keys.record_use(session, caller.key_id)
    return caller


def _of_session(context: Context, token: str) -> Identity:
    with context.database.read() as session:
        caller = keys.authenticate_session(session, token)
    if caller is None:
        raise Unauthorized("The session has ended: log in again.")
    return caller


def require_same_origin(request: Request) -> None:
    """Refuse a change that another site's page makes a browser ask for.

    Raises:
        Forbidden: the request comes from another origin.
    """
    if request.method in _SAFE_METHODS:
        return
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    ours = urlparse(origin).netloc == request.headers.get("host") if origin else True
    if site not in (None, "same-origin", "none") or not ours:
        raise Forbidden("This request comes from another site's page.")
