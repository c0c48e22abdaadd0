"""What each attempt ran on, and which job a job repeats."""

import sqlalchemy as sa
from alembic import op

from trainyard.store import types

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("passport", types.Json, nullable=True))
    op.add_column("jobs", sa.Column("replay_of", sa.String(length=40), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "replay_of")
    op.drop_column("attempts", "passport")
