"""Uploads that resume, and versions of datasets."""

import sqlalchemy as sa
from alembic import op

from trainyard.store import types

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

# By age, as ids sort by it.
_NUMBER = """
UPDATE datasets SET version = (
    SELECT count(*) FROM datasets AS older
    WHERE older.owner_id = datasets.owner_id AND older.name = datasets.name
    AND older.id <= datasets.id
)
"""
_COUNT = """
INSERT INTO dataset_names (owner_id, name, num_versions)
SELECT owner_id, name, count(*) FROM datasets GROUP BY owner_id, name
"""


def upgrade() -> None:
    op.create_table(
        "uploads",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.String(length=40), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("described", sa.Text(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("dataset_id", sa.String(length=40), nullable=True),
        sa.Column("created_at", types.UtcDateTime(), nullable=False),
        sa.Column("expires_at", types.UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["owners.id"], name=op.f("fk_uploads_owner_id_owners")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    with op.batch_alter_table("uploads", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_uploads_owner_id"), ["owner_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_uploads_expires_at"), ["expires_at"], unique=False)
    op.create_table(
        "dataset_names",
        sa.Column("owner_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("num_versions", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["owner_id"], ["owners.id"], name=op.f("fk_dataset_names_owner_id_owners")
        ),
        sa.PrimaryKeyConstraint("owner_id", "name", name=op.f("pk_dataset_names")),
    )
    op.add_column(
        "datasets", sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False)
    )
    op.execute(_NUMBER)
    op.execute(_COUNT)
    op.create_index("uq_datasets_version", "datasets", ["owner_id", "name", "version"], unique=True)


def downgrade() -> None:
    op.drop_index("uq_datasets_version", table_name="datasets")
    op.drop_column("datasets", "version")
    op.drop_table("dataset_names")
    op.drop_table("uploads")
