"""Column types that behave the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Dialect, Integer
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import GenericFunction
from sqlalchemy.types import TypeDecorator

# Never a bare NaN or Infinity inside: trainyard.jsonable.dumps writes them as strings. Not JSONB
# on PostgreSQL, which forgets the order of keys: a spec is shown as it was written.
Json = JSON()


class UtcDateTime(TypeDecorator[datetime]):
    """A timestamp that is always aware and in UTC; SQLite forgets the zone, this puts it back."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        assert value.tzinfo is not None, "naive datetime"
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class octet_length(GenericFunction[int]):  # noqa: N801  a function of SQL
    """Bytes of a text in UTF-8."""

    type = Integer()
    inherit_cache = True


@compiles(octet_length, "sqlite")
def _octet_length_on_sqlite(element: octet_length, compiler: Any, **options: Any) -> str:
    """SQLite has it since 3.43 only."""
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"
