"""Errors that the API answers, and whether the same request may go better a moment later."""

from __future__ import annotations

from typing import Any

import httpx

from trainyard.ids import new_id

_KEY = "Idempotency-Key"
# A proxy's and our own: the API is away, what it stands on is, or it has too much to do.
_TEMPORARY = {429, 502, 503, 504}
_USUAL_SECONDS, _MOST_SECONDS = 1.0, 60.0


class ApiError(Exception):
    """The API answered with an error; ``problem`` is its problem+json document.

    ``again_after_seconds`` is when another try may go better, none where it would not.
    """

    def __init__(self, problem: dict[str, Any], again_after_seconds: float | None = None) -> None:
        self.problem, self.again_after_seconds = problem, again_after_seconds
        self.status = int(problem.get("status", 0))
        lines = [str(problem.get("detail") or problem.get("title") or "unknown error")]
        for mistake in problem.get("errors", []):
            suggestion = mistake.get("suggestion")
            hint = f" ({suggestion})" if suggestion else ""
            lines.append(f"  {mistake['path'] or '/'}: {mistake['message']}{hint}")
        super().__init__("\n".join(lines))


def raise_for_problem(answer: httpx.Response) -> None:
    """
    Raises:
        ApiError: the status is 400 or more.
    """
    if answer.status_code < httpx.codes.BAD_REQUEST:
        return
    try:
        problem = answer.json()
    except ValueError:  # not Trainyard that answers: a proxy, say
        problem = {"status": answer.status_code, "detail": f"HTTP {answer.status_code}"}
    raise ApiError(problem, _seconds_to_wait(answer))


def _seconds_to_wait(answer: httpx.Response) -> float | None:
    """What ``Retry-After`` says, within bounds.

    >>> _seconds_to_wait(httpx.Response(503, headers={"Retry-After": "2"}))
    2.0
    """
    if answer.status_code not in _TEMPORARY:
        return None
    told = answer.headers.get("Retry-After", "")
    if told.isascii() and told.isdecimal():
        return min(float(told), _MOST_SECONDS)
    return None if answer.status_code == httpx.codes.TOO_MANY_REQUESTS else _USUAL_SECONDS


def again_after(error: ApiError | httpx.TransportError, *, is_first: bool) -> float | None:
    """Seconds to wait for another try; none where it would change nothing.

    Where nobody listens at the first try the URL may be wrong, and waiting would hide it.
    """
    if isinstance(error, ApiError):
        return error.again_after_seconds
    broke_off = isinstance(error, httpx.NetworkError | httpx.RemoteProtocolError)
    wrong_url = is_first and isinstance(error, httpx.ConnectError)
    return _USUAL_SECONDS if broke_off and not wrong_url else None


def once(idempotency_key: str | None = None) -> dict[str, str]:
    """Headers with which a POST may be made again: what it makes, it makes once."""
    return {_KEY: idempotency_key or new_id("once")}


def is_repeatable(method: str, headers: dict[str, str] | None) -> bool:
    """Whether a request does no harm that is made twice, since its first answer was lost."""
    return method == "GET" or _KEY in (headers or {})
