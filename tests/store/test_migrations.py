"""The migrations build exactly what the models say."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, insert, select
from sqlalchemy.orm import Session

from tests.support.servers import Postgres, opened
from trainyard.store.database import Database, alembic_config, migrate
from trainyard.store.tables import Base, Dataset, now
from trainyard.store.versions import next_version


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


OWNERS = ("o1", "o2")
OLD_DATASETS = [("ds_1", "o1", "a"), ("ds_2", "o1", "b"), ("ds_3", "o1", "a"), ("ds_4", "o2", "a")]


def test_datasets_from_before_versions_are_numbered_by_age(
    tmp_path: Path, postgres: Postgres
) -> None:
    with postgres.database(empty=True) as postgres_url:
        for url in (f"sqlite:///{tmp_path / 'old.db'}", postgres_url):
            command.upgrade(alembic_config(url), "0010")
            with opened(url) as database:
                with database.write() as session:
                    _add_old_rows(session)
                migrate(url)
                with database.write() as session:
                    rows = session.execute(select(Dataset.id, Dataset.version)).all()
                    assert {row.id: row.version for row in rows} == {
                        "ds_1": 1,
                        "ds_2": 1,
                        "ds_3": 2,
                        "ds_4": 1,
                    }
                    following = [next_version(session, *of) for of in (("o1", "a"), ("o2", "a"))]
                    assert following == [3, 2]


def _add_old_rows(session: Session) -> None:
    """As the tables were before: with less than the models say by now."""
    old = MetaData()
    old.reflect(session.get_bind(), only=["owners", "datasets"])
    for owner in OWNERS:
        session.execute(insert(old.tables["owners"]).values(id=owner, name=owner, created_at=now()))
    for dataset_id, owner, name in OLD_DATASETS:
        values = {"id": dataset_id, "owner_id": owner, "name": name, "status": "ingesting"}
        values |= {"file_name": "f", "upload_sha256": dataset_id, "options_sha256": ""}
        more = {"options": {}, "problems": [], "size_bytes": 0, "attempt": 0, "created_at": now()}
        session.execute(insert(old.tables["datasets"]).values(**values, **more))
