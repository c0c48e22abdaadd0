"""Every error as ``application/problem+json`` (RFC 9457).

Users' mistakes are ``TrainyardError``s and carry their status. The framework's own errors are
put in the same form. A database, store or disk that does not serve is 503 or 507. Anything else
is our bug: 500 with an ``error_id`` that stands in the log beside the traceback, which the user
never sees.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trainyard import errors, jsonable
from trainyard.errors import InvalidInput, Mistake, OutOfSpace, TrainyardError, Unavailable
from trainyard.ids import new_id
from trainyard.store.faults import is_disk_full, is_fault, told

logger = logging.getLogger(__name__)
_RETRY_AFTER_SECONDS = 2.0
MEDIA_TYPE = "application/problem+json"
_BY_STATUS = {cls.status: cls for cls in TrainyardError.__subclasses__()}


def problem_response(error: TrainyardError, **members: Any) -> Response:
    """The answer to an error; ``members`` are further members of the problem document."""
    return _response(error.as_problem() | members, _headers(error))


def _headers(error: TrainyardError) -> dict[str, str]:
    headers = {}
    if error.retry_after_seconds is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_seconds)))
    if isinstance(error, errors.Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return headers


def _response(problem: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    content = jsonable.dumps(problem).encode("utf-8", errors="replace")
    return Response(content, problem["status"], headers, media_type=MEDIA_TYPE)


def pointer(location: Sequence[str | int]) -> str:
    """A JSON Pointer (RFC 6901) from keys and indices.

    >>> pointer(["a/b", 3])
    '/a~1b/3'
    """
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in location)


def mistakes_of(found: Sequence[Any]) -> list[Mistake]:
    """pydantic's errors as ours. A parameter's path is ``/query/limit``, ``/path/step`` …"""
    return [_mistake(error) for error in found]


def _mistake(error: dict[str, Any]) -> Mistake:
    where = list(error["loc"])
    if where[:1] == ["body"]:
        where = where[1:]
    received = None if error["type"] == "missing" else _shortened(error.get("input"))
    return Mistake(pointer(where), error["msg"], received=received)


def _shortened(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else f"{text[:200]}…"


async def _on_trainyard_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, TrainyardError)
    return problem_response(error)


async def _on_invalid_request(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    mistakes = mistakes_of(error.errors())
    return problem_response(InvalidInput("The request is not valid.", mistakes))


async def _on_http_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    known = _BY_STATUS.get(error.status_code)
    slug = known.slug if known else f"http-{error.status_code}"
    title = known.title if known else str(error.detail)
    problem = {
        "type": f"https://trainyard.dev/errors/{slug}",
        "title": title,
        "status": error.status_code,
        "detail": str(error.detail),
        "errors": [],
    }
    return _response(problem, dict(error.headers or {}))


def _bug(scope: Scope, error: BaseException) -> Response:
    error_id = new_id("err")
    logger.error("%s: %s %s failed", error_id, scope["method"], scope["path"], exc_info=error)
    unexpected = TrainyardError("Something went wrong here; the error_id stands in the log.")
    return problem_response(unexpected, error_id=error_id)


def _fault(scope: Scope, error: BaseException) -> Response:
    """The database, the store or a disk does not serve right now: the client may come again."""
    logger.error("%s %s: %s", scope["method"], scope["path"], error)
    kind = OutOfSpace if is_disk_full(error) else Unavailable
    return problem_response(kind(told(error), retry_after_seconds=_RETRY_AFTER_SECONDS))


class CatchBugs:
    """Innermost middleware: turns what nobody caught into a 503, 507, or a 500 that tells nothing
    else."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = False

        async def watched_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watched_send)
        except ClientDisconnect:
            return
        except Exception as error:
            if started:  # too late to answer: the connection breaks, and the client knows
                raise
            answer = _fault(scope, error) if is_fault(error) else _bug(scope, error)
            await answer(scope, receive, send)


def install(app: FastAPI) -> None:
    """Register the handlers; before any other middleware."""
    app.add_exception_handler(TrainyardError, _on_trainyard_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_error)
    app.add_middleware(CatchBugs)
