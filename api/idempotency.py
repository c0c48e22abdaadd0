"""``Idempotency-Key``: the same key with the same body answers the first result again."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header

IdempotencyKey = Annotated[
    str | None,
    Header(min_length=1, max_length=255, description="Makes a repeat answer the first result"),
]
