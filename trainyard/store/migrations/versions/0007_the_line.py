"""Owners take turns; jobs come after others; attempts tell their device."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "awaited",
        sa.Column("job_id", sa.String(length=40), nullable=False),
        sa.Column("after_id", sa.String(length=40), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name=op.f("fk_awaited_job_id_jobs"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["after_id"], ["jobs.id"], name=op.f("fk_awaited_after_id_jobs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("job_id", "after_id", name=op.f("pk_awaited")),
    )
    with op.batch_alter_table("awaited", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_awaited_after_id"), ["after_id"], unique=False)
    op.add_column(
        "owners", sa.Column("turn", sa.BigInteger(), server_default=sa.text("0"), nullable=False)
    )
    op.add_column("attempts", sa.Column("device", sa.String(length=200), nullable=True))
    op.drop_index("ix_jobs_queue", table_name="jobs")
    op.create_index("ix_jobs_queue", "jobs", ["status", "owner_id", "priority", "id"])


def downgrade() -> None:
    op.drop_index("ix_jobs_queue", table_name="jobs")
    op.create_index("ix_jobs_queue", "jobs", ["status", "priority", "id"])
    op.drop_column("attempts", "device")
    op.drop_column("owners", "turn")
    op.drop_table("awaited")
