"""Create the tables of scan."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '0011'
down_revision = '0010'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('scan_fact',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('kind', sa.Enum('moved', 'temperature', 'shares', 'sold', 'dispatched', name='factkind', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('key', sa.Text(), nullable=False),
    sa.Column('facts', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_scan_fact')),
    sa.UniqueConstraint('subject', 'kind', 'key', name=op.f('uq_scan_fact_subject_kind_key'))
    )
    op.create_table('scan_link',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('anchor', sa.Text(), nullable=False),
    sa.Column('link_type', sa.Text(), nullable=False),
    sa.Column('href', sa.Text(), nullable=False),
    sa.Column('title', sa.Text(), nullable=False),
    sa.Column('media_type', sa.Text(), nullable=False),
    sa.Column('hreflang', sa.Text(), nullable=False),
    sa.Column('set_by', sa.Text(), nullable=False),
    sa.Column('set_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint("link_type LIKE 'gs1:%'", name=op.f('ck_scan_link_link_type')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_scan_link')),
    sa.UniqueConstraint('anchor', 'link_type', 'href', 'hreflang', name='uq_scan_link_target')
    )
    op.create_table('scan_record',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('province_code', sa.Text(), nullable=True),
    sa.Column('visitor', sa.Text(), nullable=True),
    sa.Column('tallied_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_scan_record'))
    )
    op.create_index('ix_scan_record_at', 'scan_record', ['at'], unique=False)
    op.create_index('ix_scan_record_subject', 'scan_record', ['subject', 'at'], unique=False)
    op.create_index('ix_scan_record_waiting', 'scan_record', ['id'], unique=False, postgresql_where='tallied_at IS NULL')
    op.create_table('scan_tally',
    sa.Column('subject', sa.Text(), nullable=False),
    sa.Column('scans', sa.BigInteger(), nullable=False),
    sa.Column('first_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('last_at', sa.DateTime(timezone=True), nullable=False),
    sa.CheckConstraint('scans > 0', name=op.f('ck_scan_tally_scans')),
    sa.PrimaryKeyConstraint('subject', name=op.f('pk_scan_tally'))
    )
    op.create_table('scan_label_job',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('lot_id', sa.Uuid(), nullable=False),
    sa.Column('sheet', sa.Enum('a4', 'roll', name='sheet', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('serials', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('wanted', sa.BigInteger(), nullable=False),
    sa.Column('done', sa.BigInteger(), nullable=False),
    sa.Column('public_url', sa.Text(), nullable=False),
    sa.Column('demo', sa.Boolean(), nullable=False),
    sa.Column('state', sa.Enum('waiting', 'running', 'done', 'failed', name='jobstate', native_enum=False, create_constraint=True, length=40), nullable=False),
    sa.Column('tries', sa.BigInteger(), nullable=False),
    sa.Column('problem', sa.Text(), nullable=False),
    sa.Column('file_digest', sa.Text(), nullable=True),
    sa.Column('asked_by', sa.Text(), nullable=False),
    sa.Column('asked_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('claimed_at', sa.DateTime(timezone=True), nullable=True),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.CheckConstraint("(state = 'done') = (file_digest IS NOT NULL)", name=op.f('ck_scan_label_job_done_with_file')),
    sa.CheckConstraint('wanted > 0 AND done >= 0 AND done <= wanted', name=op.f('ck_scan_label_job_progress')),
    sa.ForeignKeyConstraint(['lot_id'], ['lots_lot.id'], name=op.f('fk_scan_label_job_lot_id_lots_lot')),
    sa.PrimaryKeyConstraint('id', name=op.f('pk_scan_label_job'))
    )
    op.create_index('ix_scan_label_job_lot', 'scan_label_job', ['lot_id', 'id'], unique=False)
    op.create_index('ix_scan_label_job_open', 'scan_label_job', ['id'], unique=False, postgresql_where="state IN ('waiting', 'running')")


def downgrade() -> None:
    op.drop_table('scan_label_job')
    op.drop_table('scan_tally')
    op.drop_table('scan_record')
    op.drop_table('scan_link')
    op.drop_table('scan_fact')
