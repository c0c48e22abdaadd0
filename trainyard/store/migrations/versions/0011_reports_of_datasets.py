"""The report of a dataset's ingest, apart from its manifest: it is large, and read alone."""

import sqlalchemy as sa
from alembic import op

from trainyard.store import types

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("report", types.Json, nullable=True))


def downgrade() -> None:
    op.drop_column("datasets", "report")
