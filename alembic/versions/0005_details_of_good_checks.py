"""details of good checks

Revision ID: 0005
Revises: 0004
Create Date: 2026-11-23 02:24:10.114302
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Not in batch mode, which would make the table anew.
    op.add_column("check_detail", sa.Column("good", sa.Boolean(), server_default=sa.false(), nullable=False))


def downgrade() -> None:
    op.drop_column("check_detail", "good")
