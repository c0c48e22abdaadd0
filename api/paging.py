"""``limit`` and ``cursor`` of every list, and the parameters that lists and files share."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

Limit = Annotated[int, Query(ge=1, le=200, description="How many items at most")]
Cursor = Annotated[
    str | None, Query(max_length=500, description="`next_cursor` of the answer before")
]
MAX_INTEGER = 2**53 - 1  # the largest that JSON readers agree on; fits every database's BIGINT
Seq = Annotated[int, Query(ge=0, le=MAX_INTEGER)]
Step = Annotated[int, Path(ge=0, le=MAX_INTEGER, description="A step of the job")]
Index = Annotated[int, Path(ge=0, le=MAX_INTEGER, description="Place in the split, from 0")]
