"""API keys as JSON."""

from __future__ import annotations

from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from api.schemas import ApiModel, Page, Timestamp

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=100, strip_whitespace=True, pattern=r"^[^\x00]*$"),
]


class KeyRequest(ApiModel):
    """A new key. Only an administrator's key may name another `owner`, and so make one."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    owner: Annotated[Name | None, Field(description="The caller's own, if absent")] = None


class Key(ApiModel):
    """A key without its secret, which nobody can read again."""

    id: str
    name: str
    owner: str
    is_admin: bool
    created_at: Timestamp
    last_used_at: Timestamp | None


class NewKey(Key):
    """A key with its secret, shown this once."""

    key: str | None
    """Null where a repeat with the same Idempotency-Key is answered."""


class KeyList(Page[Key]):
    """Keys, oldest first."""
