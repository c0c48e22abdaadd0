"""Alembic's entry: connects and runs the revisions in one transaction."""

from alembic import context

from trainyard.store.database import Database, engine_at
from trainyard.store.tables import Base

_database = Database(engine_at(context.config.attributes["url"]))
with _database.write() as _session:
    context.configure(
        connection=_session.connection(),
        target_metadata=Base.metadata,
        render_as_batch=True,
        transactional_ddl=True,
        user_module_prefix="types.",
    )
    context.run_migrations()
_database.dispose()
