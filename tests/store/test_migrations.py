"""The migrations build exactly what the models say."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from tests.support.servers import Postgres, opened
from trainyard.store.database import Database, migrate
from trainyard.store.tables import Base


def test_migrated_database_equals_the_models(database: Database) -> None:
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, Base.metadata) == []


def test_migrating_twice_changes_nothing(database_url: str) -> None:
    migrate(database_url)
    with opened(database_url) as database, database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_an_empty_postgresql_is_built_by_the_migrations(postgres: Postgres) -> None:
    with postgres.database(empty=True) as url:
        migrate(url)
        with opened(url) as database:
            database.ping()
