"""Where the files of a dataset lie: each attempt at an ingest has a place of its own."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("datasets", sa.Column("store_key", sa.Text(), nullable=True))
    op.execute(
        "UPDATE datasets SET store_key = 'datasets/' || id "
        "WHERE status = 'ready' AND deleted_at IS NULL"
    )


def downgrade() -> None:
    op.drop_column("datasets", "store_key")
