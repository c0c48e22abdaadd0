"""How many lines a line of a log stands for."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("events", sa.Column("left_out", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("events", "left_out")
