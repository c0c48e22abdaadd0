"""Alembic's entry: connects and runs the revisions in one transaction."""

from alembic import context
from sqlalchemy import text

from trainyard.store.database import Database, engine_at
from trainyard.store.tables import Base

_database = Database(engine_at(context.config.attributes["url"]))
with _database.write() as _session:
    if _database.engine.dialect.name == "postgresql":
        _session.execute(text("SET LOCAL statement_timeout = 0"))
    context.configure(
        connection=_session.connection(),
        target_metadata=Base.metadata,
        render_as_batch=True,
        transactional_ddl=True,
        user_module_prefix="types.",
    )
    context.run_migrations()
_database.dispose()
