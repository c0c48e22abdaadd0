"""Lists by cursor: keyset pagination, so that a page costs the same wherever it stands."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from trainyard.errors import InvalidInput, Mistake
from trainyard.store.tables import Dataset, Job
from trainyard.store.versions import is_named

Row = TypeVar("Row", Job, Dataset)

JOB_SORTS: dict[str, InstrumentedAttribute[Any]] = {
    "created_at": Job.id,  # ids sort by creation time
    "name": Job.name,
    "priority": Job.priority,
    "status": Job.status,
}
DATASET_SORTS: dict[str, InstrumentedAttribute[Any]] = {
    "created_at": Dataset.id,
    "name": Dataset.name,
    "size_bytes": Dataset.size_bytes,
}


def list_jobs(
    session: Session,
    owner_id: str,
    *,
    limit: int = 50,
    cursor: str | None = None,
    status: Sequence[str] = (),
    tag: str | None = None,
    q: str | None = None,
    dataset: str | None = None,
    sort: str = "-created_at",
) -> tuple[list[Job], str | None]:
    """A page of jobs and the cursor of the next one.

    ``q`` looks in names and notes; ``dataset`` is an id, a name or a version; ``sort`` one of
    ``JOB_SORTS``, with ``-`` for descending.

    Raises:
        InvalidInput: a broken cursor, an unknown sort.
    """
    query = select(Job).where(Job.owner_id == owner_id)
    if status:
        query = query.where(Job.status.in_(status))
    if tag is not None:
        query = query.where(_has_tag(session, tag))
    if q:
        found = or_(Job.name.icontains(q, autoescape=True), Job.notes.icontains(q, autoescape=True))
        query = query.where(found)
    if dataset is not None:
        named = select(Dataset.id).where(Dataset.owner_id == owner_id, is_named(dataset))
        query = query.where(or_(Job.dataset_id == dataset, Job.dataset_id.in_(named)))
    return _page(session, query, Job, JOB_SORTS, sort, limit, cursor)


def list_datasets(
    session: Session,
    owner_id: str,
    *,
    limit: int = 50,
    cursor: str | None = None,
    status: Sequence[str] = (),
    q: str | None = None,
    name: str | None = None,
    sort: str = "-created_at",
) -> tuple[list[Dataset], str | None]:
    """A page of datasets and the cursor of the next one; see ``list_jobs``.

    ``name`` is the whole of a name: then these are its versions.
    """
    query = select(Dataset).where(Dataset.owner_id == owner_id, Dataset.deleted_at.is_(None))
    if status:
        query = query.where(Dataset.status.in_(status))
    if q:
        query = query.where(Dataset.name.icontains(q, autoescape=True))
    if name is not None:
        query = query.where(Dataset.name == name)
    return _page(session, query, Dataset, DATASET_SORTS, sort, limit, cursor)


def _has_tag(session: Session, tag: str) -> ColumnElement[bool]:
    """Whether the JSON list of tags holds this one; each database has its own function."""
    sqlite = session.get_bind().dialect.name == "sqlite"
    unpack = func.json_each if sqlite else func.json_array_elements_text
    each = unpack(Job.tags).table_valued("value")
    return select(each.c.value).where(each.c.value == tag).exists()


def _page(
    session: Session,
    query: Select[Row],
    table: type[Row],
    sorts: dict[str, InstrumentedAttribute[Any]],
    sort: str,
    limit: int,
    cursor: str | None,
) -> tuple[list[Row], str | None]:
    descending, field = sort.startswith("-"), sort.removeprefix("-")
    if field not in sorts:
        expected = ", ".join(f"{name}, -{name}" for name in sorts)
        mistake = Mistake("/sort", "unknown sort", expected=expected, received=sort)
        raise InvalidInput("The list cannot be sorted like that.", [mistake])
    column = sorts[field]
    order = [column.desc(), table.id.desc()] if descending else [column.asc(), table.id.asc()]
    if cursor is not None:
        value, last_id = _decode(cursor, sort)
        beyond = column < value if descending else column > value
        tie = table.id < last_id if descending else table.id > last_id
        query = query.where(or_(beyond, and_(column == value, tie)))
    rows = list(session.scalars(query.order_by(*order).limit(limit + 1)))
    if len(rows) <= limit:
        return rows, None
    rows = rows[:limit]
    return rows, _encode(sort, getattr(rows[-1], column.key), rows[-1].id)


def _encode(sort: str, value: str | int, row_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([sort, value, row_id]).encode()).decode().rstrip("=")


def _decode(cursor: str, sort: str) -> tuple[str | int, str]:
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        made_for, value, row_id = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, TypeError, binascii.Error) as error:
        raise _broken(cursor) from error
    kind = int if sort.removeprefix("-") in ("priority", "size_bytes") else str
    if made_for != sort or type(value) is not kind or not isinstance(row_id, str):
        raise _broken(cursor)
    if (isinstance(value, int) and abs(value) >= 2**31) or "\x00" in f"{value}{row_id}":
        raise _broken(cursor)
    return value, row_id


def _broken(cursor: str) -> InvalidInput:
    mistake = Mistake(
        "/cursor",
        "broken cursor",
        expected="next_cursor of an answer with the same sort",
        received=cursor[:100],
    )
    return InvalidInput("The cursor is not one of ours.", [mistake])
