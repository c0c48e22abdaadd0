"""What is about to be written to the store, and garbage if its writer dies."""

import sqlalchemy as sa
from alembic import op

from trainyard.store import types

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("garbage", sa.Column("not_before", types.UtcDateTime(), nullable=True))


def downgrade() -> None:
    op.drop_column("garbage", "not_before")
