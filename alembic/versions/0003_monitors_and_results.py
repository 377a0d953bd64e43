"""monitors and results

Revision ID: 0003
Revises: 0002
Create Date: 2026-11-22 16:50:23.339840
"""

import sqlalchemy as sa
from alembic import op


revision = '0003'
down_revision = '0002'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('check_chunk',
    sa.Column('hour', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('monitor_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('region', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('hour', 'monitor_id', 'region', name=op.f('pk_check_chunk')),
    sqlite_with_rowid=False
    )
    op.create_table('check_day',
    sa.Column('up', sa.Integer(), nullable=False),
    sa.Column('degraded', sa.Integer(), nullable=False),
    sa.Column('down', sa.Integer(), nullable=False),
    sa.Column('unknown', sa.Integer(), nullable=False),
    sa.Column('maintained', sa.Integer(), nullable=False),
    sa.Column('late', sa.Integer(), nullable=False),
    sa.Column('downtime_ms', sa.BigInteger(), nullable=False),
    sa.Column('latencies', sa.LargeBinary(), nullable=False),
    sa.Column('day', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('monitor_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('region', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('day', 'monitor_id', 'region', name=op.f('pk_check_day')),
    sqlite_with_rowid=False
    )
    op.create_table('check_detail',
    sa.Column('due_ms', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('monitor_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('region', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('due_ms', 'monitor_id', 'region', name=op.f('pk_check_detail'))
    )
    with op.batch_alter_table('check_detail', schema=None) as batch_op:
        batch_op.create_index('ix_check_detail_monitor_id_due_ms', ['monitor_id', 'due_ms'], unique=False)

    op.create_table('check_hour',
    sa.Column('up', sa.Integer(), nullable=False),
    sa.Column('degraded', sa.Integer(), nullable=False),
    sa.Column('down', sa.Integer(), nullable=False),
    sa.Column('unknown', sa.Integer(), nullable=False),
    sa.Column('maintained', sa.Integer(), nullable=False),
    sa.Column('late', sa.Integer(), nullable=False),
    sa.Column('downtime_ms', sa.BigInteger(), nullable=False),
    sa.Column('latencies', sa.LargeBinary(), nullable=False),
    sa.Column('hour', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('monitor_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('region', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.PrimaryKeyConstraint('hour', 'monitor_id', 'region', name=op.f('pk_check_hour')),
    sqlite_with_rowid=False
    )
    op.create_table('check_log',
    sa.Column('due_ms', sa.BigInteger(), autoincrement=False, nullable=False),
    sa.Column('monitor_id', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('region', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('body', sa.LargeBinary(), nullable=False),
    sa.PrimaryKeyConstraint('due_ms', 'monitor_id', 'region', name=op.f('pk_check_log')),
    sqlite_with_rowid=False
    )
    op.create_table('engine_gap',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('region', sa.SmallInteger(), nullable=False),
    sa.Column('started_ms', sa.BigInteger(), nullable=False),
    sa.Column('ended_ms', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_engine_gap'))
    )
    with op.batch_alter_table('engine_gap', schema=None) as batch_op:
        batch_op.create_index('ix_engine_gap_region_ended_ms', ['region', 'ended_ms'], unique=False)

    op.create_table('engine_state',
    sa.Column('region', sa.SmallInteger(), autoincrement=False, nullable=False),
    sa.Column('claimed_ms', sa.BigInteger(), nullable=False),
    sa.Column('alive_ms', sa.BigInteger(), nullable=False),
    sa.Column('sealed_hour', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('region', name=op.f('pk_engine_state'))
    )
    op.create_table('maintenance_window',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=24), nullable=False),
    sa.Column('workspace_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('starts_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('ends_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('cron', sa.String(length=120), nullable=False),
    sa.Column('zone', sa.String(length=64), nullable=False),
    sa.Column('duration_s', sa.Integer(), nullable=False),
    sa.Column('targets', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('ended_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['workspace_id'], ['workspace.id'], name=op.f('fk_maintenance_window_workspace_id_workspace'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_maintenance_window')),
    sa.UniqueConstraint('public_id', name=op.f('uq_maintenance_window_public_id'))
    )
    with op.batch_alter_table('maintenance_window', schema=None) as batch_op:
        batch_op.create_index('ix_maintenance_window_workspace_id', ['workspace_id', 'id'], unique=False)

    op.create_table('monitor_group',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=24), nullable=False),
    sa.Column('workspace_id', sa.Integer(), nullable=False),
    sa.Column('parent_id', sa.Integer(), nullable=True),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.ForeignKeyConstraint(['parent_id'], ['monitor_group.id'], name=op.f('fk_monitor_group_parent_id_monitor_group'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['workspace_id'], ['workspace.id'], name=op.f('fk_monitor_group_workspace_id_workspace'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_monitor_group')),
    sa.UniqueConstraint('public_id', name=op.f('uq_monitor_group_public_id'))
    )
    with op.batch_alter_table('monitor_group', schema=None) as batch_op:
        batch_op.create_index(batch_op.f('ix_monitor_group_parent_id'), ['parent_id'], unique=False)
        batch_op.create_index('ix_monitor_group_workspace_id_name', ['workspace_id', 'name'], unique=False)

    op.create_table('site',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=24), nullable=False),
    sa.Column('workspace_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('page_url', sa.Text(), nullable=False),
    sa.Column('api_url', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.ForeignKeyConstraint(['workspace_id'], ['workspace.id'], name=op.f('fk_site_workspace_id_workspace'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_site')),
    sa.UniqueConstraint('public_id', name=op.f('uq_site_public_id'))
    )
    with op.batch_alter_table('site', schema=None) as batch_op:
        batch_op.create_index('ix_site_workspace_id_name', ['workspace_id', 'name'], unique=False)

    op.create_table('monitor',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=24), nullable=False),
    sa.Column('workspace_id', sa.Integer(), nullable=False),
    sa.Column('site_id', sa.Integer(), nullable=True),
    sa.Column('group_id', sa.Integer(), nullable=True),
    sa.Column('parent_id', sa.Integer(), nullable=True),
    sa.Column('name', sa.String(length=120), nullable=False),
    sa.Column('kind', sa.String(length=16), nullable=False),
    sa.Column('configuration', sa.Text(), nullable=False),
    sa.Column('notes', sa.Text(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('paused_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('deleted_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('interval_ms', sa.Integer(), nullable=False),
    sa.Column('phase_ms', sa.BigInteger(), nullable=False),
    sa.Column('timeout_ms', sa.Integer(), nullable=False),
    sa.Column('retries', sa.Integer(), nullable=False),
    sa.Column('retry_interval_ms', sa.Integer(), nullable=False),
    sa.Column('down', sa.Integer(), nullable=False),
    sa.Column('down_of', sa.Integer(), nullable=False),
    sa.Column('up', sa.Integer(), nullable=False),
    sa.Column('up_of', sa.Integer(), nullable=False),
    sa.Column('upside_down', sa.Boolean(), nullable=False),
    sa.Column('standing', sa.String(length=16), nullable=False),
    sa.Column('standing_since', sa.DateTime(timezone=True), nullable=True),
    sa.Column('votes', sa.String(length=20), nullable=False),
    sa.Column('remembered', sa.Text(), nullable=False),
    sa.ForeignKeyConstraint(['group_id'], ['monitor_group.id'], name=op.f('fk_monitor_group_id_monitor_group'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['parent_id'], ['monitor.id'], name=op.f('fk_monitor_parent_id_monitor'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['site_id'], ['site.id'], name=op.f('fk_monitor_site_id_site'), ondelete='SET NULL'),
    sa.ForeignKeyConstraint(['workspace_id'], ['workspace.id'], name=op.f('fk_monitor_workspace_id_workspace'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_monitor')),
    sa.UniqueConstraint('public_id', name=op.f('uq_monitor_public_id'))
    )
    with op.batch_alter_table('monitor', schema=None) as batch_op:
        batch_op.create_index('ix_monitor_changed_at', ['changed_at'], unique=False)
        batch_op.create_index('ix_monitor_group_id', ['group_id'], unique=False)
        batch_op.create_index('ix_monitor_parent_id', ['parent_id'], unique=False)
        batch_op.create_index('ix_monitor_site_id', ['site_id'], unique=False)
        batch_op.create_index('ix_monitor_workspace_id_name', ['workspace_id', 'deleted_at', 'name'], unique=False)
        batch_op.create_index('ix_monitor_workspace_id_standing', ['workspace_id', 'deleted_at', 'standing'], unique=False)

    op.create_table('incident',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('public_id', sa.String(length=24), nullable=False),
    sa.Column('workspace_id', sa.Integer(), nullable=False),
    sa.Column('monitor_id', sa.Integer(), nullable=False),
    sa.Column('severity', sa.String(length=16), nullable=False),
    sa.Column('cause', sa.Integer(), nullable=False),
    sa.Column('text', sa.Text(), nullable=False),
    sa.Column('opened_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('closed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('closed_by', sa.String(length=16), nullable=False),
    sa.ForeignKeyConstraint(['monitor_id'], ['monitor.id'], name=op.f('fk_incident_monitor_id_monitor'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['workspace_id'], ['workspace.id'], name=op.f('fk_incident_workspace_id_workspace'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_incident')),
    sa.UniqueConstraint('public_id', name=op.f('uq_incident_public_id'))
    )
    with op.batch_alter_table('incident', schema=None) as batch_op:
        batch_op.create_index('ix_incident_monitor_id_id', ['monitor_id', 'id'], unique=False)
        batch_op.create_index('ix_incident_workspace_id_id', ['workspace_id', 'id'], unique=False)
        batch_op.create_index('uq_incident_open', ['monitor_id'], unique=True, sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))

    op.create_table('monitor_tag',
    sa.Column('monitor_id', sa.Integer(), nullable=False),
    sa.Column('name', sa.String(length=60), nullable=False),
    sa.Column('value', sa.String(length=120), nullable=False),
    sa.Column('workspace_id', sa.Integer(), nullable=False),
    sa.ForeignKeyConstraint(['monitor_id'], ['monitor.id'], name=op.f('fk_monitor_tag_monitor_id_monitor'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['workspace_id'], ['workspace.id'], name=op.f('fk_monitor_tag_workspace_id_workspace'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('monitor_id', 'name', name=op.f('pk_monitor_tag'))
    )
    with op.batch_alter_table('monitor_tag', schema=None) as batch_op:
        batch_op.create_index('ix_monitor_tag_workspace_id_name', ['workspace_id', 'name', 'value'], unique=False)

    op.create_table('notice',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('workspace_id', sa.Integer(), nullable=False),
    sa.Column('incident_id', sa.Integer(), nullable=False),
    sa.Column('step', sa.String(length=16), nullable=False),
    sa.Column('due_ms', sa.BigInteger(), nullable=False),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('sent_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['incident_id'], ['incident.id'], name=op.f('fk_notice_incident_id_incident'), ondelete='CASCADE'),
    sa.ForeignKeyConstraint(['workspace_id'], ['workspace.id'], name=op.f('fk_notice_workspace_id_workspace'), ondelete='CASCADE'),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_notice')),
    sa.UniqueConstraint('incident_id', 'step', 'due_ms', name=op.f('uq_notice_incident_id_step_due_ms'))
    )
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.create_index('ix_notice_waiting', ['id'], unique=False, sqlite_where=sa.text('sent_at IS NULL'), postgresql_where=sa.text('sent_at IS NULL'))



def downgrade() -> None:
    with op.batch_alter_table('notice', schema=None) as batch_op:
        batch_op.drop_index('ix_notice_waiting', sqlite_where=sa.text('sent_at IS NULL'), postgresql_where=sa.text('sent_at IS NULL'))

    op.drop_table('notice')
    with op.batch_alter_table('monitor_tag', schema=None) as batch_op:
        batch_op.drop_index('ix_monitor_tag_workspace_id_name')

    op.drop_table('monitor_tag')
    with op.batch_alter_table('incident', schema=None) as batch_op:
        batch_op.drop_index('uq_incident_open', sqlite_where=sa.text('closed_at IS NULL'), postgresql_where=sa.text('closed_at IS NULL'))
        batch_op.drop_index('ix_incident_workspace_id_id')
        batch_op.drop_index('ix_incident_monitor_id_id')

    op.drop_table('incident')
    with op.batch_alter_table('monitor', schema=None) as batch_op:
        batch_op.drop_index('ix_monitor_workspace_id_standing')
        batch_op.drop_index('ix_monitor_workspace_id_name')
        batch_op.drop_index('ix_monitor_site_id')
        batch_op.drop_index('ix_monitor_parent_id')
        batch_op.drop_index('ix_monitor_group_id')
        batch_op.drop_index('ix_monitor_changed_at')

    op.drop_table('monitor')
    with op.batch_alter_table('site', schema=None) as batch_op:
        batch_op.drop_index('ix_site_workspace_id_name')

    op.drop_table('site')
    with op.batch_alter_table('monitor_group', schema=None) as batch_op:
        batch_op.drop_index('ix_monitor_group_workspace_id_name')
        batch_op.drop_index(batch_op.f('ix_monitor_group_parent_id'))

    op.drop_table('monitor_group')
    with op.batch_alter_table('maintenance_window', schema=None) as batch_op:
        batch_op.drop_index('ix_maintenance_window_workspace_id')

    op.drop_table('maintenance_window')
    op.drop_table('engine_state')
    with op.batch_alter_table('engine_gap', schema=None) as batch_op:
        batch_op.drop_index('ix_engine_gap_region_ended_ms')

    op.drop_table('engine_gap')
    op.drop_table('check_log')
    op.drop_table('check_hour')
    with op.batch_alter_table('check_detail', schema=None) as batch_op:
        batch_op.drop_index('ix_check_detail_monitor_id_due_ms')

    op.drop_table('check_detail')
    op.drop_table('check_day')
    op.drop_table('check_chunk')
