"""The browser's session as JSON."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from api.schemas import ApiModel


class Login(ApiModel):
    """An API key, or the token of a one-time login link."""

    model_config = ConfigDict(extra="forbid")

    key: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    token: Annotated[str, Field(min_length=1, max_length=500)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.key is None) == (self.token is None):
            raise ValueError("give either `key` or `token`")
        return self


class SessionInfo(ApiModel):
    """Who is logged in."""

    owner: str
    key_id: str
    is_admin: bool
