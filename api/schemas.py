"""What the answers of all resources are made of: timestamps, numbers, lists, problems."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import ConfigDict, Field, PlainSerializer, WithJsonSchema

from trainyard.spec.docstrings import Described

T = TypeVar("T")


def timestamp(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds.

    >>> timestamp(datetime(2026, 11, 22, 20, 41, 25, 123456, UTC))
    '2026-11-22T20:41:25.123Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Timestamp = Annotated[
    datetime,
    PlainSerializer(timestamp, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
# JSON has no NaN and no infinity: they travel as these strings.
Number = float | Literal["NaN", "Infinity", "-Infinity"]


class ApiModel(Described):
    """Base of every answer; its fields' docstrings are the document's descriptions."""

    model_config = ConfigDict(
        ser_json_inf_nan="strings",
        json_schema_serialization_defaults_required=True,
    )


class Page(ApiModel, Generic[T]):
    """A piece of a list."""

    items: list[T]
    next_cursor: str | None = None
    """Give it as `cursor` to go on; null at the end."""


class Freed(ApiModel):
    """What a deletion gave back."""

    freed_bytes: int


class ProblemError(ApiModel):
    """One mistake of a request."""

    path: str
    """JSON Pointer into the request's body, or the place of a parameter."""
    message: str
    expected: str | None = None
    received: str | None = None
    suggestion: str | None = None


class ProblemDetails(ApiModel):
    """RFC 9457, the body of every error."""

    type: str
    title: str
    status: int = Field(ge=400, le=599)
    detail: str
    errors: list[ProblemError] = []
    """Every mistake of the request, not the first alone."""
    error_id: str | None = None
    """Stands in the service's log too; only with status 500."""
