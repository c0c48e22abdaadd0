"""What ``precision: auto`` is on a worker's device."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workers", sa.Column("auto_precision", sa.String(length=20), nullable=True))


def downgrade() -> None:
    op.drop_column("workers", "auto_precision")
