"""The database: engine, transactions and migrations, the same code on SQLite and PostgreSQL.

What is done in a transaction stands in the verbs beside this module; each takes a ``Session``
of ``Database.read()`` or ``Database.write()``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.orm import Session

from trainyard import jsonable
from trainyard.settings import Settings

if TYPE_CHECKING:
    from alembic.config import Config

_BUSY_TIMEOUT_MS = 15_000  # how long a SQLite writer waits for another one
_POOL_TIMEOUT_SECONDS = 10.0
# On the server, for each connection. Whoever stops in the middle of a transaction loses its locks
# before those who wait for them give up, and a machine that is gone before its lease is. No verb
# takes long between two statements of a transaction, or for one of them; migrations may.
_ON_THE_SERVER = {
    "lock_timeout": _BUSY_TIMEOUT_MS,
    "idle_in_transaction_session_timeout": 10_000,
    "statement_timeout": 60_000,
    "tcp_keepalives_idle": 5,
    "tcp_keepalives_interval": 2,
    "tcp_keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
# A server, or the way to it, that is gone is told as such within seconds.
_POSTGRES = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
    "options": " ".join(f"-c {name}={value}" for name, value in _ON_THE_SERVER.items()),
}


@dataclass(frozen=True)
class Database:
    """An engine with two kinds of transactions.

    On SQLite a writing transaction begins with ``BEGIN IMMEDIATE``: two that read and then write
    would otherwise fail with "database is locked" however long they were ready to wait.
    """

    engine: Engine

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that writes nothing; rolled back at the end."""
        with Session(self.engine, expire_on_commit=False, autoflush=False) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that is committed at the end, or rolled back on an exception."""
        writing = self.engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        with Session(writing, expire_on_commit=False) as session, session.begin():
            yield session

    def ping(self) -> None:
        """Raise ``sqlalchemy.exc.SQLAlchemyError`` if the database does not answer."""
        with self.engine.connect() as connection:
            connection.execute(text("SELECT 1"))

    def dispose(self) -> None:
        self.engine.dispose()


def create_engine_from(settings: Settings) -> Engine:
    """The engine at ``settings.effective_database_url``."""
    return engine_at(settings.effective_database_url)


def open_database(settings: Settings) -> Database:
    """The database of these settings; it must have been migrated."""
    return Database(create_engine_from(settings))


def engine_at(url: str) -> Engine:
    """An engine at an SQLAlchemy URL; the folder of a SQLite file is made."""
    if make_url(url).get_backend_name() != "sqlite":
        return create_engine(
            url,
            json_serializer=jsonable.dumps,
            pool_pre_ping=True,
            pool_timeout=_POOL_TIMEOUT_SECONDS,
            connect_args=_POSTGRES,
        )
    file = make_url(url).database
    assert file, "SQLite in memory is one database a connection; use a file"
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, json_serializer=jsonable.dumps)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # sqlite3 begins nothing by itself; _begin_sqlite does
    for pragma in (
        f"busy_timeout = {_BUSY_TIMEOUT_MS}",
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))


def alembic_config(url: str) -> Config:
    """Alembic's configuration; its scripts are data of this package."""
    from alembic.config import Config  # only migrations need it: 8 MB in every API process

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def migrate(url: str) -> None:
    """Bring the database at ``url`` to the newest revision."""
    from alembic import command

    command.upgrade(alembic_config(url), "head")
