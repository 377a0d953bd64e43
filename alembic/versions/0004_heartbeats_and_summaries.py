"""heartbeats and summaries

Revision ID: 0004
Revises: 0003
Create Date: 2026-11-22 19:22:51.660766
"""

import sqlalchemy as sa
from alembic import op


revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "heartbeat",
        sa.Column("monitor_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("started_ms", sa.BigInteger(), nullable=True),
        sa.Column("succeeded_ms", sa.BigInteger(), nullable=True),
        sa.Column("failed_ms", sa.BigInteger(), nullable=True),
        sa.Column("exit_code", sa.Integer(), nullable=False),
        sa.Column("since_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["monitor_id"], ["monitor.id"], name=op.f("fk_heartbeat_monitor_id_monitor"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("monitor_id", name=op.f("pk_heartbeat")),
        sa.UniqueConstraint("key", name=op.f("uq_heartbeat_key")),
    )
    op.create_table(
        "heartbeat_call",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("monitor_id", sa.Integer(), nullable=False),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("exit_code", sa.Integer(), nullable=False),
        sa.Column("took_ms", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["monitor_id"], ["monitor.id"], name=op.f("fk_heartbeat_call_monitor_id_monitor"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_heartbeat_call")),
    )
    op.create_index("ix_heartbeat_call_monitor_id_id", "heartbeat_call", ["monitor_id", "id"], unique=False)

    op.create_table(
        "monitor_summary",
        sa.Column("monitor_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("p95_ms", sa.Integer(), nullable=True),
        sa.Column("recent", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["monitor_id"], ["monitor.id"], name=op.f("fk_monitor_summary_monitor_id_monitor"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("monitor_id", name=op.f("pk_monitor_summary")),
    )
    # Not in batch mode, which would make the table anew and so delete what hangs on it.
    op.add_column("monitor", sa.Column("unknown_since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("monitor", sa.Column("address", sa.Text(), nullable=False, server_default=""))
    op.drop_index("ix_monitor_workspace_id_standing", "monitor")
    listed = ["workspace_id", "deleted_at", "standing", "paused_at", "unknown_since", "group_id", "site_id", "kind", "name", "address"]
    op.create_index("ix_monitor_listed", "monitor", listed, unique=False)
    op.add_column("scan", sa.Column("monitor_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("scan", "monitor_id")
    op.drop_index("ix_monitor_listed", "monitor")
    op.create_index("ix_monitor_workspace_id_standing", "monitor", ["workspace_id", "deleted_at", "standing"], unique=False)
    op.drop_column("monitor", "address")
    op.drop_column("monitor", "unknown_since")

    op.drop_table("monitor_summary")
    op.drop_table("heartbeat_call")
    op.drop_table("heartbeat")
