"""How long each attempt took, by its worker's clock; of those from before nothing is known."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "attempts",
        sa.Column("used_seconds", sa.Double(), nullable=False, server_default=sa.text("0")),
    )


def downgrade() -> None:
    op.drop_column("attempts", "used_seconds")
