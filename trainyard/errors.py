"""The error tree. Every mistake that a user can make is a ``TrainyardError``.

    TrainyardError                500  never raised as such
    ├── InvalidInput              422  invalid-input      a request or spec; carries all mistakes
    ├── BadRequest                400  bad-request        not even parseable
    ├── Unauthorized              401  unauthorized       no key, or an unknown one
    ├── Forbidden                 403  forbidden          not with this key; never for objects
    ├── NotFound                  404  not-found          also another owner's object
    ├── Conflict                  409  conflict           the state does not allow it
    ├── PreconditionFailed        412  precondition-failed  another version of a protocol
    ├── TooLarge                  413  too-large          over a limit of size
    ├── UnsupportedMedia          415  unsupported-media
    ├── RangeNotSatisfiable       416  range-not-satisfiable
    ├── Locked                    423  locked             another request is at it
    ├── TooManyRequests           429  too-many-requests  over a limit of rate
    ├── ChecksumMismatch          460  checksum-mismatch  bytes came other than they were sent
    ├── Unavailable               503  unavailable        a part does not answer
    └── OutOfSpace                507  out-of-space       a disk is full

Each class carries its HTTP status and the slug of its problem type, so that the API's
mapping is a single handler. Our own bugs are asserts, not these.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar


@dataclass(frozen=True)
class Mistake:
    """One mistake of a request: where it stands, what was expected and what came.

    ``path`` is a JSON Pointer (RFC 6901) into the request's body, ``""`` for the whole of it.
    """

    path: str
    message: str
    expected: str | None = None
    received: str | None = None
    suggestion: str | None = None

    def as_dict(self) -> dict[str, str]:
        """The mistake as JSON, without what does not apply."""
        return {key: value for key, value in asdict(self).items() if value is not None}


@dataclass(eq=False)
class TrainyardError(Exception):
    """Base of all errors that are told to the user; ``detail`` is one plain sentence."""

    detail: str
    errors: list[Mistake] = field(default_factory=list)
    retry_after_seconds: float | None = None

    status: ClassVar[int] = 500
    slug: ClassVar[str] = "internal"
    title: ClassVar[str] = "Internal error"

    def __str__(self) -> str:
        lines = [self.detail, *(f"  {e.path or '/'}: {e.message}" for e in self.errors)]
        return "\n".join(lines)

    def as_problem(self) -> dict[str, Any]:
        """The body of an ``application/problem+json`` answer (RFC 9457)."""
        return {
            "type": f"https://trainyard.dev/errors/{self.slug}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "errors": [e.as_dict() for e in self.errors],
        }


class InvalidInput(TrainyardError):
    """A request, spec or dataset that is understood but wrong; ``errors`` holds every mistake."""

    status, slug, title = 422, "invalid-input", "Invalid input"


class BadRequest(TrainyardError):
    status, slug, title = 400, "bad-request", "Bad request"


class Unauthorized(TrainyardError):
    status, slug, title = 401, "unauthorized", "Unauthorized"


class Forbidden(TrainyardError):
    status, slug, title = 403, "forbidden", "Forbidden"


class NotFound(TrainyardError):
    status, slug, title = 404, "not-found", "Not found"


class Conflict(TrainyardError):
    status, slug, title = 409, "conflict", "Conflict"


class PreconditionFailed(TrainyardError):
    status, slug, title = 412, "precondition-failed", "Precondition failed"


class TooLarge(TrainyardError):
    status, slug, title = 413, "too-large", "Too large"


class UnsupportedMedia(TrainyardError):
    status, slug, title = 415, "unsupported-media", "Unsupported media type"


class RangeNotSatisfiable(TrainyardError):
    status, slug, title = 416, "range-not-satisfiable", "Range not satisfiable"


class Locked(TrainyardError):
    status, slug, title = 423, "locked", "Locked"


class TooManyRequests(TrainyardError):
    status, slug, title = 429, "too-many-requests", "Too many requests"


class ChecksumMismatch(TrainyardError):
    """The status is the tus protocol's own."""

    status, slug, title = 460, "checksum-mismatch", "Checksum mismatch"


class Unavailable(TrainyardError):
    status, slug, title = 503, "unavailable", "Unavailable"


class OutOfSpace(TrainyardError):
    status, slug, title = 507, "out-of-space", "No space left"
