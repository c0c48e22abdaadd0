"""``limit`` and ``cursor`` of every list, and the bounds of numbers in addresses."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated

from fastapi import Path, Query

from trainyard.errors import InvalidInput, Mistake

Limit = Annotated[int, Query(ge=1, le=200, description="How many items at most")]
Cursor = Annotated[
    str | None, Query(max_length=500, description="`next_cursor` of the answer before")
]
MAX_INTEGER = 2**53 - 1  # the largest that JSON readers agree on; fits every database's BIGINT
Step = Annotated[int, Path(ge=0, le=MAX_INTEGER, description="A step of the job")]
Index = Annotated[int, Path(ge=0, le=MAX_INTEGER, description="Place in the split, from 0")]


_POSITION = re.compile(r"[0-9a-z_]{1,60}", re.ASCII)


def write_cursor(position: str | int, kind: str) -> str:
    """An opaque cursor after an item; ``kind`` keeps the lists' cursors apart."""
    return base64.urlsafe_b64encode(f"{kind}:{position}".encode()).decode().rstrip("=")


def read_cursor(cursor: str | None, kind: str) -> str:
    """The position in a cursor, ``""`` without one.

    Raises:
        InvalidInput: the cursor is broken, or of another list.
    """
    if cursor is None:
        return ""
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode()
    except (ValueError, binascii.Error):
        text = ""
    found, _, position = text.partition(":")
    if found != kind or not _POSITION.fullmatch(position):
        raise _broken(cursor)
    return position


def read_number_cursor(cursor: str | None, kind: str) -> int | None:
    """As ``read_cursor`` where positions are numbers; none without a cursor."""
    position = read_cursor(cursor, kind)
    if position and (not position.isdecimal() or int(position) > MAX_INTEGER):
        raise _broken(cursor or "")
    return int(position) if position else None


def _broken(cursor: str) -> InvalidInput:
    mistake = Mistake("/query/cursor", "broken cursor", "next_cursor of an answer", cursor[:100])
    return InvalidInput("The cursor is not one of ours.", [mistake])
